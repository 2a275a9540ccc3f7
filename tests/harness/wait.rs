//! Waiting for a state, always with a bound.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::time::{Instant as Moment, MissedTickBehavior, interval, interval_at};

/// How long a test waits between two looks at a state.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `state` gives a value, and fails the test after `bound`.
///
/// `what` completes the sentence "waited … for".
pub async fn eventually<T, F>(what: &str, bound: Duration, mut state: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(value) = state().await {
            return value;
        }
        assert!(start.elapsed() < bound, "waited {bound:?} for {what}");
    }
}

/// Lets `time` pass, where time itself is the input: the pace of a load, the length of a fault.
///
/// A test that waits for a state takes [`eventually`].
pub async fn pass(time: Duration) {
    interval_at(Moment::now() + time, time).tick().await;
}

/// Awaits `future`, and fails the test when it takes longer than `bound`.
pub async fn within<T>(what: &str, bound: Duration, future: impl Future<Output = T>) -> T {
    let timely = tokio::time::timeout(bound, future).await;
    timely.unwrap_or_else(|_| panic!("{what} took longer than {bound:?}"))
}
