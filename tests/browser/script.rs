//! Running one script of `specs/` with Node; it drives the browser through `browser.mjs`.

use std::time::Duration;

use ochre_tests::{TestRegistry, Tools, tests_folder, within};
use tokio::process::Command;

/// How long a script may take.
const BOUND: Duration = Duration::from_mins(10);

/// A script, and what it is told by its environment.
#[derive(Debug)]
pub(crate) struct Script {
    name: &'static str,
    command: Command,
}

// === impl Script ===

impl Script {
    /// The script `specs/{name}.mjs`; `process.env.REGISTRY` is the registry's URL.
    pub(crate) fn new(name: &'static str, registry: &TestRegistry) -> Self {
        let tools = Tools::find();
        let folder = tests_folder().join("browser/specs");
        let mut command = Command::new(tools.node());
        command
            .arg(folder.join(format!("{name}.mjs")))
            .env("REGISTRY", &registry.url)
            .env("NODE_MODULES", tools.node_modules())
            .kill_on_drop(true);
        Self { name, command }
    }

    /// Tells the script something more.
    #[must_use]
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// Runs the script; the test fails, with all that it printed, unless it ends well.
    pub(crate) async fn passes(mut self) {
        let output = within(self.name, BOUND, self.command.output()).await;
        let output = output.expect("node can be started");
        assert!(
            output.status.success(),
            "{} failed:\n{}{}",
            self.name,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
