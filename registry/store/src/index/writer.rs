//! Changes the index: many waiting changes in one write.

use std::sync::{Arc, Mutex, PoisonError};

use ochre_model::{Clock, ComponentId};
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    IndexChange, IndexError, IndexReader,
    batch::{Batch, Waiter, WriteError, Written},
    edit::IndexEdit,
    turn::{Also, Turn},
};
use crate::{
    catalog::{Components, VersionSummary},
    manifest::{AT_ONCE_MAX, Board, Exports},
};

/// The one writer of the index in this process.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    /// Changes that wait for the next write. Never held across an await.
    waiting: Mutex<Vec<Waiter>>,
    /// Held during a write; who gets it writes for all who wait.
    turn: tokio::sync::Mutex<Turn>,
    exports: Arc<Exports>,
    reader: Arc<IndexReader>,
    runtime: Handle,
}

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
            turn: tokio::sync::Mutex::new(Turn::new(Arc::clone(&reader), clock, runtime.clone())),
            exports,
            reader,
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
            .map(|(id, details)| IndexChange::Add { id, details });
        self.add_facts(additions.collect()).await
    }

    /// Adds what is so, whatever else is; returns once the index holds it.
    pub(crate) async fn add_facts(
        self: &Arc<Self>,
        changes: Vec<IndexChange>,
    ) -> Result<Written, IndexError> {
        let (answer, result) = oneshot::channel();
        self.wait_for_write(Waiter::Facts { changes, answer });
        result.await.unwrap_or_else(|ended| Err(ended.into()))
    }

    /// Makes one change, if the state that it meets allows it; returns once the index holds it.
    pub(crate) async fn edit(self: &Arc<Self>, edit: IndexEdit) -> Result<Written, WriteError> {
        let (answer, result) = oneshot::channel();
        self.wait_for_write(Waiter::Edit {
            edit,
            decision: None,
            answer,
        });
        result
            .await
            .unwrap_or_else(|ended| Err(IndexError::from(ended).into()))
    }

    /// Puts a waiter among those of the next write, and sees to it that there is one.
    fn wait_for_write(self: &Arc<Self>, waiter: Waiter) {
        let waiting = self.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner).push(waiter);
        // A task of its own: a caller that goes away must not take the others' write with it.
        let writer = Arc::clone(self);
        self.runtime
            .spawn(async move { writer.write_waiting().await });
    }

    /// Writes for all who wait, once it is this task's turn.
    async fn write_waiting(&self) {
        let mut turn = self.turn.lock().await;
        turn.rested().await;
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut batch = Batch::new(waiting);
        if batch.is_empty() {
            return;
        }
        if batch.depends_on_state() {
            // Another process may have changed what is asked about since this one last wrote, and
            // what comes to nothing is not noticed by a swap.
            turn.forget();
        }
        let written = self.write(&mut turn, &mut batch, &Also::default()).await;
        batch.answer(&written);
    }

    /// Writes the manifests that other registries read once more, from the index.
    pub(crate) async fn export_again(&self) -> Result<(), IndexError> {
        let mut turn = self.turn.lock().await;
        self.exports.forget(true).await;
        self.write(&mut turn, &mut Batch::default(), &Also::default())
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
        let is_whole = turn.state(&Also::default()).await?.log.is_none();
        if is_whole {
            let upgrade = Also {
                upgrade: true,
                ..Also::default()
            };
            self.write(&mut turn, &mut Batch::default(), &upgrade)
                .await?;
        }
        Ok(is_whole)
    }

    /// Makes the index hold everything in `known` as well, whatever state it is in.
    pub(crate) async fn rebuild(&self, known: &Components) -> Result<(), IndexError> {
        let mut turn = self.turn.lock().await;
        turn.forget();
        self.exports.forget(false).await;
        let mut also = Also {
            known: Some(known),
            ..Also::default()
        };
        let state = turn.state(&also).await?;
        also.anew = !self.reader.has_snapshot(&state).await?;
        self.write(&mut turn, &mut Batch::default(), &also).await?;
        Ok(())
    }

    /// Writes the index and what others read.
    async fn write(
        &self,
        turn: &mut Turn,
        batch: &mut Batch,
        also: &Also<'_>,
    ) -> Result<Written, IndexError> {
        let state = turn.write(batch, also).await?;
        let exported = self.exports.export(&state).await;
        Ok(Written { state, exported })
    }
}
