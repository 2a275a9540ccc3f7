//! What a node says of itself, as gauges.

use prometheus::{IntCounter, IntGauge};

use super::Families;

/// What a node says of itself.
#[derive(Clone, Copy, Debug)]
pub struct NodeState {
    /// It wants requests.
    pub is_ready: bool,
    /// Releases can be published through it.
    pub is_writable: bool,
    /// Polls of the shared manifest that failed since the last good one.
    pub poll_failures: u64,
    /// Things that polls have found wrong with the manifests since the node started.
    pub alerts: u64,
}

/// The families of a [`NodeState`].
#[derive(Debug)]
pub(super) struct NodeStateFamilies {
    ready: IntGauge,
    writable: IntGauge,
    poll_failures: IntGauge,
    alerts: IntCounter,
}

// === impl NodeStateFamilies ===

impl NodeStateFamilies {
    pub(super) fn new(families: &Families) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ready: families.gauge("ochre_ready: Whether the node wants requests (1) or not (0)")?,
            writable: families
                .gauge("ochre_writable: Whether releases can be published (1) or not (0)")?,
            poll_failures: families.gauge(
                "ochre_catalog_poll_failures: Failed reads of the manifest since the last good one",
            )?,
            alerts: families.counter(
                "ochre_catalog_alerts_total: Things that were found wrong with the manifests",
            )?,
        })
    }

    pub(super) fn set(&self, state: &NodeState) {
        self.ready.set(i64::from(state.is_ready));
        self.writable.set(i64::from(state.is_writable));
        let failures = i64::try_from(state.poll_failures);
        self.poll_failures.set(failures.unwrap_or(i64::MAX));
        let more = state.alerts.saturating_sub(self.alerts.get());
        self.alerts.inc_by(more);
    }
}
