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
    /// What it is for, told to other plugins and by `~registry/plugins`.
    pub description: Arc<str>,
    /// The module, as [`Plugin::new`] wraps it.
    pub script: Script,
    /// First argument of `register`: JSON text of an object.
    pub options: Arc<str>,
    /// Whether `execute` is called with `{name, version}` of each component, and what it returns
    /// is the component's function.
    pub with_context: bool,
}

impl Plugin {
    /// Takes the source of a module; `options` is JSON text of an object.
    pub fn new(name: &str, source: &str, options: &str) -> Self {
        // Modules have their own top-level names, so each is the body of a function.
        let wrapped = format!("(function (module, exports, require) {{{source}\n}})");
        Self {
            name: Arc::from(name),
            description: Arc::from(""),
            script: Script::new(format!("plugin {name}"), wrapped),
            options: Arc::from(options),
            with_context: false,
        }
    }

    /// Whether it is the same module with the same options.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.script.digest == other.script.digest
            && self.options == other.options
            && self.with_context == other.with_context
    }
}
