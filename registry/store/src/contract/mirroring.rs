//! Copying releases into a store, and keeping it from being written.

use futures::TryStreamExt as _;
use ochre_model::ComponentId;

use super::{Subject, assert_whole, catalog, id, publish};
use crate::{ComponentStore, CopyError, ReadError};

/// A copied release can be seen once it is listed, and then has the published bytes.
pub async fn a_copied_release_is_whole_and_then_listed(subject: &Subject) {
    let (source, id) = (Subject::memory(), id("copied", "1.0.0"));
    publish(&source.store(), &id, "x").await.expect("published");
    let (from, to) = (source.store(), subject.store());
    let copy = from.read_copy(&id).await.expect("read");
    assert!(!from.has_whole(&to, &id).await.expect("compared"));
    for _ in 0..2 {
        to.write_replica(&copy).await.expect("written");
    }
    assert!(from.has_whole(&to, &id).await.expect("compared"));
    assert_eq!(released(&to).await, std::slice::from_ref(&id));
    let listed = catalog(&from).await;
    let details = listed
        .get("copied")
        .and_then(|all| all.details(&id.version));
    let copies = vec![(id.clone(), details.cloned().expect("listed"))];
    to.list_copies(copies).await.expect("listed");

    let found = catalog(&subject.store()).await;
    assert_eq!(found.get("copied"), listed.get("copied"));
    assert_whole(&subject.store(), &id, "x").await;
}

/// What a store has under a version stays, whatever is copied there.
pub async fn a_copy_never_replaces_other_content(subject: &Subject) {
    let (source, id) = (Subject::memory(), id("copied", "1.0.0"));
    publish(&source.store(), &id, "x").await.expect("published");
    publish(&subject.store(), &id, "y")
        .await
        .expect("published");
    let (from, to) = (source.store(), subject.store());
    let copy = from.read_copy(&id).await.expect("read");
    let refused = to.write_replica(&copy).await;
    assert!(matches!(refused, Err(CopyError::Conflict)), "{refused:?}");
    let refused = from.has_whole(&to, &id).await;
    assert!(matches!(refused, Err(CopyError::Conflict)), "{refused:?}");
    assert_whole(&subject.store(), &id, "y").await;
}

/// A place for a CDN gets public files, and nothing else of a release.
pub async fn public_copies_hold_no_private_file(subject: &Subject) {
    let (source, id) = (Subject::memory(), id("copied", "1.0.0"));
    publish(&source.store(), &id, "x").await.expect("published");
    let to = subject.store();
    let copy = source.store().read_copy(&id).await.expect("read");
    to.write_public(&copy).await.expect("written");
    let files = ["img/a b.svg", "package.json", "template.js"];
    let keys = files.map(|file| format!("copied/1.0.0/{file}"));
    let found = subject.list().await;
    assert!(
        keys.iter()
            .all(|key| found.iter().any(|found| found.ends_with(key))),
        "{found:?}"
    );
    assert_eq!(found.len(), keys.len(), "{found:?}");
    assert_eq!(released(&to).await, std::slice::from_ref(&id));
    assert_eq!(to.remove_files(&id).await.expect("deleted"), keys.len());
    assert!(subject.list().await.is_empty());
}

/// A store that is only read serves what is there, and is left as it is.
pub async fn a_store_that_is_only_read_is_never_written(subject: &Subject) {
    let known = id("hello", "1.0.0");
    publish(&subject.store(), &known, "x")
        .await
        .expect("published");
    subject.put("hello/1.0.0/template.js", "damaged!!!").await;
    let before = subject.list().await;
    let reader = subject.reader();
    assert!(catalog(&reader).await.contains(&known));
    assert_whole(&reader, &known, "x").await;
    assert!(publish(&reader, &id("hello", "2.0.0"), "x").await.is_err());
    let kept = reader.write_pack("type/pack.json", &"{}".into()).await;
    assert!(matches!(kept, Err(ReadError::Unavailable(_))), "{kept:?}");
    reader.release_writes();
    assert!(publish(&reader, &id("hello", "2.0.0"), "x").await.is_err());
    assert_eq!(subject.list().await, before);
    let damaged = subject.get("hello/1.0.0/template.js").await;
    assert_eq!(damaged.as_deref(), Some(b"damaged!!!".as_slice()));
}

/// What only the origin has is served from there, and kept nowhere.
pub async fn exact_versions_are_read_from_the_origin(subject: &Subject) {
    let (origin, id) = (Subject::memory(), id("far", "1.0.0"));
    publish(&origin.store(), &id, "x").await.expect("published");
    let before = subject.list().await;
    let store = subject.store();
    let store = store.with_origin(origin.store(), std::time::Duration::from_secs(30));
    assert!(store.find_version(&id).await.expect("looked up").is_none());
    assert!(!store.is_known_at_origin(&id));
    assert!(store.find_at_origin(&id).await.expect("looked up"));
    assert!(store.is_known_at_origin(&id));
    assert_whole(&store, &id, "x").await;
    assert_eq!(subject.list().await, before);
}

async fn released(store: &ComponentStore) -> Vec<ComponentId> {
    let listing = store.list_released().expect("a listing");
    listing.try_collect().await.expect("a whole listing")
}
