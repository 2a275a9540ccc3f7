//! Many callers at once, of drivers that tests size for it.

use std::time::Duration;

use serde_json::json;

use super::fixture::{Tested, model, providing, with_slice};
use crate::driver::EngineError;

/// `driver` has one worker, and a queue of two.
pub async fn full_queue_refuses_at_once(driver: Tested) {
    let busy = providing("(c, callback) => { while (true) {} }");
    let calls = (0..8).map(|_| driver.call(&busy, with_slice(Duration::from_millis(400))));
    let outcomes = futures::future::join_all(calls).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(EngineError::Overloaded)));
    assert!(refused.count() >= 4, "{outcomes:?}");
    assert_eq!(driver.health().queue_depth, 0);
}

/// `driver` has two workers.
pub async fn callers_of_a_blocking_program_do_not_hold_up_others(driver: Tested) {
    let well = providing("(context, callback) => callback(null, { well: true })");
    model(&driver, &well).await;
    let busy = providing("() => { while (true) {} }");
    let mut calls: Vec<_> = (0..32)
        .map(|_| Box::pin(driver.call(&busy, with_slice(Duration::from_secs(2)))))
        .collect();
    for call in &mut calls {
        assert!(futures::poll!(call).is_pending());
    }

    assert_eq!(model(&driver, &well).await, json!({ "well": true }));

    let outcomes = futures::future::join_all(calls).await;
    let stopped = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(stopped, 1, "{outcomes:?}");
}
