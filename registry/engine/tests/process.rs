//! The embedded driver in worker processes passes the contract, and survives what threads do not.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{sync::Arc, time::Duration};

use ochre_engine::{
    contract::{
        crowd,
        fixture::{RecordingHost, model, model_of, providing, with_slice},
    },
    driver::{Call, Driver, EngineError, Failure},
    pool::{PoolError, WorkerExecutable},
    quickjs::{ProcessSettings, QuickJsProcessDriver, QuickJsSettings},
};
use serde_json::json;

ochre_engine::driver_contract!(crate::driver);

async fn driver() -> Arc<dyn Driver> {
    Arc::new(QuickJsProcessDriver::start(settings(2)).await.unwrap())
}

fn settings(workers: usize) -> ProcessSettings {
    ProcessSettings {
        engine: QuickJsSettings {
            threads: workers,
            ..QuickJsSettings::default()
        },
        memory_bytes: 512 * 1024 * 1024,
        executable: WorkerExecutable::new(env!("CARGO_BIN_EXE_engine-worker"), &[]),
    }
}

/// Keeps a native loop of QuickJS busy that nothing can interrupt, for some seconds.
const STUCK: &str = "() => { 'x'.repeat(2e5).indexOf('x'.repeat(1e5) + 'y'); }";

async fn one_worker(queue: usize, memory_bytes: usize) -> Arc<QuickJsProcessDriver> {
    let mut settings = settings(1);
    settings.engine.queue = queue;
    settings.memory_bytes = memory_bytes;
    Arc::new(QuickJsProcessDriver::start(settings).await.unwrap())
}

#[tokio::test]
async fn script_that_cannot_be_stopped_is_killed_with_its_worker() {
    let driver = one_worker(16, usize::MAX).await;
    let tested: Arc<dyn Driver> = Arc::clone(&driver) as _;
    let patient = providing("(c, callback) => setTimeout(() => callback(null, { n: 1 }), 1500)");
    let mut waiting = Box::pin(tested.call(&patient, with_slice(Duration::from_secs(5))));
    assert!(futures::poll!(&mut waiting).is_pending());
    let program = providing(STUCK);

    let slice = Duration::from_millis(500);
    let stuck = tested.call(&program, with_slice(slice)).await.unwrap();

    assert_eq!(stuck.result, Err(Failure::Timeout(slice)));
    let again = tested.call(&program, with_slice(slice)).await;
    assert!(matches!(again, Err(EngineError::Suspended(_))), "{again:?}");
    assert_eq!(driver.health().restarts, 1);
    // It had asked for nothing, so that it was begun again in the next worker.
    assert_eq!(model_of(waiting.await.unwrap()), json!({ "n": 1 }));
}

#[tokio::test]
async fn call_that_was_seen_outside_is_not_begun_again() {
    let driver = one_worker(16, usize::MAX).await;
    let acting = providing("() => fetch('http://example.test/').then(() => new Promise(() => {}))");
    let host = Arc::new(RecordingHost::default());
    let call = Call {
        host: Arc::clone(&host) as _,
        ..with_slice(Duration::from_secs(5))
    };
    let mut waiting = Box::pin(driver.call(&acting, call));
    while host.fetched.lock().unwrap().is_empty() {
        assert!(futures::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }

    let stuck = providing(STUCK);
    driver
        .call(&stuck, with_slice(Duration::from_millis(500)))
        .await
        .unwrap();

    let acted = waiting.await;
    assert!(matches!(acted, Err(EngineError::Crashed)), "{acted:?}");
    assert_eq!(host.fetched.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn call_that_loses_worker_after_worker_is_told_so() {
    let driver = one_worker(16, usize::MAX).await;
    let patient = providing("() => {}");
    let mut call = with_slice(Duration::from_secs(5));
    call.limits.deadline = Duration::from_mins(2);
    let mut waiting = Box::pin(driver.call(&patient, call));
    for number in 1..=4 {
        assert!(futures::poll!(&mut waiting).is_pending());
        // Each a program of its own: one that had to be stopped is suspended.
        let stuck = providing(&format!("/* {number} */ {STUCK}"));
        let stuck = driver
            .call(&stuck, with_slice(Duration::from_millis(500)))
            .await;
        assert!(stuck.is_ok(), "{stuck:?}");
    }

    let lost = waiting.await;

    assert!(matches!(lost, Err(EngineError::Lost)), "{lost:?}");
    assert_eq!(driver.health().restarts, 4);
}

#[tokio::test]
async fn worker_that_holds_too_much_memory_is_killed() {
    let driver = one_worker(16, 96 * 1024 * 1024).await;
    let hoarder = providing(
        "() => { const all = []; const more = () => {
           for (let at = 0; at < 16; at++) all.push(new Uint8Array(1 << 20).fill(1));
           const until = Date.now() + 50; while (Date.now() < until);
           setTimeout(more, 0);
         }; more(); }",
    );
    let mut call = with_slice(Duration::from_secs(5));
    call.limits.memory_bytes = 1 << 30;

    let outcome = driver.call(&hoarder, call).await;

    // Which of the two depends on whether it ran when it was looked at: it rests between its turns.
    let is_ended = match &outcome {
        Ok(outcome) => outcome.result == Err(Failure::Memory),
        Err(error) => matches!(error, EngineError::Lost),
    };
    assert!(is_ended, "{outcome:?}");
    assert!(driver.health().restarts >= 1);
    let tested: Arc<dyn Driver> = driver;
    let well = providing("(context, callback) => callback(null, { well: true })");
    assert_eq!(model(&tested, &well).await, json!({ "well": true }));
}

#[tokio::test]
async fn full_queue_refuses_at_once() {
    crowd::full_queue_refuses_at_once(one_worker(2, usize::MAX).await).await;
}

#[tokio::test]
async fn callers_of_a_blocking_program_do_not_hold_up_others() {
    crowd::callers_of_a_blocking_program_do_not_hold_up_others(driver().await).await;
}

#[tokio::test]
async fn callers_that_go_away_do_not_keep_their_places() {
    let driver = one_worker(8, usize::MAX).await;
    let silent = providing("() => {}");
    let mut gone: Vec<_> = (0..8)
        .map(|_| Box::pin(driver.call(&silent, with_slice(Duration::from_secs(5)))))
        .collect();
    for call in &mut gone {
        assert!(futures::poll!(call).is_pending());
    }
    drop(gone);
    let tested: Arc<dyn Driver> = Arc::clone(&driver) as _;
    let well = providing("(context, callback) => callback(null, { well: true })");
    assert_eq!(model(&tested, &well).await, json!({ "well": true }));
    assert_eq!(driver.health().restarts, 0);
}

#[tokio::test]
async fn executable_that_is_no_worker_is_told_at_start() {
    let executable = WorkerExecutable::new("/bin/false", &[]);
    let settings = ProcessSettings {
        executable,
        ..settings(1)
    };
    let started = QuickJsProcessDriver::start(settings).await;
    assert!(matches!(started, Err(PoolError::NotReady)), "{started:?}");
}

/// What a program says that a worker becomes.
#[cfg(target_os = "linux")]
fn said(program: &[&str]) -> String {
    let mut worker = std::process::Command::new(env!("CARGO_BIN_EXE_engine-worker"));
    let output = worker.arg("exec").args(program).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn program_that_a_worker_becomes_is_confined() {
    let status = said(&["/bin/cat", "/proc/self/status"]);
    assert!(status.contains("\nSeccomp:\t2\n"), "{status}");
    assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
}

#[cfg(target_os = "linux")]
#[test]
fn worker_signals_itself_alone() {
    let script = "for pid in $$ $PPID 1 -1; do kill -0 $pid && echo yes || echo no; done";
    assert_eq!(said(&["/bin/sh", "-c", script]), "yes\nno\nno\nno\n");
}
