//! Whether the node wants requests, and why not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ochre_cdn_sync::Watch;
use ochre_engine::driver::Driver;
use ochre_model::Clock;

use crate::{
    metrics::Metrics,
    write_gate::{WriteGate, WriteState},
};

/// Most alerts told one by one.
const ALERTS_MAX: usize = 3;

/// What load balancers are told.
#[derive(Debug)]
pub struct Readiness {
    watch: Watch,
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
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
    /// Time since the shared manifest was read.
    pub catalog_age: Option<Duration>,
    /// Whether releases can be published through this node.
    pub is_writable: bool,
}

// === impl Readiness ===

impl Readiness {
    /// Ready as soon as the manifest was read once.
    pub fn new(
        (watch, driver): (Watch, Arc<dyn Driver>),
        clock: Arc<dyn Clock>,
        gate: Arc<WriteGate>,
    ) -> Self {
        Self {
            watch,
            driver,
            clock,
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
        if status.last_error.is_some() {
            reasons
                .push("the last poll of the shared manifest failed; the log says why".to_owned());
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
            WriteState::Safe => {}
            WriteState::Unknown => reasons.push("the store could not be tested yet".to_owned()),
            WriteState::Unsafe(reason) => reasons.push(format!("publishing is refused: {reason}")),
        }
        Report {
            is_ready: !is_draining && !is_exhausted && status.loaded,
            reasons,
            catalog_age: self.age(status.last_success_ms),
            is_writable: *writing == WriteState::Safe,
        }
    }

    fn age(&self, since_ms: Option<u64>) -> Option<Duration> {
        let elapsed = self.clock.now_ms().saturating_sub(since_ms?);
        Some(Duration::from_millis(elapsed))
    }

    /// Puts what the node knows of itself into the metrics.
    pub fn observe(&self, metrics: &Metrics) {
        metrics.driver_observed(self.driver.health());
        for (driver, health) in self.driver.healths() {
            metrics.workers_observed(driver, health.restarts);
        }
        let catalog = self.watch.catalog().load();
        let age = self
            .age(self.watch.status().last_success_ms)
            .unwrap_or_default();
        metrics.catalog_observed(age, catalog.len(), catalog.version_count());
    }
}
