//! Families of what carries changes: wake-up and streams of events.

use ochre_cdn_sync::WakeUpStatus;
use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::Families;

/// How changes reach other nodes and readers.
#[derive(Debug)]
pub(super) struct Propagation {
    connected: IntGauge,
    messages: IntCounterVec,
    sent: IntCounter,
    failures: IntCounter,
    streams: IntGauge,
}

// === impl Propagation ===

impl Propagation {
    pub(super) fn new(families: &Families) -> Result<Self, prometheus::Error> {
        Ok(Self {
            connected: families.gauge("ochre_wakeup_connected: Whether Redis is connected")?,
            messages: families.counters(
                "ochre_wakeup_messages_total: Messages of other nodes, and what else came",
                &["outcome"],
            )?,
            sent: families.counter("ochre_wakeup_sent_total: Messages to other nodes")?,
            failures: families.counter(
                "ochre_wakeup_failures_total: Connections to Redis that were lost or not made",
            )?,
            streams: families.gauge("ochre_event_streams: Open streams of events")?,
        })
    }

    pub(super) fn wakeup_observed(&self, status: &WakeUpStatus) {
        let catch_up = |counter: &IntCounter, total: u64| {
            counter.inc_by(total.saturating_sub(counter.get()));
        };
        self.connected.set(i64::from(status.connected));
        for (outcome, total) in [("received", status.received), ("ignored", status.ignored)] {
            catch_up(&self.messages.with_label_values(&[outcome]), total);
        }
        catch_up(&self.sent, status.sent);
        catch_up(&self.failures, status.failures);
    }

    pub(super) fn streams_observed(&self, open: usize) {
        self.streams.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}
