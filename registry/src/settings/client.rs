//! `[client]`: what the browser client is told.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// `[client]`: OC's `compileClient`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// Write these settings and the types that are served into the client. Without it
    /// `oc-client/client.js` and its companions redirect (302) to the files of the component
    /// `oc-client`, which know none of them.
    pub compile: bool,
    /// How often the client asks again for a component that fails.
    pub retry_limit: u32,
    /// Time between two attempts.
    #[serde(with = "humantime_serde")]
    pub retry_interval: Duration,
    /// Leave elements empty while they are loaded.
    pub disable_loader: bool,
    /// Do not map the types `handlebars` and `jade` of old components, nor load their runtimes.
    pub disable_legacy_templates: bool,
    /// Scripts that every page loads before its first component: `{ global = "React", url = "…" }`.
    pub externals: Vec<External>,
    /// Import map for ES-module components: bare name to URL.
    pub imports: BTreeMap<String, String>,
    /// Template types beside those of the installed packs, or with other scripts:
    /// `type = { externals = […] }`.
    pub templates: BTreeMap<String, ClientTemplate>,
}

/// A script that defines a global.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// The global that tells whether the script is on the page already.
    pub global: Global,
    /// Where the script is.
    pub url: String,
}

/// A global, or the way to a member of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Global {
    /// `React`.
    Name(String),
    /// `["Some", "Library"]`.
    Path(Vec<String>),
}

/// What a template type needs on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTemplate {
    /// Scripts, in the order of their needs.
    #[serde(default)]
    pub externals: Vec<External>,
}

// === impl ClientSettings ===

impl ClientSettings {
    /// Every value that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.retry_interval.is_zero() {
            problems.push("`client.retry_interval` is 0: give a duration such as \"5s\"".into());
        }
        if self.retry_limit == 0 {
            problems.push("`client.retry_limit` is 0: give at least 1".into());
        }
        problems
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            compile: true,
            retry_limit: 30,
            retry_interval: Duration::from_secs(5),
            disable_loader: false,
            disable_legacy_templates: false,
            externals: Vec::new(),
            imports: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
    }
}
