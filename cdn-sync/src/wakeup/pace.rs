//! How often messages may make a node poll.

use std::time::Duration;

use tokio::time::Instant;

/// Least time between two polls that messages ask for.
const SHORTEST: Duration = Duration::from_millis(20);

/// Polls follow each other closely as long as they find something; in vain, ever more slowly.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    longest: Duration,
    last: Option<Instant>,
}

// === impl Pace ===

impl Pace {
    /// At worst one poll each `longest`, which is what there would be without messages.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            gap: SHORTEST,
            longest: longest.max(SHORTEST),
            last: None,
        }
    }

    /// Waits until the next poll may begin.
    pub(super) async fn wait(&self) {
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + self.gap).await;
        }
    }

    /// Notes that a poll ended, and whether it found anything new.
    pub(super) fn polled(&mut self, found: bool) {
        self.last = Some(Instant::now());
        self.gap = if found {
            SHORTEST
        } else {
            (self.gap * 2).min(self.longest)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls within a minute when there is always a message.
    async fn polls_in_a_minute(found: impl Fn(u32) -> bool) -> u32 {
        let mut pace = Pace::new(Duration::from_secs(5));
        let end = Instant::now() + Duration::from_mins(1);
        let mut polls = 0;
        loop {
            pace.wait().await;
            if Instant::now() >= end {
                return polls;
            }
            polls += 1;
            pace.polled(found(polls));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_messages_is_no_flood_of_polls() {
        let polls = polls_in_a_minute(|_| false).await;
        assert!(polls < 12 + 10, "{polls}");
    }

    #[tokio::test(start_paused = true)]
    async fn polls_that_find_something_follow_each_other_closely() {
        let polls = polls_in_a_minute(|_| true).await;
        assert!(polls > 2000, "{polls}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_poll_waits_for_nothing() {
        let start = Instant::now();
        Pace::new(Duration::from_secs(5)).wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
