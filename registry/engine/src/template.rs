//! What renders one template type on the registry.

mod catalog;
mod manifest;
mod spec;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::script::Script;

pub use catalog::PACKS;
pub use manifest::{PackError, PackFile, PackManifest};
pub use spec::{ExternalSpec, FileSpec, NpmPackage, PackSpec, spec};

/// Type of views that need no framework.
pub const ES6: &str = "oc-template-es6";
/// Type of precompiled Handlebars views; the legacy type `handlebars` is the same.
pub const HANDLEBARS: &str = "oc-template-handlebars";
/// Type of precompiled Jade views; the legacy type `jade` is the same.
pub const JADE: &str = "oc-template-jade";

/// An adapter of ours plus the framework's own published files.
#[derive(Debug)]
pub struct TemplatePack {
    /// `oc-template-handlebars`.
    pub template_type: Arc<str>,
    /// Version told in `context.templates` and to callers.
    pub version: Arc<str>,
    /// What the adapter can `require`, in the order in which it is evaluated.
    pub runtimes: Vec<Runtime>,
    /// Our script: defines how a view of this type is rendered.
    ///
    /// Its completion value is a function. It is called with the native HTML escape and with
    /// `require`, which gives the runtimes, and answers `link(view, key)`; that is called once with
    /// what the view put into `oc.components`, and answers `render(model)`, which answers HTML, or a
    /// promise of it, or throws.
    pub adapter: Script,
    /// The framework's files as they were published.
    pub files: Vec<KeptFile>,
}

/// A module that an adapter can `require`.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// What it is required as: `react-dom/server`.
    pub module: Arc<str>,
    /// Its completion value is a function of `module`, `exports` and `require`.
    pub script: Script,
}

/// A file of a framework, checked against its digest.
#[derive(Clone, Debug)]
pub struct KeptFile {
    /// Where it was published.
    pub origin: PackFile,
    /// Its content.
    pub content: Bytes,
}

/// A script that a browser loads before it renders a view; members in OC's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// Global variable that tells whether it is loaded already.
    pub global: serde_json::Value,
    /// Paths below the package that the same script stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// npm package name.
    pub name: String,
    /// Where to load it from.
    pub url: String,
}

// === impl TemplatePack ===

impl TemplatePack {
    /// Whether the scripts are the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same = |(one, other): (&Runtime, &Runtime)| {
            one.module == other.module && one.script.digest == other.script.digest
        };
        self.template_type == other.template_type
            && self.version == other.version
            && self.adapter.digest == other.adapter.digest
            && self.runtimes.len() == other.runtimes.len()
            && self.runtimes.iter().zip(&other.runtimes).all(is_same)
    }
}

// === impl Runtime ===

impl Runtime {
    /// Wraps a `CommonJS` (or UMD) source; `origin` is its name in stack traces.
    pub fn new(module: &str, origin: &str, source: &str) -> Self {
        let wrapped = format!("(function (module, exports, require) {{{source}\n}})");
        Self {
            module: module.into(),
            script: Script::new(origin, wrapped),
        }
    }
}

/// The pack of `oc-template-es6`: needs no framework.
pub fn es6() -> Arc<TemplatePack> {
    static PACK: LazyLock<Arc<TemplatePack>> = LazyLock::new(|| {
        Arc::new(TemplatePack {
            template_type: ES6.into(),
            version: "2.0.0".into(),
            runtimes: Vec::new(),
            adapter: Script::new("ochre:es6", include_str!("template/js/es6.js")),
            files: Vec::new(),
        })
    });
    Arc::clone(&PACK)
}
