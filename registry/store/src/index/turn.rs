//! One writer's turn: attempts to write the index until one of them counts.

use std::{sync::Arc, time::Duration};

use ochre_model::Clock;
use tokio::{runtime::Handle, time::Instant};

use super::{
    IndexError, IndexReader, IndexReading, IndexState, Log, Position,
    batch::{Applied, Batch},
    blocking, facts,
};
use crate::{
    catalog::Components,
    compare_swap::{Revision, Swapped},
    retry::Backoff,
};

/// Writes that may be lost to others in a row.
const CONFLICTS_MAX: usize = 64;

/// Errors of the store in a row.
const ERRORS_MAX: usize = 4;

/// Versions up to which an index that is written anew needs no snapshot.
const FACTS_MAX: usize = 500;

/// Longest rest between two writes of one process.
const REST_MAX: Duration = Duration::from_millis(250);

/// What the one who writes works with.
#[derive(Debug)]
pub(super) struct Turn {
    /// When the next write may begin.
    rested: Instant,
    /// Revision of the index as last read or written, valid until a swap says otherwise.
    believed: Option<Revision>,
    reader: Arc<IndexReader>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

/// What a write is to do beside its batch.
#[derive(Debug, Default)]
pub(super) struct Also<'a> {
    /// All of this is listed too.
    pub(super) known: Option<&'a Components>,
    /// An index that is one text gets a log.
    pub(super) upgrade: bool,
    /// Its snapshot is lost.
    pub(super) anew: bool,
}

/// The index to write on.
#[derive(Debug)]
struct Current {
    state: Arc<IndexState>,
    /// The store holds it no longer: it is written even when nothing is added.
    lost: bool,
}

/// The index to write.
#[derive(Debug)]
struct Next {
    state: IndexState,
    way: Way,
}

/// How the index is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Its object says everything.
    Plainly,
    /// A snapshot takes the place of most of the log.
    Folded,
    /// A snapshot takes the place of the log: it does not tell all that has changed.
    Anew,
}

// === impl Turn ===

impl Turn {
    pub(super) fn new(reader: Arc<IndexReader>, clock: Arc<dyn Clock>, runtime: Handle) -> Self {
        Self {
            rested: Instant::now(),
            believed: None,
            reader,
            clock,
            runtime,
        }
    }

    /// Waits until other processes have had time to write.
    pub(super) async fn rested(&self) {
        tokio::time::sleep_until(self.rested).await;
    }

    /// Reads the index again before the next write.
    pub(super) fn forget(&mut self) {
        self.believed = None;
    }

    /// The index as the next write would find it.
    pub(super) async fn state(&mut self, also: &Also<'_>) -> Result<Arc<IndexState>, IndexError> {
        let current = self.current(also).await?;
        Ok(current.state)
    }

    /// Writes until the index holds what everybody's request comes to. An unclear answer is settled
    /// by reading.
    pub(super) async fn write(
        &mut self,
        batch: &mut Batch,
        also: &Also<'_>,
    ) -> Result<Arc<IndexState>, IndexError> {
        let mut backoff = Backoff::between(Duration::from_millis(4), Duration::from_millis(150));
        let (mut conflicts, mut errors) = (0, 0);
        let mut tried: Vec<Position> = Vec::new();
        loop {
            let attempt = async {
                let current = self.current(also).await?;
                // An earlier attempt was written, though its answer said otherwise or was lost.
                if let Some(log) = &current.state.log
                    && tried.iter().any(|at| log.holds(*at))
                {
                    return Ok(Some(current.state));
                }
                let Some(next) = self.next(&current, batch, also)? else {
                    return Ok(Some(current.state));
                };
                tried.extend(next.state.log.as_ref().map(Log::position));
                self.swap(&current.state, next).await
            };
            match attempt.await {
                Ok(Some(state)) => return Ok(state),
                Ok(None) => conflicts += 1,
                Err(error @ IndexError::Unavailable(_)) => {
                    self.believed = None;
                    errors += 1;
                    if errors >= ERRORS_MAX {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            if conflicts >= CONFLICTS_MAX {
                return Err(IndexError::Contended);
            }
            backoff.contended().await;
        }
    }

    /// The index as it is believed to be. One that is damaged or gone is what it last was.
    async fn current(&mut self, also: &Also<'_>) -> Result<Current, IndexError> {
        let last = self.reader.latest();
        // A poll may have found another index since: what it lacks would not be written again.
        if self.believed.is_some() && self.believed == last.revision {
            return Ok(Current {
                state: last,
                lost: false,
            });
        }
        let lost = last.generation > 0 || also.known.is_some();
        let revision = match self.reader.read(None).await? {
            IndexReading::Found(state) => {
                self.believed.clone_from(&state.revision);
                return Ok(Current { state, lost: false });
            }
            IndexReading::Damaged(revision, _) if lost => Some(revision),
            IndexReading::Damaged(_, error) => return Err(error),
            IndexReading::Missing | IndexReading::Unchanged => None,
        };
        let mut state = IndexState::clone(&last);
        state.revision = revision;
        let state = Arc::new(state);
        Ok(Current { state, lost })
    }

    /// The state after `current`, or none when nothing is to be changed.
    fn next(
        &self,
        current: &Current,
        batch: &mut Batch,
        also: &Also<'_>,
    ) -> Result<Option<Next>, IndexError> {
        let Current { state, lost } = current;
        let mut components = state.components.clone();
        let united = also.known.is_some_and(|known| components.merge(known));
        let now_ms = self.clock.now_ms().max(state.last_edit + 1);
        let Applied { changes, last_ms } = batch.apply(&mut components, now_ms);
        let upgrades = also.upgrade && state.log.is_none();
        let anew = *lost || united || upgrades || also.anew;
        if !anew && changes.is_empty() {
            return Ok(None);
        }
        let at = Position::new(state.generation + 1);
        let (log, way) = match state.log.clone() {
            log if anew && (log.is_some() || upgrades) => {
                let (all, way) = if components.version_count() <= FACTS_MAX {
                    (facts(&components).collect(), Way::Plainly)
                } else {
                    (Vec::new(), Way::Anew)
                };
                let log = Log::of(at, &all).map_err(IndexError::unwritable)?;
                (Some(log), way)
            }
            Some(mut log) => {
                log.push(at, &changes).map_err(IndexError::unwritable)?;
                let way = if log.is_long() {
                    Way::Folded
                } else {
                    Way::Plainly
                };
                (Some(log), way)
            }
            None => (None, Way::Plainly),
        };
        let state = IndexState {
            generation: at.generation,
            last_edit: last_ms,
            components,
            revision: None,
            log,
        };
        Ok(Some(Next { state, way }))
    }

    /// Writes `next` over `current`; none when somebody else was faster.
    async fn swap(
        &mut self,
        current: &IndexState,
        next: Next,
    ) -> Result<Option<Arc<IndexState>>, IndexError> {
        let Next { mut state, way } = next;
        self.believed = None;
        if way != Way::Plainly
            && let Some(log) = &mut state.log
        {
            let snapshot = self.reader.put_snapshot(&state.components, log.position());
            let snapshot = snapshot.await?;
            match way {
                Way::Anew => *log = Log::after(snapshot),
                _ => log.fold(snapshot),
            }
        }
        let (bytes, mut next) = blocking(move || Ok((state.to_bytes()?, state))).await?;
        let begun = Instant::now();
        let swapped = self.reader.object.swap(current.revision.as_ref(), bytes);
        match swapped.await? {
            Swapped::Conflict => Ok(None),
            Swapped::Done(revision) => {
                self.rest(begun.elapsed());
                next.revision = revision;
                let next = Arc::new(next);
                if next.revision.is_some() {
                    self.believed.clone_from(&next.revision);
                    self.reader.note(&next);
                }
                if way != Way::Plainly {
                    self.prune(current);
                }
                Ok(Some(next))
            }
        }
    }

    /// Removes, beside all else, the snapshots before the one that the index named until now: it may
    /// still be read.
    fn prune(&self, before: &IndexState) {
        let snapshot = before.log.as_ref().and_then(Log::snapshot);
        if let Some(oldest) = snapshot.map(|snapshot| snapshot.at.generation) {
            let reader = Arc::clone(&self.reader);
            self.runtime
                .spawn(async move { reader.prune(oldest).await });
        }
    }

    /// Leaves others time for a write after one that took so long. This process knows the index
    /// that it has written and would be first again and again: others must read it before.
    fn rest(&mut self, took: Duration) {
        let rest = took.mul_f64(rand::random_range(1.0..3.0));
        self.rested = Instant::now() + rest.min(REST_MAX);
    }
}
