//! Publishing while the store fails at any call.
//!
//! Meant for a runtime with paused time: repeated attempts wait.

use ochre_model::ComponentId;
use serde_json::json;

use super::{Subject, assert_whole, catalog, id, publish, sample_files};
use crate::{CommitError, ProbeError, ReconcileScope, faulty::Fault};

/// More store calls than a publish makes.
const CALLS_MAX: usize = 200;

/// Makes the fault that strikes at the call of a number.
type FaultAt = fn(usize) -> Fault;

/// What happens after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    /// The publisher tries again.
    Retry,
    /// Another node reconciles.
    Reconcile,
}

/// A crash before or behind any call leaves the version whole or absent; the same content can be
/// published again at once.
pub async fn a_crash_at_any_call_tears_nothing(subject: &Subject) {
    for (name, stop) in STOPS {
        crash_everywhere(subject, name, stop, Recovery::Retry).await;
    }
}

/// What a crash left unfinished is finished by reconcile.
pub async fn a_crash_at_any_call_is_mended_by_reconcile(subject: &Subject) {
    for (name, stop) in STOPS {
        crash_everywhere(subject, name, stop, Recovery::Reconcile).await;
    }
}

/// Five failures in a row, from any call on, are survived or told; trying again ends well.
pub async fn a_row_of_failures_is_survived_or_told(subject: &Subject) {
    for call in 0..CALLS_MAX {
        let id = id("row", &format!("1.0.{call}"));
        let (store, faulty) = subject.faulty(Fault::FailFrom(call, call + 5));
        match publish(&store, &id, "x").await {
            Ok(_) => {}
            Err(CommitError::Unavailable(_)) => {
                faulty.set_fault(Fault::None);
                retry(subject, &id).await;
            }
            other => panic!("{call}: {other:?}"),
        }
        assert_listed(subject, &id).await;
        if faulty.calls() <= call {
            return;
        }
    }
}

/// A reconcile that is cut short at any call, or does not see all, takes nothing away.
pub async fn a_fault_in_a_reconcile_removes_nothing(subject: &Subject) {
    publish(&subject.store(), &id("a", "1.0.0"), "x")
        .await
        .expect("published");
    let known = catalog(&subject.store()).await;
    for (_, fault) in STOPS.into_iter().chain(FAULTS) {
        for call in 0..CALLS_MAX {
            subject.delete("components.json").await;
            let before = subject.list().await;
            let (store, faulty) = subject.faulty(fault(call));
            let everything = ReconcileScope::Everything;
            let told = store.reconcile(everything, Some(&known)).await;
            let after = subject.list().await;
            let gone: Vec<_> = before.iter().filter(|key| !after.contains(key)).collect();
            // Old states of the index make way for new ones.
            let index = |key: &&String| key.contains(".ochre/index");
            assert!(gone.iter().all(index), "{call}: {gone:?}, {told:?}");
            let whole = subject.store().reconcile(everything, Some(&known)).await;
            whole.expect("reconciled");
            assert_listed(subject, &id("a", "1.0.0")).await;
            if faulty.calls() <= call {
                break;
            }
        }
    }
}

/// An object among the markers that is none keeps nobody's work from being finished.
pub async fn an_odd_marker_is_told_and_passed_over(subject: &Subject) {
    let id = id("marked", "1.0.0");
    let (store, _) = subject.faulty(Fault::StopAfter(4));
    assert!(publish(&store, &id, "x").await.is_err());
    for (name, text) in [("0-large", "x".repeat(10_000)), ("0-odd", "[]".to_owned())] {
        subject.put_own(&format!("pending/{name}"), text).await;
    }
    let pending = ReconcileScope::Pending;
    let report = subject.store().reconcile(pending, None).await;
    let report = report.expect("reconciled");
    assert_eq!(report.problems.len(), 2, "{report:?}");
    assert_eq!(report.finished, std::slice::from_ref(&id));
    assert_listed(subject, &id).await;
}

/// A store that does not know conditional writes is refused.
pub async fn a_store_that_ignores_conditions_is_refused(subject: &Subject) {
    let (store, _) = subject.faulty(Fault::IgnoreConditions);
    let refused = store.probe().await;
    assert!(
        matches!(refused, Err(ProbeError::CreateIgnored)),
        "{refused:?}"
    );
}

/// One failed call, or one lost answer, does not keep a publish from succeeding.
pub async fn one_fault_at_any_call_is_survived(subject: &Subject) {
    for (name, fault) in FAULTS {
        for call in 0..CALLS_MAX {
            let id = id("survivor", &format!("1.0.0-{name}.{call}"));
            let (store, faulty) = subject.faulty(fault(call));
            let published = publish(&store, &id, "x").await;
            assert!(published.is_ok(), "{name} {call}: {published:?}");
            assert_whole(&subject.store(), &id, "x").await;
            if faulty.calls() <= call {
                break;
            }
        }
    }
}

const STOPS: [(&str, FaultAt); 2] = [("before", Fault::StopBefore), ("behind", Fault::StopAfter)];

const FAULTS: [(&str, FaultAt); 2] = [("fail", Fault::Fail), ("lose", Fault::LoseAnswer)];

async fn crash_everywhere(subject: &Subject, name: &str, stop: FaultAt, recovery: Recovery) {
    let bystander = id("bystander", &format!("1.0.0-{name}"));
    publish(&subject.store(), &bystander, "b")
        .await
        .expect("published");
    for call in 0..CALLS_MAX {
        let id = id("crashed", &format!("1.0.0-{name}.{call}"));
        let (crashing, faulty) = subject.faulty(stop(call));
        let crashed = publish(&crashing, &id, "x").await;
        let reached = faulty.calls() > call;
        assert!(reached || crashed.is_ok(), "{name} {call}: {crashed:?}");
        assert_not_torn(subject, &id).await;
        match recovery {
            Recovery::Retry => retry(subject, &id).await,
            Recovery::Reconcile => reconcile(subject, &id, crashed.is_ok()).await,
        }
        if !reached {
            assert!(call > 5, "a publish makes more calls than that");
            assert_whole(&subject.store(), &bystander, "b").await;
            return;
        }
    }
    panic!("a publish makes more calls than a publish may make");
}

/// A version that other registries can see has all of its files.
async fn assert_not_torn(subject: &Subject, id: &ComponentId) {
    let folder = format!("{}/{}", id.name, id.version);
    if subject
        .get(&format!("{folder}/package.json"))
        .await
        .is_some()
    {
        for (path, bytes) in sample_files("x") {
            let stored = subject.get(&format!("{folder}/{path}")).await;
            assert_eq!(stored, Some(bytes), "{id}/{path}");
        }
    }
}

async fn retry(subject: &Subject, id: &ComponentId) {
    let store = subject.store();
    match publish(&store, id, "x").await {
        Ok(_) | Err(CommitError::AlreadyPublished { same_content: true }) => {}
        other => panic!("{id}: {other:?}"),
    }
    assert_listed(subject, id).await;
}

async fn reconcile(subject: &Subject, id: &ComponentId, acknowledged: bool) {
    let store = subject.store();
    let pending = ReconcileScope::Pending;
    let report = store.reconcile(pending, None).await.expect("reconciled");
    assert!(report.problems.is_empty(), "{report:?}");
    if store.find_version(id).await.expect("looked up").is_some() {
        assert_listed(subject, id).await;
    } else {
        assert!(!acknowledged, "{id} was acknowledged");
        assert!(!catalog(&store).await.contains(id), "{id}");
    }
    let again = store.reconcile(pending, None).await.expect("reconciled");
    assert!(again.finished.is_empty(), "{again:?}");
}

async fn assert_listed(subject: &Subject, id: &ComponentId) {
    let store = subject.store();
    assert_whole(&store, id, "x").await;
    assert!(catalog(&store).await.contains(id), "{id}");
    let list = subject.get_json("components.json").await;
    let listed = list["components"][id.name.as_str()].as_array();
    let version = json!(id.version.as_str());
    assert!(
        listed.is_some_and(|listed| listed.contains(&version)),
        "{id}"
    );
}
