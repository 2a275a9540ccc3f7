//! How a command ended, for each registry: for people, for programs, and as an exit code.

use std::time::Duration;

use ochre_client::{ExchangeError, LifecycleError, PublishError};
use serde_json::{Map, Value, json};

use crate::console::Chain;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    AlreadyPublished,
    Unauthorized,
    Unreachable,
}

/// What a registry decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Published,
    /// A state or a channel is as asked.
    Changed,
    Listed,
    /// Of a dry run or a validation.
    Valid,
    /// Published before, and that is fine.
    Skipped,
    AlreadyPublished,
    Refused,
    Unauthorized,
    Unreachable,
    Failed,
}

/// What one registry did with the package.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) registry: String,
    pub(crate) verdict: Verdict,
    pub(crate) duration: Duration,
    /// Why, in the registry's words where it has some.
    pub(crate) message: Option<String>,
    /// What can be done about it.
    pub(crate) hint: Option<&'static str>,
    /// What programs may want: `url`, `code`, `details`, `sameContent`.
    pub(crate) members: Map<String, Value>,
}

// === impl Exit ===

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::AlreadyPublished => 3,
            Self::Unauthorized => 4,
            Self::Unreachable => 5,
        }
    }

    /// The exit of several: that of the failures when it is one, else [`Exit::Failed`].
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut failures = outcomes
            .iter()
            .map(|outcome| outcome.verdict.exit())
            .filter(|exit| *exit != Self::Done);
        match failures.next() {
            None => Self::Done,
            Some(first) if failures.all(|exit| exit == first) => first,
            Some(_) => Self::Failed,
        }
    }

    /// The exit of an exchange that failed.
    pub(crate) fn of_exchange(error: &ExchangeError) -> Self {
        Verdict::of_exchange(error).exit()
    }
}

// === impl Verdict ===

impl Verdict {
    fn exit(self) -> Exit {
        match self {
            Self::Published | Self::Changed | Self::Listed | Self::Valid | Self::Skipped => {
                Exit::Done
            }
            Self::AlreadyPublished => Exit::AlreadyPublished,
            Self::Unauthorized => Exit::Unauthorized,
            Self::Unreachable => Exit::Unreachable,
            Self::Refused | Self::Failed => Exit::Failed,
        }
    }

    /// As in the JSON document.
    fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Changed => "changed",
            Self::Listed => "listed",
            Self::Valid => "valid",
            Self::Skipped => "skipped",
            Self::AlreadyPublished => "already_published",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
        }
    }

    fn of_exchange(error: &ExchangeError) -> Self {
        match error {
            ExchangeError::Unreachable(_)
            | ExchangeError::TimedOut
            | ExchangeError::Interrupted(_)
            | ExchangeError::UnexpectedStatus {
                status: 502..=504, ..
            } => Self::Unreachable,
            ExchangeError::UnexpectedStatus {
                status: 401 | 403, ..
            } => Self::Unauthorized,
            ExchangeError::AnswerTooLarge { .. }
            | ExchangeError::Malformed(_)
            | ExchangeError::Unconfirmed { .. }
            | ExchangeError::UnexpectedStatus { .. } => Self::Failed,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn new(registry: &str, verdict: Verdict, duration: Duration) -> Self {
        Self {
            registry: registry.to_owned(),
            verdict,
            duration,
            message: None,
            hint: None,
            members: Map::new(),
        }
    }

    /// What failed with an exchange.
    pub(crate) fn of_exchange(registry: &str, error: &ExchangeError, duration: Duration) -> Self {
        let verdict = Verdict::of_exchange(error);
        let hint = match error {
            ExchangeError::Unreachable(_) => {
                Some("is the URL right, and does the registry listen there?")
            }
            ExchangeError::TimedOut => Some("try again, or give it longer with --timeout"),
            ExchangeError::Malformed(_) | ExchangeError::Unconfirmed { .. } => {
                Some("is the URL that of a registry, prefix included?")
            }
            _ => None,
        };
        Self {
            message: Some(Chain(error).to_string()),
            hint,
            ..Self::new(registry, verdict, duration)
        }
    }

    /// Why a publish or its dry run failed.
    pub(crate) fn of_publish(
        registry: &str,
        error: &PublishError,
        (has_credentials, duration): (bool, Duration),
    ) -> Self {
        if let PublishError::Exchange(error) = error {
            return Self::of_exchange(registry, error, duration);
        }
        let mut outcome = Self::new(registry, Verdict::Refused, duration);
        outcome.message = Some(error.to_string());
        match error {
            PublishError::Unauthorized => {
                outcome.unauthorized(has_credentials);
            }
            PublishError::AlreadyPublished { same_content, .. } => {
                outcome.verdict = Verdict::AlreadyPublished;
                outcome.member("sameContent", same_content.map(Value::from));
                outcome.hint = Some(match same_content {
                    Some(true) => "it holds these very files: --skip-existing takes it for success",
                    Some(false) => "it holds other files: raise `version` in package.json",
                    None => "raise `version` in package.json, or pass --skip-existing",
                });
            }
            PublishError::Rejected { code, details, .. } => {
                outcome.member("code", code.clone().map(Value::from));
                outcome.member("details", details.clone());
            }
            PublishError::Unavailable { .. } => {
                outcome.verdict = Verdict::Unreachable;
                outcome.hint = Some("nothing was stored: try again");
            }
            PublishError::NotAllowed { .. }
            | PublishError::TooLarge { .. }
            | PublishError::Exchange(_) => {}
        }
        outcome
    }

    /// Why a state or a channel was not changed or not told.
    pub(crate) fn of_lifecycle(
        registry: &str,
        error: &LifecycleError,
        (has_credentials, duration): (bool, Duration),
    ) -> Self {
        if let LifecycleError::Exchange(error) = error {
            return Self::of_exchange(registry, error, duration);
        }
        let mut outcome = Self::new(registry, Verdict::Refused, duration);
        outcome.message = Some(error.to_string());
        match error {
            LifecycleError::Unauthorized => outcome.unauthorized(has_credentials),
            LifecycleError::Moved { current } => {
                outcome.member("code", Some("channel_moved".into()));
                outcome.member("current", Some(json!(current)));
                outcome.hint = Some("look at what it points to now, then ask again");
            }
            LifecycleError::Refused { code, .. } => {
                outcome.member("code", Some(code.clone().into()));
            }
            LifecycleError::Unavailable { .. } => {
                outcome.verdict = Verdict::Unreachable;
                outcome.hint = Some("it may have been done all the same: look, or ask again");
            }
            LifecycleError::Unsupported => {
                outcome.hint = Some("is it a registry of Ochre, and does it tell (discovery.api)?");
            }
            LifecycleError::Url(_) | LifecycleError::Exchange(_) => {}
        }
        outcome
    }

    fn unauthorized(&mut self, has_credentials: bool) {
        self.verdict = Verdict::Unauthorized;
        self.hint = Some(if has_credentials {
            "check OCHRE_USERNAME and OCHRE_PASSWORD, or OCHRE_TOKEN"
        } else {
            "set OCHRE_USERNAME and OCHRE_PASSWORD, or OCHRE_TOKEN"
        });
    }

    pub(crate) fn member(&mut self, name: &str, value: Option<Value>) {
        self.members
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut document = json!({ "registry": self.registry, "outcome": self.verdict.as_str() });
        if let Some(object) = document.as_object_mut() {
            object.extend(self.members.clone());
            let texts = [("message", self.message.as_deref()), ("hint", self.hint)];
            for (name, text) in texts {
                object.extend(text.map(|text| (name.to_owned(), Value::from(text))));
            }
            let duration = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
            object.insert("durationMs".to_owned(), duration.into());
        }
        document
    }

    /// For people, line by line.
    pub(crate) fn to_lines(&self) -> Vec<String> {
        let verdict = match self.verdict {
            Verdict::Published => format!("published in {} ms", self.duration.as_millis()),
            Verdict::Changed => "done".to_owned(),
            Verdict::Listed => "listed".to_owned(),
            Verdict::Valid => "valid".to_owned(),
            Verdict::Skipped => "skipped".to_owned(),
            Verdict::AlreadyPublished
            | Verdict::Refused
            | Verdict::Unauthorized
            | Verdict::Unreachable
            | Verdict::Failed => "failed".to_owned(),
        };
        let mut first = format!("{}: {verdict}", self.registry);
        if let Some(message) = &self.message {
            first = format!("{first}: {message}");
        }
        let details = self.members.get("details");
        let details = details.map(|details| format!("  details: {details}"));
        let hint = self.hint.map(|hint| format!("  {hint}"));
        [Some(first), details, hint].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(verdicts: &[Verdict]) -> Vec<Outcome> {
        verdicts
            .iter()
            .map(|verdict| Outcome::new("http://r/", *verdict, Duration::ZERO))
            .collect()
    }

    #[test]
    fn exit_code_is_that_of_the_failures() {
        use Verdict::{AlreadyPublished, Published, Skipped, Unreachable, Valid};
        for (verdicts, code) in [
            (&[Published, Valid, Skipped][..], 0),
            (&[Published, Unreachable, Unreachable], 5),
            (&[AlreadyPublished], 3),
            (&[AlreadyPublished, Unreachable], 1),
            (&[], 0),
        ] {
            assert_eq!(Exit::of(&outcomes(verdicts)).code(), code, "{verdicts:?}");
        }
    }

    #[test]
    fn outcome_says_what_happened_and_what_next() {
        let error = PublishError::AlreadyPublished {
            message: "exists".to_owned(),
            same_content: Some(false),
        };
        let outcome = Outcome::of_publish("http://r/", &error, (true, Duration::from_millis(7)));
        assert_eq!(
            outcome.to_json(),
            json!({
                "registry": "http://r/", "outcome": "already_published", "sameContent": false,
                "message": "version is already published: exists",
                "hint": "it holds other files: raise `version` in package.json", "durationMs": 7,
            })
        );
        assert_eq!(
            outcome.to_lines(),
            [
                "http://r/: failed: version is already published: exists",
                "  it holds other files: raise `version` in package.json"
            ]
        );
    }
}
