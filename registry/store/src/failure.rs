//! What kind of failure an error of the store is: for metrics, and for those who ask how a node is
//! doing.

use std::error::Error as StdError;

use object_store::{
    Error,
    client::{HttpError, HttpErrorKind},
};

use crate::retry::is_full;

/// Codes of S3 that say whose fault a refusal is, and what they mean here.
const CODES: [(&str, FailureKind); 12] = [
    ("RequestTimeTooSkewed", FailureKind::Clock),
    ("RequestExpired", FailureKind::Clock),
    ("ExpiredToken", FailureKind::Denied),
    ("InvalidToken", FailureKind::Denied),
    ("InvalidAccessKeyId", FailureKind::Denied),
    ("SignatureDoesNotMatch", FailureKind::Denied),
    ("AccessDenied", FailureKind::Denied),
    ("AuthenticationFailed", FailureKind::Denied),
    ("SlowDown", FailureKind::Throttled),
    ("ServerBusy", FailureKind::Throttled),
    ("status code: 429", FailureKind::Throttled),
    ("status code: 5", FailureKind::Server),
];

/// Kinds of failures of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It did not answer in time.
    Timeout,
    /// No connection, or one that broke.
    Unreachable,
    /// It refused the credentials, or what they allow.
    Denied,
    /// It refused the request because the clocks differ.
    Clock,
    /// It asked for fewer requests.
    Throttled,
    /// It failed by itself.
    Server,
    /// It has no room left.
    Full,
    /// Anything else.
    Other,
}

// === impl FailureKind ===

impl FailureKind {
    /// Tells from an error, or from its causes, what failed.
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut text = String::new();
        let mut cause = Some(error);
        let mut kind = Self::Other;
        while let Some(current) = cause {
            if let Some(known) = typed(current) {
                kind = known;
            }
            text.push_str(&current.to_string());
            text.push('\n');
            cause = current.source();
        }
        // The codes first: they tell an expired token or a wrong clock from what is not allowed.
        let coded = CODES.iter().find(|(code, _)| text.contains(code));
        match coded {
            Some((_, coded)) => *coded,
            None if kind == Self::Other && text.contains("deadline has elapsed") => Self::Timeout,
            None => kind,
        }
    }

    /// Label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::Clock => "clock",
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Full => "full",
            Self::Other => "error",
        }
    }

    /// What happened, in words, and what to look at.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Timeout => "the store does not answer in time",
            Self::Unreachable => "the store cannot be reached",
            Self::Denied => "the store refuses the credentials: check that they have not expired",
            Self::Clock => "the store refuses the clock of this machine: check its time",
            Self::Throttled => "the store asks for fewer requests",
            Self::Server => "the store fails",
            Self::Full => "the store is full",
            Self::Other => "the store does not answer as it should",
        }
    }
}

/// What the type of one error of a chain tells.
fn typed(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if let Some(http) = error.downcast_ref::<HttpError>() {
        return Some(match http.kind() {
            HttpErrorKind::Timeout => FailureKind::Timeout,
            HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Interrupted => {
                FailureKind::Unreachable
            }
            _ => FailureKind::Other,
        });
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        return match io.kind() {
            std::io::ErrorKind::PermissionDenied => Some(FailureKind::Denied),
            std::io::ErrorKind::TimedOut => Some(FailureKind::Timeout),
            _ => None,
        };
    }
    match error.downcast_ref::<Error>()? {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Some(FailureKind::Denied),
        full if is_full(full) => Some(FailureKind::Full),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use super::*;
    use crate::ReadError;

    fn answered(text: &'static str) -> Error {
        Error::Generic {
            store: "S3",
            source: text.into(),
        }
    }

    #[test]
    fn the_code_tells_more_than_the_status() {
        let denied = |text: &'static str| Error::PermissionDenied {
            path: "a".to_owned(),
            source: text.into(),
        };
        for (error, kind) in [
            (
                denied("403: <Code>AccessDenied</Code>"),
                FailureKind::Denied,
            ),
            (denied("403"), FailureKind::Denied),
            (
                denied("<Code>RequestTimeTooSkewed</Code>"),
                FailureKind::Clock,
            ),
            (
                answered("400: <Code>ExpiredToken</Code>"),
                FailureKind::Denied,
            ),
            (
                answered("status code: 503: <Code>SlowDown</Code>"),
                FailureKind::Throttled,
            ),
            (
                answered("non-2xx status code: 500 Internal"),
                FailureKind::Server,
            ),
            (answered("anything"), FailureKind::Other),
        ] {
            assert_eq!(FailureKind::of(&error), kind, "{error}");
        }
    }

    #[test]
    fn the_cause_is_found_however_deep_it_lies() {
        let late = HttpError::new(HttpErrorKind::Timeout, io::Error::other("late"));
        let error = ReadError::Unavailable(Arc::new(Error::Generic {
            store: "S3",
            source: Box::new(late),
        }));
        assert_eq!(FailureKind::of(&error), FailureKind::Timeout);
        let full = Error::Generic {
            store: "folder",
            source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
        };
        assert_eq!(FailureKind::of(&full), FailureKind::Full);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_passed_is_a_timeout() {
        let never = std::future::pending::<()>();
        let late = tokio::time::timeout(std::time::Duration::from_secs(1), never).await;
        let error = ReadError::Unavailable(Arc::new(late.unwrap_err()));
        assert_eq!(FailureKind::of(&error), FailureKind::Timeout);
    }
}
