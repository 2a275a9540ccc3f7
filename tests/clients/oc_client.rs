//! npm `oc-client`, the client for Node.

use std::{fs, path::Path};

use ochre_tests::{TestRegistry, Tools, tests_folder};
use serde::Deserialize;
use tokio::process::Command;

use crate::Outcome;

/// As the suite sets its own registry up.
const SETTINGS: &str = "[render]\nenv = { name = \"local\" }";

/// A line that the runner prints.
#[derive(Debug, Deserialize)]
struct Line {
    title: String,
    error: Option<String>,
}

/// Publishes the components of the suite, and runs it.
pub(crate) async fn run(tools: &Tools) -> Vec<Outcome> {
    let registry = TestRegistry::start_with(SETTINGS).await;
    let suite = tools.node_modules().join("oc-client/test");
    let components = fs::read_dir(suite.join("fixtures/components")).expect("the suite is there");
    for component in components.flatten() {
        publish(&registry, tools, &component.path()).await;
    }
    let script = tests_folder().join("clients/oc_client.js");
    let output = Command::new(tools.node())
        .arg(script)
        .arg(tools.node_modules())
        .arg(registry.address())
        .output()
        .await
        .expect("Node starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(serde_json::from_str::<Line>);
    let outcomes: Result<Vec<Line>, _> = lines.collect();
    match outcomes {
        Ok(lines) if !lines.is_empty() => lines.into_iter().map(outcome).collect(),
        _ => panic!(
            "the suite did not run:\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

fn outcome(line: Line) -> Outcome {
    Outcome {
        name: format!("oc-client: {}", line.title),
        error: line.error,
    }
}

async fn publish(registry: &TestRegistry, tools: &Tools, source: &Path) {
    let folder = tools.package(source);
    let archive = fs::read(folder.join("package.tar.gz")).expect("the archive is there");
    let name = source
        .file_name()
        .expect("a component's folder")
        .to_string_lossy();
    let path = format!("/{name}/1.0.0");
    let answer = registry.put_archive(&path, archive).await;
    answer.expect_status(200);
}
