//! What an operator adds to `context.plugins`.

use std::sync::Arc;

use crate::script::Script;

/// A JavaScript module of the operator: `CommonJS` that exports `register(options, dependencies,
/// next)`, `execute` and optionally `dependencies`, the names of other plugins.
///
/// Runs in the isolate of each program, in a realm that components cannot reach.
#[derive(Debug)]
pub struct Plugin {
    /// Name in `context.plugins`.
    pub name: Arc<str>,
    /// The module.
    pub script: Script,
    /// First argument of `register`: JSON text of an object.
    pub options: Arc<str>,
    /// Whether `execute` is called with `{name, version}` of each component, and what it returns
    /// is the component's function.
    pub with_context: bool,
}
