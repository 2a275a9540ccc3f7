//! `ochre publish`.

use std::time::{Duration, Instant};

use ochre_client::{Client, PublishError};

use super::{Prepared, finish, prepare};
use crate::{
    bundle::Bundle,
    cli::PublishArguments,
    console,
    outcome::{Exit, Outcome, Verdict},
};

/// Publishes one package to every registry, one after the other; one that fails does not keep it
/// from the others.
pub(crate) async fn run(arguments: PublishArguments) -> Exit {
    let asked = &arguments.registries;
    let prepared = prepare(&arguments.package, asked, &arguments.credentials).await;
    let Prepared { bundle, clients } = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let mut outcomes = Vec::with_capacity(clients.len());
    for (registry, client) in &clients {
        let outcome = if arguments.dry_run {
            dry_run(registry, client, (&bundle, client.has_credentials())).await
        } else {
            publish(registry, client, (&bundle, client.has_credentials())).await
        };
        let outcome = skipped(outcome, arguments.skip_existing);
        console::say_lines(&outcome.to_lines());
        outcomes.push(outcome);
    }
    let kind = if arguments.dry_run {
        "dry-run"
    } else {
        "publish"
    };
    finish(&bundle, &outcomes, (kind, asked.json))
}

async fn publish(
    registry: &str,
    client: &Client,
    (bundle, has_credentials): (&Bundle, bool),
) -> Outcome {
    let started = Instant::now();
    let progress = console::progress(registry, bundle.archive.len());
    let published = client
        .publish_watched(&bundle.id, bundle.archive.clone(), progress)
        .await;
    console::clear_progress();
    match published {
        Ok(published) => {
            let mut outcome = Outcome::new(registry, Verdict::Published, started.elapsed());
            outcome.member("url", Some(published.url.as_str().into()));
            warned(outcome, published.warnings)
        }
        Err(error) => Outcome::of_publish(registry, &error, (has_credentials, started.elapsed())),
    }
}

/// Has a registry check everything and store nothing.
pub(super) async fn dry_run(
    registry: &str,
    client: &Client,
    (bundle, has_credentials): (&Bundle, bool),
) -> Outcome {
    let started = Instant::now();
    let checked: Result<Vec<String>, PublishError> = client
        .check_publish(&bundle.id, bundle.archive.clone())
        .await;
    let duration: Duration = started.elapsed();
    match checked {
        Ok(warnings) => {
            let outcome = Outcome {
                message: Some("it would be published".to_owned()),
                ..Outcome::new(registry, Verdict::Valid, duration)
            };
            warned(outcome, warnings)
        }
        Err(error) => Outcome::of_publish(registry, &error, (has_credentials, duration)),
    }
}

/// Tells what the registry thinks its publisher should know.
fn warned(mut outcome: Outcome, warnings: Vec<String>) -> Outcome {
    for warning in &warnings {
        console::say(format_args!("warning: {warning}"));
    }
    if !warnings.is_empty() {
        outcome.member("warnings", Some(warnings.into()));
    }
    outcome
}

/// What is published already is fine when it is to be skipped and not known to differ.
fn skipped(mut outcome: Outcome, skip_existing: bool) -> Outcome {
    let same = outcome.members.get("sameContent");
    let same = same.and_then(serde_json::Value::as_bool);
    if skip_existing && outcome.verdict == Verdict::AlreadyPublished && same != Some(false) {
        outcome.verdict = Verdict::Skipped;
        outcome.message = Some("this version is published already".to_owned());
        outcome.hint = match same {
            Some(_) => None,
            None => Some("the registry does not tell whether it holds the same files"),
        };
    }
    outcome
}
