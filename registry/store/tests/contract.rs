//! The contract suite on memory and on a folder.

use std::time::Duration;

use ochre_store::{
    ReconcileScope, StoreSettings,
    contract::{Subject, id, publish},
    store_contract,
};

/// Makes a test of each function of the suite.
macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    ochre_store::contract::$module::$name(&Subject::memory()).await;
                }
            )+
        }

        mod folder {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    ochre_store::contract::$module::$name(&Subject::folder(folder.path())).await;
                }
            )+
        }
    };
}

store_contract!(suite);

/// Makes a test of each function whose attempts wait: the clock is paused.
macro_rules! faults {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod memory_with_faults {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    ochre_store::contract::$module::$name(&Subject::memory()).await;
                }
            )+
        }

        mod folder_with_faults {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    ochre_store::contract::$module::$name(&Subject::folder(folder.path())).await;
                }
            )+
        }
    };
}

faults! {
    faults::a_crash_at_any_call_tears_nothing,
    faults::a_crash_at_any_call_is_mended_by_reconcile,
    faults::one_fault_at_any_call_is_survived,
    faults::a_row_of_failures_is_survived_or_told,
    faults::a_fault_in_a_reconcile_removes_nothing,
    faults::an_odd_marker_is_told_and_passed_over,
    faults::a_store_that_ignores_conditions_is_refused,
    states::a_channel_is_moved_once_whatever_answer_is_lost,
}

#[tokio::test]
async fn a_stopped_lock_holder_delays_only_the_export() {
    let folder = tempfile::tempdir().unwrap();
    let locks = folder.path().join("components.ochre/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let holder = std::fs::File::create(locks.join("components")).unwrap();
    holder.lock().unwrap();
    let subject = Subject::open(StoreSettings {
        path: folder.path().to_owned(),
        lock_timeout: Duration::from_millis(50),
        ..StoreSettings::default()
    });
    let (store, first) = (subject.store(), id("a", "1.0.0"));
    let committed = publish(&store, &first, "x").await.unwrap();
    assert!(!committed.exported);
    assert!(store.find_version(&first).await.unwrap().is_some());
    drop(holder);
    let scope = ReconcileScope::Pending;
    let report = store.reconcile(scope, None).await.unwrap();
    assert_eq!(report.finished, [first]);
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["a"][0], "1.0.0");
}
