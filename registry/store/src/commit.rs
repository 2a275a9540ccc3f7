//! The only writer of what is published.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::PutMode;
use ochre_model::{ComponentId, ComponentName, PackageJson};
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, instrument};

use crate::{
    catalog::{ComponentVersions, VersionSummary},
    index::{EditRefusal, IndexEdit, IndexError, WriteError, Written},
    key::{KeyError, PACKAGE_JSON, StoreKey},
    objects::FetchError,
    pending::Marker,
    release::{Release, ReleaseArchive},
    retry::{Backoff, is_full},
    source::ReadError,
    store::Inner,
};

/// A change of what is published.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "a change is moved twice, and most of them are the large kind"
)]
pub enum StoreChange {
    /// A new release.
    Publish(PublishRelease),
    /// Another state of a release, or another target of a channel.
    Edit(IndexEdit),
}

/// A release to publish.
#[derive(Clone, Debug)]
pub struct PublishRelease {
    /// Name and version.
    pub id: ComponentId,
    /// The final `package.json`: date and publisher are set.
    pub manifest: PackageJson,
    /// Every file but `package.json`: path relative to the package root, and bytes.
    pub files: Vec<(String, Bytes)>,
    /// Who publishes, when known.
    pub publisher: Option<String>,
}

/// A finished change.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The component.
    pub name: ComponentName,
    /// The component as the index holds it, the change included.
    pub component: Arc<ComponentVersions>,
    /// Number of the index write that holds it.
    pub generation: u64,
    /// Whether `components.json` and `components-details.json` hold it too. If not, the next
    /// commit or reconcile brings it there; the release is served all the same.
    pub exported: bool,
}

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The version is published.
    #[error("version is published already")]
    AlreadyPublished {
        /// Whether it holds the very files that were to be published.
        same_content: bool,
    },
    /// The name is taken in another spelling.
    #[error("name is taken by `{existing}`")]
    NameTaken {
        /// The spelling in use.
        existing: String,
    },
    /// The state or the channel cannot be changed so.
    #[error("change is not possible")]
    Refused(#[source] EditRefusal),
    /// A file's path cannot be stored.
    #[error("file cannot be stored")]
    Path(#[from] KeyError),
    /// Two files have the same path, or one is `package.json`.
    #[error("file `{0}` is given twice")]
    DuplicateFile(String),
    /// The store has no room left.
    #[error("store is full")]
    StoreFull,
    /// The store did not answer as it should, or not in time. The change may still be finished
    /// later; trying again tells.
    #[error("store cannot be written")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// How the claim of a version ended.
enum Claim {
    Won,
    Lost(Box<ReleaseArchive>),
}

/// Makes changes, each as a task of its own that nobody's leaving can end.
#[derive(Clone)]
pub struct Committer {
    inner: Arc<Inner>,
    running: TaskTracker,
}

// === impl Committer ===

impl Committer {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            running: TaskTracker::new(),
        }
    }

    /// Makes a change; returns once the index holds it.
    ///
    /// Dropping the future does not stop the change.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; after `Unavailable` the change may or may not be finished later.
    pub async fn commit(&self, change: StoreChange) -> Result<Committed, CommitError> {
        let inner = Arc::clone(&self.inner);
        let task = async move {
            match change {
                StoreChange::Publish(release) => inner.publish(release).await,
                StoreChange::Edit(edit) => inner.edit(edit).await,
            }
        };
        let task = self
            .running
            .spawn_on(task.in_current_span(), &self.inner.runtime);
        match tokio::time::timeout(self.inner.commit_timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(failed)) => Err(CommitError::Unavailable(Arc::new(failed))),
            Err(elapsed) => Err(CommitError::Unavailable(Arc::new(elapsed))),
        }
    }

    /// Waits until no change is being made and `components.json` holds all of them, at most for
    /// `bound`; false when it took longer.
    pub async fn drain(&self, bound: Duration) -> bool {
        self.running.close();
        let done = tokio::time::timeout(bound, async {
            self.running.wait().await;
            self.inner.index.settle_exports().await;
        })
        .await;
        self.running.reopen();
        done.is_ok()
    }
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Committer")
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// The steps of a publish. Before the release object nothing exists; after it the version is
    /// certain, and whoever finds it unfinished can finish it.
    #[instrument(skip_all, fields(component.name = %release.id.name, component.version = %release.id.version))]
    async fn publish(&self, release: PublishRelease) -> Result<Committed, CommitError> {
        let PublishRelease {
            id,
            manifest,
            files,
            publisher,
        } = release;
        self.check_paths(&id, &files)?;
        let package = String::from_utf8(manifest.to_bytes())
            .map_err(|error| CommitError::Unavailable(Arc::new(error)))?;
        let packed = tokio::task::spawn_blocking({
            let id = id.clone();
            move || {
                let archive = ReleaseArchive::new(&id, package, publisher, files);
                archive.to_bytes().map(|object| (archive, object))
            }
        });
        let (archive, object) = packed
            .await
            .map_err(|error| CommitError::Unavailable(Arc::new(error)))?
            .map_err(|error| CommitError::Unavailable(Arc::new(error)))?;
        if let Some(package) = self.read_package(&id).await? {
            return Err(self.published_before(&id, package, &archive.release).await);
        }
        self.reserve_name(&id.name).await?;
        let marker = Marker::new(&id, &archive.release.token);
        self.put_marker(&marker).await?;
        match self.claim(&id, &archive.release.token, &object).await {
            Ok(Claim::Won) => {}
            Ok(Claim::Lost(winner)) => {
                self.remove_marker(&marker).await;
                return Err(self.lost(&id, &winner, &archive.release).await);
            }
            // The claim may have been stored all the same: the marker stays for reconcile.
            Err(error) => return Err(error),
        }
        drop(object);
        let committed = self.finish(&id, &archive).await?;
        if committed.exported {
            self.remove_marker(&marker).await;
        }
        tracing::info!("published {id}");
        Ok(committed)
    }

    /// Brings a claimed release to its end: files, `package.json`, index, manifests.
    pub(crate) async fn finish(
        &self,
        id: &ComponentId,
        archive: &ReleaseArchive,
    ) -> Result<Committed, CommitError> {
        self.project(id, archive).await?;
        let written = self.list(id, archive.release.details()).await?;
        Ok(Committed::new(&id.name, &written))
    }

    /// Changes a state or a channel: one write of the index, before which nothing has happened and
    /// after which all has.
    #[instrument(skip_all, fields(component.name = %edit.name()))]
    async fn edit(&self, edit: IndexEdit) -> Result<Committed, CommitError> {
        let mut written = self.index.edit(edit.clone()).await;
        if let Err(WriteError::Refused(EditRefusal::UnknownVersion)) = written
            && let Some(id) = edit.needs()
            && let Some(details) = self.find(&id).await?
        {
            // Another registry published it, and no poll has listed it yet.
            self.take_over(vec![(id, details)]).await?;
            written = self.index.edit(edit.clone()).await;
        }
        let written = written?;
        tracing::debug!(?edit, "changed {}", edit.name());
        Ok(Committed::new(edit.name(), &written))
    }

    async fn list(&self, id: &ComponentId, details: VersionSummary) -> Result<Written, IndexError> {
        let id = id.clone();
        self.index.add([(id, details)]).await
    }

    fn check_paths(&self, id: &ComponentId, files: &[(String, Bytes)]) -> Result<(), CommitError> {
        let mut seen = std::collections::HashSet::from([PACKAGE_JSON]);
        for (path, _) in files {
            self.path(StoreKey::File(id, path))?;
            if !seen.insert(path) {
                return Err(CommitError::DuplicateFile(path.clone()));
            }
        }
        self.path(StoreKey::Release(id))?;
        Ok(())
    }

    /// The answer for a version whose `package.json` is there.
    async fn published_before(
        &self,
        id: &ComponentId,
        package: Bytes,
        mine: &Release,
    ) -> CommitError {
        let theirs = match self.read_header(id).await {
            Ok(Some(release)) => release,
            Ok(None) => match self.adopt(id, package).await {
                Ok(archive) => Arc::new(archive.release),
                Err(error) => return error.into(),
            },
            Err(error) => return error.into(),
        };
        match self.list(id, theirs.details()).await {
            Ok(_) => CommitError::AlreadyPublished {
                same_content: theirs.same_content(mine),
            },
            Err(error) => error.into(),
        }
    }

    /// The answer for a version that another publish claimed. The same content is finished first,
    /// so that a publisher who tries again after a crash has what it wanted.
    async fn lost(&self, id: &ComponentId, winner: &ReleaseArchive, mine: &Release) -> CommitError {
        let same_content = winner.release.same_content(mine);
        if same_content && let Err(error) = self.finish(id, winner).await {
            return error;
        }
        CommitError::AlreadyPublished { same_content }
    }

    /// Creates the release object. What the store answers decides nothing: the object does.
    async fn claim(
        &self,
        id: &ComponentId,
        token: &str,
        object: &Bytes,
    ) -> Result<Claim, CommitError> {
        let key = StoreKey::Release(id);
        let path = self.path(key)?;
        let mut backoff = Backoff::new();
        loop {
            let put = self
                .objects
                .put(&path, object, PutMode::Create, key.labels());
            let Err(refused) = put.await else {
                return Ok(Claim::Won);
            };
            let unclear = match self.read_archive(id).await {
                Ok(Some(found)) if found.release.token == token => return Ok(Claim::Won),
                Ok(Some(found)) => return Ok(Claim::Lost(Box::new(found))),
                Ok(None) if is_full(&refused) => return Err(CommitError::StoreFull),
                Ok(None) => CommitError::Unavailable(Arc::new(refused)),
                Err(error) => error.into(),
            };
            if !backoff.pause().await {
                return Err(unclear);
            }
        }
    }
}

// === impl Committed ===

impl Committed {
    fn new(name: &ComponentName, written: &Written) -> Self {
        let component = written.state.components.get(name);
        Self {
            name: name.clone(),
            component: component.cloned().unwrap_or_default(),
            generation: written.state.generation,
            exported: written.exported,
        }
    }
}

// === impl CommitError ===

impl From<WriteError> for CommitError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => Self::Refused(refusal),
            WriteError::Index(error) => error.into(),
        }
    }
}

impl From<FetchError> for CommitError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Store(source) => source.into(),
            other @ FetchError::TooLarge { .. } => Self::Unavailable(Arc::new(other)),
        }
    }
}

impl From<object_store::Error> for CommitError {
    fn from(error: object_store::Error) -> Self {
        if is_full(&error) {
            Self::StoreFull
        } else {
            Self::Unavailable(Arc::new(error))
        }
    }
}

impl From<ReadError> for CommitError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<IndexError> for CommitError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Full => Self::StoreFull,
            other => Self::Unavailable(Arc::new(other)),
        }
    }
}
