//! Catalogs that have grown: logs that are folded into snapshots, and stores of older releases.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{Subject, catalog, id, publish, reached};
use crate::{
    CatalogRevision, CatalogSnapshot, ComponentStore, ReconcileScope, VersionSummary, faulty::Fault,
};

/// Versions whose changes are more than a log holds.
const MANY: usize = 5_000;

/// Longest wait for what is done beside all else.
const SOON: Duration = Duration::from_mins(1);

/// A log that gets long is folded; who knew the index before, or nothing of it, finds everything.
pub async fn a_long_log_is_folded_and_followed(subject: &Subject) {
    let (writer, follower, sleeper) = (subject.store(), subject.store(), subject.store());
    publish(&writer, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let begun = catalog(&sleeper).await;
    let mut seen = catalog(&follower).await;
    for round in 0..4 {
        list(&writer, "b", round).await;
        let news = poll(&follower, seen.revision()).await;
        assert_eq!(news.version_count(), 1 + (round + 1) * MANY);
        seen = news;
    }
    let woken = poll(&sleeper, begun.revision()).await;
    assert_eq!(CatalogSnapshot::difference(&seen, &woken), []);
    let fresh = catalog(&subject.store()).await;
    assert_eq!(CatalogSnapshot::difference(&seen, &fresh), []);
    publish(&sleeper, &id("a", "1.1.0"), "x")
        .await
        .expect("published by who slept");
    assert!(
        poll(&follower, seen.revision())
            .await
            .contains(&id("a", "1.1.0"))
    );
    // The snapshot in use, and the one before it for who still reads it.
    let few = async || snapshots(subject).await.len() <= 2;
    assert!(reached(SOON, few).await, "old ones go");
    assert!(writer.committer().drain(SOON).await);
    let listed = subject.get_json("components.json").await;
    assert_eq!(
        listed["components"]["b7"],
        json!(["0.0.0", "1.0.0", "2.0.0", "3.0.0"])
    );
}

/// A snapshot that is damaged or gone keeps the catalog of those who have it, and is written anew.
pub async fn a_damaged_snapshot_is_rebuilt(subject: &Subject) {
    let store = subject.store();
    list(&store, "b", 0).await;
    let mut known = catalog(&store).await;
    for round in 0..2 {
        list(&store, "b", round + 1).await;
        known = poll(&store, known.revision()).await;
        for key in snapshots(subject).await {
            if round == 0 {
                subject.put_own(&key, Bytes::from_static(b"damaged")).await;
            } else {
                subject.delete_own(&key).await;
            }
        }
        let fresh = subject.store();
        let read = fresh.read_catalog(None).await.expect("read");
        assert!(read.needs_rebuild && !read.alerts.is_empty(), "{read:?}");
        store
            .reconcile(ReconcileScope::Everything, Some(&known))
            .await
            .expect("rebuilt");
        let read = fresh.read_catalog(None).await.expect("read");
        let mended = read.snapshot.expect("a snapshot");
        assert_eq!(CatalogSnapshot::difference(&known, &mended), []);
    }
}

/// A crash at any call of a write that folds the log leaves the index as it was or as it shall be.
pub async fn a_crash_while_folding_tears_nothing(subject: &Subject) {
    let first = subject.store();
    list(&first, "b", 0).await;
    let mut listed = MANY;
    for (round, call) in (1..).zip(0..8) {
        for fault in [Fault::StopBefore(call), Fault::StopAfter(call)] {
            let name = format!("c{round}-{}", u8::from(fault == Fault::StopAfter(call)));
            let (store, _) = subject.faulty(fault);
            let _ = store.inner.index.add(versions(&name, 0)).await;
            let found = catalog(&subject.store()).await;
            let now = found.version_count();
            assert!(now == listed || now == listed + MANY, "{fault:?}: {now}");
            listed = now;
        }
    }
    let _ = first.read_catalog(None).await.expect("read");
    list(&first, "d", 0).await;
    let found = catalog(&subject.store()).await;
    assert_eq!(found.version_count(), listed + MANY);
}

/// The index of an older release is written as it was found, until it is upgraded; nodes that knew
/// it before follow.
pub async fn an_older_index_is_kept_until_it_is_upgraded(subject: &Subject) {
    let old = json!({ "format": 1, "generation": 7, "lastEdit": 5, "components": {
        "old": { "1.0.0": { "publishDate": 3 } } } });
    let store = subject.store();
    let object = &store.inner.index_reader.object;
    let text = Bytes::from(old.to_string());
    object.swap(None, text).await.expect("the index is written");
    let follower = subject.store();
    let mut seen = follower
        .read_catalog(None)
        .await
        .expect("read")
        .snapshot
        .expect("a snapshot");
    let mut format = 1;
    for version in ["1.0.0", "1.1.0"] {
        publish(&store, &id("new", version), "x")
            .await
            .expect("published");
        assert_eq!(stored_format(&store).await, format);
        seen = poll(&follower, seen.revision()).await;
        assert!(seen.contains(&id("new", version)) && seen.contains(&id("old", "1.0.0")));
        assert_eq!(store.upgrade_index().await.expect("upgraded"), format == 1);
        format = 3;
        assert_eq!(stored_format(&store).await, format);
    }
    let fresh = catalog(&subject.store()).await;
    assert_eq!(CatalogSnapshot::difference(&seen, &fresh), []);
}

/// Polls of a large catalog that find nothing new, and those after an export, read no list.
pub async fn polls_of_a_large_catalog_read_little(subject: &Subject) {
    let writer = subject.store();
    for round in 0..3 {
        list(&writer, "b", round).await;
    }
    assert!(writer.committer().drain(SOON).await);
    let (follower, counted) = subject.faulty(Fault::None);
    let seen = catalog(&follower).await;
    publish(&writer, &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    assert!(writer.committer().drain(SOON).await);
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["a"], json!(["1.0.0"]));
    counted.set_fault(Fault::None);
    let seen = poll(&follower, seen.revision()).await;
    assert!(seen.contains(&id("a", "1.0.0")));
    // The tag of the list, what was announced of it, the index.
    let calls = counted.calls();
    assert!(calls <= 4, "{calls}");
    counted.set_fault(Fault::None);
    let read = follower
        .read_catalog(Some(seen.revision()))
        .await
        .expect("read");
    assert!(read.snapshot.is_none() && read.alerts.is_empty());
    assert!(counted.calls() <= 2, "{}", counted.calls());
}

async fn poll(store: &ComponentStore, seen: &CatalogRevision) -> CatalogSnapshot {
    let read = store.read_catalog(Some(seen)).await.expect("read");
    assert!(
        read.alerts.is_empty() && !read.needs_rebuild,
        "{:?}",
        read.alerts
    );
    read.snapshot.expect("there is news")
}

/// Lists many versions in one write, as the import of a large bucket does.
async fn list(store: &ComponentStore, name: &str, round: usize) {
    let added = store.inner.index.add(versions(name, round)).await;
    added.expect("listed");
}

fn versions(name: &str, round: usize) -> Vec<(ochre_model::ComponentId, VersionSummary)> {
    let ids = (0..MANY).map(|number| id(&format!("{name}{number}"), &format!("{round}.0.0")));
    ids.map(|id| (id, VersionSummary::default())).collect()
}

async fn stored_format(store: &ComponentStore) -> u64 {
    let reading = store.inner.index_reader.object.read(None).await;
    let Ok(crate::compare_swap::Reading::Found { bytes, .. }) = reading else {
        panic!("the index is there");
    };
    let head: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    head["format"].as_u64().expect("a number")
}

/// Keys of all snapshots, as [`Subject::put_own`] takes them.
async fn snapshots(subject: &Subject) -> Vec<String> {
    subject.list_own("index-snapshots/").await
}
