//! Wake-up by Redis: nodes tell each other to look at the store again.
//!
//! A message says only that the index has reached a generation. It is a hint: the store decides
//! what is true, a message that is lost costs one poll interval, and one that lies costs a poll.
//! Nothing of this is ever waited for by a request or a publish.

mod hints;
mod link;
mod pace;
mod settings;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ochre_store::StoreSettings;
use tokio_util::sync::CancellationToken;

pub use self::settings::RedisSettings;
use self::{
    hints::{Hint, Hints},
    link::Link,
    pace::Pace,
};
use crate::Watch;

/// Tells other nodes of changes, and polls when they tell of theirs.
#[derive(Clone, Debug)]
pub struct WakeUp(Arc<Shared>);

/// What the wake-up has done since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WakeUpStatus {
    /// Whether Redis is connected and tells of messages.
    pub connected: bool,
    /// Messages that were understood.
    pub received: u64,
    /// Messages that are none of a node.
    pub ignored: u64,
    /// Messages sent.
    pub sent: u64,
    /// Connections that were lost, or could not be made.
    pub failures: u64,
}

/// The wake-up cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WakeUpError {
    /// The address cannot be used.
    #[error("`redis.url` cannot be used")]
    Address(#[source] redis::RedisError),
    /// The certificates cannot be read.
    #[error("`redis.ca_file` cannot be read")]
    Certificates(#[source] std::io::Error),
}

#[derive(Debug)]
struct Shared {
    watch: Watch,
    link: Link,
    hints: Arc<Hints>,
    counters: Counters,
    /// Longest time between two polls that messages ask for in vain.
    poll_interval: Duration,
}

#[derive(Debug, Default)]
struct Counters {
    connected: AtomicBool,
    sent: AtomicU64,
    failures: AtomicU64,
}

// === impl WakeUp ===

impl WakeUp {
    /// A wake-up that does nothing until it is [run](Self::run); none without an address.
    ///
    /// Nodes of one store hear each other, those of others do not.
    ///
    /// # Errors
    ///
    /// [`WakeUpError`]; whether Redis answers is not tried.
    pub fn new(
        settings: &RedisSettings,
        storage: &StoreSettings,
        (watch, poll_interval): (Watch, Duration),
    ) -> Result<Option<Self>, WakeUpError> {
        let Some(link) = Link::new(settings, storage)? else {
            return Ok(None);
        };
        Ok(Some(Self(Arc::new(Shared {
            watch,
            link,
            hints: Arc::default(),
            counters: Counters::default(),
            poll_interval,
        }))))
    }

    /// Whether the settings can be used, as far as that shows without Redis.
    ///
    /// # Errors
    ///
    /// [`WakeUpError`].
    pub fn check(settings: &RedisSettings, storage: &StoreSettings) -> Result<(), WakeUpError> {
        Link::new(settings, storage).map(drop)
    }

    /// Works until cancelled, whatever becomes of Redis. Call it once.
    pub async fn run(&self, cancellation: CancellationToken) {
        let work = async {
            tokio::join!(self.0.keep_linked(), self.0.obey());
        };
        let _ = cancellation.run_until_cancelled(work).await;
        self.0.counters.connected.store(false, Ordering::Relaxed);
    }

    /// What was done so far.
    pub fn status(&self) -> WakeUpStatus {
        let Counters {
            connected,
            sent,
            failures,
        } = &self.0.counters;
        let (received, ignored) = self.0.hints.counts();
        WakeUpStatus {
            connected: connected.load(Ordering::Relaxed),
            received,
            ignored,
            sent: sent.load(Ordering::Relaxed),
            failures: failures.load(Ordering::Relaxed),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Polls when a message or a gap asks for it, at a pace that no flood of messages can raise.
    async fn obey(&self) {
        let mut pace = Pace::new(self.poll_interval);
        loop {
            let known = self.watch.feed().generation();
            match self.hints.next().await {
                // This very state of the index was read.
                Hint::Generation(generation) if generation == known => continue,
                Hint::Generation(_) | Hint::Gap => {}
            }
            pace.wait().await;
            let before = self.watch.feed().revision();
            // A store that fails is reported by the watch.
            let _ = self.watch.refresh().await;
            pace.polled(self.watch.feed().revision() != before);
        }
    }
}
