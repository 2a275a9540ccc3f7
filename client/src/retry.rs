//! Asking again, so rarely that a registry in trouble is not asked more than a healthy one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, StatusCode};

use crate::{
    ExchangeError,
    exchange::{self, Answer},
};

/// Thousandths of a retry, in which the budget is kept.
const RETRY: u32 = 1_000;

/// When an exchange is tried again: after a connection that could not be made, and after 502, 503
/// and 504. Actions and publishes never are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Most attempts of one exchange; 1 never tries again. Default 3.
    pub attempts_max: u32,
    /// Wait before the second attempt; it doubles with each further one, and a random part of it
    /// is left out. Default 50 ms.
    pub wait: Duration,
    /// Longest wait. A registry that asks for more in `Retry-After` is not asked again.
    /// Default 2 s.
    pub wait_max: Duration,
    /// Retries saved up for a bad moment, over all exchanges of a client. Default 10.
    pub budget: u32,
    /// Exchanges that earn one more retry. Default 10: at most a tenth more requests in the long
    /// run.
    pub exchanges_per_retry: u32,
}

/// What is left to try again with; shared by the clones of a client.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: Arc<AtomicU32>,
    limit: u32,
    earned: u32,
}

/// One exchange with its attempts.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    pub(crate) policy: &'a RetryPolicy,
    pub(crate) budget: &'a Budget,
    /// Longest time for all attempts and the waits between them.
    pub(crate) timeout: Duration,
    /// Longest answer, in bytes.
    pub(crate) answer_max: usize,
}

// === impl RetryPolicy ===

impl RetryPolicy {
    /// Never tries again.
    pub fn never() -> Self {
        Self {
            attempts_max: 1,
            ..Self::default()
        }
    }

    /// The wait before the attempt after `attempt` (from 1); none when that one was the last.
    fn wait_after(&self, attempt: u32, told: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        if let Some(told) = told {
            return (told <= self.wait_max).then_some(told);
        }
        let doubled = self.wait.saturating_mul(1 << (attempt - 1).min(16));
        Some(
            doubled
                .min(self.wait_max)
                .mul_f64(rand::random_range(0.5..=1.0)),
        )
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            wait: Duration::from_millis(50),
            wait_max: Duration::from_secs(2),
            budget: 10,
            exchanges_per_retry: 10,
        }
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(policy: &RetryPolicy) -> Self {
        let limit = policy.budget.saturating_mul(RETRY);
        Self {
            left: Arc::new(AtomicU32::new(limit)),
            limit,
            earned: RETRY / policy.exchanges_per_retry.max(1),
        }
    }

    fn earn(&self) {
        self.change(|left| Some(left.saturating_add(self.earned).min(self.limit)));
    }

    fn spend(&self) -> bool {
        self.change(|left| left.checked_sub(RETRY))
    }

    fn change(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
            .is_ok()
    }
}

// === impl Attempts ===

impl Attempts<'_> {
    /// Sends `request` until there is an answer worth telling.
    ///
    /// # Errors
    ///
    /// That of the last attempt.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, ExchangeError> {
        let started = Instant::now();
        self.budget.earn();
        let mut attempt = 1;
        loop {
            let left = self.timeout.saturating_sub(started.elapsed());
            let Some(this) = request.try_clone() else {
                return exchange::send(request.timeout(left), self.answer_max).await;
            };
            let outcome = exchange::send(this.timeout(left), self.answer_max).await;
            let wait = told_wait(&outcome).and_then(|told| self.policy.wait_after(attempt, told));
            match wait {
                Some(wait) if started.elapsed() + wait < self.timeout && self.budget.spend() => {
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                _ => return outcome,
            }
        }
    }
}

/// Whether another attempt may end better (outer), and what the registry says when (inner).
#[expect(
    clippy::option_option,
    reason = "no retry, a retry at our own pace, a retry at the registry's"
)]
fn told_wait(outcome: &Result<Answer, ExchangeError>) -> Option<Option<Duration>> {
    match outcome {
        Ok(answer) => matches!(
            answer.status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        )
        .then_some(answer.retry_after),
        Err(ExchangeError::Unreachable(error)) if error.is_connect() => Some(None),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_spent_and_earned_again() {
        let budget = Budget::new(&RetryPolicy {
            budget: 2,
            exchanges_per_retry: 2,
            ..RetryPolicy::default()
        });
        assert!(budget.spend() && budget.spend() && !budget.spend());
        budget.earn();
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend() && !budget.spend());
        for _ in 0..100 {
            budget.earn();
        }
        assert!(budget.spend() && budget.spend() && !budget.spend());
    }

    #[test]
    fn waits_double_and_end() {
        let policy = RetryPolicy {
            attempts_max: 4,
            wait: Duration::from_millis(100),
            wait_max: Duration::from_millis(300),
            ..RetryPolicy::default()
        };
        for (attempt, most) in [(1, 100), (2, 200), (3, 300)] {
            let wait = policy.wait_after(attempt, None).unwrap();
            let most = Duration::from_millis(most);
            assert!(wait <= most && wait >= most / 2, "{attempt}: {wait:?}");
        }
        assert_eq!(policy.wait_after(4, None), None);
        assert_eq!(RetryPolicy::never().wait_after(1, None), None);
    }

    #[test]
    fn registry_says_when_but_not_for_how_long() {
        let policy = RetryPolicy::default();
        let soon = Duration::from_secs(1);
        assert_eq!(policy.wait_after(1, Some(soon)), Some(soon));
        assert_eq!(policy.wait_after(1, Some(Duration::from_mins(1))), None);
    }
}
