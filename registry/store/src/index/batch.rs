//! What one write of the index changes, for all who wait for it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    IndexChange, IndexError, IndexState, apply,
    edit::{Decision, EditRefusal, IndexEdit},
};
use crate::catalog::Components;

/// What a write did.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The index, which holds everything that was asked for.
    pub(crate) state: Arc<IndexState>,
    /// Whether the manifests that other registries read hold it too.
    pub(crate) exported: bool,
}

/// An edit that was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("change was refused")]
    Refused(#[source] EditRefusal),
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Somebody who waits for the next write, and what it is to change.
#[derive(Debug)]
pub(super) enum Waiter {
    /// These are so, whatever else is: nothing can refuse them.
    Facts {
        changes: Vec<IndexChange>,
        answer: oneshot::Sender<Result<Written, IndexError>>,
    },
    Edit {
        edit: IndexEdit,
        /// What it came to when it was last tried.
        decision: Option<Decision>,
        answer: oneshot::Sender<Result<Written, WriteError>>,
    },
}

/// Everybody for whom one write is made.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<Waiter>);

/// What a batch changes in one state.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) changes: Vec<IndexChange>,
    /// Time of the last change, or of the write when nothing changes.
    pub(super) last_ms: u64,
}

// === impl Batch ===

impl Batch {
    pub(super) fn new(waiting: Vec<Waiter>) -> Self {
        Self(waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what somebody asks comes to something depends on what others did.
    pub(super) fn depends_on_state(&self) -> bool {
        let mut waiting = self.0.iter();
        waiting.any(|waiter| matches!(waiter, Waiter::Edit { .. }))
    }

    /// Applies what everybody asks for to `components`. Each change has a time of its own, from
    /// `first_ms` on.
    ///
    /// What an earlier attempt wrote, whose answer was lost, stays decided.
    pub(super) fn apply(&mut self, components: &mut Components, first_ms: u64) -> Applied {
        let mut applied = Applied {
            changes: Vec::new(),
            last_ms: first_ms,
        };
        for waiter in &mut self.0 {
            match waiter {
                Waiter::Facts { changes, .. } => {
                    for change in changes {
                        applied.add(components, change);
                    }
                }
                Waiter::Edit { edit, decision, .. } => {
                    if let Some(Decision::Change(change)) = decision
                        && change.is_in(components)
                    {
                        continue;
                    }
                    let decided = edit.decide(components, applied.next_ms());
                    if let Decision::Change(change) = &decided {
                        applied.add(components, change);
                    }
                    *decision = Some(decided);
                }
            }
        }
        applied
    }

    /// Tells everybody what the write, or the last attempt of it, came to.
    pub(super) fn answer(self, result: &Result<Written, IndexError>) {
        for waiter in self.0 {
            // A waiter that has gone needs no answer.
            match waiter {
                Waiter::Facts { answer, .. } => drop(answer.send(result.clone())),
                Waiter::Edit {
                    decision, answer, ..
                } => {
                    let result = match (result, decision) {
                        (Ok(_), Some(Decision::Refused(refusal))) => {
                            Err(WriteError::Refused(refusal))
                        }
                        (result, _) => result.clone().map_err(WriteError::from),
                    };
                    drop(answer.send(result));
                }
            }
        }
    }
}

// === impl Applied ===

impl Applied {
    fn next_ms(&self) -> u64 {
        self.last_ms + u64::from(!self.changes.is_empty())
    }

    fn add(&mut self, components: &mut Components, change: &IndexChange) {
        if apply(components, change) {
            self.last_ms = self.next_ms().max(change.at());
            self.changes.push(change.clone());
        }
    }
}
