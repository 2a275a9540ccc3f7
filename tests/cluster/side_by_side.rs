//! A Node registry and ours on one bucket, both publishing.

use std::{collections::BTreeSet, time::Duration};

use futures::future::{join, join_all};
use ochre_tests::{Answer, Bucket, NodeRegistry, TestPackage, TestRegistry, TestStore, eventually};
use serde_json::json;

/// Versions that each of the two publishes.
const EACH: usize = 100;

/// Components that the versions belong to.
const COMPONENTS: usize = 5;

/// How long until each has seen what the other did: several polls of the slower one.
const SEEN_WITHIN: Duration = Duration::from_mins(2);

fn package(major: usize, at: usize) -> TestPackage {
    TestPackage::new(
        &format!("shared-{}", at % COMPONENTS),
        &format!("{major}.{at}.0"),
    )
    .props(&format!("{{name: '{major}.{at}'}}"))
}

/// `shared-{n}@{version}` of everything that an info page of either registry lists.
fn listed(component: usize, info: &Answer) -> BTreeSet<String> {
    if info.status != 200 {
        return BTreeSet::new();
    }
    let versions = info.json()["allVersions"].as_array().cloned();
    let versions = versions.unwrap_or_default().into_iter();
    versions
        .filter_map(|version| Some(format!("shared-{component}@{}", version.as_str()?)))
        .collect()
}

async fn known_to_ochre(registry: &TestRegistry) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for component in 0..COMPONENTS {
        let info = registry.get(&format!("/shared-{component}/~info")).await;
        known.extend(listed(component, &info));
    }
    known
}

async fn known_to_node(registry: &NodeRegistry) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for component in 0..COMPONENTS {
        let path = format!("/shared-{component}/~info");
        let info = registry.get_with_headers(&path, &[]).await;
        known.extend(listed(component, &info));
    }
    known
}

/// What `components.json` lists.
async fn shared_list(bucket: &Bucket) -> BTreeSet<String> {
    let list = bucket.get("components/components.json").await.json();
    let components = list["components"].as_object().cloned().unwrap_or_default();
    let entries = components.into_iter().flat_map(|(name, versions)| {
        let versions = versions.as_array().cloned().unwrap_or_default();
        versions
            .into_iter()
            .filter_map(move |version| Some(format!("{name}@{}", version.as_str()?)))
    });
    entries
        .filter(|entry| entry.starts_with("shared-"))
        .collect()
}

#[tokio::test]
async fn both_publish_and_nothing_is_lost() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let node = NodeRegistry::start(&store, &json!({}), true).await;
    let settings = format!(
        "[storage]\npublic_access = \"acl\"\npublic_url = \"{}\"\n\
         # However busy the machine is, the last publish gets its turn.\n\
         [publish]\nqueue_timeout = \"5m\"",
        bucket.url()
    );
    let ochre = TestRegistry::start_on(&store, &settings).await;

    let theirs = async {
        let mut failed = Vec::new();
        for at in 0..EACH {
            let answer = node.try_publish(&package(1, at)).await;
            if answer.status != 200 {
                failed.push(answer.text());
            }
        }
        failed
    };
    let ours = (0..EACH).map(|at| {
        let ochre = &ochre;
        async move { ochre.try_publish(&package(2, at)).await }
    });
    let (theirs, ours) = join(theirs, join_all(ours)).await;

    assert!(theirs.is_empty(), "{theirs:?}");
    let refused: Vec<String> = ours
        .iter()
        .filter(|answer| answer.status != 200)
        .map(Answer::text)
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    let all: BTreeSet<String> = (0..EACH)
        .flat_map(|at| [1, 2].map(|major| package(major, at)))
        .map(|package| format!("{}@{}", package.name(), package.version()))
        .collect();
    eventually("everything at ours", SEEN_WITHIN, || async {
        (known_to_ochre(&ochre).await == all).then_some(())
    })
    .await;
    eventually("everything at theirs", SEEN_WITHIN, || async {
        (known_to_node(&node).await == all).then_some(())
    })
    .await;
    assert_eq!(shared_list(&bucket).await, all);
    let fresh = TestRegistry::start_on(&store, "").await;
    assert_eq!(known_to_ochre(&fresh).await, all);
    each_serves_the_others(&node, &ochre).await;
}

/// Rendered by the one who did not publish it.
async fn each_serves_the_others(node: &NodeRegistry, ochre: &TestRegistry) {
    for at in 0..COMPONENTS {
        let theirs = ochre.get(&format!("/shared-{at}/1.{at}.0")).await;
        let ours = format!("/shared-{at}/2.{at}.0");
        let ours = node.get_with_headers(&ours, &[]).await;
        for (answer, name) in [(theirs, format!("1.{at}")), (ours, format!("2.{at}"))] {
            let html = answer.expect_status(200).json()["html"].to_string();
            assert!(html.contains(&format!("Hello {name}<")), "{html}");
        }
    }
}

/// A Node registry writes its list over whatever is there.
#[tokio::test]
async fn list_without_our_versions_gets_them_back() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let ochre = TestRegistry::start_on(&store, "").await;
    for at in 0..3 {
        ochre.publish(&package(2, at)).await;
    }
    let all = shared_list(&bucket).await;
    assert_eq!(all.len(), 3);

    let now = bucket.get("components/components.json").await.json()["lastEdit"].clone();
    let now = now.as_u64().unwrap_or_default();
    let dropped = json!({ "lastEdit": now + 1, "components": { "shared-0": ["2.0.0"] } });
    bucket
        .put("components/components.json", dropped.to_string())
        .await;

    eventually("the list to be whole", SEEN_WITHIN, || async {
        (shared_list(&bucket).await == all).then_some(())
    })
    .await;
    let written = bucket.get("components/components.json").await.json();
    assert!(
        written["lastEdit"].as_u64() > Some(now + 1),
        "others take only a later list: {written}"
    );
    ochre.get("/shared-2/2.2.0").await.expect_status(200);
}
