//! What an operator adds to `context.plugins`: JavaScript modules, read and tried at start.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use ochre_engine::{
    conduct::Conduct,
    driver::{
        Call, Driver, EngineError, Entry, Failure, FetchRequest, FetchResponse, HostCalls,
        NestedRender, Program,
    },
    plugin::Plugin,
    quickjs::{QuickJsDriver, QuickJsSettings, StartError},
    script::Script,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{egress::Egress, settings::Settings};

/// Longest module, in bytes.
const MODULE_MAX: u64 = 10 * 1024 * 1024;

/// A component that only waits for the plugins.
const TRIAL: &str = "exports.data = (context, callback) => callback(null, { plugins: true });";

/// What the trial component is told.
const TRIAL_CONTEXT: &str = r#"{"params":{},"name":"oc-client","version":"1.0.0"}"#;

/// The plugins of a node, in the order of their names.
pub type Plugins = Arc<[Arc<Plugin>]>;

/// `[plugins.<name>]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSettings {
    /// File of the module, a `CommonJS` script without `require`; relative to the working folder.
    pub module: PathBuf,
    /// What it is for, told by `~registry/plugins`.
    #[serde(default)]
    pub description: String,
    /// First argument of its `register`.
    #[serde(default, serialize_with = "names_only")]
    pub options: Map<String, Value>,
    /// Whether `execute` is called with `{name, version}` of each component, and gives the
    /// function that the component finds.
    #[serde(default)]
    pub context: bool,
}

/// Why the plugins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file cannot be read.
    #[error("plugin `{name}`: file `{}` cannot be read", path.display())]
    Unreadable {
        /// Name of the plugin.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("plugin `{name}`: file `{}` is longer than {MODULE_MAX} bytes", path.display())]
    TooLong {
        /// Name of the plugin.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// The module is no plugin, or was not registered; the text names plugin, file and reason.
    #[error("{0}")]
    Refused(String),
    /// The engine that tries them cannot be started.
    #[error("plugins cannot be tried")]
    Engine(#[from] StartError),
    /// The engine did not try them.
    #[error("plugins were not tried")]
    NotTried(#[from] EngineError),
    /// The HTTP client of their `fetch` cannot be built.
    #[error("HTTP client of plugins cannot be built")]
    Egress(#[from] reqwest::Error),
}

/// What plugins may ask of the registry while they are tried.
#[derive(Debug)]
struct TrialHost(Egress);

/// Reads the plugins of `settings` and registers them once, to find out whether they can be.
///
/// # Errors
///
/// [`PluginError`] names the plugin and its file.
pub async fn load(settings: &Settings) -> Result<Plugins, PluginError> {
    let mut plugins = Vec::new();
    for (name, entry) in &settings.plugins {
        let options = Value::Object(entry.options.clone()).to_string();
        let source = read(name, &entry.module)?;
        let mut plugin = Plugin::new(name, &source, &options);
        plugin.description = Arc::from(entry.description.as_str());
        plugin.with_context = entry.context;
        plugins.push(Arc::new(plugin));
    }
    let plugins: Plugins = plugins.into();
    if !plugins.is_empty() {
        attempt(settings, &plugins).await?;
    }
    Ok(plugins)
}

fn read(name: &str, path: &Path) -> Result<String, PluginError> {
    let unreadable = |source| PluginError::Unreadable {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MODULE_MAX {
        return Err(PluginError::TooLong {
            name: name.to_owned(),
            path: path.to_owned(),
        });
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

async fn attempt(settings: &Settings, plugins: &Plugins) -> Result<(), PluginError> {
    // The node installs the same provider later; `--check-config` starts no node.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let limits = settings.engine.call_limits();
    let driver = QuickJsDriver::start(QuickJsSettings {
        threads: 1,
        queue: 1,
        limits,
        ..QuickJsSettings::default()
    })?;
    let script = Script::new("plugins", TRIAL);
    let program = Arc::new(Program {
        label: Arc::from("plugins"),
        digest: Arc::clone(&script.digest),
        provider: Some(script),
        view: None,
        environment: Map::new(),
        console: false,
        plugins: Arc::clone(plugins),
        conduct: Conduct::default(),
    });
    let call = Call {
        entry: Entry::Data,
        input: TRIAL_CONTEXT.into(),
        envelope: None,
        render_id: None,
        host: Arc::new(TrialHost(Egress::new(&settings.fetch)?)),
        limits,
    };
    match driver.call(&program, call).await?.result {
        Ok(_) => Ok(()),
        Err(failure) => Err(PluginError::Refused(told(&failure, &settings.plugins))),
    }
}

/// Why a trial failed, with the file of the plugin that it names.
fn told(failure: &Failure, plugins: &BTreeMap<String, PluginSettings>) -> String {
    let reason = match failure {
        Failure::Provider(error) => error.message.clone().unwrap_or_default(),
        Failure::Timeout(limit) => format!(
            "plugins were not registered within {} ms: `register` has to call `next`",
            limit.as_millis()
        ),
        Failure::Memory => "plugins need more memory than `engine.memory`".to_owned(),
        other => format!("plugins failed: {other:?}"),
    };
    let culprit = plugins
        .iter()
        .find(|(name, _)| reason.starts_with(&format!("plugin {name}: ")));
    match culprit {
        Some((_, entry)) => format!("{reason} (file `{}`)", entry.module.display()),
        None => reason,
    }
}

/// Options may be secrets: only their names are printed.
fn names_only<S: serde::Serializer>(
    options: &Map<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(options.keys().map(|name| (name, "(secret)")))
}

#[async_trait]
impl HostCalls for TrialHost {
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        let refused = || Err("no component is rendered while plugins are registered".to_owned());
        items.iter().map(|_| refused()).collect()
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        self.0.fetch(request).await
    }

    fn console(&self, level: &str, line: &str) {
        tracing::info!(level, line, "plugin wrote to its console");
    }
}
