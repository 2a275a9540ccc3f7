//! `ochre validate`.

use std::time::Instant;

use ochre_client::{Client, ValidateError};

use super::{at_each, publish};
use crate::{
    bundle::Bundle,
    cli::ValidateArguments,
    outcome::{Exit, Outcome, Verdict},
};

/// Asks every registry whether the package could be published.
pub(crate) async fn run(arguments: ValidateArguments) -> Exit {
    at_each(&arguments, "validate", validate).await
}

async fn validate(registry: &str, client: &Client, bundle: &Bundle) -> Outcome {
    let started = Instant::now();
    let answer = client.validate(&bundle.manifest).await;
    let duration = started.elapsed();
    match answer {
        Ok(()) => Outcome::new(registry, Verdict::Valid, duration),
        Err(ValidateError::NotOffered) => by_dry_run(registry, client, bundle).await,
        Err(ValidateError::Exchange(error)) => Outcome::of_exchange(registry, &error, duration),
        Err(error) => {
            let mut outcome = Outcome::new(registry, Verdict::Refused, duration);
            outcome.message = Some(error.to_string());
            if let ValidateError::Invalid { code, details, .. } = error {
                outcome.member("code", code.map(Into::into));
                outcome.member("details", details);
            }
            outcome
        }
    }
}

/// A registry that validates nothing is asked for a dry run. That the version exists is the last
/// thing it looks at, so everything else is fine then.
async fn by_dry_run(registry: &str, client: &Client, bundle: &Bundle) -> Outcome {
    let mut outcome = publish::dry_run(registry, client, bundle).await;
    outcome.member("by", Some("dry-run".into()));
    match outcome.verdict {
        Verdict::Valid => {
            outcome.message =
                Some("checked by a dry run, since ~registry/validate is not offered".to_owned());
        }
        Verdict::AlreadyPublished => {
            outcome.verdict = Verdict::Valid;
            outcome.message = Some("this version is published already".to_owned());
            outcome.hint = None;
        }
        Verdict::Unauthorized => {
            outcome.message = Some(
                "the registry does not offer ~registry/validate, and a dry run requires other \
                 credentials"
                    .to_owned(),
            );
        }
        _ => {}
    }
    outcome
}
