//! One object that several processes change by compare-and-swap.
//!
//! Object stores do it with conditional puts. A folder has none: there the index is a row of
//! numbered revisions ([`revisions`]) and what others read by name is changed under a lock
//! ([`lock`]).

mod lock;
mod revisions;

use bytes::Bytes;
use object_store::{Error, GetOptions, PutMode, UpdateVersion, path::Path};
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    key::Labels,
    objects::{FetchError, Medium, Objects, collect},
};

/// Largest object that is changed by compare-and-swap.
pub(crate) const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Which state of the object was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Revision {
    /// The store's own tags.
    Tag {
        /// `ETag` as the store sent it.
        e_tag: String,
        /// Object version, where the store has them.
        version: Option<String>,
    },
    /// Number of the revision.
    Number(u64),
    /// Tag for cheap reads, digest for the swap.
    Content {
        e_tag: Option<String>,
        digest: Digest,
    },
}

/// What a read found.
#[derive(Debug)]
pub(crate) enum Reading {
    Unchanged,
    Missing,
    Found { bytes: Bytes, revision: Revision },
}

/// What a swap did.
#[derive(Debug)]
pub(crate) enum Swapped {
    /// Written; the new revision when the store tells it.
    Done(Option<Revision>),
    /// Somebody else wrote first, or it cannot be told: read again.
    Conflict,
}

/// A failed read or swap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwapError {
    #[error("object is larger than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("store sends weak entity tags, which cannot guard a write")]
    WeakTag,
    #[error("lock is held by another process")]
    Locked,
    #[error("lock file cannot be used")]
    LockFile(#[source] std::io::Error),
    #[error("store answered with an error")]
    Store(#[source] Error),
}

/// The object.
#[derive(Clone, Debug)]
pub(crate) struct SwapObject {
    objects: Objects,
    path: Path,
    labels: Labels,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Conditional,
    Revisions,
    Locked(lock::LockFile),
}

// === impl Revision ===

impl Revision {
    /// The store's tag of the object.
    pub(crate) fn e_tag(&self) -> Option<&str> {
        match self {
            Self::Tag { e_tag, .. } => Some(e_tag),
            Self::Content { e_tag, .. } => e_tag.as_deref(),
            Self::Number(_) => None,
        }
    }
}

// === impl SwapObject ===

impl SwapObject {
    /// An object that only Ochre reads.
    pub(crate) fn own(objects: Objects, path: Path, labels: Labels) -> Self {
        Self::new((objects, path, labels), |_| Way::Revisions)
    }

    /// An object that others read by its name; `lock` is where a folder keeps its lock file.
    pub(crate) fn shared(objects: Objects, path: Path, labels: Labels, lock: &Path) -> Self {
        let locked = |root: &_| Way::Locked(lock::LockFile::new(root, lock));
        Self::new((objects, path, labels), locked)
    }

    fn new(
        (objects, path, labels): (Objects, Path, Labels),
        in_folder: impl FnOnce(&std::path::Path) -> Way,
    ) -> Self {
        let way = match &objects.medium {
            Medium::Folder(root) => in_folder(root),
            Medium::Memory | Medium::S3 | Medium::Gcs | Medium::Azure => Way::Conditional,
        };
        Self {
            objects,
            path,
            labels,
            way,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the object, or learns that it is still what `seen` says.
    pub(crate) async fn read(&self, seen: Option<&Revision>) -> Result<Reading, SwapError> {
        if let Way::Revisions = self.way {
            return revisions::read(&self.objects, &self.path, seen).await;
        }
        let e_tag = match seen {
            Some(Revision::Tag { e_tag, .. }) => Some(e_tag.clone()),
            Some(Revision::Content { e_tag, .. }) => e_tag.clone(),
            Some(Revision::Number(_)) | None => None,
        };
        let options = GetOptions {
            if_none_match: e_tag,
            ..GetOptions::default()
        };
        let result = match self.objects.inner.get_opts(&self.path, options).await {
            Ok(result) => result,
            Err(Error::NotModified { .. }) => return Ok(Reading::Unchanged),
            Err(Error::NotFound { .. }) => return Ok(Reading::Missing),
            Err(error) => return Err(SwapError::Store(error)),
        };
        let (e_tag, version) = (result.meta.e_tag.clone(), result.meta.version.clone());
        let bytes = collect(result, BYTES_MAX).await?;
        let revision = match &self.way {
            Way::Locked(_) => Revision::Content {
                e_tag,
                digest: Digest::computed(&bytes).await,
            },
            Way::Conditional | Way::Revisions => tag(e_tag, version)?,
        };
        if Some(&revision) == seen {
            return Ok(Reading::Unchanged);
        }
        Ok(Reading::Found { bytes, revision })
    }

    /// The object's tag, without the object: none when it is missing, or has none.
    pub(crate) async fn tag(&self) -> Result<Option<String>, SwapError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.objects.inner.get_opts(&self.path, options).await {
            Ok(result) => Ok(result.meta.e_tag),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(SwapError::Store(error)),
        }
    }

    /// Writes the object if it is still what `expected` says; none means it must not exist.
    pub(crate) async fn swap(
        &self,
        expected: Option<&Revision>,
        bytes: Bytes,
    ) -> Result<Swapped, SwapError> {
        self.objects.check_hold().map_err(SwapError::Store)?;
        match &self.way {
            Way::Revisions => revisions::swap(&self.objects, &self.path, expected, &bytes).await,
            Way::Conditional => self.swap_conditional(expected, &bytes).await,
            Way::Locked(file) => {
                let _guard = file.acquire(self.objects.lock_timeout).await?;
                self.swap_locked(expected, &bytes).await
            }
        }
    }

    async fn swap_conditional(
        &self,
        expected: Option<&Revision>,
        bytes: &Bytes,
    ) -> Result<Swapped, SwapError> {
        let mode = match expected {
            Some(Revision::Tag { e_tag, version }) => PutMode::Update(UpdateVersion {
                e_tag: Some(self.match_tag(e_tag)),
                version: version.clone(),
            }),
            _ => PutMode::Create,
        };
        let put = self
            .objects
            .put(&self.path, bytes, mode, self.labels.clone());
        match put.await {
            Ok(result) => Ok(Swapped::Done(tag(result.e_tag, result.version).ok())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Swapped::Conflict),
            Err(error) => Err(SwapError::Store(error)),
        }
    }

    async fn swap_locked(
        &self,
        expected: Option<&Revision>,
        bytes: &Bytes,
    ) -> Result<Swapped, SwapError> {
        let expected = match expected {
            Some(Revision::Content { digest, .. }) => Some(*digest),
            _ => None,
        };
        let current = match self.objects.fetch(&self.path, BYTES_MAX).await? {
            Some(bytes) => Some(Digest::computed(&bytes).await),
            None => None,
        };
        if current != expected {
            return Ok(Swapped::Conflict);
        }
        let mode = PutMode::Overwrite;
        let put = self
            .objects
            .put(&self.path, bytes, mode, self.labels.clone());
        let written = put.await.map_err(SwapError::Store)?;
        Ok(Swapped::Done(Some(Revision::Content {
            e_tag: written.e_tag,
            digest: Digest::computed(bytes).await,
        })))
    }

    /// Ceph compares the header with its bare tag, Azure and the memory store with a quoted one.
    fn match_tag(&self, e_tag: &str) -> String {
        match self.objects.medium {
            Medium::S3 => e_tag.trim_matches('"').to_owned(),
            Medium::Memory | Medium::Folder(_) | Medium::Gcs | Medium::Azure => e_tag.to_owned(),
        }
    }
}

// === impl SwapError ===

impl From<FetchError> for SwapError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::TooLarge { .. } => Self::TooLarge,
            FetchError::Store(error) => Self::Store(error),
        }
    }
}

fn tag(e_tag: Option<String>, version: Option<String>) -> Result<Revision, SwapError> {
    match e_tag {
        Some(e_tag) if !e_tag.starts_with("W/") => Ok(Revision::Tag { e_tag, version }),
        _ => Err(SwapError::WeakTag),
    }
}
