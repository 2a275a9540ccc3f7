//! One poll of the shared manifests: the index, and what other registries wrote to
//! `components.json`.

mod list;

use std::{collections::HashSet, sync::Arc};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use object_store::path::Path;
use ochre_model::{Chain, ComponentId, ComponentName};
use tracing::instrument;

use self::list::ListReading;
pub(crate) use self::list::ListWatch;
use crate::{
    catalog::{CatalogRevision, CatalogSnapshot, Components, VersionSummary},
    compare_swap::SwapError,
    index::{IndexError, IndexReading, IndexState},
    manifest::{AT_ONCE_MAX, Compared, List, Manifest as _},
    source::ReadError,
    store::{ComponentStore, Inner},
};

/// Alerts of one kind that one poll tells.
const ALERTS_MAX: usize = 100;

/// What one poll found.
#[derive(Clone, Debug, Default)]
pub struct CatalogRead {
    /// The catalog, or none when nothing has changed.
    pub snapshot: Option<CatalogSnapshot>,
    /// What is wrong with the manifests; the snapshot keeps what was known before.
    pub alerts: Vec<CatalogAlert>,
    /// Whether a manifest is damaged, gone or was never there, or waits for a write that was held:
    /// reconcile everything.
    pub needs_rebuild: bool,
}

/// Something is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogAlert {
    /// The manifest is not what it should be.
    #[error("`{0}` is damaged; kept the last good catalog")]
    Malformed(String),
    /// The manifest was there before.
    #[error("`{0}` has vanished; kept the last good catalog")]
    Vanished(String),
    /// The index went back, as after the restore of an old bucket.
    #[error("index went from generation {seen} back to {found}; kept every version seen")]
    WentBack {
        /// Highest generation seen.
        seen: u64,
        /// Generation found.
        found: u64,
    },
    /// `components.json` lists a version that has no files (`corrupted_version`).
    #[error("components.json lists {0}, which has no files")]
    WithoutFiles(ComponentId),
    /// Versions of another registry could not be read or listed; the next poll tries again.
    #[error("versions of other registries could not be taken over: {0}")]
    NotImported(String),
}

// === impl ComponentStore ===

impl ComponentStore {
    /// A large catalog as the index alone tells it: enough to serve with, while what other
    /// registries have listed beside it is still looked at. None for a small one, which is read
    /// whole in no time, and for an index that is missing or damaged.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store cannot be read.
    #[instrument(skip_all)]
    pub async fn read_large_index(&self) -> Result<Option<CatalogSnapshot>, ReadError> {
        let IndexReading::Found(state) = self.inner.index_reader.read(None).await? else {
            return Ok(None);
        };
        if state.components.version_count() <= AT_ONCE_MAX {
            return Ok(None);
        }
        let mut poll = Poll::default();
        poll.take_state(&state);
        Ok(poll.finish().snapshot)
    }

    /// Reads the catalog if it has changed since `seen`, and takes over what other registries
    /// have published.
    ///
    /// Costs one conditional request when nothing has changed. Every sixth time, in the
    /// first minute and for ten minutes after another registry has written `components.json`, it
    /// costs one more for that.
    /// A version is never lost between `seen` and the answer: absence in a manifest is no removal.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store cannot be read; damaged manifests are alerts instead.
    #[instrument(skip_all)]
    pub async fn read_catalog(
        &self,
        seen: Option<&CatalogRevision>,
    ) -> Result<CatalogRead, ReadError> {
        let inner = &self.inner;
        let first = seen.is_none();
        let mut revision = seen.cloned().unwrap_or_default();
        // What this process wrote since is news: an index that is still as it was has gone back.
        let written = inner.index_reader.latest().generation;
        let is_current = written <= revision.generation;
        revision.generation = revision.generation.max(written);
        // The list before the index. A publish writes them the other way round, so that a list
        // which lost a version again (another registry overwrote it) is never compared with an
        // index that did not hold it yet.
        let list = inner.look_at_list(&revision).await?;
        let known = revision.index.as_ref().filter(|_| is_current);
        let index = inner.index_reader.read(known).await;
        let mut poll = Poll {
            components: revision.components.clone(),
            revision,
            changed: first,
            ..Poll::default()
        };
        poll.take_index(index, inner.index_reader.path(), first)?;
        let list = poll.take_list(list, inner.list_object.path()).await?;
        if let Some(list) = list {
            if list.lacks || !list.surplus.is_empty() {
                inner.list_watch.attend();
            }
            inner.import(&mut poll, &list).await;
        }
        poll.read.needs_rebuild |= inner.settles_owed();
        Ok(poll.finish())
    }
}

/// `components.json`, seen from the index.
type Listed = Compared<Vec<String>>;

/// A poll on its way.
#[derive(Default)]
struct Poll {
    revision: CatalogRevision,
    components: Components,
    last_edit: u64,
    changed: bool,
    read: CatalogRead,
}

// === impl Poll ===

impl Poll {
    fn take_index(
        &mut self,
        reading: Result<IndexReading, IndexError>,
        path: &Path,
        first: bool,
    ) -> Result<(), ReadError> {
        match reading {
            Ok(IndexReading::Unchanged) => {}
            Ok(IndexReading::Missing) => {
                if self.revision.index.take().is_some() {
                    self.alert(CatalogAlert::Vanished(path.to_string()));
                    self.read.needs_rebuild = true;
                }
                self.read.needs_rebuild |= first;
            }
            Ok(IndexReading::Found(state)) => self.take_state(&state),
            Ok(IndexReading::Damaged(_, error)) => {
                tracing::debug!(error = %Chain(&error), "index is damaged");
                self.revision.index = None;
                self.alert(CatalogAlert::Malformed(path.to_string()));
                self.read.needs_rebuild = true;
            }
            Err(error @ IndexError::UnknownFormat(_)) => {
                return Err(ReadError::Malformed {
                    path: path.to_string(),
                    source: Arc::new(error),
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn take_state(&mut self, state: &IndexState) {
        let seen = self.revision.generation;
        if state.generation < seen {
            let found = state.generation;
            self.alert(CatalogAlert::WentBack { seen, found });
        }
        self.components.merge(&state.components);
        self.revision.generation = seen.max(state.generation);
        self.revision.index.clone_from(&state.revision);
        self.last_edit = self.last_edit.max(state.last_edit);
        self.changed = true;
    }

    async fn take_list(
        &mut self,
        reading: ListReading,
        path: &Path,
    ) -> Result<Option<Listed>, ReadError> {
        match reading {
            ListReading::Unchanged => Ok(None),
            ListReading::Missing => {
                if self.revision.manifest.take().is_some() {
                    self.alert(CatalogAlert::Vanished(path.to_string()));
                    self.read.needs_rebuild = true;
                }
                Ok(None)
            }
            ListReading::Announced(surplus, revision) => {
                self.revision.manifest = Some(revision);
                self.changed = true;
                Ok(Some(Listed {
                    last_edit: 0,
                    surplus,
                    lacks: false,
                }))
            }
            ListReading::Found(bytes, revision) => {
                let known = self.components.clone();
                let parsed = tokio::task::spawn_blocking(move || List::compare(&bytes, &known));
                let parsed = parsed.await;
                let parsed = parsed.map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
                self.revision.manifest = parsed.is_ok().then_some(revision);
                if parsed.is_err() {
                    self.alert(CatalogAlert::Malformed(path.to_string()));
                    self.read.needs_rebuild = true;
                }
                self.changed |= parsed.is_ok();
                Ok(parsed.ok())
            }
        }
    }

    fn alert(&mut self, alert: CatalogAlert) {
        if self.read.alerts.len() < ALERTS_MAX {
            self.read.alerts.push(alert);
        }
    }

    fn finish(mut self) -> CatalogRead {
        if self.changed {
            self.revision.components = self.components.clone();
            self.read.snapshot = Some(CatalogSnapshot {
                revision: self.revision,
                last_edit: self.last_edit,
                components: self.components,
            });
        }
        self.read
    }
}

// === impl Inner ===

impl Inner {
    /// Takes over the versions that only `components.json` lists, each after a look at its files.
    async fn import(&self, poll: &mut Poll, list: &Listed) {
        let unknown = unknown(list);
        let looks = unknown.into_iter().map(|id| {
            let look = async move {
                let found = self.find(&id).await;
                (id, found)
            };
            look.boxed()
        });
        let looks: Vec<BoxFuture<'_, _>> = looks.collect();
        let mut looks = stream::iter(looks).buffer_unordered(self.concurrency);
        let mut additions = Vec::new();
        while let Some((id, found)) = looks.next().await {
            match found {
                Ok(Some(details)) => additions.push((id, details)),
                Ok(None) => poll.alert(CatalogAlert::WithoutFiles(id)),
                Err(error) => poll.not_imported(&error),
            }
        }
        for (id, details) in &additions {
            poll.components.insert(id, details);
        }
        let lacks = list.lacks;
        if (lacks || !additions.is_empty()) && self.leaves_owed() {
            return;
        }
        if !additions.is_empty() {
            match self.take_over(additions).await {
                Ok(state) => poll.take_state(&state),
                Err(error) => poll.not_imported(&error),
            }
        }
        if lacks && let Err(error) = self.index.export_again().await {
            poll.not_imported(&error);
        }
    }

    /// Lists versions that are published but not in the index, and reserves their names.
    pub(crate) async fn take_over(
        &self,
        additions: Vec<(ComponentId, VersionSummary)>,
    ) -> Result<Arc<IndexState>, IndexError> {
        let ids: Vec<ComponentId> = additions.iter().map(|(id, _)| id.clone()).collect();
        let written = self.index.add(additions).await?;
        self.reserve_names(&ids).await;
        tracing::info!("took over {} versions of other registries", ids.len());
        Ok(written.state)
    }

    /// Reserves the spelling of every name, where another has not been reserved before.
    pub(crate) async fn reserve_names(&self, ids: &[ComponentId]) {
        let names: HashSet<&ComponentName> = ids.iter().map(|id| &id.name).collect();
        let reservations = names.into_iter().map(|name| {
            let reservation = async move {
                if let Err(error) = self.reserve_name(name).await {
                    tracing::debug!(error = %Chain(&error), "did not reserve the name {name}");
                }
            };
            reservation.boxed()
        });
        let reservations: Vec<BoxFuture<'_, _>> = reservations.collect();
        stream::iter(reservations)
            .buffer_unordered(self.concurrency)
            .collect::<()>()
            .await;
    }
}

impl Poll {
    /// The list is read again by the next poll.
    fn not_imported(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.revision.manifest = None;
        // Its causes may read differently each time, and what is told twice must be the same.
        tracing::debug!(error = %Chain(error), "did not import what other registries list");
        let alert = CatalogAlert::NotImported(error.to_string());
        if !self.read.alerts.contains(&alert) {
            self.alert(alert);
        }
    }
}

impl From<SwapError> for ReadError {
    fn from(error: SwapError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

/// Versions that only the list names; what is no name or version is passed over.
fn unknown(list: &Listed) -> Vec<ComponentId> {
    let mut unknown = Vec::new();
    for (name, texts) in &list.surplus {
        let Ok(name) = name.parse::<ComponentName>() else {
            continue;
        };
        let versions = texts.iter().filter_map(|text| text.parse().ok());
        unknown.extend(versions.map(|version| ComponentId {
            name: name.clone(),
            version,
        }));
    }
    unknown
}
