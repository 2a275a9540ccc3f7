//! Polling, sharing the bucket with other registries, and mending manifests.

use bytes::Bytes;
use serde_json::json;

use super::{Subject, assert_whole, catalog, id, manifest, publish, sample_files};
use crate::{CatalogAlert, CommitError, ComponentStore, ReconcileScope};

/// A poll without news is cheap and says so; one with news has everything.
pub async fn a_poll_without_news_is_empty(subject: &Subject) {
    let store = subject.store();
    publish(&store, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let first = catalog(&store).await;
    let second = store
        .read_catalog(Some(first.revision()))
        .await
        .expect("read");
    assert!(second.snapshot.is_none() && second.alerts.is_empty());
    publish(&subject.store(), &id("a", "1.1.0"), "x")
        .await
        .expect("published");
    let third = store
        .read_catalog(Some(first.revision()))
        .await
        .expect("read");
    let third = third.snapshot.expect("there is news");
    assert!(third.contains(&id("a", "1.0.0")) && third.contains(&id("a", "1.1.0")));
    assert!(third.revision().generation() > first.revision().generation());
}

/// What another registry published is listed, read, and never published over.
pub async fn a_version_of_another_registry_is_taken_over(subject: &Subject) {
    let theirs = id("theirs", "2.0.0");
    publish(&subject.store(), &id("ours", "1.0.0"), "x")
        .await
        .expect("published");
    publish_as_node(subject, &["theirs@2.0.0"]).await;
    let store = subject.store();
    let snapshot = catalog(&store).await;
    assert!(snapshot.contains(&theirs) && snapshot.contains(&id("ours", "1.0.0")));
    let versions = snapshot.get("theirs").expect("listed");
    let summary = versions.details(&theirs.version).expect("known");
    assert_eq!(summary.template_size, Some(12));
    assert_whole(&subject.store(), &theirs, "node").await;
    for (seed, same) in [("node", true), ("other", false)] {
        let refused = publish(&subject.store(), &theirs, seed).await;
        assert!(
            matches!(refused, Err(CommitError::AlreadyPublished { same_content }) if same_content == same),
            "{refused:?}"
        );
    }
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["ours"], json!(["1.0.0"]));
    assert_eq!(list["components"]["theirs"], json!(["2.0.0"]));
}

/// While writes are held everything is read and nothing written; afterwards the debt is paid.
pub async fn a_held_store_is_read_and_never_written(subject: &Subject) {
    let theirs = id("theirs", "2.0.0");
    publish_as_node(subject, &["theirs@2.0.0"]).await;
    let store = subject.store();
    store.hold_writes();
    let before = subject.list().await;

    let snapshot = catalog(&store).await;
    assert!(snapshot.contains(&theirs));
    assert_whole(&store, &theirs, "node").await;
    let everything = ReconcileScope::Everything;
    let report = store.reconcile(everything, None).await.expect("reconciled");
    assert_eq!(report.unlisted.len(), 1, "{report:?}");
    let refused = publish(&store, &id("ours", "1.0.0"), "x").await;
    assert!(
        matches!(refused, Err(CommitError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(subject.list().await, before, "nothing was written");

    store.release_writes();
    let read = store
        .read_catalog(Some(snapshot.revision()))
        .await
        .expect("read");
    assert!(read.needs_rebuild, "what was held is owed");
    store
        .reconcile(everything, Some(&snapshot))
        .await
        .expect("reconciled");
    subject.delete("components.json").await;
    let listed = subject.store().read_catalog(None).await.expect("read");
    let listed = listed.snapshot.expect("a snapshot");
    assert!(listed.contains(&theirs), "the index holds it");
}

/// A listed version without files is passed over and told.
pub async fn a_listed_version_without_files_is_passed_over(subject: &Subject) {
    let list = json!({ "lastEdit": 5, "components": {
        "ghost": ["1.0.0", "no version"], "__proto__": ["1.0.0"], "no name!": ["1.0.0"] } });
    subject.put("components.json", list.to_string()).await;
    let read = subject.store().read_catalog(None).await.expect("read");
    assert!(read.snapshot.expect("a snapshot").is_empty());
    let mut alerts = read.alerts;
    alerts.sort_by_key(ToString::to_string);
    assert_eq!(
        alerts,
        [
            CatalogAlert::WithoutFiles(id("__proto__", "1.0.0")),
            CatalogAlert::WithoutFiles(id("ghost", "1.0.0")),
        ]
    );
}

/// A damaged or vanished `components.json` changes nothing, and is written again.
pub async fn a_damaged_list_keeps_the_catalog_and_is_rebuilt(subject: &Subject) {
    let store = subject.store();
    publish(&store, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"lastEdit":1,"components":{"a":"1.0.0"}}"#,
    ] {
        let known = catalog(&store).await;
        subject.put("components.json", text).await;
        mend(&store, &known).await;
        let list = subject.get_json("components.json").await;
        assert_eq!(list["components"]["a"], json!(["1.0.0"]), "{text}");
    }
    let known = catalog(&store).await;
    subject.delete("components.json").await;
    mend(&store, &known).await;
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["a"], json!(["1.0.0"]));
}

/// A list that lost a version gets it back.
pub async fn a_list_that_lost_a_version_gets_it_back(subject: &Subject) {
    let store = subject.store();
    publish(&store, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let list = json!({ "lastEdit": 99, "components": { "b": ["oddity"] } });
    subject.put("components.json", list.to_string()).await;
    assert!(catalog(&store).await.contains(&id("a", "1.0.0")));
    let list = subject.get_json("components.json").await;
    assert_eq!(
        list["components"],
        json!({ "a": ["1.0.0"], "b": ["oddity"] })
    );
    assert!(list["lastEdit"].as_u64().expect("a number") > 99);
}

/// An index that is put back to what was polled last, behind a write of this process.
pub async fn an_index_that_went_back_is_told(subject: &Subject) {
    let store = subject.store();
    publish(&store, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let polled = catalog(&store).await;
    let old = saved_index(subject).await;
    publish(&store, &id("b", "1.0.0"), "x")
        .await
        .expect("published");
    put_index_back(subject, old).await;
    let seen = Some(polled.revision());
    let read = store.read_catalog(seen).await.expect("read");
    assert!(
        matches!(read.alerts[..], [CatalogAlert::WentBack { seen, found }] if seen > found),
        "{:?}",
        read.alerts
    );
    let told = read.snapshot.expect("a snapshot");
    let again = store.read_catalog(Some(told.revision())).await;
    assert_eq!(again.expect("read").alerts, [], "it is told once");
}

/// An index and a list that are put back to an older state take nothing from who has seen more.
pub async fn a_catalog_that_went_back_loses_nothing_that_was_seen(subject: &Subject) {
    let store = subject.store();
    publish(&store, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let old = saved_index(subject).await;
    let list = subject.get_json("components.json").await.to_string();
    let reader = subject.store();
    publish(&store, &id("b", "1.0.0"), "x")
        .await
        .expect("published");
    let seen = catalog(&reader).await;
    put_index_back(subject, old).await;
    subject.put("components.json", list).await;
    let read = reader.read_catalog(Some(seen.revision())).await;
    let now = read.expect("read").snapshot.expect("a snapshot");
    assert!(now.contains(&id("b", "1.0.0")), "it was seen");
    assert!(now.revision().generation() >= seen.revision().generation());
}

/// What another registry published has a backup as soon as it was read, and survives its files.
pub async fn a_version_of_another_registry_gets_a_release_object(subject: &Subject) {
    publish_as_node(subject, &["theirs@2.0.0"]).await;
    let theirs = id("theirs", "2.0.0");
    let read = subject.store().read_release(&theirs).await.expect("read");
    subject.delete("theirs/2.0.0/template.js").await;
    let again = subject.store().read_release(&theirs).await;
    assert_eq!(again.expect("from the backup").template, read.template);
}

/// A new process finds every release in the store, with or without manifests.
pub async fn everything_in_the_store_is_found_without_manifests(subject: &Subject) {
    publish(&subject.store(), &id("ours", "1.0.0"), "x")
        .await
        .expect("published");
    publish_as_node(subject, &["theirs@2.0.0"]).await;
    subject.delete("components.json").await;
    subject.delete("ours/1.0.0/package.json").await;
    let store = subject.store();
    let everything = ReconcileScope::Everything;
    let report = store.reconcile(everything, None).await.expect("reconciled");
    assert!(report.problems.is_empty(), "{report:?}");
    let snapshot = catalog(&store).await;
    assert!(snapshot.contains(&id("ours", "1.0.0")) && snapshot.contains(&id("theirs", "2.0.0")));
    assert!(subject.get("ours/1.0.0/package.json").await.is_some());
    let again = store
        .reconcile(everything, Some(&snapshot))
        .await
        .expect("reconciled");
    assert!(again.finished.is_empty(), "{again:?}");
}

/// The objects of the index, with their keys.
async fn saved_index(subject: &Subject) -> Vec<(String, Bytes)> {
    let mut saved = Vec::new();
    for key in subject.list_own("index").await {
        let bytes = subject.get_own(&key).await.expect("it is there");
        saved.push((key, bytes));
    }
    saved
}

/// Replaces the index by what was saved of it, as a restored bucket would.
async fn put_index_back(subject: &Subject, saved: Vec<(String, Bytes)>) {
    subject.delete_own("index").await;
    for (key, bytes) in saved {
        subject.put_own(&key, bytes).await;
    }
}

/// Reads with alerts, mends, and finds the same catalog without alerts.
async fn mend(store: &ComponentStore, known: &crate::CatalogSnapshot) {
    let read = store
        .read_catalog(Some(known.revision()))
        .await
        .expect("read");
    assert!(read.needs_rebuild && !read.alerts.is_empty(), "{read:?}");
    if let Some(snapshot) = &read.snapshot {
        assert_eq!(crate::CatalogSnapshot::difference(known, snapshot), []);
    }
    let everything = ReconcileScope::Everything;
    store
        .reconcile(everything, Some(known))
        .await
        .expect("reconciled");
    let after = catalog(store).await;
    assert_eq!(crate::CatalogSnapshot::difference(known, &after), []);
}

/// Publishes as a Node registry does: files, `package.json`, then the list.
pub(super) async fn publish_as_node(subject: &Subject, releases: &[&str]) {
    let mut components = serde_json::Map::new();
    for release in releases {
        let (name, version) = release.split_once('@').expect("name@version");
        let folder = format!("{name}/{version}");
        for (path, bytes) in sample_files("node") {
            subject.put(&format!("{folder}/{path}"), bytes).await;
        }
        let package = manifest(&id(name, version)).to_bytes();
        subject
            .put(&format!("{folder}/package.json"), package)
            .await;
        components.insert(name.to_owned(), json!([version]));
    }
    let list = json!({ "lastEdit": 7, "components": components });
    subject.put("components.json", list.to_string()).await;
}
