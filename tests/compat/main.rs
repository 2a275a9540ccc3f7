//! Sends the same requests to this registry and to the Node one and compares the answers.
//!
//! Real components, packaged by the real `oc` command line program, are published to both; every
//! request of [`cases`] and [`generated`] is one test. `differences.toml` lists what differs on
//! purpose. With `OCHRE_COMPAT_REFERENCE_ONLY=1` only the reference is asked, and its answers are
//! printed. With `OCHRE_COMPAT_PROPOSE=FILE` what differs without being listed is written to a
//! file as entries of that list.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "set-up reports by failing the run"
)]

mod cases;
mod cli;
mod compare;
mod components;
mod differences;
mod generated;
mod normalise;
mod ochre;
mod reference;
mod request;

use std::{env, process::ExitCode};

use compare::Fields;
use components::Packaged;
use differences::Differences;
use libtest_mimic::{Arguments, Failed, Trial};
use normalise::Place;
use ochre_tests::Tools;
use reference::Reference;
use request::Case;

/// What a test found out: nothing, or why it fails.
type Outcome = (String, Result<(), String>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcomes = if arguments.list {
        names().into_iter().map(|name| (name, Ok(()))).collect()
    } else {
        runtime.block_on(compare_all(arguments.filter.as_deref()))
    };
    let trials = outcomes.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial((name, outcome): Outcome) -> Trial {
    Trial::test(name, move || outcome.map_err(Failed::from))
}

/// Names of all requests; packaging is not needed to know them.
fn names() -> Vec<String> {
    let none = [Packaged {
        name: String::new(),
        version: String::new(),
        archive: Vec::new(),
    }];
    let mut names: Vec<String> = cases::all(&none)
        .into_iter()
        .map(|case| case.name)
        .collect();
    names.extend(generated::cases().into_iter().map(|case| case.name));
    names
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests are configured by their environment"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

async fn compare_all(filter: Option<&str>) -> Vec<Outcome> {
    let tools = Tools::find();
    let components = components::all(&tools);
    let reference = Reference::start().await;
    reference::publish_all(&components, &reference.place).await;
    let mut requests = cases::all(&components);
    requests.extend(generated::cases());
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    requests.retain(|case| wanted(&case.name));
    if variable("OCHRE_COMPAT_REFERENCE_ONLY").is_some() {
        return observe(&tools, &reference, &requests, &wanted).await;
    }

    let (_registry, place) = reference::start_ochre().await;
    reference::publish_all(&components, &place).await;
    reference::engine_is_warm(&place).await;
    let mut differences = match Differences::read() {
        Ok(differences) => differences,
        Err(error) => return vec![("differences.toml is valid".to_owned(), Err(error))],
    };
    let client = request::client();
    let mut outcomes = Vec::new();
    for case in &requests {
        let expected = fields(case, &client, &reference.place).await;
        let actual = fields(case, &client, &place).await;
        let outcome = differences.outcome(&case.name, expected.mismatches(&actual));
        outcomes.push((case.name.clone(), outcome));
    }
    let cli = cli::outcomes(&tools, &reference.place, &place, &wanted, &mut differences).await;
    outcomes.extend(cli);
    let places = [("the reference", &reference.place), ("ochre", &place)];
    outcomes.extend(ochre::outcomes(&places, &wanted).await);
    if let Some(file) = variable("OCHRE_COMPAT_PROPOSE") {
        std::fs::write(file, differences.proposal()).expect("the proposal can be written");
    }
    if filter.is_none() {
        let stale = differences.stale();
        let outcome = if stale.is_empty() {
            Ok(())
        } else {
            Err(format!("these no longer differ:\n  {}", stale.join("\n  ")))
        };
        outcomes.push(("every listed difference still differs".to_owned(), outcome));
    }
    outcomes
}

/// The fields of one registry's answer that are compared.
async fn fields(case: &Case, client: &reqwest::Client, place: &Place) -> Fields {
    let fields = Fields::of(&case.send(client, &place.registry).await, place);
    if case.name == "preflight" {
        fields
    } else {
        fields.without_repeated()
    }
}

#[expect(clippy::print_stdout, reason = "printing is what this mode is for")]
async fn observe(
    tools: &Tools,
    reference: &Reference,
    requests: &[Case],
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Outcome> {
    let client = request::client();
    for case in requests {
        let fields = fields(case, &client, &reference.place).await;
        println!("{}\n{fields}", case.name);
    }
    for (name, shown) in cli::transcripts(tools, &reference.place, wanted).await {
        println!("{name}\n{shown}");
    }
    Vec::new()
}
