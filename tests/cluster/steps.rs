//! A publish that is stopped at each of its writes in turn: its node dies there, or sleeps there
//! while another one publishes.

use std::time::Duration;

use ochre_tests::{Bucket, Step, StepProxy, TestPackage, TestRegistry, TestStore, eventually};

use crate::upload::{publish_again, upload};

/// More writes than a publish makes.
const WRITES_MAX: usize = 60;

/// A node that looks often after what others left.
const ATTENTIVE: &str = "[tasks]\nreconcile_interval = \"1s\"\n";

fn package(version: &str, content: &str) -> TestPackage {
    TestPackage::new("stepped", version)
        .props(&format!("{{content: '{content}'}}"))
        .file("public/a.txt", content.as_bytes().to_vec())
        .file("public/b.txt", content.as_bytes().to_vec())
}

/// What the version holds, all of it the same; none when it is absent.
async fn content(registry: &TestRegistry, version: &str) -> Option<String> {
    let answer = registry
        .get_unrendered(&format!("/stepped/{version}"))
        .await;
    if answer.status == 404 {
        return None;
    }
    let data = answer.expect_status(200).json();
    let content = data["data"]["component"]["props"]["content"].as_str();
    let content = content.expect("the provider tells it").to_owned();
    for file in ["a", "b"] {
        let path = format!("/~assets/stepped/{version}/public/{file}.txt");
        let text = registry.get(&path).await.expect_status(200).text();
        assert_eq!(text, content, "{path}");
    }
    Some(content)
}

/// The node may publish: its start is behind it.
async fn node(store: &TestStore, name: &str) -> TestRegistry {
    let registry = TestRegistry::start_on(store, "").await;
    registry.publish(&TestPackage::new(name, "1.0.0")).await;
    registry
}

async fn no_markers_stay(bucket: &Bucket) {
    eventually("no unfinished publish", Duration::from_mins(1), || async {
        let markers = bucket.keys("components.ochre/pending/").await;
        markers.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_publish_whose_node_dies_at_any_write_is_absent_or_whole() {
    let store = TestStore::s3().await;
    let (proxy, through) = StepProxy::before(&store).await;
    let other = TestRegistry::start_on(&store, ATTENTIVE).await;
    let steps = (1..WRITES_MAX).flat_map(|number| [Step::Before(number), Step::Behind(number)]);
    let mut died = 0;
    for (at, step) in steps.enumerate() {
        let version = format!("1.{at}.0");
        let mut registry = node(&through, &format!("warm-{at}")).await;
        proxy.stop_at(step);
        let upload = upload(&registry, &package(&version, "x"));
        if !proxy.is_reached(|| upload.is_finished()).await {
            upload
                .await
                .expect("it ends")
                .expect("answered")
                .expect_status(200);
            break;
        }
        registry.process.kill();
        proxy.forget();
        died += 1;
        let answer = upload.await.expect("it ends");
        // The last write comes behind the acknowledgement.
        let answered = answer.is_ok_and(|answer| answer.status == 200);
        let found = content(&other, &version).await;
        assert!(
            found.is_some() || !answered,
            "{step:?}: acknowledged and lost"
        );

        publish_again(&other, &package(&version, "x")).await;
        assert_eq!(
            content(&other, &version).await.as_deref(),
            Some("x"),
            "{step:?}"
        );
    }
    assert!(died > 14, "a publish makes more writes: {died}");
    no_markers_stay(&Bucket::of(&store)).await;
}

#[tokio::test]
async fn a_publish_whose_node_sleeps_at_any_write_wakes_to_what_another_did() {
    let store = TestStore::s3().await;
    let (proxy, through) = StepProxy::before(&store).await;
    let other = TestRegistry::start_on(&store, ATTENTIVE).await;
    let sleeper = node(&through, "warm").await;
    for number in 1..WRITES_MAX {
        let version = format!("2.{number}.0");
        proxy.stop_at(Step::Before(number));
        let upload = upload(&sleeper, &package(&version, "x"));
        if !proxy.is_reached(|| upload.is_finished()).await {
            assert!(number > 7, "a publish makes more writes");
            break;
        }
        sleeper.process.signal("-STOP");
        proxy.go_on();
        let theirs = other.try_publish(&package(&version, "y")).await;
        let before = content(&other, &version).await;
        sleeper.process.signal("-CONT");
        let ours = upload.await.expect("it ends").expect("answered");

        let won = [ours.status, theirs.status].map(|status| status == 200);
        let expected = if won[0] { "x" } else { "y" };
        assert!(
            won[0] != won[1],
            "{number}: {} and {}",
            ours.status,
            theirs.status
        );
        assert_eq!(before.as_deref(), Some(expected), "{number}");
        for registry in [&other, &sleeper] {
            assert_eq!(
                content(registry, &version).await.as_deref(),
                Some(expected),
                "{number}"
            );
        }
    }
    no_markers_stay(&Bucket::of(&store)).await;
}
