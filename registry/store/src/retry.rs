//! Waiting between attempts.

use std::time::Duration;

use object_store::Error;
use tokio::time::Instant;

/// Attempts of one store operation, the first one included.
const ATTEMPTS: u32 = 5;

/// Time after which a failing operation is not begun again: the client of an object store has
/// repeated it by itself for as long as it may.
const TIME_MAX: Duration = Duration::from_secs(5);

/// A pause that doubles with each attempt, with jitter, up to a bound.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempt: u32,
    first: Duration,
    most: Duration,
    begun: Instant,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new() -> Self {
        Self::between(Duration::from_millis(20), Duration::from_secs(1))
    }

    pub(crate) fn between(first: Duration, most: Duration) -> Self {
        Self {
            attempt: 0,
            first,
            most,
            begun: Instant::now(),
        }
    }

    /// Waits; false once the attempts, or the time for them, are used up.
    pub(crate) async fn pause(&mut self) -> bool {
        self.attempt += 1;
        if self.attempt >= ATTEMPTS || self.begun.elapsed() >= TIME_MAX {
            return false;
        }
        self.wait().await;
        true
    }

    /// Waits for the next attempt of a loop that counts by itself.
    pub(crate) async fn wait(&mut self) {
        let base = self
            .first
            .saturating_mul(1 << self.attempt.min(10))
            .min(self.most);
        tokio::time::sleep(base.mul_f64(rand::random_range(0.5..1.5))).await;
    }

    /// Waits for the next attempt after a conflict.
    pub(crate) async fn contended(&mut self) {
        self.attempt = (self.attempt + 1).min(8);
        self.wait().await;
    }
}

/// Whether the same request may succeed a moment later.
pub(crate) fn is_transient(error: &Error) -> bool {
    let settled = matches!(
        error,
        Error::NotFound { .. }
            | Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotModified { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    );
    !settled && !is_full(error)
}

/// Whether the medium has no room left.
pub(crate) fn is_full(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return matches!(
                io.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            );
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::{Error as IoError, ErrorKind};

    use super::*;

    fn failed(kind: ErrorKind) -> Error {
        Error::Generic {
            store: "test",
            source: Box::new(IoError::from(kind)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_long_is_not_begun_again() {
        let mut backoff = Backoff::new();
        assert!(backoff.pause().await);
        tokio::time::advance(TIME_MAX).await;
        assert!(!backoff.pause().await);
    }

    #[test]
    fn a_full_medium_is_not_tried_again() {
        assert!(is_full(&failed(ErrorKind::StorageFull)));
        assert!(!is_transient(&failed(ErrorKind::StorageFull)));
        assert!(is_transient(&failed(ErrorKind::ConnectionReset)));
    }
}
