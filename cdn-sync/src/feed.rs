//! The change feed: what the difference of two catalogs tells.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ochre_model::Change;
use tokio::sync::broadcast::{self, error::RecvError};

/// Events that a slow subscriber may be behind.
const CAPACITY: usize = 1024;

/// Changes that became visible together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Number of the event on this node, growing by one from 1.
    pub revision: u64,
    /// What changed, never empty.
    pub changes: Arc<[Change]>,
}

/// Tells any number of subscribers what has changed.
#[derive(Clone, Debug)]
pub struct Feed {
    sender: broadcast::Sender<FeedEvent>,
    revision: Arc<AtomicU64>,
}

/// One subscriber's place in the feed.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<FeedEvent>);

/// There is no next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The subscriber was too slow and missed events: read the catalog whole, then go on.
    #[error("missed {0} events")]
    Lagged(u64),
    /// The node ends.
    #[error("feed has ended")]
    Closed,
}

// === impl Feed ===

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// A feed without subscribers.
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(CAPACITY),
            revision: Arc::default(),
        }
    }

    /// Subscribes to everything that changes from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.sender.subscribe())
    }

    /// Number of the last event; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Tells everyone; no changes are no event.
    pub(crate) fn publish(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let revision = self.revision.fetch_add(1, Ordering::AcqRel) + 1;
        let changes = changes.into();
        // Without subscribers there is nobody to tell.
        let _ = self.sender.send(FeedEvent { revision, changes });
    }
}

// === impl Subscription ===

impl Subscription {
    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// [`FeedError::Lagged`] once after events were missed; [`FeedError::Closed`] at the end.
    pub async fn next(&mut self) -> Result<FeedEvent, FeedError> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Lagged(missed) => FeedError::Lagged(missed),
            RecvError::Closed => FeedError::Closed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: usize) -> Vec<Change> {
        vec![Change::Published(ochre_model::ComponentId {
            name: "a".parse().unwrap(),
            version: format!("1.0.{number}").parse().unwrap(),
        })]
    }

    #[tokio::test]
    async fn events_come_in_order_and_are_numbered() {
        let feed = Feed::new();
        feed.publish(change(0));
        let mut subscription = feed.subscribe();
        feed.publish(Vec::new());
        feed.publish(change(1));
        feed.publish(change(2));
        for number in [2, 3] {
            let event = subscription.next().await.unwrap();
            assert_eq!(event.revision, number);
            let number = usize::try_from(number).unwrap();
            assert_eq!(*event.changes, *change(number - 1));
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_learns_that_it_missed_events() {
        let feed = Feed::new();
        let mut subscription = feed.subscribe();
        for number in 0..CAPACITY + 10 {
            feed.publish(change(number));
        }
        assert_eq!(subscription.next().await, Err(FeedError::Lagged(10)));
        assert_eq!(subscription.next().await.unwrap().revision, 11);
        drop(feed);
        while subscription.next().await.is_ok() {}
        assert_eq!(subscription.next().await, Err(FeedError::Closed));
    }
}
