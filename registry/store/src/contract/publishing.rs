//! Publishing and reading releases.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Subject, assert_whole, catalog, id, manifest, publish, sample, sample_files};
use crate::{CommitError, Digest, ReadError, StoreChange};

/// The self-test passes, and leaves nothing behind.
pub async fn the_store_keeps_its_promises(subject: &Subject) {
    let result = subject.store().probe().await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(subject.list().await, [""; 0]);
}

/// What was published is what another process reads, private files excepted.
pub async fn a_published_release_is_read_by_another_process(subject: &Subject) {
    let id = id("hello", "1.0.0");
    let committed = publish(&subject.store(), &id, "x")
        .await
        .expect("published");
    assert!(committed.exported);
    let store = subject.store();
    assert_whole(&store, &id, "x").await;
    assert!(store.find_version(&id).await.expect("found").is_some());
    for path in ["server.js", ".env", "none.js", "../hello", "img"] {
        let refused = store.read_file(&id, path).await;
        assert!(matches!(refused, Err(ReadError::NotFound(_))), "{path}");
    }
    let files = store.list_files(&id).await.expect("listed");
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            ".env",
            "img/a b.svg",
            "server.js",
            "template.js",
            "package.json"
        ]
    );
    let package = subject.get("hello/1.0.0/package.json").await;
    assert_eq!(package, Some(Bytes::from(manifest(&id).to_bytes())));
    let (package, digest) = store.read_file(&id, "package.json").await.expect("read");
    assert_eq!(digest, Digest::of(&package));
}

/// A version is published once; who tries again learns whether it was the same.
pub async fn a_version_is_published_once(subject: &Subject) {
    let id = id("hello", "1.0.0");
    publish(&subject.store(), &id, "x")
        .await
        .expect("published");
    for (seed, same) in [("x", true), ("y", false)] {
        let again = publish(&subject.store(), &id, seed).await;
        assert!(
            matches!(again, Err(CommitError::AlreadyPublished { same_content }) if same_content == same),
            "{again:?}"
        );
    }
    assert_whole(&subject.store(), &id, "x").await;
}

/// Of many publishes of one version at once exactly one wins, with all of its bytes.
pub async fn one_of_many_publishes_of_a_version_wins(subject: &Subject) {
    let id = id("raced", "1.0.0");
    let stores = [subject.store(), subject.store()];
    let mut races = JoinSet::new();
    for seed in 0..32 {
        let (store, id) = (stores[seed % 2].clone(), id.clone());
        races.spawn(async move { (seed, publish(&store, &id, &seed.to_string()).await) });
    }
    let mut winners = Vec::new();
    for (seed, result) in races.join_all().await {
        match result {
            Ok(_) => winners.push(seed),
            Err(CommitError::AlreadyPublished { same_content }) => assert!(!same_content),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let winner = winners[0].to_string();
    assert_whole(&subject.store(), &id, &winner).await;
    for (path, bytes) in sample_files(&winner) {
        let stored = subject.get(&format!("raced/1.0.0/{path}")).await;
        assert_eq!(stored, Some(bytes), "{path}");
    }
}

/// No publish is lost, however many there are at once.
pub async fn every_one_of_many_publishes_is_listed(subject: &Subject) {
    let stores = [subject.store(), subject.store()];
    let mut publishes = JoinSet::new();
    for number in 0..200 {
        let store = stores[number % 2].clone();
        let id = id(&format!("many-{}", number % 7), &format!("1.0.{number}"));
        publishes.spawn(async move { publish(&store, &id, "x").await.map(|_| id) });
    }
    let ids: Vec<_> = publishes
        .join_all()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("all published");
    let list = subject.get_json("components.json").await;
    let details = subject.get_json("components-details.json").await;
    let catalogs = [catalog(&stores[0]).await, catalog(&stores[1]).await];
    for id in ids {
        let (name, version) = (id.name.as_str(), id.version.as_str());
        assert!(catalogs.iter().all(|catalog| catalog.contains(&id)), "{id}");
        let listed = list["components"][name].as_array().expect("an array");
        assert!(listed.iter().any(|listed| listed == version), "{id}");
        assert_eq!(details["components"][name][version]["templateSize"], 12);
    }
}

/// A change goes on when its caller goes away, and is waited for before the process ends.
pub async fn a_change_survives_its_caller(subject: &Subject) {
    let (store, id) = (subject.store(), id("left", "1.0.0"));
    let call = publish(&store, &id, "x");
    assert!(futures::FutureExt::now_or_never(call).is_none());
    assert!(store.committer().drain(Duration::from_secs(30)).await);
    assert!(catalog(&store).await.contains(&id));
}

/// A name is known in one spelling.
pub async fn another_spelling_of_a_name_is_refused(subject: &Subject) {
    publish(&subject.store(), &id("Header", "1.0.0"), "x")
        .await
        .expect("published");
    let refused = publish(&subject.store(), &id("header", "1.0.1"), "x").await;
    assert!(
        matches!(&refused, Err(CommitError::NameTaken { existing }) if existing == "Header"),
        "{refused:?}"
    );
    publish(&subject.store(), &id("Header", "1.0.1"), "x")
        .await
        .expect("published");
}

/// Paths that could not be stored, and repeated ones, are refused before anything is written.
pub async fn files_that_cannot_be_stored_are_refused(subject: &Subject) {
    let id = id("hello", "1.0.0");
    for path in [
        "../x",
        "a//b",
        "a#1",
        "package.json",
        "template.js",
        &"x".repeat(2000),
    ] {
        let mut release = sample(&id, "x");
        release.files.push((path.to_owned(), Bytes::new()));
        let store = subject.store();
        let refused = store
            .committer()
            .commit(StoreChange::Publish(release))
            .await;
        assert!(
            matches!(
                refused,
                Err(CommitError::Path(_) | CommitError::DuplicateFile(_))
            ),
            "{path}: {refused:?}"
        );
        assert!(store.find_version(&id).await.expect("looked up").is_none());
    }
}

/// Characters that services escape, compress or sort in their own ways change nothing.
pub async fn odd_paths_and_versions_are_kept(subject: &Subject) {
    let id = id("odd", "1.0.0-rc.1+build.5");
    let files: Vec<(String, Bytes)> = [
        "static/a+b c&d=e.js",
        "static/\u{fc}mlaut \u{1f600}.css",
        "static/50%25 'x'.svg",
        "static/styles.css.gz",
        "static/deep/er/.hidden",
        "static/empty",
    ]
    .iter()
    .map(|path| {
        let text = if path.ends_with("empty") { "" } else { path };
        ((*path).to_owned(), Bytes::from(text.to_owned()))
    })
    .collect();
    let mut release = sample(&id, "x");
    release.files.extend(files.clone());
    let change = StoreChange::Publish(release);
    let published = subject.store().committer().commit(change).await;
    assert!(published.is_ok(), "{published:?}");
    let store = subject.store();
    assert!(catalog(&store).await.contains(&id));
    for (path, bytes) in files {
        let stored = subject.get(&format!("odd/{}/{path}", id.version)).await;
        assert_eq!(stored.as_ref(), Some(&bytes), "{path}");
        let read = store.read_file(&id, &path).await.ok();
        let digest = Digest::of(&bytes);
        let published = (!crate::is_private(&path)).then_some((bytes, digest));
        assert_eq!(read, published, "{path}");
    }
}

/// Bytes that were changed behind our back are not served; the release object has the right ones.
pub async fn damaged_files_are_served_from_the_release_object(subject: &Subject) {
    let id = id("hello", "1.0.0");
    publish(&subject.store(), &id, "x")
        .await
        .expect("published");
    subject.put("hello/1.0.0/template.js", "damaged!!!").await;
    subject.delete("hello/1.0.0/img/a b.svg").await;
    assert_whole(&subject.store(), &id, "x").await;
    let repaired = subject.get("hello/1.0.0/template.js").await;
    assert_eq!(repaired, Some(Bytes::from("template x")));
}

/// What Ochre keeps beside the releases is found again, and damage counts as absence.
pub async fn variants_and_packs_are_kept(subject: &Subject) {
    let (store, id) = (subject.store(), id("hello", "1.0.0"));
    let bytes = Bytes::from("compressed");
    let none = store
        .read_variant(&id, "img/a.svg", "br")
        .await
        .expect("read");
    assert_eq!(none, None);
    let written = store.write_variant(&id, "img/a.svg", "br", &bytes).await;
    written.expect("written");
    let found = store
        .read_variant(&id, "img/a.svg", "br")
        .await
        .expect("read");
    assert_eq!(found, Some(bytes.clone()));
    store
        .write_pack("handlebars/4.7.8", &bytes)
        .await
        .expect("written");
    assert_eq!(
        store.list_packs().await.expect("listed"),
        ["handlebars/4.7.8"]
    );
    let pack = store.read_pack("handlebars/4.7.8").await.expect("read");
    assert_eq!(pack, Some(bytes));
    assert!(store.read_pack("../x").await.is_err());
    for _ in 0..2 {
        store
            .remove_pack("handlebars/4.7.8")
            .await
            .expect("removed");
    }
    assert!(store.list_packs().await.expect("listed").is_empty());
}
