//! What Prometheus scrapes. A component's name is never a label.

mod node_state;
mod propagation;

use std::time::Duration;

use ochre_cdn_sync::WakeUpStatus;
use ochre_engine::driver::DriverHealth;
use ochre_store::StoreObserver;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

pub use self::node_state::NodeState;
use self::node_state::NodeStateFamilies;
use self::propagation::Propagation;

/// Upper bounds of duration buckets, in seconds: 100 µs to 30 s.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    10.0, 30.0,
];

/// All metric families of one node, on its own registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    http_requests: IntCounterVec,
    http_duration: HistogramVec,
    renders: IntCounterVec,
    render_duration: HistogramVec,
    driver_invocations: IntCounterVec,
    driver_cpu: HistogramVec,
    store_requests: IntCounterVec,
    store_duration: HistogramVec,
    cache_lookups: IntCounterVec,
    publishes: IntCounterVec,
    publish_size: Histogram,
    publish_aborted: IntCounter,
    driver_queue_depth: IntGauge,
    driver_abandoned: IntGauge,
    worker_restarts: IntCounterVec,
    integrity_failures: IntCounter,
    catalog_age: IntGauge,
    catalog_components: IntGauge,
    catalog_versions: IntGauge,
    changes: IntCounterVec,
    propagation: Propagation,
    node_state: NodeStateFamilies,
}

// === impl Metrics ===

impl Metrics {
    /// Registers every family.
    ///
    /// # Errors
    ///
    /// When two families have one name, which is a mistake in this file.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let families = Families(Registry::new());
        families.build_info(version)?;
        Ok(Self {
            http_requests: families.counters(
                "ochre_http_requests_total: HTTP requests answered",
                &["route", "method", "status"],
            )?,
            http_duration: families.seconds(
                "ochre_http_request_duration_seconds: Time from request head to answer",
                "route",
            )?,
            renders: families.counters(
                "ochre_renders_total: Components rendered",
                &["mode", "outcome"],
            )?,
            render_duration: families.seconds(
                "ochre_render_duration_seconds: Time to render a component",
                "mode",
            )?,
            driver_invocations: families.counters(
                "ochre_driver_invocations_total: Calls of the JavaScript engine",
                &["driver", "outcome"],
            )?,
            driver_cpu: families.seconds(
                "ochre_driver_cpu_seconds: CPU time of one call of the JavaScript engine",
                "driver",
            )?,
            store_requests: families.counters(
                "ochre_store_requests_total: Requests to the object store",
                &["operation", "outcome"],
            )?,
            store_duration: families.seconds(
                "ochre_store_request_duration_seconds: Time of a request to the object store",
                "operation",
            )?,
            cache_lookups: families.counters(
                "ochre_cache_lookups_total: Look-ups in memory",
                &["cache", "outcome"],
            )?,
            publishes: families.counters("ochre_publishes_total: Publishes", &["outcome"])?,
            publish_size: families.sizes("ochre_publish_size_bytes: Bytes of an upload")?,
            publish_aborted: families
                .counter("ochre_publish_aborted_total: Uploads that ended before their end")?,
            changes: families.counters(
                "ochre_changes_total: Changes of the catalog seen",
                &["kind"],
            )?,
            integrity_failures: families.counter(
                "ochre_integrity_failures_total: Files in the store that are not the published ones",
            )?,
            driver_queue_depth: families
                .gauge("ochre_driver_queue_depth: Calls that wait for the JavaScript engine")?,
            driver_abandoned: families
                .gauge("ochre_driver_abandoned_threads: Engine threads given up as stuck")?,
            worker_restarts: families.counters(
                "ochre_engine_worker_restarts_total: Worker processes that ended and were replaced",
                &["driver"],
            )?,
            catalog_age: families
                .gauge("ochre_catalog_age_seconds: Time since the manifest was last read")?,
            catalog_components: families.gauge("ochre_catalog_components: Components known")?,
            catalog_versions: families.gauge("ochre_catalog_versions: Releases known")?,
            propagation: Propagation::new(&families)?,
            node_state: NodeStateFamilies::new(&families)?,
            registry: families.0,
        })
    }

    /// One HTTP request was answered.
    pub fn request_finished(&self, route: &str, method: &str, status: u16, elapsed: Duration) {
        self.http_requests
            .with_label_values(&[route, method, status_text(status)])
            .inc();
        self.http_duration
            .with_label_values(&[route])
            .observe(elapsed.as_secs_f64());
    }

    /// One component was rendered, or not.
    pub fn render_finished(&self, mode: &'static str, outcome: &'static str, elapsed: Duration) {
        self.renders.with_label_values(&[mode, outcome]).inc();
        self.render_duration
            .with_label_values(&[mode])
            .observe(elapsed.as_secs_f64());
    }

    /// One call of a driver ended.
    pub fn driver_called(&self, driver: &'static str, outcome: &'static str, cpu: Duration) {
        self.driver_invocations
            .with_label_values(&[driver, outcome])
            .inc();
        self.driver_cpu
            .with_label_values(&[driver])
            .observe(cpu.as_secs_f64());
    }

    /// Something was looked for in memory.
    pub fn cache_asked(&self, cache: &'static str, hit: bool) {
        let outcome = if hit { "hit" } else { "miss" };
        self.cache_lookups
            .with_label_values(&[cache, outcome])
            .inc();
    }

    /// A publish ended.
    pub fn publish_finished(&self, outcome: &'static str) {
        self.publishes.with_label_values(&[outcome]).inc();
    }

    /// An archive arrived whole.
    pub fn upload_received(&self, bytes: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram of sizes")]
        self.publish_size.observe(bytes as f64);
    }

    /// An upload ended before its end.
    pub fn upload_aborted(&self) {
        self.publish_aborted.inc();
    }

    /// A change of the catalog was seen.
    pub fn change_seen(&self, kind: &'static str) {
        self.changes.with_label_values(&[kind]).inc();
    }

    /// How the JavaScript engine is doing.
    pub fn driver_observed(&self, health: DriverHealth) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.driver_queue_depth.set(gauge(health.queue_depth));
        self.driver_abandoned.set(gauge(health.abandoned));
    }

    /// How many worker processes of a driver were replaced since the node started.
    pub fn workers_observed(&self, driver: &'static str, restarts: u64) {
        let counter = self.worker_restarts.with_label_values(&[driver]);
        counter.inc_by(restarts.saturating_sub(counter.get()));
    }

    /// What the node knows of the catalog.
    pub fn catalog_observed(&self, age: Duration, components: usize, versions: usize) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.catalog_age
            .set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        self.catalog_components.set(gauge(components));
        self.catalog_versions.set(gauge(versions));
    }

    /// What the wake-up by Redis has done since the node started.
    pub fn wakeup_observed(&self, status: &WakeUpStatus) {
        self.propagation.wakeup_observed(status);
    }

    /// How many streams of events are open.
    pub fn streams_observed(&self, open: usize) {
        self.propagation.streams_observed(open);
    }

    /// What the node says of itself.
    pub fn state_observed(&self, state: &NodeState) {
        self.node_state.set(state);
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    ///
    /// When a family cannot be encoded.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl StoreObserver for Metrics {
    fn store_request(&self, operation: &'static str, outcome: &'static str, elapsed: Duration) {
        self.store_requests
            .with_label_values(&[operation, outcome])
            .inc();
        self.store_duration
            .with_label_values(&[operation])
            .observe(elapsed.as_secs_f64());
    }

    fn integrity_failed(&self) {
        self.integrity_failures.inc();
    }
}

/// Makes families and registers them; each text is `name: help`.
struct Families(Registry);

// === impl Families ===

impl Families {
    fn counters(&self, text: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.registered(IntCounterVec::new(options(text), labels)?)
    }

    fn counter(&self, text: &str) -> Result<IntCounter, prometheus::Error> {
        self.registered(IntCounter::with_opts(options(text))?)
    }

    fn gauge(&self, text: &str) -> Result<IntGauge, prometheus::Error> {
        self.registered(IntGauge::with_opts(options(text))?)
    }

    fn seconds(&self, text: &str, label: &str) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::from(options(text)).buckets(SECONDS.to_vec());
        self.registered(HistogramVec::new(options, &[label])?)
    }

    fn sizes(&self, text: &str) -> Result<Histogram, prometheus::Error> {
        let buckets = (0..9).map(|power| 1024.0 * 4.0_f64.powi(power)).collect();
        self.registered(Histogram::with_opts(
            HistogramOpts::from(options(text)).buckets(buckets),
        )?)
    }

    fn build_info(&self, version: &str) -> Result<(), prometheus::Error> {
        let options = options("ochre_build_info: Version of this node; always 1");
        let info = self.registered(IntGauge::with_opts(
            options.const_label("version", version),
        )?)?;
        info.set(1);
        Ok(())
    }

    fn registered<C>(&self, family: C) -> Result<C, prometheus::Error>
    where
        C: prometheus::core::Collector + Clone + 'static,
    {
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }
}

fn options(text: &str) -> Opts {
    let (name, help) = text.split_once(": ").unwrap_or((text, text));
    Opts::new(name, help)
}

/// Texts of the statuses that are answered, so that none is formatted on the way of a request.
fn status_text(status: u16) -> &'static str {
    const TEXTS: [(u16, &str); 22] = [
        (200, "200"),
        (204, "204"),
        (206, "206"),
        (302, "302"),
        (304, "304"),
        (400, "400"),
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (405, "405"),
        (408, "408"),
        (409, "409"),
        (413, "413"),
        (414, "414"),
        (416, "416"),
        (500, "500"),
        (501, "501"),
        (502, "502"),
        (503, "503"),
        (504, "504"),
        (507, "507"),
        (415, "415"),
    ];
    TEXTS
        .iter()
        .find(|(known, _)| *known == status)
        .map_or("other", |(_, text)| text)
}
