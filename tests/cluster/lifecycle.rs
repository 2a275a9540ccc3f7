//! States and channels that one node changes and the others follow.

use std::time::Duration;

use futures::future::join_all;
use ochre_tests::{Answer, TestPackage, TestRegistry, TestStore, eventually};
use serde_json::{Value, json};

/// Far beyond the poll interval of the nodes.
const BOUND: Duration = Duration::from_mins(1);

async fn two_nodes(store: &TestStore) -> [TestRegistry; 2] {
    let nodes = [
        TestRegistry::start_on(store, "").await,
        TestRegistry::start_on(store, "").await,
    ];
    for version in ["1.0.0", "1.1.0", "2.0.0", "2.1.0"] {
        nodes[0].publish(&TestPackage::new("hello", version)).await;
    }
    nodes
}

async fn put(node: &TestRegistry, path: &str, body: Value) -> Answer {
    let request = node.request("PUT", &format!("/~components/hello/{path}"));
    Answer::of(request.json(&body)).await
}

async fn shows(node: &TestRegistry, requested: &str, version: &str) {
    let what = format!("{requested:?} to be {version}");
    eventually(&what, BOUND, || async {
        let answer = node.get(&format!("/hello/{requested}")).await;
        (answer.json()["version"] == version).then_some(())
    })
    .await;
}

async fn what_one_node_changes_all_follow(store: TestStore) {
    let [one, other] = two_nodes(&store).await;
    put(&one, "channels/stable", json!({ "version": "1.0.0" }))
        .await
        .expect_status(200);
    shows(&other, "stable", "1.0.0").await;
    put(&other, "2.1.0/state", json!({ "state": "yanked" }))
        .await
        .expect_status(200);
    shows(&one, "", "2.0.0").await;
    // The node that did not make the move knows where it came from.
    let expected = json!({ "version": "2.0.0", "ifCurrent": "1.0.0" });
    put(&other, "channels/stable", expected)
        .await
        .expect_status(200);
    shows(&one, "stable", "2.0.0").await;
    let back = one.request("POST", "/~components/hello/channels/stable/rollback");
    Answer::of(back).await.expect_status(200);
    shows(&other, "stable", "1.0.0").await;
    put(&one, "2.1.0/state", json!({ "state": "active" }))
        .await
        .expect_status(200);
    shows(&other, "", "2.1.0").await;

    // A node that starts now reads all of it from the store.
    let fresh = TestRegistry::start_on(&store, "").await;
    shows(&fresh, "stable", "1.0.0").await;
    shows(&fresh, "", "2.1.0").await;
}

async fn one_of_many_moves_wins(store: TestStore) {
    let nodes = two_nodes(&store).await;
    let first = json!({ "version": "1.0.0", "ifCurrent": null });
    put(&nodes[0], "channels/stable", first)
        .await
        .expect_status(200);
    let targets = ["1.1.0", "2.0.0", "2.1.0"];
    let moves = (0..24).map(|at| {
        let body = json!({ "version": targets[at % 3], "ifCurrent": "1.0.0" });
        let node = &nodes[at % 2];
        async move { (targets[at % 3], put(node, "channels/stable", body).await) }
    });
    let answers = join_all(moves).await;

    let mut won: Vec<&str> = Vec::new();
    for (target, answer) in &answers {
        match answer.status {
            200 => won.push(target),
            status => assert_eq!(status, 412, "{}", answer.text()),
        }
    }
    // Who asks for what has happened already is told that it has.
    won.dedup();
    let winner = won.first().copied().expect("one wins");
    assert!(won.iter().all(|target| *target == winner), "{won:?}");
    for (_, answer) in answers.iter().filter(|(_, answer)| answer.status == 412) {
        assert_eq!(answer.json()["details"]["current"], winner);
    }
    for node in &nodes {
        shows(node, "stable", winner).await;
    }
}

#[tokio::test]
async fn states_and_channels_reach_all_nodes_of_a_folder() {
    what_one_node_changes_all_follow(TestStore::folder()).await;
}

#[tokio::test]
async fn states_and_channels_reach_all_nodes_of_a_bucket() {
    what_one_node_changes_all_follow(TestStore::s3().await).await;
}

#[tokio::test]
async fn one_of_many_moves_through_two_nodes_wins_in_a_folder() {
    one_of_many_moves_wins(TestStore::folder()).await;
}

#[tokio::test]
async fn one_of_many_moves_through_two_nodes_wins_in_a_bucket() {
    one_of_many_moves_wins(TestStore::s3().await).await;
}
