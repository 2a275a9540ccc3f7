//! The embedded driver passes the contract, and survives what only it can meet.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{sync::Arc, time::Duration};

use ochre_engine::{
    contract::{
        crowd,
        fixture::{RecordingHost, call, context, model, model_of, providing},
    },
    driver::{Call, Driver, EngineError, Entry, Failure, Limits},
    quickjs::{QuickJsDriver, QuickJsSettings},
};
use serde_json::json;

ochre_engine::driver_contract!(crate::driver);

async fn driver() -> Arc<dyn Driver> {
    let settings = QuickJsSettings {
        threads: 2,
        ..QuickJsSettings::default()
    };
    Arc::new(QuickJsDriver::start(settings).unwrap())
}

/// Keeps a native loop of QuickJS busy that nothing can interrupt, for some seconds.
const STUCK: &str = "() => { 'x'.repeat(2e5).indexOf('x'.repeat(1e5) + 'y'); }";

fn short(deadline: Duration) -> Call {
    Call {
        limits: Limits {
            deadline,
            cpu_slice: deadline / 2,
            ..Limits::default()
        },
        ..call(Entry::Data, &context(&json!({})))
    }
}

fn one_thread(queue: usize) -> Arc<QuickJsDriver> {
    let settings = QuickJsSettings {
        threads: 1,
        queue,
        ..QuickJsSettings::default()
    };
    Arc::new(QuickJsDriver::start(settings).unwrap())
}

#[tokio::test]
async fn thread_that_cannot_be_stopped_is_replaced() {
    let driver = one_thread(16);
    let tested: Arc<dyn Driver> = Arc::clone(&driver) as _;
    let patient = providing("(c, callback) => setTimeout(() => callback(null, { n: 1 }), 600)");
    let mut waiting = Box::pin(tested.call(&patient, short(Duration::from_mins(1))));
    assert!(futures::poll!(&mut waiting).is_pending());
    let started = providing("(context, callback) => callback(null, { started: true })");
    model(&tested, &started).await;

    let stuck = tested
        .call(&providing(STUCK), short(Duration::from_secs(1)))
        .await
        .unwrap();

    assert_eq!(stuck.result, Err(Failure::Timeout(Duration::from_secs(1))));
    assert_eq!(driver.health().abandoned, 1);
    // It had asked for nothing, so that it was begun again in the next thread.
    assert_eq!(model_of(waiting.await.unwrap()), json!({ "n": 1 }));
    assert_eq!(model(&tested, &started).await, json!({ "started": true }));
}

/// Takes all memory that there is if it is told so; else waits, and asks the registry if told so.
const NEIGHBOR: &str = "async ({ params: { hoards, asks } }) => {
    if (hoards) for (const all = []; ; ) all.push(new Array(1000).fill(all.length));
    if (asks) await fetch('http://example.test/', { method: 'POST' });
    await new Promise((done) => setTimeout(done, 1000));
    return { n: 1 };
}";

#[tokio::test]
async fn call_that_loses_its_isolate_is_begun_again_unless_it_was_seen_outside() {
    let driver = one_thread(16);
    let program = providing(NEIGHBOR);
    let neighbor = |params: serde_json::Value, host: &Arc<RecordingHost>| Call {
        host: Arc::clone(host) as _,
        ..call(Entry::Data, &context(&params))
    };
    let host = Arc::new(RecordingHost::default());
    let mut patient = Box::pin(driver.call(&program, neighbor(json!({}), &host)));
    let mut acting = Box::pin(driver.call(&program, neighbor(json!({ "asks": true }), &host)));
    assert!(futures::poll!(&mut patient).is_pending());
    while host.fetched.lock().unwrap().is_empty() {
        assert!(futures::poll!(&mut acting).is_pending());
        tokio::task::yield_now().await;
    }

    let hoarding = driver.call(&program, neighbor(json!({ "hoards": true }), &host));
    assert_eq!(hoarding.await.unwrap().result, Err(Failure::Memory));

    let acted = acting.await;
    assert!(matches!(acted, Err(EngineError::Crashed)), "{acted:?}");
    assert_eq!(host.fetched.lock().unwrap().len(), 1);
    assert_eq!(model_of(patient.await.unwrap()), json!({ "n": 1 }));
}

#[tokio::test]
async fn full_queue_refuses_at_once() {
    crowd::full_queue_refuses_at_once(one_thread(2)).await;
}

#[tokio::test]
async fn callers_of_a_blocking_program_do_not_hold_up_others() {
    crowd::callers_of_a_blocking_program_do_not_hold_up_others(driver().await).await;
}

#[tokio::test]
async fn late_calls_are_dropped_without_being_run() {
    let driver = one_thread(64);
    let busy = providing("() => { while (true) {} }");
    let late = providing("() => { throw new Error('was run'); }");
    let (first, second) = tokio::join!(
        driver.call(&busy, short(Duration::from_millis(600))),
        driver.call(&late, short(Duration::from_millis(50))),
    );
    assert!(matches!(first.unwrap().result, Err(Failure::Timeout(_))));
    assert!(matches!(second, Err(EngineError::Overloaded)), "{second:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_returns_after_hostile_calls() {
    let resident_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.unwrap().parse::<u64>().unwrap()
    };
    let driver = one_thread(16);
    let before = resident_kib();
    for number in 0..10 {
        let source = format!(
            "() => {{ const all = [{number}]; for (;;) all.push(new Array(1000).fill(all.length)); }}"
        );
        let outcome = driver
            .call(&providing(&source), short(Duration::from_secs(20)))
            .await
            .unwrap();
        assert_eq!(outcome.result, Err(Failure::Memory));
    }
    // Other tests use memory meanwhile: a state that has to come, not one that is there at once.
    let returned = async {
        while resident_kib() > before + 200 * 1024 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), returned)
        .await
        .unwrap();
}
