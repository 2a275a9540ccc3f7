//! What Prometheus scrapes of a mirror. Targets are named in the settings, so the label is bounded.

use prometheus::{
    Encoder as _, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
    core::{Collector, GenericCounterVec, GenericGaugeVec},
};

use super::{FailureKind, copy::Copied};

/// All metric families of a mirror, on its own registry.
#[derive(Debug)]
pub struct MirrorMetrics {
    registry: Registry,
    releases: IntCounterVec,
    bytes: IntCounterVec,
    failures: IntCounterVec,
    missing: IntGaugeVec,
    lag_generations: IntGaugeVec,
    lag_seconds: IntGaugeVec,
    last_success: IntGaugeVec,
    runs: IntCounterVec,
    purges: IntCounterVec,
    source_reads: IntGaugeVec,
}

// === impl MirrorMetrics ===

impl MirrorMetrics {
    /// Registers every family.
    ///
    /// # Errors
    ///
    /// When two families have one name, which is a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(
                &registry,
                GenericCounterVec::new(Opts::new(name, help), labels)?,
            )
        };
        let gauges = |name: &str, help: &str| {
            registered(
                &registry,
                GenericGaugeVec::new(Opts::new(name, help), &["target"])?,
            )
        };
        Ok(Self {
            releases: counters(
                "cdn_sync_releases_total",
                "Releases that were copied, or found in the target",
                &["target", "outcome"],
            )?,
            bytes: counters("cdn_sync_bytes_total", "Bytes written", &["target"])?,
            failures: counters(
                "cdn_sync_failures_total",
                "Releases that were not copied",
                &["target", "kind"],
            )?,
            runs: counters(
                "cdn_sync_runs_total",
                "Runs that copied what was new",
                &["target", "outcome"],
            )?,
            purges: counters(
                "cdn_sync_purges_total",
                "Messages to the purge webhook",
                &["outcome"],
            )?,
            missing: gauges(
                "cdn_sync_missing_releases",
                "Releases that the target lacks, as last counted",
            )?,
            lag_generations: gauges(
                "cdn_sync_lag_generations",
                "Writes of the source's index that the target is behind",
            )?,
            lag_seconds: gauges(
                "cdn_sync_lag_seconds",
                "Time since the target last had all of the source",
            )?,
            last_success: gauges(
                "cdn_sync_last_success_timestamp_seconds",
                "When the target last had all of the source",
            )?,
            source_reads: registered(
                &registry,
                GenericGaugeVec::new(
                    Opts::new(
                        "cdn_sync_source_failures",
                        "Failed reads of the source's manifest since the last good one",
                    ),
                    &[],
                )?,
            )?,
            registry,
        })
    }

    /// A release is in the target.
    pub(crate) fn copied(&self, target: &str, copied: Copied) {
        let outcome = match copied {
            Copied::Written(bytes) => {
                self.bytes.with_label_values(&[target]).inc_by(bytes);
                "copied"
            }
            Copied::Present => "present",
        };
        self.releases.with_label_values(&[target, outcome]).inc();
    }

    /// A release is not.
    pub(crate) fn failed(&self, target: &str, kind: FailureKind) {
        let labels = [target, kind.as_str()];
        self.failures.with_label_values(&labels).inc();
    }

    /// The target lacks so many releases.
    pub(crate) fn planned(&self, target: &str, missing: usize) {
        let missing = i64::try_from(missing).unwrap_or(i64::MAX);
        self.missing.with_label_values(&[target]).set(missing);
    }

    /// A run ended.
    pub(crate) fn run_finished(&self, target: &str, is_complete: bool, missing: usize) {
        let outcome = if is_complete { "ok" } else { "incomplete" };
        self.runs.with_label_values(&[target, outcome]).inc();
        self.planned(target, missing);
    }

    /// How far the target is behind; `level_ms` is when it last had everything, if it ever had.
    pub(crate) fn lag(&self, target: &str, generations: u64, level: Option<(u64, u64)>) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.lag_generations
            .with_label_values(&[target])
            .set(number(generations));
        if let Some((level_ms, now_ms)) = level {
            self.lag_seconds
                .with_label_values(&[target])
                .set(number(now_ms.saturating_sub(level_ms) / 1000));
            self.last_success
                .with_label_values(&[target])
                .set(number(level_ms / 1000));
        }
    }

    /// How often the source could not be read in a row.
    pub(crate) fn source(&self, failures: u64) {
        self.source_reads
            .with_label_values::<&str>(&[])
            .set(i64::try_from(failures).unwrap_or(i64::MAX));
    }

    /// A message to the webhook was delivered, or given up.
    pub(crate) fn purged(&self, delivered: bool) {
        let outcome = if delivered { "ok" } else { "failed" };
        self.purges.with_label_values(&[outcome]).inc();
    }

    /// Messages to the webhook that were given up.
    pub fn purges_failed(&self) -> u64 {
        self.purges.with_label_values(&["failed"]).get()
    }

    /// Everything in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        let families = self.registry.gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}
