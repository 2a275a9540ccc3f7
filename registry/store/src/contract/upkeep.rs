//! Checking, repairing, counting, backing up.

use ochre_model::ReleaseState;

use super::{Subject, assert_whole, catalog, id, publish, sample_files};
use crate::{
    Backup, CatalogSnapshot, ChannelAction, CheckReport, ComponentStore, Expected, IndexEdit,
    ProblemKind, RepairPlan, RestoreError, StoreChange,
};

/// A store in order has no problems; its check reads everything and writes nothing.
pub async fn a_store_in_order_is_found_so(subject: &Subject) {
    publish_three(subject).await;
    let before = subject.list().await;

    let report = check(subject).await;

    assert!(report.is_clean(), "{report:?}");
    let files = 3 * (sample_files("x").len() as u64 + 1);
    assert_eq!((report.releases, report.files), (3, files));
    assert_eq!((report.not_adopted, report.pending), (0, 0));
    assert!(RepairPlan::new(&report).is_empty());
    assert_eq!(subject.list().await, before);
    let stats = subject.store().stats().await.expect("counted");
    assert_eq!((stats.components, stats.releases), (2, 3));
    assert_eq!(
        (stats.files.objects, stats.files.bytes),
        (files, report.bytes)
    );
    assert_eq!(stats.release_objects.objects, 3);
    assert_eq!((stats.pending, stats.largest.len()), (0, 3));
}

/// Damage of files and manifests is found, and mended from the release objects.
pub async fn damage_is_found_and_mended(subject: &Subject) {
    publish_three(subject).await;
    subject.put("a/1.0.0/template.js", "damaged!").await;
    subject.delete("a/1.0.0/img/a b.svg").await;
    subject.delete("a/1.1.0/package.json").await;
    subject.put("components.json", "{").await;
    subject.delete("components-details.json").await;
    let before = subject.list().await;

    let report = check(subject).await;

    assert_eq!(subject.list().await, before, "a check writes nothing");
    let mut found: Vec<(ProblemKind, &str)> = report
        .problems
        .iter()
        .filter(|problem| problem.release.is_some())
        .map(|problem| (problem.kind, problem.detail.as_str()))
        .collect();
    found.sort_by_key(|(_, detail)| *detail);
    assert_eq!(
        found,
        [
            (ProblemKind::FileMissing, "img/a b.svg"),
            (ProblemKind::FileMissing, "package.json"),
            (ProblemKind::FileDiffers, "template.js"),
        ]
    );
    let mut problems = report.problems.iter();
    assert!(
        problems.any(|problem| problem.kind == ProblemKind::Manifest),
        "{report:?}"
    );

    let plan = RepairPlan::new(&report);
    assert!(plan.reconcile && plan.rewrite.len() == 2, "{plan:?}");
    let done = subject.store().repair(&plan).await.expect("repaired");
    assert!(done.failed.is_empty(), "{done:?}");
    let report = check(subject).await;
    assert!(report.is_clean(), "{report:?}");
    for (path, bytes) in sample_files("x") {
        let stored = subject.get(&format!("a/1.0.0/{path}")).await;
        assert_eq!(stored, Some(bytes), "{path}");
    }
}

/// What is not known any more is told, and left as it is.
pub async fn what_is_beyond_repair_is_told(subject: &Subject) {
    publish_three(subject).await;
    subject.put_own("releases/a/1.0.0", "damaged!").await;
    subject.delete_own("releases/b/1.0.0").await;
    subject.delete("b/1.0.0/package.json").await;

    let report = check(subject).await;

    let kinds: Vec<ProblemKind> = report.problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(
        kinds,
        [ProblemKind::ObjectDamaged, ProblemKind::Lost],
        "{report:?}"
    );
    let plan = RepairPlan::new(&report);
    assert!(plan.is_empty() && plan.beyond_repair.len() == 2, "{plan:?}");
    let damaged = subject.store().read_release(&id("a", "1.0.0")).await;
    assert!(
        damaged.is_err(),
        "a release that cannot be checked is not served"
    );
}

/// A backup brings back the versions, states and channels that the index has lost.
pub async fn a_backup_brings_back_what_the_index_lost(subject: &Subject) {
    publish_three(subject).await;
    let store = subject.store();
    mark(&store).await;
    let before = catalog(&store).await;
    let bytes = store.backup().await.expect("taken").to_bytes();
    let backup = Backup::parse(&bytes.expect("written")).expect("read");
    assert_eq!((backup.component_count(), backup.version_count()), (2, 3));
    let plan = store.plan_restore(&backup).await.expect("planned");
    assert!(
        plan.listed.is_empty() && plan.updated.is_empty(),
        "{plan:?}"
    );

    subject.delete_own("index").await;
    subject.delete("components.json").await;
    let fresh = subject.store();
    let plan = fresh.plan_restore(&backup).await.expect("planned");
    assert_eq!(plan.listed.len(), 3);
    fresh.restore(&plan, false).await.expect("restored");

    let after = catalog(&subject.store()).await;
    assert_eq!(CatalogSnapshot::difference(&before, &after), []);
    assert_eq!(CatalogSnapshot::difference(&after, &before), []);
    let listed = subject.get_json("components.json").await;
    assert_eq!(
        listed["components"]["a"],
        serde_json::json!(["1.0.0", "1.1.0"])
    );
    assert_whole(&subject.store(), &id("a", "1.0.0"), "x").await;
}

/// Versions of which the store has nothing are not listed by a restore.
pub async fn a_backup_of_more_than_the_store_has_is_refused(subject: &Subject) {
    publish_three(subject).await;
    mark(&subject.store()).await;
    let backup = subject.store().backup().await.expect("taken");
    subject.delete_own("index").await;
    subject.delete("components.json").await;
    let fresh = subject.store();
    for version in ["1.0.0", "1.1.0"] {
        subject.delete_own(&format!("releases/a/{version}")).await;
        subject.delete(&format!("a/{version}/package.json")).await;
    }
    let plan = fresh.plan_restore(&backup).await.expect("planned");
    assert_eq!((plan.listed.len(), plan.unsupported.len()), (1, 2));
    let refused = fresh.restore(&plan, false).await;
    assert!(
        matches!(refused, Err(RestoreError::Unsupported(2))),
        "{refused:?}"
    );
    fresh.restore(&plan, true).await.expect("restored");
    let after = catalog(&subject.store()).await;
    assert!(after.contains(&id("b", "1.0.0")) && after.get("a").is_none());
}

async fn publish_three(subject: &Subject) {
    let store = subject.store();
    for (name, version) in [("a", "1.0.0"), ("a", "1.1.0"), ("b", "1.0.0")] {
        publish(&store, &id(name, version), "x")
            .await
            .expect("published");
    }
}

/// Yanks a version and makes a channel.
async fn mark(store: &ComponentStore) {
    let yank = StoreChange::Edit(IndexEdit::SetState {
        id: id("a", "1.1.0"),
        state: ReleaseState::Yanked,
        note: None,
    });
    let point = StoreChange::Edit(IndexEdit::Channel {
        name: id("a", "1.0.0").name,
        channel: "stable".parse().expect("a channel"),
        action: ChannelAction::MoveTo(id("a", "1.0.0").version),
        expected: Expected::Anything,
    });
    for change in [yank, point] {
        store.committer().commit(change).await.expect("changed");
    }
}

async fn check(subject: &Subject) -> CheckReport {
    let store = subject.store();
    store.hold_writes();
    store.check(&|_| {}).await.expect("checked")
}
