use ochre_model::ReleaseState;
use ochre_store::{
    Catalog, ChannelAction, Expected, IndexEdit, PublishRelease, StoreChange,
    contract::{Subject, assert_whole, catalog, id, publish, reached, sample},
    faulty::{Fault, FaultyStore},
};

use super::*;
use crate::{Feed, Watch, WatchSettings};

const KINDS: [TargetKind; 2] = [TargetKind::Cdn, TargetKind::Replica];

fn settings(kind: TargetKind) -> TargetSettings {
    let text = serde_json::json!({ "kind": kind, "storage": {}, "concurrency": 2 });
    serde_json::from_value(text).unwrap()
}

/// A source that is only read, as the program opens it.
fn reader(source: &Subject) -> ComponentStore {
    let store = source.store();
    store.hold_writes();
    store
}

fn mirror_into(source: ComponentStore, target: ComponentStore, kind: TargetKind) -> Mirror {
    let parts = MirrorParts {
        name: "target".to_owned(),
        source,
        target,
        purge: None,
        metrics: Arc::new(MirrorMetrics::new().unwrap()),
    };
    Mirror::new(parts, &settings(kind), &CopySettings::default())
}

fn mirror(source: &Subject, target: &Subject, kind: TargetKind) -> Mirror {
    mirror_into(reader(source), target.store(), kind)
}

/// A run of a program of its own.
async fn run(mirror: &Mirror) -> Result<Outcome, PlanError> {
    let read = mirror.source.read_catalog(None).await.unwrap();
    let catalog = Arc::new(read.snapshot.unwrap());
    let stop = CancellationToken::new();
    mirror.run(&catalog, Selection::Everything, &stop).await
}

async fn source_of(releases: &[(&str, &str)]) -> Subject {
    let source = Subject::memory();
    for (name, version) in releases {
        let id = id(name, version);
        publish(&source.store(), &id, version).await.unwrap();
    }
    source
}

/// A release as a Node registry writes it: files, then `components.json`.
async fn publish_like_node(source: &Subject, release: PublishRelease) {
    let PublishRelease {
        id,
        manifest,
        files,
        ..
    } = release;
    for (path, bytes) in files {
        let key = format!("{}/{}/{path}", id.name, id.version);
        source.put(&key, bytes).await;
    }
    let key = format!("{}/{}/package.json", id.name, id.version);
    source.put(&key, manifest.to_bytes()).await;
    let list = serde_json::json!({
        "lastEdit": 1,
        "components": { id.name.as_str(): [id.version.as_str()] }
    });
    source.put("components.json", list.to_string()).await;
}

#[tokio::test]
async fn a_cdn_gets_public_files_only() {
    let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
    let target = Subject::memory();
    let outcome = run(&mirror(&source, &target, TargetKind::Cdn))
        .await
        .unwrap();
    assert_eq!((outcome.copied, outcome.failed), (2, 0));
    let files = ["img/a b.svg", "package.json", "template.js"];
    let expected: Vec<String> = ["a", "b"]
        .iter()
        .flat_map(|name| files.map(|file| format!("components/{name}/1.0.0/{file}")))
        .collect();
    assert_eq!(target.list().await, expected);
    let view = target.get("a/1.0.0/template.js").await.unwrap();
    assert_eq!(view, "template 1.0.0");
}

#[tokio::test]
async fn a_replica_has_everything_and_is_served_from() {
    let source = source_of(&[("a", "1.0.0"), ("a", "1.1.0"), ("b", "1.0.0")]).await;
    let target = Subject::memory();
    let outcome = run(&mirror(&source, &target, TargetKind::Replica)).await;
    assert!(outcome.unwrap().is_complete());
    let replica = target.store();
    let (theirs, ours) = (catalog(&source.store()).await, catalog(&replica).await);
    assert_eq!(theirs.version_count(), ours.version_count());
    for (name, version) in [("a", "1.0.0"), ("a", "1.1.0"), ("b", "1.0.0")] {
        let id = id(name, version);
        assert_whole(&replica, &id, version).await;
        let summary =
            |snapshot: &CatalogSnapshot| snapshot.get(name).unwrap().details(&id.version).cloned();
        assert_eq!(summary(&ours), summary(&theirs));
        let key = format!("{name}/{version}/package.json");
        assert_eq!(target.get(&key).await, source.get(&key).await);
    }
}

#[tokio::test]
async fn a_second_run_has_nothing_to_do() {
    for kind in KINDS {
        let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
        let target = Subject::memory();
        run(&mirror(&source, &target, kind)).await.unwrap();
        let before = target.list().await;
        let again = run(&mirror(&source, &target, kind)).await.unwrap();
        assert_eq!((again.planned, again.bytes), (0, 0), "{kind:?}");
        publish(&source.store(), &id("c", "1.0.0"), "c")
            .await
            .unwrap();
        let more = run(&mirror(&source, &target, kind)).await.unwrap();
        assert_eq!((more.planned, more.copied), (1, 1), "{kind:?}");
        assert!(target.list().await.len() > before.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_dies_at_any_call_goes_on_where_it_was() {
    let releases = [("a", "1.0.0"), ("a", "1.1.0"), ("b", "1.0.0")];
    for kind in KINDS {
        for crash in [Fault::StopBefore, Fault::StopAfter] {
            let mut call = 0;
            loop {
                let source = source_of(&releases).await;
                let target = Subject::memory();
                let (dying, faulty) = target.faulty(crash(call));
                let first = run(&mirror_into(reader(&source), dying, kind)).await;
                let died = faulty.calls() > call;
                assert_no_tear(&target, kind).await;

                let next = run(&mirror(&source, &target, kind)).await.unwrap();

                assert!(next.is_complete(), "{kind:?} {call}: {next:?}");
                let done = first.map_or(0, |first| first.visible);
                assert!(next.copied <= releases.len() - done, "{kind:?} {call}");
                assert_level(&target, &releases, kind).await;
                if !died {
                    break;
                }
                call += 1;
            }
            assert!(call >= 10, "{call} calls");
        }
    }
}

/// A release that can be seen is whole.
async fn assert_no_tear(target: &Subject, kind: TargetKind) {
    for key in target.list().await {
        let Some(folder) = key
            .strip_prefix("components/")
            .and_then(|key| key.strip_suffix("/package.json"))
        else {
            continue;
        };
        for file in ["template.js", "img/a b.svg"] {
            assert!(target.get(&format!("{folder}/{file}")).await.is_some());
        }
    }
    if kind == TargetKind::Replica {
        let read = target.store().read_catalog(None).await.unwrap();
        for (name, component) in read.snapshot.iter().flat_map(CatalogSnapshot::iter) {
            for version in component.versions() {
                let id = id(name.as_str(), version.as_str());
                assert_whole(&target.store(), &id, version.as_str()).await;
            }
        }
    }
}

async fn assert_level(target: &Subject, releases: &[(&str, &str)], kind: TargetKind) {
    for (name, version) in releases {
        if kind == TargetKind::Replica {
            let id = id(name, version);
            assert!(catalog(&target.store()).await.contains(&id));
            assert_whole(&target.store(), &id, version).await;
        } else {
            let key = format!("{name}/{version}/package.json");
            assert!(target.get(&key).await.is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_a_moment_delays_nothing_else() {
    for kind in KINDS {
        let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
        let target = Subject::memory();
        let (reading, faulty): (_, Arc<FaultyStore>) = source.faulty(Fault::None);
        reading.hold_writes();
        let mirror = mirror_into(reading, target.store(), kind);
        let catalog = Arc::new(catalog(&source.store()).await);
        for call in 0..6 {
            faulty.set_fault(Fault::LoseAnswer(call));
            let stop = CancellationToken::new();
            let outcome = mirror.run(&catalog, Selection::Everything, &stop).await;
            assert!(outcome.unwrap().is_complete(), "{kind:?} {call}");
        }
    }
}

#[tokio::test]
async fn damaged_releases_are_told_of_and_never_copied() {
    for kind in KINDS {
        let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
        damage(&source, "releases/a/1.0.0").await;
        let target = Subject::memory();
        let outcome = run(&mirror(&source, &target, kind)).await.unwrap();
        assert_eq!((outcome.copied, outcome.failed), (1, 1));
        assert_eq!(outcome.failures[0].kind, FailureKind::Damaged);
        assert_eq!(outcome.failures[0].id, id("a", "1.0.0"));
        let keys = target.list().await;
        assert!(!keys.iter().any(|key| key.contains("/a/")), "{keys:?}");
    }
}

/// Changes the last byte of one of Ochre's own objects.
async fn damage(subject: &Subject, key: &str) {
    let mut bytes = subject.get_own(key).await.unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    subject.put_own(key, bytes).await;
}

#[tokio::test]
async fn a_replica_with_other_content_keeps_it() {
    let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
    let target = Subject::memory();
    publish(&target.store(), &id("a", "1.0.0"), "other")
        .await
        .unwrap();
    target.delete_own("index").await;
    target.delete("components.json").await;
    let outcome = run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();
    assert_eq!((outcome.copied, outcome.failed), (1, 1));
    assert_eq!(outcome.failures[0].kind, FailureKind::Conflict);
    assert!(!catalog(&target.store()).await.contains(&id("a", "1.0.0")));
    assert_whole(&target.store(), &id("a", "1.0.0"), "other").await;
}

#[tokio::test]
async fn a_replica_that_has_lost_what_it_lists_gets_it_again() {
    let source = source_of(&[("a", "1.0.0"), ("b", "1.0.0")]).await;
    let target = Subject::memory();
    run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();
    let before = target.list().await;
    for file in ["package.json", "template.js"] {
        target.delete(&format!("a/1.0.0/{file}")).await;
    }
    target.delete_own("releases/a/").await;
    let again = run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();
    assert_eq!((again.planned, again.copied), (1, 1));
    assert_eq!(target.list().await, before);
    assert_whole(&target.store(), &id("a", "1.0.0"), "1.0.0").await;
}

#[tokio::test]
async fn releases_of_other_registries_are_mirrored_without_touching_the_source() {
    for kind in KINDS {
        let source = Subject::memory();
        publish_like_node(&source, sample(&id("node", "1.0.0"), "x")).await;
        let before = source.list().await;
        let target = Subject::memory();
        let outcome = run(&mirror(&source, &target, kind)).await.unwrap();
        assert_eq!((outcome.copied, outcome.failed), (1, 0), "{outcome:?}");
        assert_eq!(source.list().await, before);
        if kind == TargetKind::Replica {
            assert_whole(&target.store(), &id("node", "1.0.0"), "x").await;
            let again = run(&mirror(&source, &target, kind)).await.unwrap();
            assert_eq!(again.planned, 0);
        }
    }
}

/// Sets a state, and points a channel to a version.
async fn mark(source: &Subject, state: &str, channel: &str) {
    let store = source.store();
    let change = StoreChange::Edit(IndexEdit::SetState {
        id: id("a", state),
        state: ReleaseState::Yanked,
        note: None,
    });
    store.committer().commit(change).await.unwrap();
    let change = StoreChange::Edit(IndexEdit::Channel {
        name: "a".parse().unwrap(),
        channel: "stable".parse().unwrap(),
        action: ChannelAction::MoveTo(channel.parse().unwrap()),
        expected: Expected::Anything,
    });
    store.committer().commit(change).await.unwrap();
}

#[tokio::test]
async fn states_and_channels_go_to_replicas_with_their_past() {
    let source = source_of(&[("a", "1.0.0"), ("a", "1.1.0"), ("a", "2.0.0")]).await;
    let target = Subject::memory();
    run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();
    mark(&source, "1.0.0", "1.1.0").await;
    mark(&source, "1.0.0", "2.0.0").await;

    let outcome = run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();

    assert!(outcome.is_complete() && outcome.planned == 0, "{outcome:?}");
    let (theirs, ours) = (
        catalog(&source.store()).await,
        catalog(&target.store()).await,
    );
    assert_eq!(theirs.get("a"), ours.get("a"));
    let stable = ours.get("a").unwrap().channel("stable").unwrap();
    assert_eq!(stable.version().unwrap().as_str(), "2.0.0");
    assert_eq!(stable.earlier().len(), 1);
}

#[tokio::test]
async fn a_channel_does_not_point_to_a_release_that_was_not_copied() {
    let source = source_of(&[("a", "1.0.0"), ("a", "1.1.0")]).await;
    mark(&source, "1.0.0", "1.1.0").await;
    damage(&source, "releases/a/1.1.0").await;
    let target = Subject::memory();

    let outcome = run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();

    assert_eq!((outcome.copied, outcome.failed), (1, 1));
    let ours = catalog(&target.store()).await;
    assert!(ours.get("a").unwrap().channel("stable").is_none());
    assert!(
        ours.get("a")
            .unwrap()
            .details(&"1.0.0".parse().unwrap())
            .unwrap()
            .is_yanked()
    );
}

#[tokio::test]
async fn template_packs_go_to_replicas() {
    let source = source_of(&[]).await;
    let store = source.store();
    for key in ["oc-template-x/pack.json", "oc-template-x/runtime.js"] {
        store.write_pack(key, &key.into()).await.unwrap();
    }
    publish(&store, &id("a", "1.0.0"), "x").await.unwrap();
    let target = Subject::memory();
    let outcome = run(&mirror(&source, &target, TargetKind::Replica))
        .await
        .unwrap();
    assert_eq!(outcome.packs.unwrap(), 2);
    assert_eq!(target.store().list_packs().await.unwrap().len(), 2);
    let again = run(&mirror(&source, &target, TargetKind::Replica)).await;
    assert_eq!(again.unwrap().packs.unwrap(), 0);
}

#[tokio::test]
async fn prune_deletes_what_the_source_does_not_list_and_only_from_a_cdn() {
    let source = source_of(&[("a", "1.0.0")]).await;
    let target = Subject::memory();
    let other = source_of(&[("a", "1.0.0"), ("a", "2.0.0"), ("b", "1.0.0")]).await;
    run(&mirror(&other, &target, TargetKind::Cdn))
        .await
        .unwrap();
    let mirror = mirror(&source, &target, TargetKind::Cdn);
    let listed = Arc::new(catalog(&source.store()).await);
    let surplus = mirror.surplus(&listed).await.unwrap();
    assert_eq!(surplus, [id("a", "2.0.0"), id("b", "1.0.0")]);
    assert_eq!(mirror.remove(&surplus).await.unwrap(), 6, "files");
    let keys = target.list().await;
    assert!(
        keys.iter()
            .all(|key| key.starts_with("components/a/1.0.0/"))
    );

    let nothing = Arc::new(CatalogSnapshot::default());
    let refused = mirror.surplus(&nothing).await;
    assert!(matches!(refused, Err(PruneError::EmptySource)));
    let replica = mirror_into(reader(&source), target.store(), TargetKind::Replica);
    let refused = replica.surplus(&listed).await;
    assert!(matches!(refused, Err(PruneError::Replica(_))));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_copies_what_is_published_later_and_what_failed_before() {
    let source = source_of(&[("a", "1.0.0")]).await;
    let target = Subject::memory();
    let (flaky, faulty) = target.faulty(Fault::StopBefore(0));
    let mirror = Arc::new(mirror_into(reader(&source), flaky, TargetKind::Replica));
    let watch = Watch::new(
        mirror.source.clone(),
        Arc::new(Catalog::default()),
        Feed::new(),
        &WatchSettings::default(),
    );
    let parts = DaemonParts {
        watch: watch.clone(),
        mirrors: vec![mirror],
        clock: Arc::new(ochre_model::SystemClock),
        metrics: Arc::new(MirrorMetrics::new().unwrap()),
    };
    let daemon = Arc::new(Daemon::new(parts, CopySettings::default()));
    let stop = CancellationToken::new();
    let (polling, ended) = (watch.clone(), stop.clone());
    tokio::spawn(async move { polling.run(ended).await });
    let (running, ended) = (Arc::clone(&daemon), stop.clone());
    let task = tokio::spawn(async move { running.run(&ended).await });

    until(async || {
        daemon
            .reasons()
            .iter()
            .any(|reason| reason.contains("target"))
    })
    .await;
    faulty.set_fault(Fault::None);
    until(async || daemon.reasons().is_empty()).await;
    publish(&source.store(), &id("b", "1.0.0"), "b")
        .await
        .unwrap();
    watch.refresh().await.unwrap();
    let replica = target.store();
    until(async || {
        let found = replica.find_version(&id("b", "1.0.0")).await;
        found.unwrap().is_some()
    })
    .await;
    until(async || {
        daemon
            .metrics_text()
            .contains("cdn_sync_lag_generations{target=\"target\"} 0")
    })
    .await;
    stop.cancel();
    task.await.unwrap();
    assert_whole(&replica, &id("a", "1.0.0"), "1.0.0").await;
}

/// Waits for a state while the clock of the test runs by itself.
async fn until(state: impl AsyncFn() -> bool) {
    assert!(reached(Duration::from_hours(1), state).await);
}
