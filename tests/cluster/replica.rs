//! Registries that serve from a replica, and ask the origin for what has not arrived yet.

use ochre_tests::{TestMirror, TestPackage, TestRegistry, TestStore, free_port};

fn package(version: &str) -> TestPackage {
    TestPackage::new("hello", version)
        .props(&format!("{{version: '{version}'}}"))
        .file("public/text.txt", version.as_bytes().to_vec())
}

/// Settings of a node that only reads, beside an origin.
fn reading(origin: &TestStore) -> String {
    let path = origin.path().expect("a folder").display().to_string();
    format!(
        "[storage]\nread_only = true\n[publish]\nprimary_url = \"https://primary.example/\"\n\
         [origin]\npath = {path:?}\n"
    )
}

async fn mirrored(versions: &[&str]) -> (TestRegistry, TestStore) {
    let primary = TestRegistry::start().await;
    for version in versions {
        primary.publish(&package(version)).await;
    }
    let replica = TestStore::folder();
    let mirror = TestMirror::of(&primary.store, "").to("copy", "replica", &replica);
    mirror.run(&["--once"]).await.complete();
    (primary, replica)
}

#[tokio::test]
async fn an_exact_version_that_only_the_origin_has_is_served_from_there() {
    let (primary, replica) = mirrored(&["1.0.0"]).await;
    let registry = TestRegistry::start_on(&replica, &reading(&primary.store)).await;
    primary.publish(&package("1.1.0")).await;
    let before = replica.objects().await;

    let exact = registry.get_unrendered("/hello/1.1.0").await;
    let data = exact.expect_status(200).json();
    let text = registry.get("/~assets/hello/1.1.0/public/text.txt").await;
    let range = registry.get_unrendered("/hello/^1.0.0").await;
    let unknown = registry.get_unrendered("/hello/9.9.9").await;

    assert_eq!(data["data"]["component"]["props"]["version"], "1.1.0");
    assert_eq!(text.expect_status(200).text(), "1.1.0");
    assert_eq!(range.expect_status(200).json()["version"], "1.0.0");
    unknown.expect_status(404);
    assert_eq!(replica.objects().await, before, "the replica was written");
}

#[tokio::test]
async fn a_replica_refuses_to_publish_and_names_the_primary() {
    let (primary, replica) = mirrored(&["1.0.0"]).await;
    let registry = TestRegistry::start_on(&replica, &reading(&primary.store)).await;

    let refused = registry.try_publish(&package("2.0.0")).await;

    let body = refused.expect_status(403).json();
    assert_eq!(body["code"], "store_read_only");
    let text = body["error"].as_str().expect("a text");
    assert!(text.contains("https://primary.example/"), "{text}");
    registry.get("/hello/2.0.0").await.expect_status(404);
}

#[tokio::test]
async fn an_origin_that_is_down_is_no_reason_to_say_not_found() {
    let (_primary, replica) = mirrored(&["1.0.0"]).await;
    let nowhere = format!(
        "[storage]\nread_only = true\n[origin]\nbackend = \"s3\"\nbucket = \"none\"\n\
         endpoint = \"http://127.0.0.1:{}\"\nallow_http = true\naccess_key_id = \"a\"\n\
         secret_access_key = \"b\"\nretry_timeout = \"500ms\"\n",
        free_port()
    );
    let registry = TestRegistry::start_on(&replica, &nowhere).await;

    let unknown = registry.get_unrendered("/hello/1.1.0").await;
    let known = registry.get_unrendered("/hello/1.0.0").await;

    let unknown = unknown.expect_status(503);
    assert!(unknown.headers.contains_key("retry-after"), "{unknown:?}");
    known.expect_status(200);
}
