//! Tells the log once that what requests need cannot be had, and once that it can again.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ochre_model::Chain;
use tokio::time::Instant;

/// Time without a failure after which a success ends an outage: one that comes and goes is one.
const QUIET: Duration = Duration::from_secs(5);

/// Whether something fails now.
#[derive(Debug)]
pub struct Outage {
    /// What fails, for the log.
    what: &'static str,
    is_failing: AtomicBool,
    failing: Mutex<Option<Failing>>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    last: Instant,
    count: u64,
}

// === impl Outage ===

impl Outage {
    /// Nothing fails yet.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            is_failing: AtomicBool::new(false),
            failing: Mutex::default(),
        }
    }

    /// Notes a failure; the first one is logged.
    pub fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        let now = Instant::now();
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failing) = &mut *failing {
            failing.last = now;
            failing.count += 1;
            return;
        }
        *failing = Some(Failing {
            since: now,
            last: now,
            count: 1,
        });
        self.is_failing.store(true, Ordering::Relaxed);
        tracing::error!(error = %Chain(error), "{} cannot be had; told once", self.what);
    }

    /// Notes a success; the first one after a while is logged.
    pub fn succeeded(&self) {
        if !self.is_failing.load(Ordering::Relaxed) {
            return;
        }
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ended) = failing.take_if(|failing| failing.last.elapsed() >= QUIET) else {
            return;
        };
        self.is_failing.store(false, Ordering::Relaxed);
        tracing::info!(
            failures = ended.count,
            duration_s = ended.since.elapsed().as_secs(),
            "{} can be had again",
            self.what
        );
    }

    /// Failures since it began to fail; 0 when it does not.
    pub fn failures(&self) -> u64 {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.as_ref().map_or(0, |failing| failing.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_ends_with_a_success_after_a_quiet_time() {
        let outage = Outage::new("it");
        let error = std::io::Error::other("broken");
        outage.succeeded();
        outage.failed(&error);
        outage.succeeded();
        outage.failed(&error);
        assert_eq!(outage.failures(), 2, "coming and going is one outage");
        tokio::time::advance(QUIET).await;
        outage.succeeded();
        assert_eq!(outage.failures(), 0);
    }
}
