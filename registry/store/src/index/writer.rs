//! Adds versions to the index: many waiting publishes in one write.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ochre_model::{Clock, ComponentId};
use tokio::{runtime::Handle, sync::oneshot};

use super::{IndexError, IndexState};
use crate::{
    catalog::{Components, VersionSummary},
    compare_swap::{Reading, SwapObject, Swapped},
    manifest::Exporter,
    retry::Backoff,
};

/// Writes that may be lost to others in a row.
const CONFLICTS_MAX: usize = 64;

/// Errors of the store in a row.
const ERRORS_MAX: usize = 4;

/// A version to list.
#[derive(Clone, Debug)]
pub(crate) struct Addition {
    pub(crate) id: ComponentId,
    pub(crate) details: VersionSummary,
}

/// What a write did.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The index, which holds everything that was asked for.
    pub(crate) state: Arc<IndexState>,
    /// Whether the manifests that other registries read hold it too.
    pub(crate) exported: bool,
}

type Answer = Result<Written, IndexError>;

/// The one writer of the index in this process.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    /// Publishes that wait for the next write. Never held across an await.
    waiting: Mutex<Vec<Waiter>>,
    /// Held during a write; who gets it writes for all who wait.
    turn: tokio::sync::Mutex<Turn>,
    object: SwapObject,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

#[derive(Debug)]
struct Waiter {
    additions: Vec<Addition>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
struct Turn {
    exporter: Exporter,
    /// The index as last read or written, valid until a swap says otherwise.
    current: Option<Arc<IndexState>>,
    /// The last index that could be read, kept for when it is damaged or gone.
    last_good: Arc<IndexState>,
}

/// The index to write on.
#[derive(Debug)]
struct Current {
    state: Arc<IndexState>,
    /// The store holds it no longer: it is written even when nothing is added.
    lost: bool,
}

// === impl IndexWriter ===

impl IndexWriter {
    pub(crate) fn new(
        object: SwapObject,
        exporter: Exporter,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::new(Turn {
                exporter,
                current: None,
                last_good: Arc::default(),
            }),
            object,
            clock,
            runtime,
        }
    }

    /// Lists versions, together with whatever else waits; returns once the index holds them.
    pub(crate) async fn add(self: &Arc<Self>, additions: Vec<Addition>) -> Answer {
        let (answer, result) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiter { additions, answer });
        // A task of its own: a caller that goes away must not take the others' write with it.
        let writer = Arc::clone(self);
        self.runtime
            .spawn(async move { writer.write_waiting().await });
        result.await.unwrap_or(Err(IndexError::Contended))
    }

    /// Writes for all who wait, once it is this task's turn.
    async fn write_waiting(&self) {
        let mut turn = self.turn.lock().await;
        let batch =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !batch.is_empty() {
            let additions: Vec<Addition> = batch
                .iter()
                .flat_map(|waiter| waiter.additions.iter().cloned())
                .collect();
            let written = self.write(&mut turn, &additions).await;
            for waiter in batch {
                // A waiter that has gone needs no answer.
                let _ = waiter.answer.send(written.clone());
            }
        }
    }

    /// Writes the manifests that other registries read once more, from the index.
    pub(crate) async fn export_again(&self) -> Answer {
        let mut turn = self.turn.lock().await;
        turn.exporter.forget();
        self.write(&mut turn, &[]).await
    }

    /// Makes the index hold everything in `known` as well, whatever state it is in.
    pub(crate) async fn rebuild(&self, known: &Components) -> Answer {
        let mut turn = self.turn.lock().await;
        let mut good = IndexState::clone(&turn.last_good);
        good.components.merge(known);
        good.generation = good.generation.max(1);
        turn.last_good = Arc::new(good);
        turn.current = None;
        turn.exporter.forget();
        let additions = known.iter().flat_map(|(name, versions)| {
            versions.iter().map(|(version, details)| Addition {
                id: ComponentId {
                    name: name.clone(),
                    version: version.clone(),
                },
                details: details.clone(),
            })
        });
        let additions: Vec<Addition> = additions.collect();
        self.write(&mut turn, &additions).await
    }

    async fn write(&self, turn: &mut Turn, additions: &[Addition]) -> Answer {
        let state = self.swap_in(turn, additions).await?;
        let exported = turn.exporter.export(&state.components).await;
        Ok(Written { state, exported })
    }

    /// Writes until the index holds every addition. An unclear answer is settled by reading.
    async fn swap_in(
        &self,
        turn: &mut Turn,
        additions: &[Addition],
    ) -> Result<Arc<IndexState>, IndexError> {
        let mut backoff = Backoff::between(Duration::from_millis(4), Duration::from_millis(500));
        let (mut conflicts, mut errors) = (0, 0);
        loop {
            let attempt = async {
                let current = self.current(turn).await?;
                match self.next(&current, additions) {
                    None => Ok(Some(current.state)),
                    Some(next) => self.swap(turn, &current.state, next).await,
                }
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
    async fn current(&self, turn: &mut Turn) -> Result<Current, IndexError> {
        if let Some(state) = &turn.current {
            let state = Arc::clone(state);
            return Ok(Current { state, lost: false });
        }
        let revision = match self.object.read(None).await? {
            Reading::Found { bytes, revision } => {
                let known = turn.last_good.components.clone();
                let tag = revision.clone();
                match blocking(move || IndexState::parse(&bytes, tag, &known)).await {
                    Ok(state) => {
                        let state = Arc::new(state);
                        turn.current = Some(Arc::clone(&state));
                        turn.last_good = Arc::clone(&state);
                        return Ok(Current { state, lost: false });
                    }
                    Err(IndexError::Malformed(_)) if turn.last_good.generation > 0 => {
                        Some(revision)
                    }
                    Err(error) => return Err(error),
                }
            }
            Reading::Missing | Reading::Unchanged => None,
        };
        let lost = turn.last_good.generation > 0;
        let mut state = IndexState::clone(&turn.last_good);
        state.revision = revision;
        let state = Arc::new(state);
        Ok(Current { state, lost })
    }

    /// The state after `current`, or none when the index lists every addition already.
    fn next(&self, current: &Current, additions: &[Addition]) -> Option<IndexState> {
        let Current { state, lost } = current;
        let mut components = state.components.clone();
        let mut changed = *lost;
        for addition in additions {
            changed |= components.insert(&addition.id, &addition.details);
        }
        changed.then(|| IndexState {
            generation: state.generation + 1,
            last_edit: self.clock.now_ms().max(state.last_edit + 1),
            components,
            revision: None,
        })
    }

    /// Writes `next` over `current`; none when somebody else was faster.
    async fn swap(
        &self,
        turn: &mut Turn,
        current: &IndexState,
        next: IndexState,
    ) -> Result<Option<Arc<IndexState>>, IndexError> {
        let (bytes, mut next) = blocking(move || Ok((next.to_bytes()?, next))).await?;
        turn.current = None;
        match self.object.swap(current.revision.as_ref(), bytes).await? {
            Swapped::Conflict => Ok(None),
            Swapped::Done(revision) => {
                next.revision = revision;
                let next = Arc::new(next);
                if next.revision.is_some() {
                    turn.current = Some(Arc::clone(&next));
                }
                turn.last_good = Arc::clone(&next);
                Ok(Some(next))
            }
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
