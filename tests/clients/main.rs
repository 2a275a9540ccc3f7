//! The acceptance suites that other clients bring along, run against this registry.
//!
//! Each of their tests is one test here. `failures.toml` lists those that fail on purpose, with
//! the reason; an entry that no longer fails is a failure itself.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "set-up reports by failing the run"
)]

mod failures;
mod oc_client;

use std::process::ExitCode;

use failures::Failures;
use libtest_mimic::{Arguments, Failed, Trial};
use ochre_tests::Tools;

/// One test of a suite.
#[derive(Clone, Debug)]
struct Outcome {
    /// Suite and title.
    name: String,
    /// Why it failed, if it did.
    error: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcomes = runtime.block_on(oc_client::run(&Tools::find()));
    assert!(!outcomes.is_empty(), "the suite has no tests");
    let mut failures = Failures::read();
    let mut trials: Vec<Trial> = outcomes
        .into_iter()
        .map(|outcome| {
            let result = failures.judge(&outcome);
            Trial::test(outcome.name, move || result.map_err(Failed::from))
        })
        .collect();
    let stale = failures.stale();
    trials.push(Trial::test("every listed failure still fails", move || {
        if stale.is_empty() {
            return Ok(());
        }
        Err(format!("these pass, or are gone:\n  {}", stale.join("\n  ")).into())
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
