//! The program that Node is given.

use std::{collections::BTreeSet, path::Path};

use serde_json::json;

/// What starts the others.
const BOOT: &str = include_str!("js/boot.js");

/// The scripts of a worker, and those that it shares with the embedded engine.
const SCRIPTS: [(&str, &str); 24] = [
    ("wire", include_str!("js/wire.js")),
    ("natives", include_str!("js/natives.js")),
    ("modules", include_str!("js/modules.js")),
    ("boundary", include_str!("js/boundary.js")),
    ("realms", include_str!("js/realms.js")),
    ("call", include_str!("js/call.js")),
    ("watch", include_str!("js/watch.js")),
    ("memory", include_str!("js/memory.js")),
    ("watcher", include_str!("js/watcher.js")),
    ("release", include_str!("js/release.js")),
    ("worker", include_str!("js/worker.js")),
    ("realm", include_str!("../quickjs/js/realm.js")),
    ("provider", include_str!("../quickjs/js/provider.js")),
    ("port", include_str!("../quickjs/js/port.js")),
    ("plugins", include_str!("../quickjs/js/plugins.js")),
    ("plugged", include_str!("../quickjs/js/plugged.js")),
    ("view", include_str!("../quickjs/js/view.js")),
    ("json", include_str!("../quickjs/js/json.js")),
    ("stream", include_str!("../quickjs/js/stream.js")),
    ("abort", include_str!("../quickjs/js/abort.js")),
    ("buffer", include_str!("../quickjs/js/buffer.js")),
    ("crypto", include_str!("../quickjs/js/crypto.js")),
    ("fetch", include_str!("../quickjs/js/fetch.js")),
    ("url", include_str!("../quickjs/js/url.js")),
];

/// One script that holds all others as texts, and starts the worker.
///
/// `modules`: folder of `node_modules`; `dependencies`: what may be required from it.
/// `memory_bytes`: what a worker may hold.
pub(super) fn program(
    modules: &Path,
    dependencies: &BTreeSet<String>,
    memory_bytes: usize,
) -> String {
    let scripts: serde_json::Map<_, _> = SCRIPTS
        .iter()
        .map(|(name, source)| ((*name).to_owned(), json!(shortened(source))))
        .collect();
    let settings = json!({
        "modules": modules,
        "dependencies": dependencies,
        "memory": memory_bytes,
    });
    format!(
        "const boot =\n{BOOT}\nboot(require, {}, {settings});",
        serde_json::Value::Object(scripts)
    )
}

/// A script without its indentation and the lines that are comments. No text of ours goes over
/// several lines.
fn shortened(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let kept: Vec<_> = lines.filter(|line| !line.starts_with("//")).collect();
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest single argument that Linux takes.
    const ARGUMENT_BYTES_MAX: usize = 128 * 1024;

    #[test]
    fn program_is_short_enough_for_an_argument() {
        let program = program(Path::new("/"), &BTreeSet::new(), 0);
        assert!(
            program.len() + 16 * 1024 < ARGUMENT_BYTES_MAX,
            "{}",
            program.len()
        );
    }
}
