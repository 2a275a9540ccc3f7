//! Publishes through two nodes at once.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use ochre_tests::{Answer, TestPackage, TestRegistry, TestStore, eventually};
use sha2::{Digest as _, Sha256};

const RACERS: usize = 32;
const VERSIONS: usize = 200;

/// Each racer's bytes differ in every file.
fn racer(at: usize) -> TestPackage {
    let name = format!("racer {at}");
    TestPackage::new("contested", "1.0.0")
        .view(&format!("'<p>{name}</p>'"))
        .props(&format!("{{racer: '{name}'}}"))
        .file("public/one.txt", format!("one {name}").into_bytes())
        .file("public/two.txt", format!("two {name}").into_bytes())
}

/// However busy the machine is, the last of many publishes gets its turn.
const PATIENT: &str = "[publish]\nqueue_timeout = \"5m\"";

async fn two_nodes(store: &TestStore) -> [TestRegistry; 2] {
    [
        TestRegistry::start_on(store, PATIENT).await,
        TestRegistry::start_on(store, PATIENT).await,
    ]
}

/// What a node serves of the contested version: its view, both files, and its provider's answer.
async fn served(node: &TestRegistry) -> Vec<String> {
    let mut seen = Vec::new();
    for path in ["template.js", "public/one.txt", "public/two.txt"] {
        let answer = node.get(&format!("/~assets/contested/1.0.0/{path}")).await;
        seen.push(hex::encode(Sha256::digest(answer.expect_status(200).body)));
    }
    let data = node
        .get_unrendered("/contested/1.0.0")
        .await
        .expect_status(200)
        .json();
    seen.push(data["data"]["component"]["props"]["racer"].to_string());
    seen
}

/// What [`served`] gives when racer `at` has won.
async fn expected(at: usize) -> Vec<String> {
    let alone = TestRegistry::start().await;
    alone.publish(&racer(at)).await;
    served(&alone).await
}

async fn one_of_many_wins(store: TestStore) {
    let nodes = two_nodes(&store).await;
    let attempts = (0..RACERS).map(|at| {
        let node = &nodes[at % 2];
        async move { node.try_publish(&racer(at)).await }
    });

    let answers: Vec<Answer> = join_all(attempts).await;

    let won: Vec<usize> = (0..RACERS)
        .filter(|at| answers[*at].status == 200)
        .collect();
    let refused = answers.iter().filter(|answer| answer.status == 403).count();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!((won.len(), refused), (1, RACERS - 1), "{statuses:?}");
    for answer in answers.iter().filter(|answer| answer.status == 403) {
        assert_eq!(answer.json()["error"]["code"], "already_exists");
    }
    let whole = expected(won[0]).await;
    for node in &nodes {
        assert_eq!(served(node).await, whole, "the winner's bytes, all of them");
    }
    // A node that starts now reads them from the store.
    let fresh = TestRegistry::start_on(&store, "").await;
    assert_eq!(served(&fresh).await, whole);
}

async fn none_of_many_is_lost(store: TestStore) {
    let nodes = two_nodes(&store).await;
    let attempts = (0..VERSIONS).map(|at| {
        let node = &nodes[at % 2];
        let package = TestPackage::new(&format!("component-{}", at % 7), &format!("1.{at}.0"));
        async move { node.try_publish(&package).await }
    });

    let answers: Vec<Answer> = join_all(attempts).await;

    let failed: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status != 200)
        .map(Answer::text)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    for node in &nodes {
        eventually(
            "every version in the catalog",
            Duration::from_mins(1),
            || async {
                let mut known = BTreeSet::new();
                for at in 0..7 {
                    let info = node.get(&format!("/component-{at}/~info")).await.json();
                    let versions = info["allVersions"].as_array().cloned().unwrap_or_default();
                    known.extend(
                        versions
                            .into_iter()
                            .map(|version| (at, version.to_string())),
                    );
                }
                (known.len() == VERSIONS).then_some(())
            },
        )
        .await;
    }
}

#[tokio::test]
async fn one_of_many_publishes_wins_on_a_folder() {
    one_of_many_wins(TestStore::folder()).await;
}

#[tokio::test]
async fn one_of_many_publishes_wins_on_s3() {
    one_of_many_wins(TestStore::s3().await).await;
}

#[tokio::test]
async fn publishes_of_many_versions_are_all_kept_on_a_folder() {
    none_of_many_is_lost(TestStore::folder()).await;
}

#[tokio::test]
async fn publishes_of_many_versions_are_all_kept_on_s3() {
    none_of_many_is_lost(TestStore::s3().await).await;
}

/// An exact version is found at once, whatever the poll interval.
#[tokio::test]
async fn published_version_is_found_by_the_other_node_at_once() {
    let store = TestStore::folder();
    let slow = "[sync]\npoll_interval = \"1h\"";
    let [first, second] = [
        TestRegistry::start_on(&store, slow).await,
        TestRegistry::start_on(&store, slow).await,
    ];
    second.get("/hello/1.0.0").await.expect_status(404);

    first.publish(&TestPackage::new("hello", "1.0.0")).await;

    second.get("/hello/1.0.0").await.expect_status(200);
    second
        .get("/~assets/hello/1.0.0/template.js")
        .await
        .expect_status(200);
}

/// Ranges follow within a poll interval.
#[tokio::test]
async fn ranges_follow_on_the_other_node() {
    let store = TestStore::s3().await;
    let [first, second] = two_nodes(&store).await;
    first.publish(&TestPackage::new("hello", "1.0.0")).await;

    eventually(
        "the range on the other node",
        Duration::from_mins(1),
        || async { (second.get("/hello/1.x").await.status == 200).then_some(()) },
    )
    .await;
}
