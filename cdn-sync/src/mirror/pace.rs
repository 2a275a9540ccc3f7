//! A bound of bytes a second.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Lets bytes through at a rate; who comes too early waits.
///
/// One piece passes at once however long it is; the next waits until it is paid for.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<NonZeroU64>,
    free_at: Mutex<Instant>,
}

// === impl Pace ===

impl Pace {
    /// `rate` in bytes a second; 0 means no bound.
    pub(super) fn new(rate: u64) -> Self {
        Self {
            rate: NonZeroU64::new(rate),
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Waits until `bytes` may go.
    pub(super) async fn take(&self, bytes: u64) {
        let Some(rate) = self.rate else {
            return;
        };
        let milliseconds = bytes.saturating_mul(1000) / rate;
        let begin = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*free_at).max(Instant::now());
            *free_at = begin + Duration::from_millis(milliseconds);
            begin
        };
        sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_rate() {
        let pace = Pace::new(1000);
        let begin = Instant::now();
        for _ in 0..5 {
            pace.take(500).await;
        }
        assert_eq!(begin.elapsed().as_millis(), 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nobody_waits() {
        let pace = Pace::new(0);
        let begin = Instant::now();
        pace.take(u64::MAX).await;
        pace.take(u64::MAX).await;
        assert_eq!(begin.elapsed().as_millis(), 0);
    }
}
