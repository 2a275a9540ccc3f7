//! The object store as the rest of this crate uses it: bounded reads, repeated attempts, labels
//! only where the medium keeps them.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutOptions, PutResult, path::Path,
};

use crate::{
    key::Labels,
    retry::{Backoff, is_transient},
};

/// What the objects lie on, and so how a compare-and-swap is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Memory of this process.
    Memory,
    /// S3 or a compatible service: conditional puts with unquoted `ETag`s.
    S3,
    /// Google Cloud Storage: conditional puts with generations.
    Gcs,
    /// Azure Blob Storage: conditional puts with `ETag`s as they were sent.
    Azure,
    /// A local folder: numbered revisions and a lock file below the path.
    Folder(PathBuf),
}

/// Who may read an object: told to stores that want to know as an extension of the put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody.
    Everybody,
    /// The owner of the store.
    Owner,
}

/// An object store, what it lies on, and how long its locks are waited for.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) medium: Medium,
    pub(crate) lock_timeout: Duration,
    /// Whether every put tells the [`Audience`] of its object.
    pub(crate) tells_audience: bool,
    /// Whether nothing is ever written.
    pub(crate) read_only: bool,
    /// Whether writes are refused for now; one for all who work with the store.
    hold: Arc<AtomicBool>,
}

/// Writes are refused until the store has shown that it keeps its promises.
#[derive(Debug, thiserror::Error)]
#[error("writes are held until the store passes its self-test")]
struct Held;

/// The store is never written.
#[derive(Debug, thiserror::Error)]
#[error("store is opened to be read only: see storage.read_only")]
struct ReadOnly;

/// A failed read of an object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The object is larger than its kind may be.
    #[error("object is larger than {limit} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    #[error("store answered with an error")]
    Store(#[source] Error),
}

// === impl Medium ===

impl Medium {
    /// OC's word for the kind of store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "azure-blob-storage",
            Self::Folder(_) => "folder",
        }
    }
}

// === impl Objects ===

impl Objects {
    /// Objects that may be written, to a store that does not ask for whom.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, medium: Medium, lock_timeout: Duration) -> Self {
        Self {
            inner,
            medium,
            lock_timeout,
            tells_audience: false,
            read_only: false,
            hold: Arc::default(),
        }
    }

    /// Refuses every write from now on, or no longer.
    pub(crate) fn set_hold(&self, held: bool) {
        self.hold.store(held, Ordering::SeqCst);
    }

    /// Whether writes are refused.
    pub(crate) fn is_held(&self) -> bool {
        self.read_only || self.hold.load(Ordering::SeqCst)
    }

    /// The same objects, written whether others are held or not, unless nothing may be written.
    pub(crate) fn unheld(&self) -> Self {
        Self {
            hold: Arc::default(),
            ..self.clone()
        }
    }

    /// The error of a write while writes are refused.
    pub(crate) fn check_hold(&self) -> Result<(), Error> {
        if self.read_only {
            return Err(Error::NotSupported {
                source: Box::new(ReadOnly),
            });
        }
        if self.is_held() {
            return Err(Error::NotSupported {
                source: Box::new(Held),
            });
        }
        Ok(())
    }

    /// Reads an object whole; none when it does not exist.
    pub(crate) async fn fetch(&self, path: &Path, limit: u64) -> Result<Option<Bytes>, FetchError> {
        self.fetch_with(path, limit, GetOptions::default()).await
    }

    /// Reads the first bytes of an object; none when it does not exist.
    pub(crate) async fn fetch_head(
        &self,
        path: &Path,
        length: u64,
    ) -> Result<Option<Bytes>, FetchError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..length)),
            ..GetOptions::default()
        };
        self.fetch_with(path, length, options).await
    }

    async fn fetch_with(
        &self,
        path: &Path,
        limit: u64,
        options: GetOptions,
    ) -> Result<Option<Bytes>, FetchError> {
        let mut backoff = Backoff::new();
        loop {
            let attempt = async {
                let result = self.inner.get_opts(path, options.clone()).await;
                collect(result.map_err(FetchError::Store)?, limit).await
            };
            match attempt.await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(FetchError::Store(Error::NotFound { .. })) => return Ok(None),
                Err(FetchError::Store(error)) if is_transient(&error) && backoff.pause().await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes an object whether it exists or not, repeating what fails for a moment.
    pub(crate) async fn overwrite(
        &self,
        path: &Path,
        bytes: &Bytes,
        labels: Labels,
    ) -> Result<(), Error> {
        let mut backoff = Backoff::new();
        loop {
            match self
                .put(path, bytes, PutMode::Overwrite, labels.clone())
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if is_transient(&error) && backoff.pause().await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes an object once, in one part.
    pub(crate) async fn put(
        &self,
        path: &Path,
        bytes: &Bytes,
        mode: PutMode,
        labels: Labels,
    ) -> Result<PutResult, Error> {
        self.check_hold()?;
        let mut options = PutOptions {
            mode,
            attributes: self.attributes(labels.attributes),
            ..PutOptions::default()
        };
        if self.tells_audience {
            options.extensions.insert(if labels.public {
                Audience::Everybody
            } else {
                Audience::Owner
            });
        }
        self.inner
            .put_opts(path, bytes.clone().into(), options)
            .await
    }

    /// Attributes that the medium can hold.
    fn attributes(&self, mut attributes: Attributes) -> Attributes {
        match self.medium {
            Medium::Folder(_) => Attributes::new(),
            Medium::Gcs if attributes.get(&Attribute::ContentEncoding).is_some() => {
                // Without it the service unpacks what it sends to readers like us.
                let caching = attributes.get(&Attribute::CacheControl);
                let caching = caching.map_or_else(
                    || "no-transform".to_owned(),
                    |caching| format!("{}, no-transform", caching.as_ref()),
                );
                attributes.insert(Attribute::CacheControl, caching.into());
                attributes
            }
            Medium::Memory | Medium::S3 | Medium::Gcs | Medium::Azure => attributes,
        }
    }

    /// Lists everything below a prefix: whole, or an error.
    pub(crate) async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>, Error> {
        let mut backoff = Backoff::new();
        loop {
            match self.inner.list(Some(prefix)).try_collect().await {
                Ok(listing) => return Ok(listing),
                Err(error) if is_transient(&error) && backoff.pause().await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes up everything below a prefix, page by page: all of it, or an error.
    pub(crate) async fn fold<T: Default>(
        &self,
        prefix: &Path,
        mut add: impl FnMut(&mut T, ObjectMeta),
    ) -> Result<T, Error> {
        let mut backoff = Backoff::new();
        'attempt: loop {
            let mut folded = T::default();
            let mut listing = self.inner.list(Some(prefix));
            while let Some(object) = listing.next().await {
                match object {
                    Ok(object) => add(&mut folded, object),
                    Err(error) if is_transient(&error) && backoff.pause().await => {
                        continue 'attempt;
                    }
                    Err(error) => return Err(error),
                }
            }
            return Ok(folded);
        }
    }

    /// Deletes an object; one that is missing is no error.
    pub(crate) async fn delete(&self, path: &Path) -> Result<(), Error> {
        self.check_hold()?;
        match self.inner.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Reads the body of an answer, bounded.
pub(crate) async fn collect(result: GetResult, limit: u64) -> Result<Bytes, FetchError> {
    let length = result.range.end - result.range.start;
    if length > limit {
        return Err(FetchError::TooLarge { limit });
    }
    let mut stream = result.into_stream();
    let mut bytes = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(FetchError::Store)?);
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { limit });
        }
    }
    Ok(bytes.freeze())
}
