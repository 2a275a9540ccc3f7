//! Changes the index: many waiting changes in one write.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ochre_model::{Clock, ComponentId};
use tokio::{runtime::Handle, sync::oneshot, time::Instant};

use super::{
    IndexChange, IndexError, IndexReader, IndexReading, IndexState, Log, Position, apply,
    edit::{Decision, EditRefusal, IndexEdit},
};
use crate::{
    catalog::{Components, VersionSummary},
    compare_swap::Swapped,
    manifest::{AT_ONCE_MAX, Board, Exports},
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

/// What a write did.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The index, which holds everything that was asked for.
    pub(crate) state: Arc<IndexState>,
    /// Whether the manifests that other registries read hold it too.
    pub(crate) exported: bool,
}

/// A change that was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("change was refused")]
    Refused(#[source] EditRefusal),
    #[error(transparent)]
    Index(#[from] IndexError),
}

type Answer = Result<Written, WriteError>;

/// The one writer of the index in this process.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    /// Changes that wait for the next write. Never held across an await.
    waiting: Mutex<Vec<Waiter>>,
    /// Held during a write; who gets it writes for all who wait.
    turn: tokio::sync::Mutex<Turn>,
    exports: Arc<Exports>,
    reader: Arc<IndexReader>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

#[derive(Debug)]
struct Waiter {
    edits: Vec<IndexEdit>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
struct Turn {
    /// When the next write may begin.
    rested: Instant,
    /// The index as last read or written, valid until a swap says otherwise.
    current: Option<Arc<IndexState>>,
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

/// What a write is to do beside its edits.
#[derive(Debug, Default)]
struct Also<'a> {
    /// All of this is listed too.
    known: Option<&'a Components>,
    /// An index that is one text gets a log.
    upgrade: bool,
    /// Its snapshot is lost.
    anew: bool,
}

/// Edits of one write, with what each came to when it was last tried.
#[derive(Debug, Default)]
struct Edits(Vec<(IndexEdit, Option<Decision>)>);

// === impl IndexWriter ===

impl IndexWriter {
    pub(crate) fn new(
        reader: Arc<IndexReader>,
        exports: Arc<Exports>,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::new(Turn {
                rested: Instant::now(),
                current: None,
            }),
            exports,
            reader,
            clock,
            runtime,
        }
    }

    /// Lists versions; returns once the index holds them.
    pub(crate) async fn add(
        self: &Arc<Self>,
        versions: impl IntoIterator<Item = (ComponentId, VersionSummary)>,
    ) -> Result<Written, IndexError> {
        let additions = versions
            .into_iter()
            .map(|(id, details)| IndexEdit::Fact(IndexChange::Add { id, details }));
        self.edit(additions.collect()).await.map_err(Into::into)
    }

    /// Makes changes, together with whatever else waits; returns once the index holds them. If one
    /// is refused the others are made all the same, and the answer is that refusal.
    pub(crate) async fn edit(self: &Arc<Self>, edits: Vec<IndexEdit>) -> Answer {
        let (answer, result) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiter { edits, answer });
        // A task of its own: a caller that goes away must not take the others' write with it.
        let writer = Arc::clone(self);
        self.runtime
            .spawn(async move { writer.write_waiting().await });
        result.await.unwrap_or(Err(IndexError::Contended.into()))
    }

    /// Writes for all who wait, once it is this task's turn.
    async fn write_waiting(&self) {
        let mut turn = self.turn.lock().await;
        tokio::time::sleep_until(turn.rested).await;
        let batch =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return;
        }
        let edits = batch.iter().flat_map(|waiter| waiter.edits.iter().cloned());
        let mut edits: Edits = edits.collect();
        if edits.depend_on_state() {
            // Another process may have changed what is asked about since this one last wrote, and
            // what comes to nothing is not noticed by a swap.
            turn.current = None;
        }
        let written = self.write(&mut turn, &mut edits, &Also::default()).await;
        let mut decided = edits.0.into_iter();
        for waiter in batch {
            let decisions = decided.by_ref().take(waiter.edits.len());
            let answer = match &written {
                Ok(written) => settle(decisions).map(|()| written.clone()),
                Err(error) => {
                    decisions.for_each(drop);
                    Err(error.clone().into())
                }
            };
            // A waiter that has gone needs no answer.
            let _ = waiter.answer.send(answer);
        }
    }

    /// Writes the manifests that other registries read once more, from the index.
    pub(crate) async fn export_again(&self) -> Result<(), IndexError> {
        let mut turn = self.turn.lock().await;
        self.exports.forget(true).await;
        self.write(&mut turn, &mut Edits::default(), &Also::default())
            .await?;
        Ok(())
    }

    /// Waits until the manifests hold everything, without pauses.
    pub(crate) async fn settle_exports(&self) {
        self.exports.settle().await;
    }

    /// Exports a large catalog whose last change nobody has exported: its publisher died.
    pub(crate) async fn export_left_over(&self, board: &Board) {
        let state = self.reader.latest();
        let is_large = state.components.version_count() > AT_ONCE_MAX;
        let Some(at) = state
            .position()
            .filter(|_| is_large && !self.exports.is_busy())
        else {
            return;
        };
        let Ok(found) = board.read().await else {
            return;
        };
        let exported = found.map_or(0, |found| found.at.generation);
        if exported < at.generation {
            self.exports.export(&state).await;
        }
    }

    /// Gives the index a log, which older releases do not understand; false when it has one.
    pub(crate) async fn upgrade(&self) -> Result<bool, IndexError> {
        let mut turn = self.turn.lock().await;
        let current = self.current(&mut turn, &Also::default()).await?;
        let is_whole = current.state.log.is_none();
        if is_whole {
            let upgrade = Also {
                upgrade: true,
                ..Also::default()
            };
            self.write(&mut turn, &mut Edits::default(), &upgrade)
                .await?;
        }
        Ok(is_whole)
    }

    /// Makes the index hold everything in `known` as well, whatever state it is in.
    pub(crate) async fn rebuild(&self, known: &Components) -> Result<(), IndexError> {
        let mut turn = self.turn.lock().await;
        turn.current = None;
        self.exports.forget(false).await;
        let is_whole = match self.reader.read(None).await? {
            IndexReading::Found(state) => self.reader.has_snapshot(&state).await?,
            _ => true,
        };
        let also = Also {
            known: Some(known),
            anew: !is_whole,
            ..Also::default()
        };
        self.write(&mut turn, &mut Edits::default(), &also).await?;
        Ok(())
    }

    /// Writes the index and what others read.
    async fn write(
        &self,
        turn: &mut Turn,
        edits: &mut Edits,
        also: &Also<'_>,
    ) -> Result<Written, IndexError> {
        let state = self.swap_in(turn, edits, also).await?;
        let exported = self.exports.export(&state).await;
        Ok(Written { state, exported })
    }

    /// Writes until the index holds what every edit comes to. An unclear answer is settled by reading.
    async fn swap_in(
        &self,
        turn: &mut Turn,
        edits: &mut Edits,
        also: &Also<'_>,
    ) -> Result<Arc<IndexState>, IndexError> {
        let mut backoff = Backoff::between(Duration::from_millis(4), Duration::from_millis(150));
        let (mut conflicts, mut errors) = (0, 0);
        let mut tried: Vec<Position> = Vec::new();
        loop {
            let attempt = async {
                let current = self.current(turn, also).await?;
                // An earlier attempt was written, though its answer said otherwise or was lost.
                if let Some(log) = &current.state.log
                    && tried.iter().any(|at| log.holds(*at))
                {
                    return Ok(Some(current.state));
                }
                let Some(next) = self.next(&current, edits, also)? else {
                    return Ok(Some(current.state));
                };
                tried.extend(next.state.log.as_ref().map(Log::position));
                self.swap(turn, &current.state, next).await
            };
            match attempt.await {
                Ok(Some(state)) => return Ok(state),
                Ok(None) => conflicts += 1,
                Err(error @ IndexError::Unavailable(_)) => {
                    turn.current = None;
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
    async fn current(&self, turn: &mut Turn, also: &Also<'_>) -> Result<Current, IndexError> {
        if let Some(state) = &turn.current {
            let state = Arc::clone(state);
            return Ok(Current { state, lost: false });
        }
        let last = self.reader.latest();
        let lost = last.generation > 0 || also.known.is_some();
        let revision = match self.reader.read(None).await? {
            IndexReading::Found(state) => {
                turn.current = Some(Arc::clone(&state));
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
        edits: &mut Edits,
        also: &Also<'_>,
    ) -> Result<Option<Next>, IndexError> {
        let Current { state, lost } = current;
        let mut components = state.components.clone();
        let united = also.known.is_some_and(|known| components.merge(known));
        let now_ms = self.clock.now_ms().max(state.last_edit + 1);
        let (last_edit, changes) = edits.decide(&mut components, now_ms);
        let anew = *lost || united || also.upgrade || also.anew;
        if !anew && changes.is_empty() {
            return Ok(None);
        }
        let at = Position::new(state.generation + 1);
        let mut log = state.log.clone();
        let mut way = Way::Plainly;
        if anew && (log.is_some() || also.upgrade) {
            let few = components.version_count() <= FACTS_MAX;
            way = if few { Way::Plainly } else { Way::Anew };
            let all: Vec<IndexChange> = few
                .then(|| facts(&components))
                .into_iter()
                .flatten()
                .collect();
            log = Some(Log::of(at, &all).map_err(IndexError::unwritable)?);
        } else if let Some(log) = &mut log {
            log.push(at, &changes).map_err(IndexError::unwritable)?;
            way = if log.is_long() {
                Way::Folded
            } else {
                Way::Plainly
            };
        }
        let state = IndexState {
            generation: at.generation,
            last_edit: last_edit.unwrap_or(now_ms),
            components,
            revision: None,
            log,
        };
        Ok(Some(Next { state, way }))
    }

    /// Writes `next` over `current`; none when somebody else was faster.
    async fn swap(
        &self,
        turn: &mut Turn,
        current: &IndexState,
        next: Next,
    ) -> Result<Option<Arc<IndexState>>, IndexError> {
        let Next { mut state, way } = next;
        turn.current = None;
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
                turn.rest(begun.elapsed());
                next.revision = revision;
                let next = Arc::new(next);
                if next.revision.is_some() {
                    turn.current = Some(Arc::clone(&next));
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
}

// === impl Turn ===

impl Turn {
    /// Leaves others time for a write after one that took so long. This process knows the index
    /// that it has written and would be first again and again: others must read it before.
    fn rest(&mut self, took: Duration) {
        let rest = took.mul_f64(rand::random_range(1.0..3.0));
        self.rested = Instant::now() + rest.min(REST_MAX);
    }
}

// === impl Edits ===

impl Edits {
    /// Whether what one of them comes to depends on what others did.
    fn depend_on_state(&self) -> bool {
        let mut edits = self.0.iter();
        edits.any(|(edit, _)| !matches!(edit, IndexEdit::Fact(_)))
    }

    /// Decides every edit on `components` and applies it; the time of the last one, or none when
    /// nothing was applied, and what was. Each has a time of its own, from `first_ms` on.
    ///
    /// What an earlier attempt wrote, whose answer was lost, stays decided.
    fn decide(
        &mut self,
        components: &mut Components,
        first_ms: u64,
    ) -> (Option<u64>, Vec<IndexChange>) {
        let mut at = first_ms;
        let mut last = None;
        let mut changes = Vec::new();
        for (edit, decision) in &mut self.0 {
            if let Some(Decision::Change(change)) = decision
                && change.is_in(components)
            {
                continue;
            }
            let decided = edit.decide(components, at);
            if let Decision::Change(change) = &decided
                && apply(components, change)
            {
                at = at.max(change.at());
                last = Some(at);
                at += 1;
                changes.push(change.clone());
            }
            *decision = Some(decided);
        }
        (last, changes)
    }
}

impl FromIterator<IndexEdit> for Edits {
    fn from_iter<I: IntoIterator<Item = IndexEdit>>(edits: I) -> Self {
        Self(edits.into_iter().map(|edit| (edit, None)).collect())
    }
}

/// Whether one waiter has what it asked for. Takes all of its edits.
fn settle(edits: impl Iterator<Item = (IndexEdit, Option<Decision>)>) -> Result<(), WriteError> {
    let refused = edits.filter_map(|(_, decision)| match decision {
        Some(Decision::Refused(refusal)) => Some(refusal),
        _ => None,
    });
    refused
        .last()
        .map_or(Ok(()), |refusal| Err(WriteError::Refused(refusal)))
}

/// Everything that a catalog knows.
fn facts(known: &Components) -> impl Iterator<Item = IndexChange> {
    known.iter().flat_map(|(name, versions)| {
        let versions_of = versions.iter().flat_map(move |(version, details)| {
            let id = ComponentId {
                name: name.clone(),
                version: version.clone(),
            };
            let status = details.status.clone();
            let state = status.map(|status| IndexChange::State {
                id: id.clone(),
                status,
            });
            let details = details.clone();
            std::iter::once(IndexChange::Add { id, details }).chain(state)
        });
        let channels = versions
            .known_channels()
            .map(|(channel, known)| IndexChange::Channel {
                name: name.clone(),
                channel: channel.clone(),
                version: known.version().cloned(),
                at: known.at(),
            });
        versions_of.chain(channels)
    })
}

// === impl WriteError ===

impl From<WriteError> for IndexError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Index(error) => error,
            // Facts are never refused.
            WriteError::Refused(refusal) => Self::Unavailable(Arc::new(refusal)),
        }
    }
}

/// Runs work that grows with the catalog off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(IndexError::Unavailable(Arc::new(error))))
}
