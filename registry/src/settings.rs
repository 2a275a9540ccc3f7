//! What an operator can tune: one struct for each part, gathered here.
//!
//! One TOML file, then environment variables `OCHRE__SECTION__KEY`. See [`source::load`].

mod bounds;
mod client;
mod engine;
mod events;
mod http;
mod node;
mod preview;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytesize::ByteSize;
use ochre_cdn_sync::{RedisSettings, WatchSettings};
use ochre_package::Limits as PackageLimits;
use ochre_store::StoreSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::{ClientSettings, ClientTemplate, External, Global};
pub use engine::{EngineSettings, Isolation, QuickJsSettings};
pub use events::EventSettings;
pub use http::{HttpSettings, OC_VERSION};
pub use node::{DriverChoice, NodeSettings};
pub use preview::{PreloadError, PreviewSettings};
pub use source::{SettingsError, load};

use crate::{
    auth::AuthSettings, egress::FetchSettings, fallback::FallbackSettings, packs::TemplateSettings,
    plugins::PluginSettings, telemetry::TelemetrySettings,
};

/// Everything an operator can tune.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Listener, public URL, HTTP limits.
    pub http: HttpSettings,
    /// Where components are stored.
    pub storage: StoreSettings,
    /// The store that `storage` is a replica of: asked for exact versions that are not there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<StoreSettings>,
    /// How the node follows the shared manifest.
    pub sync: WatchSettings,
    /// How nodes wake each other.
    pub redis: RedisSettings,
    /// The stream of changes.
    pub events: EventSettings,
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
    /// The browser client.
    pub client: ClientSettings,
    /// The preview pages.
    pub preview: PreviewSettings,
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
    /// The registry that is asked for what is not published here.
    pub fallback: FallbackSettings,
    /// Plugins of the operator, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, PluginSettings>,
    /// Logs.
    pub telemetry: TelemetrySettings,
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
    /// Uploads at once; more wait, up to `queue_timeout`.
    pub uploads_max: usize,
    /// The registry that publishers of a read-only node (`storage.read_only`) are told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_url: Option<String>,
    /// Publishes at once; more wait, up to `queue_timeout`.
    pub concurrency: usize,
    /// How long a publish may wait for its turn; then 503.
    #[serde(with = "humantime_serde")]
    pub queue_timeout: Duration,
    /// Refuse other clients than an `oc` CLI that is at least as new as `http.oc_version`.
    pub strict_cli_version: bool,
    /// Refuse a `template.js` that is no JavaScript, is nested too deeply to be parsed, or does not
    /// hold its `hashKey`.
    pub check_views: bool,
    /// Limits of the archive.
    pub archive: PackageLimits,
}

/// `[render]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderSettings {
    /// Names of the components that this node serves; none means all that are published.
    pub components: BTreeSet<String>,
    /// `context.env` and `process.env` of every component.
    #[serde(serialize_with = "names_only")]
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

/// `[cache]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Releases kept ready (manifest, view, provider), in bytes of their files.
    pub releases: ByteSize,
    /// Static files kept in memory.
    pub assets: ByteSize,
    /// Releases loaded from the store at once; above it requests are answered 503.
    pub loads: usize,
}

/// `[discovery]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, under OC's name"
)]
pub struct DiscoverySettings {
    /// `~info` data, `~registry/plugins`, `~registry/dependencies` and `?meta`; without it
    /// `experimental` and `validate` are off too.
    pub api: bool,
    /// The pages (list, `~info`) and `~registry/history`.
    pub ui: bool,
    /// List components whose state is `experimental`.
    pub experimental: bool,
    /// `POST ~registry/validate`: anyone may ask whether a `package.json` could be published.
    pub validate: bool,
    /// Let search engines index the pages.
    pub robots: bool,
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

/// Values given to components may be secrets: only their names are printed.
fn names_only<S: serde::Serializer>(
    env: &BTreeMap<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(env.keys().map(|name| (name, "(secret)")))
}

// === impl Settings ===

impl Settings {
    /// Whether other machines may publish without a login.
    pub fn lets_anyone_publish(&self) -> bool {
        let is_reached = !self.http.listen.ip().is_loopback();
        is_reached && self.auth.logins.is_empty() && !self.storage.read_only
    }
}

// === impl DiscoverySettings ===

impl DiscoverySettings {
    /// Whether experimental components are listed.
    pub fn lists_experimental(&self) -> bool {
        self.api && self.experimental
    }

    /// Whether `~registry/validate` answers.
    pub fn validates(&self) -> bool {
        self.api && self.validate
    }
}

// === defaults ===

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            reconcile_interval: Duration::from_mins(1),
        }
    }
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            primary_url: None,
            upload_max: ByteSize::mib(50),
            uploads_max: 32,
            concurrency: 8,
            queue_timeout: Duration::from_secs(20),
            strict_cli_version: false,
            check_views: true,
            archive: PackageLimits::default(),
        }
    }
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            components: BTreeSet::new(),
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

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            releases: ByteSize::mib(256),
            assets: ByteSize::mib(64),
            loads: 256,
        }
    }
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            api: true,
            ui: true,
            experimental: true,
            validate: false,
            robots: true,
        }
    }
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self {
            origins: vec!["*".into()],
            headers: [
                "Origin",
                "X-Requested-With",
                "Content-Type",
                "Accept",
                "traceparent",
            ]
            .map(String::from)
            .to_vec(),
            max_age: Duration::from_mins(10),
        }
    }
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self { publish: true }
    }
}
