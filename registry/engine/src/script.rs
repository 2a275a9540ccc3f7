//! Source text and where it came from.

use std::sync::Arc;

/// A classic (sloppy-mode) script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Name for stack traces (`hello@1.0.0/server.js`); never a path of this machine.
    pub origin: Arc<str>,
    /// Source text.
    pub source: Arc<str>,
    /// Lower-case hexadecimal SHA-256 of the source.
    pub digest: Arc<str>,
}
