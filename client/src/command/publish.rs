//! `ochre publish`.

use std::time::{Duration, Instant};

use ochre_client::{Client, PublishError};

use super::at_each;
use crate::{
    bundle::Bundle,
    cli::PublishArguments,
    console,
    outcome::{Exit, Outcome, Verdict},
};

/// Publishes one package to every registry.
pub(crate) async fn run(arguments: PublishArguments) -> Exit {
    let (dry, skip_existing) = (arguments.dry_run, arguments.skip_existing);
    let kind = if dry { "dry-run" } else { "publish" };
    let ask = async |registry: &str, client: &Client, bundle: &Bundle| {
        let outcome = if dry {
            dry_run(registry, client, bundle).await
        } else {
            publish(registry, client, bundle).await
        };
        skipped(outcome, skip_existing)
    };
    at_each(&arguments.asked, kind, ask).await
}

async fn publish(registry: &str, client: &Client, bundle: &Bundle) -> Outcome {
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
        Err(error) => {
            let asked = (client.has_credentials(), started.elapsed());
            Outcome::of_publish(registry, &error, asked)
        }
    }
}

/// Has a registry check everything and store nothing.
pub(super) async fn dry_run(registry: &str, client: &Client, bundle: &Bundle) -> Outcome {
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
        Err(error) => Outcome::of_publish(registry, &error, (client.has_credentials(), duration)),
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
