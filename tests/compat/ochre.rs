//! Our own command line program against both registries.

use std::process::Command;

use ochre_tests::{TestPackage, cli_binary};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Outcome,
    normalise::Place,
    reference::{LOGIN, is_answered},
    request::INFO,
};

/// Name, arguments, credentials, and the exit code on either registry.
type Scenario = (
    &'static str,
    &'static [&'static str],
    Option<(&'static str, &'static str)>,
    i32,
);

/// In the order in which they are run.
const SCENARIOS: [Scenario; 10] = [
    ("without credentials", &["publish", "own"], None, 4),
    (
        "wrong password",
        &["publish", "own"],
        Some((LOGIN.0, "x")),
        4,
    ),
    ("token", &["publish", "own", "--token", "abc"], None, 4),
    ("dry run", &["publish", "own", "--dry-run"], Some(LOGIN), 0),
    ("validate", &["validate", "own"], None, 0),
    ("publish", &["publish", "own"], Some(LOGIN), 0),
    ("publish again", &["publish", "own"], Some(LOGIN), 3),
    (
        "skip existing",
        &["publish", "own", "--skip-existing"],
        Some(LOGIN),
        0,
    ),
    ("list", &["registry", "ls"], None, 0),
    ("info", &["registry", "info"], None, 0),
];

/// Runs every scenario on both.
pub(crate) async fn outcomes(
    places: &[(&str, &Place)],
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Outcome> {
    let folder = TempDir::new().expect("a folder can be made");
    TestPackage::new("own", "1.0.0").write_to(&folder.path().join("own/_package"));
    let mut outcomes = Vec::new();
    for (which, place) in places {
        for scenario in &SCENARIOS {
            let name = format!("ochre on {which}: {}", scenario.0);
            if wanted(&name) {
                outcomes.push((name, run(&folder, place, scenario).await));
            }
        }
    }
    outcomes
}

async fn run(
    folder: &TempDir,
    place: &Place,
    (name, arguments, login, code): &Scenario,
) -> Result<(), String> {
    if *name == "list" {
        // The reference's own polls may put an older list over the newest one for a while.
        is_answered(place, "own/1.0.0", INFO).await;
    }
    let mut command = Command::new(cli_binary());
    command
        .args(*arguments)
        .args(["--json", "--registry", &place.registry])
        .current_dir(folder.path());
    if let Some((username, password)) = login {
        command
            .env("OCHRE_USERNAME", username)
            .env("OCHRE_PASSWORD", password);
    }
    let output = tokio::process::Command::from(command)
        .output()
        .await
        .expect("the command starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let shown = || format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    if output.status.code() != Some(*code) {
        return Err(format!("{}, expected {code}\n{}", output.status, shown()));
    }
    let told: Value =
        serde_json::from_str(&text).map_err(|error| format!("{error}\n{}", shown()))?;
    let holds = match *name {
        "list" => told["registries"][0]["answer"]
            .as_array()
            .is_some_and(|listed| {
                listed
                    .iter()
                    .any(|one| one["name"] == "own" && one["version"] == "1.0.0")
            }),
        "info" => told["registries"][0]["answer"]["type"] == "oc-registry",
        _ => told["results"][0]["registry"] == place.registry.as_str(),
    };
    holds.then_some(()).ok_or_else(shown)
}
