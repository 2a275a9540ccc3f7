//! What components may require, as it is told to operators and publishers.

use std::{fs, path::Path};

use serde::Serialize;
use serde_json::Value;

/// Modules that are part of Node. Source: `builtinModules` of its `module` module.
const CORE: &str = "assert async_hooks buffer child_process cluster console constants crypto dgram \
    diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks \
    process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty \
    url util v8 vm wasi worker_threads zlib";

/// One entry of `~registry/dependencies`; members in OC's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Name as it is configured.
    pub name: String,
    /// Whether it is part of Node.
    pub core: bool,
    /// Versions of a package that is installed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl Dependency {
    /// What is known of `name`; `modules`: the folder of `node_modules`.
    pub fn describe(name: &str, modules: &Path) -> Self {
        let core = CORE.split_whitespace().any(|module| module == name);
        let version = if core { None } else { installed(name, modules) };
        Self {
            name: name.to_owned(),
            core,
            versions: version.into_iter().collect(),
        }
    }
}

fn installed(name: &str, modules: &Path) -> Option<String> {
    let file = modules.join("node_modules").join(name).join("package.json");
    let manifest: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(manifest.get("version")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_modules_have_no_versions() {
        let told = serde_json::to_string(&Dependency::describe("fs", Path::new("/nowhere")));
        assert_eq!(told.unwrap(), r#"{"name":"fs","core":true}"#);
    }

    #[test]
    fn packages_that_are_not_installed_have_no_versions() {
        let told = Dependency::describe("node:fs", Path::new("/nowhere"));
        assert_eq!((told.core, told.versions.len()), (false, 0));
    }
}
