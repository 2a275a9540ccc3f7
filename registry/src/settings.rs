//! What an operator can tune: one struct for each part, gathered here.
//!
//! One TOML file, then environment variables `OCHRE__SECTION__KEY`. See [`source::load`].

mod source;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use ochre_cdn_sync::WatchSettings;
use ochre_engine::{driver::Limits, quickjs};
use ochre_package::Limits as PackageLimits;
use ochre_store::StoreSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use source::{SettingsError, load};

use crate::{
    auth::AuthSettings, egress::FetchSettings, packs::TemplateSettings, telemetry::TelemetrySettings,
};

/// The OC version that this registry is compatible with.
pub const OC_VERSION: &str = "0.50.44";

/// Everything an operator can tune.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Listener, public URL, HTTP limits.
    pub http: HttpSettings,
    /// Where components are stored.
    pub storage: StoreSettings,
    /// How the node follows the shared manifest.
    pub sync: WatchSettings,
    /// What goes on beside requests.
    pub tasks: TaskSettings,
    /// Who may publish.
    pub auth: AuthSettings,
    /// Limits and rules of a publish.
    pub publish: PublishSettings,
    /// How components are rendered.
    pub render: RenderSettings,
    /// The JavaScript engine and its limits.
    pub engine: EngineSettings,
    /// What `fetch` of a component may reach.
    pub fetch: FetchSettings,
    /// Template packs.
    pub templates: TemplateSettings,
    /// What is kept in memory.
    pub cache: CacheSettings,
    /// Listing of components.
    pub discovery: DiscoverySettings,
    /// Which pages of other origins may read answers.
    pub cors: CorsSettings,
    /// What callers learn of failures.
    pub errors: ErrorSettings,
    /// The sample components.
    pub samples: SampleSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// `[http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Public URL of the registry; `/` and the prefix are appended when missing. Default: derived
    /// from `listen`, with `localhost` for loopback and unspecified addresses.
    pub base_url: Option<String>,
    /// Path under which every route lives; starts and ends with `/`.
    pub prefix: String,
    /// OC version told to clients and compared with `minOcVersion`.
    pub oc_version: String,
    /// HTTP worker threads; 0 means one for each core.
    pub workers: usize,
    /// Longest request body of `POST`, in bytes; more is answered 413.
    pub body_max: ByteSize,
    /// Longest URL (path and query), in bytes; more is answered 414.
    pub url_max: ByteSize,
    /// Most connections of one worker; more wait in the backlog.
    pub connections_max: usize,
    /// Longest time for a request's head; then 408.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Longest time for a request's body (an upload gets more as it makes progress); then 408.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long an idle connection is kept.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// How long requests in flight may take to finish after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How long readiness answers 503 before the listener closes after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Most entries of one batch; more is answered 400.
    pub batch_max: usize,
    /// Entries of one batch rendered at once.
    pub batch_concurrency: usize,
    /// Longest time for a batch; entries not finished by then are answered 504 in place.
    #[serde(with = "humantime_serde")]
    pub batch_deadline: Duration,
}

/// `[tasks]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSettings {
    /// Time between two runs that finish interrupted publishes.
    #[serde(with = "humantime_serde")]
    pub reconcile_interval: Duration,
}

/// `[publish]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishSettings {
    /// Longest upload, in bytes; more is answered 413.
    pub upload_max: ByteSize,
    /// Publishes at once; more wait, up to `queue_timeout`.
    pub concurrency: usize,
    /// How long a publish may wait for its turn; then 503.
    #[serde(with = "humantime_serde")]
    pub queue_timeout: Duration,
    /// Refuse other clients than an `oc` CLI that is at least as new as `http.oc_version`.
    pub strict_cli_version: bool,
    /// Limits of the archive.
    pub archive: PackageLimits,
}

/// `[render]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderSettings {
    /// `context.env` and `process.env` of every component.
    pub env: BTreeMap<String, Value>,
    /// Response headers of components dropped when the requested version is not exact.
    pub skip_headers_on_weak_version: Vec<String>,
    /// Request headers withheld from components. OC withholds none.
    pub withheld_headers: Vec<String>,
    /// Deepest nesting of `renderComponent`.
    pub nesting_max: usize,
    /// Most nested renders of one request.
    pub nested_renders_max: usize,
    /// Calls of one component at once; more are answered 503.
    pub component_concurrency: usize,
    /// Whether data providers run; without, components are asked as if they had none.
    pub data_provider: bool,
}

/// `[engine]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Longest time for one call, awaits included (OC's `executionTimeout`).
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Longest uninterrupted run of JavaScript.
    #[serde(with = "humantime_serde")]
    pub cpu_slice: Duration,
    /// Heap of one isolate.
    pub memory: ByteSize,
    /// Stack of one isolate.
    pub stack: ByteSize,
    /// Longest view-model or HTML.
    pub output: ByteSize,
    /// Most response headers, and most cookies, of one call.
    pub headers: usize,
    /// Most fetches of one call.
    pub fetches: usize,
    /// The QuickJS driver.
    pub quickjs: QuickJsSettings,
}

/// `[engine.quickjs]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuickJsSettings {
    /// Engine threads; 0 means one for each core.
    pub threads: usize,
    /// Calls that may wait for an engine thread; more are answered 503.
    pub queue: usize,
    /// Bytes that the heaps of all components may hold together.
    pub heap: ByteSize,
}

/// `[cache]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Releases kept ready (manifest, view, provider), in bytes of their files.
    pub releases: ByteSize,
    /// Static files kept in memory.
    pub assets: ByteSize,
}

/// `[discovery]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoverySettings {
    /// `~info` data, `~registry/plugins`, `~registry/dependencies` and `?meta`.
    pub api: bool,
    /// `~registry/history`.
    pub ui: bool,
    /// List components whose state is `experimental`.
    pub experimental: bool,
}

/// `[cors]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins that may read answers; `*` alone means any, without credentials.
    pub origins: Vec<String>,
    /// Request headers that pages may send.
    pub headers: Vec<String>,
    /// How long browsers may keep the answer to a preflight.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

/// `[errors]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSettings {
    /// Tell callers the stack of a component's error, as OC does.
    pub expose_stacks: bool,
}

/// `[samples]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleSettings {
    /// Publish the sample components into an empty local folder at start.
    pub publish: bool,
}

// === impl Settings ===

impl Settings {
    /// Every value that cannot work, each with its key, the value and what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.storage.validate();
        problems.extend(self.http.problems());
        problems.extend(self.sync.validate());
        problems.extend(self.auth.problems());
        for (key, value) in [
            ("http.batch_max", self.http.batch_max),
            ("http.batch_concurrency", self.http.batch_concurrency),
            ("http.connections_max", self.http.connections_max),
            ("publish.concurrency", self.publish.concurrency),
            ("render.nesting_max", self.render.nesting_max),
            ("render.component_concurrency", self.render.component_concurrency),
        ] {
            if value == 0 {
                problems.push(format!("`{key}` is 0: give at least 1"));
            }
        }
        for (key, value) in [
            ("tasks.reconcile_interval", self.tasks.reconcile_interval),
            ("engine.deadline", self.engine.deadline),
            ("engine.cpu_slice", self.engine.cpu_slice),
        ] {
            if value.is_zero() {
                problems.push(format!("`{key}` is 0: give a duration such as \"5s\""));
            }
        }
        problems
    }

    /// The bounds of one call of the engine.
    pub fn call_limits(&self) -> Limits {
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Limits {
            deadline: self.engine.deadline,
            cpu_slice: self.engine.cpu_slice,
            memory_bytes: bytes(self.engine.memory),
            stack_bytes: bytes(self.engine.stack),
            output_bytes: bytes(self.engine.output),
            headers: self.engine.headers,
            fetches: self.engine.fetches,
        }
    }
}

impl Settings {
    /// What the QuickJS driver is started with.
    pub fn quickjs(&self) -> quickjs::QuickJsSettings {
        let settings = &self.engine.quickjs;
        quickjs::QuickJsSettings {
            threads: settings.threads,
            queue: settings.queue,
            heap_bytes: usize::try_from(settings.heap.as_u64()).unwrap_or(usize::MAX),
            limits: self.call_limits(),
        }
    }
}

impl HttpSettings {
    /// The public URL, ending with the prefix.
    pub fn public_url(&self) -> String {
        let base = self.base_url.clone().unwrap_or_else(|| {
            let ip = self.listen.ip();
            if ip.is_loopback() || ip.is_unspecified() {
                format!("http://localhost:{}/", self.listen.port())
            } else {
                format!("http://{}/", self.listen)
            }
        });
        let base = if base.ends_with('/') { base } else { base + "/" };
        if base.ends_with(&self.prefix) {
            base
        } else {
            base + self.prefix.trim_start_matches('/')
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.prefix.starts_with('/') || !self.prefix.ends_with('/') {
            problems.push(format!(
                "`http.prefix` is {:?}: it starts and ends with \"/\"",
                self.prefix
            ));
        }
        if let Some(url) = &self.base_url
            && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            problems.push(format!(
                "`http.base_url` is {url:?}: give an absolute http or https URL"
            ));
        }
        if self.oc_version.parse::<ochre_model::Version>().is_err() {
            problems.push(format!(
                "`http.oc_version` is {:?}: give an exact version such as \"{OC_VERSION}\"",
                self.oc_version
            ));
        }
        problems
    }
}

// === defaults ===

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            base_url: None,
            prefix: "/".into(),
            oc_version: OC_VERSION.into(),
            workers: 0,
            body_max: ByteSize::mib(1),
            url_max: ByteSize::kib(32),
            connections_max: 25_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            batch_max: 100,
            batch_concurrency: 10,
            batch_deadline: Duration::from_secs(30),
        }
    }
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            reconcile_interval: Duration::from_secs(60),
        }
    }
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            upload_max: ByteSize::mib(50),
            concurrency: 8,
            queue_timeout: Duration::from_secs(20),
            strict_cli_version: false,
            archive: PackageLimits::default(),
        }
    }
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            env: BTreeMap::new(),
            skip_headers_on_weak_version: Vec::new(),
            withheld_headers: vec!["authorization".into(), "cookie".into()],
            nesting_max: 8,
            nested_renders_max: 50,
            component_concurrency: 32,
            data_provider: true,
        }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            cpu_slice: Duration::from_secs(1),
            memory: ByteSize::mib(64),
            stack: ByteSize::kib(512),
            output: ByteSize::mib(10),
            headers: 64,
            fetches: 20,
            quickjs: QuickJsSettings::default(),
        }
    }
}

impl Default for QuickJsSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            queue: 1_024,
            heap: ByteSize::mib(256),
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            releases: ByteSize::mib(256),
            assets: ByteSize::mib(64),
        }
    }
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            api: true,
            ui: true,
            experimental: true,
        }
    }
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self {
            origins: vec!["*".into()],
            headers: ["Origin", "X-Requested-With", "Content-Type", "Accept", "traceparent"]
                .map(String::from)
                .to_vec(),
            max_age: Duration::from_secs(600),
        }
    }
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self { publish: true }
    }
}
