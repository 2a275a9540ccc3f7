//! Whether the node wants requests, and why not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use ochre_cdn_sync::Watch;
use ochre_engine::driver::Driver;
use ochre_store::FailureKind;

use crate::{
    metrics::{Metrics, NodeState},
    write_gate::{WriteGate, WriteState},
};

/// Most alerts told one by one.
const ALERTS_MAX: usize = 3;

/// What load balancers are told.
#[derive(Debug)]
pub struct Readiness {
    watch: Watch,
    driver: Arc<dyn Driver>,
    begun: Instant,
    gate: Arc<WriteGate>,
    is_draining: AtomicBool,
}

/// The state of the node at one moment.
#[derive(Debug)]
pub struct Report {
    /// Send requests here.
    pub is_ready: bool,
    /// What is missing, in words.
    pub reasons: Vec<String>,
    /// Time since the shared manifest was read; none when it never was.
    pub catalog_age: Option<Duration>,
    /// Whether new releases may be missing, because the shared manifest cannot be read.
    pub is_stale: bool,
    /// Polls of the shared manifest that failed since the last good one.
    pub poll_failures: u64,
    /// What kind of failure the last one was: a label of [`FailureKind`].
    pub store_failure: Option<&'static str>,
    /// Whether releases can be published through this node.
    pub is_writable: bool,
}

// === impl Readiness ===

impl Readiness {
    /// Ready as soon as the manifest was read once.
    pub fn new((watch, driver): (Watch, Arc<dyn Driver>), gate: Arc<WriteGate>) -> Self {
        Self {
            watch,
            driver,
            begun: Instant::now(),
            gate,
            is_draining: AtomicBool::new(false),
        }
    }

    /// From now on: not ready, because the node stops.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Whether the node stops.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// The state now. A store that fails leaves the node ready, with the reason told: what is
    /// cached is served.
    pub fn report(&self) -> Report {
        let status = self.watch.status();
        let is_draining = self.is_draining.load(Ordering::Relaxed);
        let mut reasons = Vec::new();
        if is_draining {
            reasons.push("the node is stopping".to_owned());
        }
        let is_exhausted = self.driver.health().is_exhausted;
        if is_exhausted {
            reasons.push("the JavaScript engine has no worker left: restart the node".to_owned());
        }
        if !status.loaded {
            reasons.push("the shared manifest was not read yet".to_owned());
        }
        let catalog_age = status.last_success.map(|at| at.elapsed());
        let is_stale = self.watch.is_stale();
        if is_stale {
            reasons.push(stale(catalog_age, status.last_failure));
        }
        let more = status.alerts.len().saturating_sub(ALERTS_MAX);
        reasons.extend(status.alerts.into_iter().take(ALERTS_MAX));
        if more > 0 {
            reasons.push(format!(
                "and {more} more like the last one; the log has them"
            ));
        }
        let writing = self.gate.state();
        match &*writing {
            WriteState::Safe | WriteState::ReadOnly(_) => {}
            WriteState::Unknown => reasons.push("the store could not be tested yet".to_owned()),
            WriteState::Unsafe(reason) => reasons.push(format!("publishing is refused: {reason}")),
        }
        Report {
            is_ready: !is_draining && !is_exhausted && status.loaded,
            reasons,
            catalog_age,
            is_stale,
            poll_failures: status.failures,
            store_failure: status.last_failure.map(FailureKind::as_str),
            is_writable: *writing == WriteState::Safe && status.failures == 0,
        }
    }

    /// Puts what the node knows of itself into the metrics.
    pub fn observe(&self, metrics: &Metrics) {
        metrics.driver_observed(self.driver.health());
        for (driver, health) in self.driver.healths() {
            metrics.workers_observed(driver, health.restarts);
        }
        let catalog = self.watch.catalog().load();
        let status = self.watch.status();
        // What was never read is as old as the node.
        let read = status.last_success.unwrap_or(self.begun);
        metrics.catalog_observed(read.elapsed(), catalog.len(), catalog.version_count());
        let report = self.report();
        metrics.state_observed(&NodeState {
            is_ready: report.is_ready,
            is_writable: report.is_writable,
            poll_failures: status.failures,
            alerts: status.alerts_seen,
        });
    }
}

/// Says that the manifest is out of date, since when and why.
fn stale(age: Option<Duration>, failure: Option<FailureKind>) -> String {
    let since = age.map_or_else(
        || "was never read".to_owned(),
        |age| format!("was last read {} s ago", age.as_secs()),
    );
    let why = failure.map_or("the store is slow", FailureKind::describe);
    format!("the shared manifest {since}: {why}; what is in memory is served")
}
