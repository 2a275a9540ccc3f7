//! `components.json` and `components-details.json`, which every registry of the bucket shares.
//!
//! Ochre adds to them what its index holds and never takes anything away.

mod announcement;
mod details;
mod file;
mod list;
mod queue;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ochre_model::{Chain, Clock, json::JsonError};

use self::file::SurplusOf;
pub(crate) use self::{
    announcement::{Announcement, Board},
    details::Details,
    file::{Compared, Manifest},
    list::List,
    queue::{AT_ONCE_MAX, Exports},
};
use crate::{
    catalog::Components,
    compare_swap::{Reading, Revision, SwapError, SwapObject, Swapped},
    index::IndexState,
    retry::Backoff,
};

/// Writes that may be lost to others in a row.
const CONFLICTS_MAX: usize = 64;

/// Errors of the store in a row.
const ERRORS_MAX: usize = 4;

/// Writes both manifests.
#[derive(Debug)]
pub(crate) struct Exporter {
    list: Shared<List>,
    details: Shared<Details>,
    board: Board,
    /// Whether announcements are believed.
    trusts: bool,
    clock: Arc<dyn Clock>,
}

/// One manifest, and what is believed of it.
#[derive(Debug)]
struct Shared<M: Manifest> {
    object: SwapObject,
    known: Option<Known<M>>,
}

/// What a manifest holds: the catalog of then, and a surplus.
#[derive(Debug)]
struct Known<M: Manifest> {
    revision: Option<Revision>,
    last_edit: u64,
    holds: Components,
    surplus: SurplusOf<M::Surplus>,
    /// It lacks something, or cannot be read: it is written even when nothing is added.
    lacks: bool,
}

/// A failed export.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("manifest is written by too many others at once")]
    Contended,
    #[error("manifest cannot be written as JSON")]
    Malformed(#[source] JsonError),
    #[error("worker ended")]
    Worker(#[source] tokio::task::JoinError),
    #[error("manifest cannot be read or written")]
    Unavailable(#[from] SwapError),
}

// === impl Exporter ===

impl Exporter {
    pub(crate) fn new(
        (list, details): (SwapObject, SwapObject),
        board: Board,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            list: Shared {
                object: list,
                known: None,
            },
            details: Shared {
                object: details,
                known: None,
            },
            board,
            trusts: true,
            clock,
        }
    }

    /// Forgets what the manifests are believed to hold; `others` tells whether what other nodes
    /// announce is still believed.
    fn forget(&mut self, others: bool) {
        self.list.known = None;
        self.details.known = None;
        self.trusts = others;
    }

    /// Makes both manifests hold everything that is published; false when one of them does not,
    /// which the next export mends.
    async fn export(&mut self, state: &IndexState) -> bool {
        let components = &state.components;
        let is_large = components.version_count() > AT_ONCE_MAX;
        if is_large && self.trusts && self.list.known.is_none() {
            self.learn(state).await;
        }
        let list = self.list.export(components, &self.clock);
        let details = self.details.export(components, &self.clock);
        let (list, details) = if is_large {
            // One text in memory at a time, and the list last: the shorter it is there without its
            // announcement, the fewer nodes read it.
            let details = details.await;
            (list.await, details)
        } else {
            tokio::join!(list, details)
        };
        let list = report(self.list.object.path(), list);
        let details = report(self.details.object.path(), details);
        if list && details && is_large {
            self.announce(state).await;
        }
        list && details
    }

    /// Learns from the last export of another node what the manifests hold, if the index has been
    /// where that node says.
    async fn learn(&mut self, state: &IndexState) {
        let (Some(log), Ok(Some(found))) = (&state.log, self.board.read().await) else {
            return;
        };
        if !log.knows(found.at) {
            return;
        }
        let is_current = log.position() == found.at;
        self.list.known = Some(Known {
            revision: Some(found.list),
            last_edit: found.last_edit,
            holds: state.components.clone(),
            surplus: found.surplus,
            lacks: !is_current,
        });
        self.details.known = found.details.map(|revision| Known {
            revision: Some(revision),
            last_edit: found.last_edit,
            holds: state.components.clone(),
            surplus: SurplusOf::new(),
            lacks: !is_current,
        });
    }

    /// Tells the other nodes what the manifests hold.
    async fn announce(&mut self, state: &IndexState) {
        let (Some(at), Some(list)) = (state.position(), &self.list.known) else {
            return;
        };
        let Some(revision) = &list.revision else {
            return;
        };
        let mut announcement = Announcement::new(at, revision.clone(), list.surplus.clone());
        announcement.last_edit = list.last_edit;
        if let Some(details) = self.details.known.as_ref()
            && details.surplus.is_empty()
        {
            announcement.last_edit = announcement.last_edit.max(details.last_edit);
            announcement.details.clone_from(&details.revision);
        }
        self.board.write(&announcement).await;
        self.trusts = true;
    }
}

// === impl Shared ===

impl<M: Manifest> Shared<M> {
    async fn export(
        &mut self,
        components: &Components,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), ExportError> {
        let mut backoff = Backoff::between(Duration::from_millis(4), Duration::from_millis(500));
        let (mut conflicts, mut errors) = (0, 0);
        loop {
            match self.attempt(components, clock.now_ms()).await {
                Ok(true) => return Ok(()),
                Ok(false) => conflicts += 1,
                Err(ExportError::Unavailable(SwapError::Store(error)))
                    if errors + 1 < ERRORS_MAX && !crate::retry::is_full(&error) =>
                {
                    errors += 1;
                }
                Err(error) => return Err(error),
            }
            if conflicts >= CONFLICTS_MAX {
                return Err(ExportError::Contended);
            }
            backoff.contended().await;
        }
    }

    /// Adds what is missing; false when somebody else wrote first.
    async fn attempt(&mut self, components: &Components, now_ms: u64) -> Result<bool, ExportError> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => self.read(components).await?,
        };
        if !known.lacks && !adds(&known.holds, components) {
            known.holds = components.clone();
            self.known = Some(known);
            return Ok(true);
        }
        let wanted = components.clone();
        let (mut known, bytes) = blocking(move || {
            let bytes = known.add(wanted, now_ms)?;
            Ok((known, bytes))
        })
        .await?;
        match self.object.swap(known.revision.as_ref(), bytes).await? {
            Swapped::Conflict => return Ok(false),
            Swapped::Done(None) => return Ok(true),
            Swapped::Done(revision) => known.revision = revision,
        }
        self.known = Some(known);
        Ok(true)
    }

    async fn read(&self, components: &Components) -> Result<Known<M>, ExportError> {
        let path = self.object.path().clone();
        let (bytes, revision) = match self.object.read(None).await? {
            Reading::Found { bytes, revision } => (Some(bytes), Some(revision)),
            Reading::Missing | Reading::Unchanged => (None, None),
        };
        let holds = components.clone();
        blocking(move || {
            let compared = match bytes.map(|bytes| M::compare(&bytes, &holds)) {
                Some(Ok(compared)) => compared,
                Some(Err(error)) => {
                    tracing::error!(store.path = %path, error = %Chain(&error),
                        "found a damaged manifest; wrote it again from the index");
                    Compared::default()
                }
                None => Compared::default(),
            };
            Ok(Known {
                revision,
                last_edit: compared.last_edit,
                surplus: compared.surplus,
                lacks: compared.lacks,
                holds,
            })
        })
        .await
    }
}

// === impl Known ===

impl<M: Manifest> Known<M> {
    /// The bytes of a file that holds everything in `components` as well.
    fn add(&mut self, components: Components, now_ms: u64) -> Result<Bytes, ExportError> {
        self.last_edit = now_ms.max(self.last_edit.saturating_add(1));
        self.holds = components;
        self.lacks = false;
        let text = file::text::<M>(&self.holds, &self.surplus, self.last_edit);
        Ok(text.map_err(ExportError::Malformed)?.into())
    }
}

/// Whether `next` lists a version that `held` does not.
fn adds(held: &Components, next: &Components) -> bool {
    Components::differences(held, next).any(|(_, held, next)| {
        let mut versions = next.into_iter().flat_map(|next| next.versions());
        versions.any(|version| !held.is_some_and(|held| held.contains(version)))
    })
}

fn report(path: &object_store::path::Path, result: Result<(), ExportError>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(store.path = %path, error = %Chain(&error),
                "did not export the catalog; the next export will");
            false
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ExportError::Worker(error)))
}
