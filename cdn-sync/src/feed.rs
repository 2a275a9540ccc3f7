//! The change feed: what the difference of two catalogs tells.

mod cursor;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ochre_model::Change;
use tokio::sync::watch;

pub use self::cursor::{Cursor, CursorError};

/// Changes that are kept for subscribers who are behind, unless told otherwise.
const CAPACITY: usize = 4096;

/// Changes that became visible together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Number of the event on this node, growing by one from 1.
    pub revision: u64,
    /// With this event every change up to this generation of the index has been told.
    pub generation: u64,
    /// What changed; empty when only the generation grew.
    pub changes: Arc<[Change]>,
    /// No change of the event is newer than this generation of the index.
    pub newest: u64,
}

/// Tells any number of subscribers what has changed, and what they missed.
#[derive(Clone, Debug)]
pub struct Feed {
    history: Arc<Mutex<History>>,
    revision: Arc<watch::Sender<u64>>,
}

/// One subscriber's place in the feed.
#[derive(Debug)]
pub struct Subscription {
    history: Arc<Mutex<History>>,
    revision: watch::Receiver<u64>,
    /// How far it has been told.
    place: Cursor,
    /// Changes up to this generation were told to it elsewhere.
    known: u64,
}

/// What there is for a subscriber who comes back.
#[derive(Debug)]
#[must_use]
pub enum Resumed {
    /// Everything that was missed comes first; some of it perhaps once more.
    Subscribed(Subscription),
    /// Too much was missed, or the feed never had it: read the catalog whole, then go on.
    TooOld(Subscription),
    /// The subscriber has heard of a later generation than this node knows: the node is behind for
    /// a moment, or its store has gone back.
    Ahead,
}

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

/// How new the changes of an event are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// Everything up to this generation was read.
    Read(u64),
    /// The index holds them with this generation; others before it may not have been read yet.
    Committed(u64),
    /// They are in no index yet.
    Unlisted,
}

/// The last events, in order.
#[derive(Debug)]
struct History {
    events: VecDeque<FeedEvent>,
    /// Changes in `events`; an event without any counts as one.
    kept: usize,
    capacity: usize,
    revision: u64,
    generation: u64,
    /// Changes up to this generation are not kept any more, or were never told.
    floor: u64,
    /// Tells this feed from those of other nodes and of other runs.
    node: u32,
}

// === impl Feed ===

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// A feed without subscribers that keeps the last 4,096 changes.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A feed that keeps the last `capacity` changes for subscribers who are behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            history: Arc::new(Mutex::new(History {
                events: VecDeque::new(),
                kept: 0,
                capacity,
                revision: 0,
                generation: 0,
                floor: 0,
                node: rand::random(),
            })),
            revision: Arc::default(),
        }
    }

    /// Subscribes to everything that changes from now on.
    pub fn subscribe(&self) -> Subscription {
        let here = lock(&self.history).here();
        self.subscription(here, 0)
    }

    /// Subscribes to everything that has changed since the place of `cursor`, on whatever node of
    /// the store that was.
    pub fn resume(&self, cursor: &Cursor) -> Resumed {
        let history = lock(&self.history);
        let here = history.here();
        if cursor.node == history.node && cursor.revision <= history.revision {
            return if history.has(cursor.revision + 1) {
                Resumed::Subscribed(self.subscription(*cursor, 0))
            } else {
                Resumed::TooOld(self.subscription(here, 0))
            };
        }
        if cursor.generation > history.generation {
            return Resumed::Ahead;
        }
        if cursor.generation < history.floor {
            return Resumed::TooOld(self.subscription(here, 0));
        }
        let place = Cursor {
            generation: cursor.generation,
            node: history.node,
            revision: history.oldest() - 1,
        };
        Resumed::Subscribed(self.subscription(place, cursor.generation))
    }

    /// Number of the last event; 0 before the first.
    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Every change up to this generation of the index has been told.
    pub fn generation(&self) -> u64 {
        lock(&self.history).generation
    }

    /// Begins with a catalog of this generation, which is itself no change.
    pub(crate) fn begin(&self, generation: u64) {
        let mut history = lock(&self.history);
        history.generation = history.generation.max(generation);
        history.floor = history.generation;
    }

    /// Tells everyone; no changes are an event only when the generation has grown.
    pub(crate) fn publish(&self, told: Told, changes: Vec<Change>) {
        let mut history = lock(&self.history);
        if !history.push(told, changes) {
            return;
        }
        let revision = history.revision;
        drop(history);
        self.revision.send_if_modified(|last| {
            let newer = revision > *last;
            *last = revision.max(*last);
            newer
        });
    }

    fn subscription(&self, place: Cursor, known: u64) -> Subscription {
        Subscription {
            history: Arc::clone(&self.history),
            revision: self.revision.subscribe(),
            place,
            known,
        }
    }
}

// === impl Subscription ===

impl Subscription {
    /// Waits for the next event with changes.
    ///
    /// # Errors
    ///
    /// [`FeedError::Lagged`] once after events were missed; [`FeedError::Closed`] at the end.
    pub async fn next(&mut self) -> Result<FeedEvent, FeedError> {
        loop {
            let event = self.next_place().await?;
            if !event.changes.is_empty() {
                return Ok(event);
            }
        }
    }

    /// Waits for the next event, also one that only says that the generation has grown.
    ///
    /// # Errors
    ///
    /// As for [`Self::next`].
    pub async fn next_place(&mut self) -> Result<FeedEvent, FeedError> {
        let next = self.place.revision + 1;
        let waited = self.revision.wait_for(|revision| *revision >= next).await;
        if waited.is_err() {
            return Err(FeedError::Closed);
        }
        drop(waited);
        let history = lock(&self.history);
        let Some(mut event) = history.get(next) else {
            let missed = history.oldest().saturating_sub(next);
            self.place.revision = history.oldest() - 1;
            return Err(FeedError::Lagged(missed));
        };
        self.place.revision = next;
        self.place.generation = event.generation.max(self.known);
        if event.newest <= self.known {
            event.changes = Arc::new([]);
        }
        Ok(event)
    }

    /// How far the subscriber has been told: where it can come back to, on any node.
    pub fn place(&self) -> Cursor {
        self.place
    }
}

// === impl History ===

impl History {
    /// Appends an event, and says whether there was one.
    fn push(&mut self, told: Told, changes: Vec<Change>) -> bool {
        let before = self.generation;
        let newest = match told {
            Told::Read(generation) => {
                self.generation = before.max(generation);
                // Changes that came without a generation belong to the next one.
                self.generation.max(before + 1)
            }
            Told::Committed(generation) => generation,
            Told::Unlisted => before + 1,
        };
        if changes.is_empty() && self.generation == before {
            return false;
        }
        self.revision += 1;
        self.kept += changes.len().max(1);
        self.events.push_back(FeedEvent {
            revision: self.revision,
            generation: self.generation,
            changes: changes.into(),
            newest,
        });
        while self.kept > self.capacity
            && let Some(oldest) = self.events.pop_front()
        {
            self.kept -= oldest.changes.len().max(1);
            self.floor = self.floor.max(oldest.newest);
        }
        true
    }

    /// Number of the oldest event that is kept, or of the next one.
    fn oldest(&self) -> u64 {
        self.revision + 1 - self.events.len() as u64
    }

    /// Whether an event is kept, or is the next one.
    fn has(&self, revision: u64) -> bool {
        revision >= self.oldest()
    }

    fn get(&self, revision: u64) -> Option<FeedEvent> {
        let position = revision.checked_sub(self.oldest())?;
        self.events.get(usize::try_from(position).ok()?).cloned()
    }

    /// The place after the last event.
    fn here(&self) -> Cursor {
        Cursor {
            generation: self.generation,
            node: self.node,
            revision: self.revision,
        }
    }
}

fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
