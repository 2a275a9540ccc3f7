//! Stores that older releases have written. `fixtures/stores/format-1` holds what the release
//! before states and channels left of three publishes in a folder.

use std::path::PathBuf;

use ochre_tests::{Bucket, TestPackage, TestRegistry, TestStore, files_below, tests_folder};
use serde_json::Value;

const INDEX: &str = "components.ochre/index";

/// What the fixture holds; the content of a release is its name, its version and a number.
const RELEASES: [(&str, &str); 3] = [("old-a", "1.0.0"), ("old-a", "1.1.0"), ("old-b", "2.0.0")];

fn fixture() -> PathBuf {
    tests_folder().join("fixtures/stores/format-1")
}

/// Copies the fixture into an empty store. A bucket has one object where a folder has revisions.
async fn restore(store: &TestStore) {
    let root = fixture();
    for path in files_below(&root) {
        let key = path.strip_prefix(&root).expect("a file of the fixture");
        let bytes = std::fs::read(&path).expect("a file");
        if let Some(folder) = store.path() {
            let to = folder.join(key);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::write(to, bytes).expect("a file");
        } else {
            let key = key.to_string_lossy();
            let key = if key.starts_with(INDEX) { INDEX } else { &*key };
            Bucket::of(store).put(key, bytes).await;
        }
    }
}

/// The index as it is now.
async fn index(store: &TestStore) -> Value {
    let bytes = if let Some(root) = store.path() {
        let newest = files_below(&root.join(INDEX)).into_iter().max();
        std::fs::read(newest.expect("a revision")).expect("a file")
    } else {
        Bucket::of(store).get(INDEX).await.body.to_vec()
    };
    serde_json::from_slice(&bytes).expect("the format of the fixture is one text")
}

async fn serves(node: &TestRegistry) {
    for (name, version) in RELEASES {
        let content = format!("{name}@{version}-0");
        let path = format!("/{name}/{version}");
        let data = node.get_unrendered(&path).await.expect_status(200).json();
        assert_eq!(data["data"]["component"]["props"]["content"], content);
        let path = format!("/~assets/{name}/{version}/public/one.txt");
        let file = node.get(&path).await.expect_status(200).text();
        assert_eq!(file, format!("one {content}"));
    }
    node.get("/old-a/~1.1.0").await.expect_status(200);
}

async fn is_served_and_extended(store: TestStore) {
    restore(&store).await;
    let generation = index(&store).await["generation"].as_u64();
    let node = TestRegistry::start_on(&store, "").await;
    serves(&node).await;

    node.publish(&TestPackage::new("old-a", "1.2.0")).await;
    node.publish(&TestPackage::new("new", "1.0.0")).await;

    let after = index(&store).await;
    assert_eq!(
        after["format"], 1,
        "older nodes beside this one can still read it"
    );
    assert!(after["generation"].as_u64() > generation, "{after}");
    let listed = |name: &str, version: &str| !after["components"][name][version].is_null();
    assert!(listed("old-a", "1.0.0") && listed("old-a", "1.2.0") && listed("new", "1.0.0"));
    let next = TestRegistry::start_on(&store, "").await;
    serves(&next).await;
    next.get("/old-a/1.2.0").await.expect_status(200);
    let same = next.try_publish(&TestPackage::new("old-b", "2.0.0")).await;
    assert_eq!(
        same.expect_status(403).json()["error"]["code"],
        "already_exists"
    );
}

#[tokio::test]
async fn a_folder_of_an_older_release_is_served_and_extended() {
    is_served_and_extended(TestStore::folder()).await;
}

#[tokio::test]
async fn a_bucket_of_an_older_release_is_served_and_extended() {
    is_served_and_extended(TestStore::s3().await).await;
}
