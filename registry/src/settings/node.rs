//! `[engine.node]`, and which driver executes components.

use std::path::PathBuf;

use bytesize::ByteSize;
use ochre_engine::router::Choice;
use serde::{Deserialize, Serialize};

/// A driver, as the operator chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverChoice {
    /// The one that suits the component best.
    #[default]
    Auto,
    /// QuickJS.
    QuickJs,
    /// Node.
    Node,
}

/// `[engine.node]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Executable; `node` on the `PATH` when there is none.
    pub path: Option<PathBuf>,
    /// Worker processes; 0 means one for each core, and at least two.
    pub workers: usize,
    /// Calls that may wait for a worker; more are answered 503.
    pub queue: usize,
    /// Resident memory of one worker; one that holds more is replaced.
    pub memory: ByteSize,
    /// Folder whose `node_modules` holds the packages of `engine.dependencies`.
    pub modules: PathBuf,
    /// Files and folders (`/etc/ssl/*`) beside the packages that modules may read; `*` lifts all
    /// of Node's permissions.
    pub readable: Vec<String>,
    /// Whether workers of components that require modules have frozen built-in objects and make no
    /// code from texts.
    pub hardened: bool,
}

// === impl DriverChoice ===

impl From<DriverChoice> for Choice {
    fn from(choice: DriverChoice) -> Self {
        match choice {
            DriverChoice::Auto => Self::Auto,
            DriverChoice::QuickJs => Self::QuickJs,
            DriverChoice::Node => Self::Node,
        }
    }
}

// === impl NodeSettings ===

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            path: None,
            workers: 0,
            queue: 1_024,
            memory: ByteSize::mib(512),
            modules: PathBuf::from("."),
            readable: Vec::new(),
            hardened: true,
        }
    }
}
