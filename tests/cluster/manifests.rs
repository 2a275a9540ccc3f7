//! Manifests that are damaged, emptied, cut off, replaced, gone or old: what was known is served,
//! it is told, and they are written again from what the store holds.

use std::time::Duration;

use ochre_tests::{Bucket, TestPackage, TestRegistry, TestStore, eventually, files_below};

const BOUND: Duration = Duration::from_mins(1);

/// What all registries read.
const LIST: &str = "components/components.json";

/// Ochre's own index, whatever its objects are called.
const INDEX: &str = "components.ochre/index";

/// What happens to an object.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Garbage,
    Emptied,
    CutOff,
    OtherType,
    Gone,
}

const DAMAGES: [Damage; 5] = [
    Damage::Garbage,
    Damage::Emptied,
    Damage::CutOff,
    Damage::OtherType,
    Damage::Gone,
];

impl Damage {
    /// What becomes of the bytes; none when the object goes.
    fn of(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Garbage => Some(b"{\"format\":\x00\xff garbage".to_vec()),
            Self::Emptied => Some(Vec::new()),
            Self::CutOff => Some(bytes[..bytes.len() / 2].to_vec()),
            Self::OtherType => Some(b"[]".to_vec()),
            Self::Gone => None,
        }
    }
}

/// The objects of a store whose keys begin with a prefix.
async fn objects(store: &TestStore, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    if let Some(root) = store.path() {
        for path in files_below(root) {
            let key = path.strip_prefix(root).expect("a file of the store");
            let key = key.to_string_lossy().into_owned();
            if key.starts_with(prefix) {
                found.push((key, std::fs::read(&path).expect("a file")));
            }
        }
    } else {
        let bucket = Bucket::of(store);
        for key in bucket.keys(prefix).await {
            let bytes = bucket.get(&key).await.body.to_vec();
            found.push((key, bytes));
        }
    }
    found
}

async fn replace(store: &TestStore, key: &str, bytes: Option<Vec<u8>>) {
    let path = store.path().map(|root| root.join(key));
    match (path, bytes) {
        (Some(path), Some(bytes)) => std::fs::write(path, bytes).expect("a file"),
        (Some(path), None) => std::fs::remove_file(path).expect("a file"),
        (None, Some(bytes)) => Bucket::of(store).put(key, bytes).await,
        (None, None) => Bucket::of(store).delete(key).await,
    }
}

async fn alerts(node: &TestRegistry) -> u64 {
    node.metric("ochre_catalog_alerts_total").await
}

/// Every version by range and by its name.
async fn serves(node: &TestRegistry, versions: usize) {
    for at in 0..versions {
        for path in [
            format!("/c{at}"),
            format!("/c{at}/1.x.x"),
            format!("/c{at}/1.0.0"),
        ] {
            node.get(&path).await.expect_status(200);
        }
    }
}

async fn publish(node: &TestRegistry, at: usize) {
    let package = TestPackage::new(&format!("c{at}"), "1.0.0");
    node.publish(&package).await;
}

/// Damages what lies under a prefix in one way after another, under a node that runs.
async fn survives(store: TestStore, prefix: &str) {
    let node = TestRegistry::start_on(&store, "").await;
    for at in 0..3 {
        publish(&node, at).await;
    }
    for (at, damage) in (3..).zip(DAMAGES) {
        let before = alerts(&node).await;
        for (key, bytes) in objects(&store, prefix).await {
            replace(&store, &key, damage.of(&bytes)).await;
        }
        serves(&node, at).await;
        // A node that knows nothing finds all of it again. On a folder it is the one that tells of
        // a damaged index: what has a number is read once.
        let next = TestRegistry::start_on(&store, "").await;
        eventually("the damage to be told", BOUND, || async {
            let told = alerts(&node).await > before || alerts(&next).await > 0;
            told.then_some(())
        })
        .await;
        serves(&node, at).await;
        publish(&node, at).await;
        eventually("a new node to list everything", BOUND, || async {
            for old in 0..=at {
                if next.get(&format!("/c{old}/1.x.x")).await.status != 200 {
                    return None;
                }
            }
            Some(())
        })
        .await;
        eventually("the list to be whole", BOUND, || async {
            let list = objects(&store, LIST).await.pop()?.1;
            let list: serde_json::Value = serde_json::from_slice(&list).ok()?;
            let listed = list["components"].as_object()?.len();
            (listed == at + 1).then_some(())
        })
        .await;
        let ready = node.get("/~ready").await.expect_status(200).json();
        assert_eq!(ready["publishing"], true, "{damage:?}: {ready}");
    }
}

/// A backup of the manifests that is put back: versions published since are not lost.
async fn survives_an_old_copy(store: TestStore) {
    let node = TestRegistry::start_on(&store, "").await;
    publish(&node, 0).await;
    publish(&node, 1).await;
    let mut old = objects(&store, LIST).await;
    old.extend(objects(&store, INDEX).await);
    for at in 2..5 {
        publish(&node, at).await;
    }
    let before = alerts(&node).await;
    for (key, _) in objects(&store, INDEX).await {
        if !old.iter().any(|(kept, _)| *kept == key) {
            replace(&store, &key, None).await;
        }
    }
    for (key, bytes) in old {
        replace(&store, &key, Some(bytes)).await;
    }
    eventually("the old copy to be told", BOUND, || async {
        (alerts(&node).await > before).then_some(())
    })
    .await;
    serves(&node, 5).await;
    publish(&node, 5).await;
    serves(&node, 6).await;
    let next = TestRegistry::start_on(&store, "").await;
    for at in 0..6 {
        let path = format!("/c{at}/1.0.0");
        next.get(&path).await.expect_status(200);
    }
    eventually("a new node to list everything", BOUND, || async {
        for at in 0..6 {
            if next.get(&format!("/c{at}/1.x.x")).await.status != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_damaged_list_is_survived_on_a_folder() {
    survives(TestStore::folder(), LIST).await;
}

#[tokio::test]
async fn a_damaged_list_is_survived_on_s3() {
    survives(TestStore::s3().await, LIST).await;
}

#[tokio::test]
async fn a_damaged_index_is_survived_on_a_folder() {
    survives(TestStore::folder(), INDEX).await;
}

#[tokio::test]
async fn a_damaged_index_is_survived_on_s3() {
    survives(TestStore::s3().await, INDEX).await;
}

#[tokio::test]
async fn an_old_copy_of_the_manifests_loses_nothing_on_a_folder() {
    survives_an_old_copy(TestStore::folder()).await;
}

#[tokio::test]
async fn an_old_copy_of_the_manifests_loses_nothing_on_s3() {
    survives_an_old_copy(TestStore::s3().await).await;
}
