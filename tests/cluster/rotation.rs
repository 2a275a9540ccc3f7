//! Credentials of a role, which are valid for a short time and are asked for again and again.

use std::time::Duration;

use ochre_tests::{
    Answer, Bucket, S3Server, Surroundings, TestPackage, TestRegistry, TestStore, eventually,
    free_port, http_client,
};
use tempfile::TempDir;

const BOUND: Duration = Duration::from_mins(1);

/// A store on which only those keys count that the server hands out.
fn without_keys(store: &TestStore) -> TestStore {
    let mut settings = store.settings();
    settings.remove("access_key_id");
    settings.remove("secret_access_key");
    TestStore::Service(settings)
}

async fn node(server: &S3Server, store: &TestStore, token: &TempDir) -> TestRegistry {
    let file = token.path().join("token");
    std::fs::write(&file, "pod").expect("the token can be written");
    let surroundings = Surroundings {
        environment: vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.keys_url()),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                file.display().to_string(),
            ),
        ],
        ..Surroundings::default()
    };
    let mut node = TestRegistry::spawn_in(free_port(), store, "", &surroundings);
    node.ready().await;
    node
}

/// Waits until keys have been handed out `times` times more, and withdraws the old ones.
async fn rotate(server: &S3Server, times: u32) {
    let begun = server.keys_issued().await;
    eventually("new keys to be asked for", BOUND, || async {
        (server.keys_issued().await >= begun + times).then_some(())
    })
    .await;
    server.withdraw_keys().await;
}

#[tokio::test]
async fn a_node_goes_on_with_new_keys_when_the_old_ones_are_withdrawn() {
    let server = S3Server::with_temporary_keys().await;
    let store = TestStore::on(&server).await;
    let token = TempDir::new().expect("a folder can be made");
    let node = node(&server, &without_keys(&store), &token).await;
    node.publish(&TestPackage::new("before", "1.0.0")).await;
    let other = TestRegistry::start_on(&store, "").await;

    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        rotate(&server, 3).await;
        node.publish(&TestPackage::new("after", version)).await;
        let theirs = format!("/theirs/{version}");
        other.publish(&TestPackage::new("theirs", version)).await;
        node.get(&theirs).await.expect_status(200);
    }
    node.get("/before/1.0.0").await.expect_status(200);
    let first = "AWS4-HMAC-SHA256 Credential=key-1/20260101/us-east-1/s3/aws4_request";
    let request = http_client().get(format!("{}?list-type=2", Bucket::of(&store).url()));
    let refused = Answer::of(request.header("authorization", first)).await;
    assert!(
        refused.text().contains("ExpiredToken"),
        "{}",
        refused.text()
    );
    let log = node.process.log();
    assert!(!log.contains("could not read the catalog"), "{log}");
}
