//! Reads the index, from what is known of it already where that is enough.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::{Error, PutMode, path::Path};

use super::{
    IndexError, IndexState, Log, Parsed, Position, blocking,
    log::{Head, SnapshotRef},
    snapshot,
};
use crate::{
    catalog::Components,
    compare_swap::{Reading, Revision, SwapError, SwapObject},
    digest::Digest,
    key::Labels,
    objects::{FetchError, Objects},
};

/// Largest accepted snapshot, packed.
const SNAPSHOT_MAX: u64 = 512 * 1024 * 1024;

/// Reads that may find their snapshot removed under them.
const READS: usize = 4;

/// What a read found.
#[derive(Debug)]
pub(crate) enum IndexReading {
    Unchanged,
    Missing,
    Found(Arc<IndexState>),
    /// It cannot be understood.
    Damaged(Revision, IndexError),
}

/// The index of this store, and what this process knows of it.
#[derive(Debug)]
pub(crate) struct IndexReader {
    pub(crate) object: SwapObject,
    objects: Objects,
    /// The folder of all snapshots.
    snapshots: Path,
    /// What was read or written last. Never held across an await.
    latest: Mutex<Arc<IndexState>>,
}

// === impl IndexReader ===

impl IndexReader {
    pub(crate) fn new(object: SwapObject, objects: Objects, snapshots: Path) -> Self {
        Self {
            object,
            objects,
            snapshots,
            latest: Mutex::new(Arc::new(IndexState::fresh())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.object.path()
    }

    /// Reads the index, or learns that it is still what `seen` says.
    pub(crate) async fn read(&self, seen: Option<&Revision>) -> Result<IndexReading, IndexError> {
        let mut without: Option<Revision> = None;
        for _ in 0..READS {
            // A second look must not be answered by the tag of the first.
            let seen = seen.filter(|_| without.is_none());
            let (bytes, revision) = match self.object.read(seen).await? {
                Reading::Unchanged => return Ok(IndexReading::Unchanged),
                Reading::Missing => return Ok(IndexReading::Missing),
                Reading::Found { bytes, revision } => (bytes, revision),
            };
            let latest = self.latest();
            if latest.revision.as_ref() == Some(&revision) {
                return Ok(IndexReading::Found(latest));
            }
            match self.state(bytes, &revision, latest).await {
                Ok(Some(state)) => {
                    let state = Arc::new(state);
                    self.note(&state);
                    return Ok(IndexReading::Found(state));
                }
                Ok(None) if without.as_ref() == Some(&revision) => {
                    let error = IndexError::damaged("snapshot is missing");
                    return Ok(IndexReading::Damaged(revision, error));
                }
                // Another write may have replaced the snapshot meanwhile.
                Ok(None) => without = Some(revision),
                Err(error @ IndexError::Malformed(_)) => {
                    return Ok(IndexReading::Damaged(revision, error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(IndexError::Contended)
    }

    /// What was read or written last.
    pub(crate) fn latest(&self) -> Arc<IndexState> {
        let latest = self.latest.lock();
        Arc::clone(&latest.unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what was read or written last.
    pub(super) fn note(&self, state: &Arc<IndexState>) {
        let latest = self.latest.lock();
        *latest.unwrap_or_else(PoisonError::into_inner) = Arc::clone(state);
    }

    /// Whether the snapshot is there and undamaged, which nodes that know the index do not notice.
    pub(super) async fn has_snapshot(&self, state: &IndexState) -> Result<bool, IndexError> {
        match state.log.as_ref().and_then(Log::snapshot) {
            Some(snapshot) => self.holds(snapshot).await,
            None => Ok(true),
        }
    }

    /// Whether a snapshot is there, and undamaged.
    async fn holds(&self, snapshot: &SnapshotRef) -> Result<bool, IndexError> {
        let Some(bytes) = self.fetch(snapshot).await? else {
            return Ok(false);
        };
        Ok(Digest::computed(&bytes).await == snapshot.sha256)
    }

    /// The state that the index object describes; none when its snapshot is not there.
    async fn state(
        &self,
        bytes: Bytes,
        revision: &Revision,
        latest: Arc<IndexState>,
    ) -> Result<Option<IndexState>, IndexError> {
        let (tag, known) = (revision.clone(), Arc::clone(&latest));
        let parsed = blocking(move || IndexState::parse(&bytes, tag, &known)).await?;
        let head: Head<Log> = match parsed {
            Parsed::State(state) => return Ok(Some(state)),
            Parsed::Behind(head) => head,
        };
        let packed = match head.log.snapshot() {
            Some(snapshot) => match self.fetch(snapshot).await? {
                Some(bytes) => Some((bytes, snapshot.clone())),
                None => return Ok(None),
            },
            None => None,
        };
        let state = blocking(move || {
            let components = match packed {
                Some((bytes, snapshot)) => open(&bytes, &snapshot, &latest.components)?,
                None => Components::default(),
            };
            IndexState::from_snapshot(head, components)
        });
        let state = state.await?;
        Ok(Some(IndexState {
            revision: Some(revision.clone()),
            ..state
        }))
    }

    async fn fetch(&self, snapshot: &SnapshotRef) -> Result<Option<Bytes>, IndexError> {
        let path = self.snapshots.clone().join(snapshot.name.as_str());
        match self.objects.fetch(&path, SNAPSHOT_MAX).await {
            Ok(bytes) => Ok(bytes),
            Err(FetchError::Store(error)) => Err(SwapError::Store(error).into()),
            Err(error @ FetchError::TooLarge { .. }) => Err(IndexError::damaged(error)),
        }
    }

    /// Writes the whole index of one moment. Nothing names it yet.
    pub(super) async fn put_snapshot(
        &self,
        components: &Components,
        at: Position,
    ) -> Result<SnapshotRef, IndexError> {
        let components = components.clone();
        let (bytes, sha256) = blocking(move || {
            let bytes = snapshot::pack(&components, at)?;
            let sha256 = Digest::of(&bytes);
            Ok((bytes, sha256))
        })
        .await?;
        let name = format!("{:020}-{:016x}", at.generation, at.token);
        let path = self.snapshots.clone().join(name.as_str());
        let put = self
            .objects
            .put(&path, &bytes, PutMode::Create, Labels::default());
        let put = put.await;
        let snapshot = SnapshotRef { at, name, sha256 };
        match put {
            Ok(_) => Ok(snapshot),
            // The name is one of its own: an earlier attempt arrived after all, if it is there.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
                if self.holds(&snapshot).await? =>
            {
                Ok(snapshot)
            }
            Err(error) => Err(SwapError::Store(error).into()),
        }
    }

    /// Removes snapshots older than `oldest`, which no index that may be read any more names.
    pub(super) async fn prune(&self, oldest: u64) {
        let listing = match self.objects.list(&self.snapshots).await {
            Ok(listing) => listing,
            Err(error) => {
                tracing::debug!(error = %error, "did not look for old snapshots");
                return;
            }
        };
        let generation = |path: &Path| -> Option<u64> {
            let (generation, _) = path.filename()?.split_once('-')?;
            generation.parse().ok()
        };
        for object in listing {
            if generation(&object.location).is_none_or(|generation| generation >= oldest) {
                continue;
            }
            if let Err(error) = self.objects.delete(&object.location).await {
                tracing::debug!(error = %error, store.path = %object.location,
                    "did not remove an old snapshot");
            }
        }
    }
}

fn open(
    bytes: &[u8],
    snapshot: &SnapshotRef,
    known: &Components,
) -> Result<Components, IndexError> {
    if Digest::of(bytes) != snapshot.sha256 {
        return Err(IndexError::damaged("snapshot has another digest"));
    }
    snapshot::unpack(bytes, snapshot.at, known)
}
