//! The program that mirrors releases.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;
use toml::{Table, Value};

use crate::{Process, TestStore, registry::binary};

/// Settings of `ochre-cdn-sync`, and what is run with them.
#[derive(Debug)]
pub struct TestMirror {
    folder: TempDir,
    config: Table,
}

/// What a run that ended by itself has left.
#[derive(Clone, Debug)]
pub struct MirrorRun {
    /// The exit code.
    pub code: Option<i32>,
    /// JSON of each target, in the order of their names.
    pub reports: Vec<Json>,
    /// The log.
    pub log: String,
}

impl TestMirror {
    /// A mirror of `source` without targets, with further settings as TOML.
    pub fn of(source: &TestStore, settings: &str) -> Self {
        let mut config: Table = toml::toml! {
            [sync]
            poll_interval = "200ms"
            [mirror]
            retry_after = "200ms"
            [telemetry]
            format = "json"
        };
        config.insert("source".to_owned(), source.settings().into());
        let further: Table = settings.parse().expect("the settings of a test are TOML");
        config.extend(further);
        let folder = TempDir::new().expect("a folder can be made");
        Self { folder, config }
    }

    /// With a target.
    #[must_use]
    pub fn to(mut self, name: &str, kind: &str, store: &TestStore) -> Self {
        let mut target = Table::new();
        target.insert("kind".to_owned(), kind.into());
        target.insert("storage".to_owned(), store.settings().into());
        let targets = self.config.entry("targets");
        let targets = targets.or_insert_with(|| Table::new().into());
        let Value::Table(targets) = targets else {
            panic!("targets are a table");
        };
        targets.insert(name.to_owned(), target.into());
        self
    }

    /// With another setting of a target.
    #[must_use]
    pub fn with(mut self, target: &str, key: &str, value: impl Into<Value>) -> Self {
        let target = self.config["targets"][target].as_table_mut();
        let target = target.expect("the target is there");
        target.insert(key.to_owned(), value.into());
        self
    }

    /// Starts the program.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn("mirror", self.command().args(arguments))
    }

    /// Runs it to its end, with JSON as its answer.
    pub async fn run(&self, arguments: &[&str]) -> MirrorRun {
        let mut command = self.command();
        command.args(arguments).arg("--json").stdin(Stdio::null());
        let output = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output()
            .await
            .expect("the mirror starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let reports = text.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        MirrorRun {
            code: output.status.code(),
            reports: reports.collect(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self) -> Command {
        let file = self.folder.path().join("mirror.toml");
        std::fs::write(&file, self.config.to_string()).expect("the configuration can be written");
        let mut command = Command::new(mirror_binary());
        command
            .arg("--config")
            .arg(&file)
            .current_dir(self.folder.path());
        command
    }
}

impl MirrorRun {
    /// The only report, of a run that did all of its work.
    pub fn complete(&self) -> &Json {
        assert_eq!(self.code, Some(0), "{self:?}");
        let [report] = self.reports.as_slice() else {
            panic!("not one report: {self:?}");
        };
        report
    }
}

/// The mirror executable: `OCHRE_CDN_SYNC_BIN`, or the one next to the test executable.
fn mirror_binary() -> PathBuf {
    binary("OCHRE_CDN_SYNC_BIN", ("ochre-cdn-sync", "ochre-cdn-sync"))
}
