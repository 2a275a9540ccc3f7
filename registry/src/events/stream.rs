//! Writes one stream: what was missed, then what changes, then signs of life.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use bytes::Bytes;
use ochre_cdn_sync::{FeedError, Resumed, Subscription, Watch};
use tokio::{
    sync::mpsc::{Sender, error::SendTimeoutError},
    time::{Instant, MissedTickBehavior},
};

use super::{
    Start,
    text::{self, Filter},
};
use crate::served::Served;

/// After how long readers come back when a stream breaks, in milliseconds: not all at once.
const RETRY_MS: Range<u64> = 1000..4000;

/// What writes to one reader.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) watch: Watch,
    pub(super) served: Served,
    pub(super) components: BTreeSet<String>,
    /// Heartbeat, and how long the reader may take no byte.
    pub(super) times: (Duration, Duration),
    pub(super) sender: Sender<Bytes>,
}

/// The reader has gone, or does not read.
#[derive(Debug)]
struct Gone;

/// Where a stream begins.
struct Beginning {
    subscription: Subscription,
    /// The reader must read everything again.
    resync: bool,
    /// The reader has no place of its own. One who has keeps it until it was told what it missed.
    is_new: bool,
}

// === impl Writer ===

impl Writer {
    /// Writes until the reader has gone.
    pub(super) async fn run(self, start: Start) {
        if let Err(Gone) = self.write(start).await {
            tracing::debug!("a stream of events has ended");
        }
    }

    async fn write(&self, start: Start) -> Result<(), Gone> {
        let Beginning {
            mut subscription,
            resync,
            is_new,
        } = self.begin(start).await;
        let place = subscription.place();
        let retry_ms = rand::random_range(RETRY_MS);
        let hello = text::hello(
            retry_ms,
            is_new.then_some(place),
            self.watch.feed().generation(),
        );
        self.send(hello).await?;
        if resync {
            self.send(text::resync(place)).await?;
        }
        let (heartbeat, _) = self.times;
        let mut beats = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = subscription.next_place() => match event {
                    Ok(event) => {
                        let filter = Filter { served: &self.served, components: &self.components };
                        for piece in text::pieces(&event, subscription.place(), &filter) {
                            self.send(piece).await?;
                        }
                    }
                    Err(FeedError::Lagged(_)) => {
                        subscription = self.watch.feed().subscribe();
                        self.send(text::resync(subscription.place())).await?;
                    }
                    Err(FeedError::Closed) => return Ok(()),
                },
                _ = beats.tick() => self.send(text::HEARTBEAT).await?,
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    /// Finds the place of a reader who comes back. One who has heard of more than this node knows
    /// waits for the next poll, because nodes are apart for a moment; a store that went back is
    /// told as something to read again.
    async fn begin(&self, start: Start) -> Beginning {
        let feed = self.watch.feed();
        let beginning = |subscription, resync, is_new| Beginning {
            subscription,
            resync,
            is_new,
        };
        let cursor = match start {
            Start::Now => return beginning(feed.subscribe(), false, true),
            Start::Unknown => return beginning(feed.subscribe(), true, false),
            Start::After(cursor) => cursor,
        };
        let mut resumed = feed.resume(&cursor);
        if matches!(resumed, Resumed::Ahead) {
            let polled = self.watch.polled();
            let _ = tokio::time::timeout(self.times.0, polled).await;
            resumed = feed.resume(&cursor);
        }
        match resumed {
            Resumed::Subscribed(subscription) => beginning(subscription, false, false),
            Resumed::TooOld(subscription) => beginning(subscription, true, false),
            Resumed::Ahead => beginning(feed.subscribe(), true, false),
        }
    }

    async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        let (_, patience) = self.times;
        match self.sender.send_timeout(piece, patience).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Timeout(_) | SendTimeoutError::Closed(_)) => Err(Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ochre_cdn_sync::{Feed, WatchSettings};
    use ochre_model::SystemClock;
    use ochre_store::{Backend, ComponentStore, StoreSettings};
    use tokio::sync::mpsc;

    use super::*;

    fn watch() -> Watch {
        let memory = StoreSettings {
            backend: Backend::Memory,
            ..StoreSettings::default()
        };
        let store = ComponentStore::open(&memory, Arc::new(SystemClock), None).unwrap();
        let settings = WatchSettings::default();
        Watch::new(store, Arc::default(), Feed::new(), &settings)
    }

    fn writer(sender: Sender<Bytes>) -> Writer {
        Writer {
            watch: watch(),
            served: Served::default(),
            components: BTreeSet::new(),
            times: (Duration::from_millis(100), Duration::from_millis(300)),
            sender,
        }
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let (sender, mut pieces) = mpsc::channel(2);
        writer(sender).run(Start::Now).await;
        let hello = pieces.recv().await.unwrap();
        let hello = String::from_utf8(hello.to_vec()).unwrap();
        assert!(
            hello.starts_with("retry: ") && hello.contains("\nid: 0."),
            "{hello}"
        );
        assert_eq!(pieces.recv().await.unwrap(), text::HEARTBEAT);
        assert_eq!(pieces.recv().await, None);
    }

    /// Who goes between the two comes back with the id that it had, and is told again.
    #[tokio::test]
    async fn a_reader_who_must_read_again_gets_its_place_only_with_that_word() {
        let (sender, mut pieces) = mpsc::channel(2);
        let writing = tokio::spawn(writer(sender).run(Start::Unknown));
        let hello = pieces.recv().await.unwrap();
        assert!(!String::from_utf8_lossy(&hello).contains("id: "));
        let resync = pieces.recv().await.unwrap();
        let resync = String::from_utf8(resync.to_vec()).unwrap();
        assert!(
            resync.starts_with("event: resync\n") && resync.contains("\nid: 0."),
            "{resync}"
        );
        drop(pieces);
        writing.await.unwrap();
    }
}
