//! Header of LOAD: a program, as it is told to a worker.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    driver::{Program, View},
    plugin::Plugin,
    script::Script,
    template::Runtime,
};

/// Everything about a program.
#[derive(Debug, Serialize, Deserialize)]
pub struct Load {
    /// `name@version`, for messages.
    pub label: String,
    /// Identifies the content.
    pub digest: String,
    /// `server.js`, or null.
    pub provider: Option<Source>,
    /// The view, or null.
    pub view: Option<LoadView>,
    /// `process.env` of the provider.
    pub environment: Map<String, Value>,
    /// Whether `console` of the provider is told with HOST.
    pub console: bool,
    /// The registry's plugins: `context.plugins` of the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<LoadPlugin>,
}

/// A plugin of the operator.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPlugin {
    /// Name in `context.plugins`.
    pub name: String,
    /// What it is for, told to plugins that depend on it.
    #[serde(default)]
    pub description: String,
    /// The `CommonJS` module.
    pub script: Source,
    /// JSON text of an object.
    pub options: String,
    /// Whether `execute` gets the component and gives its function.
    pub with_context: bool,
}

/// A classic script.
#[derive(Debug, Serialize, Deserialize)]
pub struct Source {
    /// Name for stack traces.
    pub origin: String,
    /// Its text.
    pub source: String,
}

/// A view of a program.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoadView {
    /// `template.js`.
    pub script: Source,
    /// The view's key in `oc.components`.
    pub key: String,
    /// What renders it.
    pub pack: LoadPack,
}

/// A template pack.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPack {
    /// `oc-template-handlebars`.
    pub template_type: String,
    /// Its version.
    pub version: String,
    /// What the adapter can `require`, in the order in which it is evaluated.
    pub runtimes: Vec<LoadRuntime>,
    /// Our script: `crate::template::TemplatePack::adapter`.
    pub adapter: Source,
}

/// A module of a pack.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoadRuntime {
    /// What it is required as.
    pub module: String,
    /// Its completion value is a function of `module`, `exports` and `require`.
    pub script: Source,
}

impl From<&Script> for Source {
    fn from(script: &Script) -> Self {
        Self {
            origin: script.origin.to_string(),
            source: script.source.to_string(),
        }
    }
}

impl From<Source> for Script {
    fn from(source: Source) -> Self {
        Self::new(source.origin, source.source)
    }
}

impl From<&Program> for Load {
    fn from(program: &Program) -> Self {
        Self {
            label: program.label.to_string(),
            digest: program.digest.to_string(),
            provider: program.provider.as_ref().map(Source::from),
            view: program.view.as_ref().map(LoadView::from),
            environment: program.environment.clone(),
            console: program.console,
            plugins: program
                .plugins
                .iter()
                .map(|plugin| LoadPlugin::from(&**plugin))
                .collect(),
        }
    }
}

impl From<&Plugin> for LoadPlugin {
    fn from(plugin: &Plugin) -> Self {
        Self {
            name: plugin.name.to_string(),
            description: plugin.description.to_string(),
            script: Source::from(&plugin.script),
            options: plugin.options.to_string(),
            with_context: plugin.with_context,
        }
    }
}

impl From<LoadPlugin> for Plugin {
    fn from(plugin: LoadPlugin) -> Self {
        Self {
            name: plugin.name.into(),
            description: plugin.description.into(),
            script: plugin.script.into(),
            options: plugin.options.into(),
            with_context: plugin.with_context,
        }
    }
}

impl From<&Runtime> for LoadRuntime {
    fn from(runtime: &Runtime) -> Self {
        Self {
            module: runtime.module.to_string(),
            script: Source::from(&runtime.script),
        }
    }
}

impl From<LoadRuntime> for Runtime {
    fn from(runtime: LoadRuntime) -> Self {
        Self {
            module: runtime.module.into(),
            script: runtime.script.into(),
        }
    }
}

impl From<&View> for LoadView {
    fn from(view: &View) -> Self {
        Self {
            script: Source::from(&view.script),
            key: view.key.to_string(),
            pack: LoadPack {
                template_type: view.pack.template_type.to_string(),
                version: view.pack.version.to_string(),
                runtimes: view.pack.runtimes.iter().map(LoadRuntime::from).collect(),
                adapter: Source::from(&view.pack.adapter),
            },
        }
    }
}
