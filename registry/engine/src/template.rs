//! What renders one template type on the registry.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::script::Script;

/// An adapter of ours plus the framework's own published runtime.
#[derive(Debug)]
pub struct TemplatePack {
    /// `oc-template-handlebars`.
    pub template_type: Arc<str>,
    /// Version told in `context.templates` and to callers.
    pub version: Arc<str>,
    /// The framework's runtime file, when the type needs one.
    pub runtime: Option<Script>,
    /// Our script: defines how a view of this type is rendered.
    pub adapter: Script,
    /// Scripts a browser needs to render this type.
    pub externals: Vec<External>,
}

/// A script that a browser loads before it renders a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// npm package name.
    pub name: String,
    /// Global variable that tells whether it is loaded already.
    pub global: serde_json::Value,
    /// Where to load it from.
    pub url: String,
}

/// Where the engine finds packs; implemented above the store.
#[async_trait]
pub trait PackSource: Debug + Send + Sync {
    /// The pack that renders `template_type` (`oc-template-es6`; legacy names already mapped).
    ///
    /// `None` when no such pack is installed.
    async fn pack(&self, template_type: &str) -> Option<Arc<TemplatePack>>;
}
