//! The start-up self-test: a store that ignores conditional writes is refused for publishing.

use bytes::Bytes;
use futures::future::join_all;
use object_store::{Error, PutMode, path::Path};
use tracing::instrument;

use crate::{
    compare_swap::{Reading, Revision, SwapError, SwapObject, Swapped},
    key::{Labels, StoreKey},
    objects::{FetchError, Medium, Objects},
    store::{ComponentStore, Inner},
};

/// Writers of one race.
const WRITERS: usize = 8;

/// Races of each kind.
const ROUNDS: usize = 3;

/// Age after which an object of a test belongs to nobody: a day, which is more than clocks differ.
const ABANDONED_MS: u64 = 24 * 60 * 60 * 1000;

/// Largest object of the test.
const BYTES_MAX: u64 = 1024;

/// The store cannot be used for publishing; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The store cannot be read or written.
    #[error(
        "store cannot be read or written: check its address, bucket or folder, credentials and \
         permissions"
    )]
    Unavailable(#[source] Error),
    /// An object of the test is not what was written.
    #[error("store returned other bytes than those written: check what lies between it and Ochre")]
    OtherBytes,
    /// `If-None-Match: *` is ignored.
    #[error(
        "store overwrote an object that was to be created once: use a store with conditional \
         writes (If-None-Match), or a newer release of it"
    )]
    CreateIgnored,
    /// `If-Match` is ignored.
    #[error(
        "store overwrote an object that had changed: use a store with conditional writes \
         (If-Match), or a newer release of it"
    )]
    UpdateIgnored,
    /// A conditional write that should succeed is refused.
    #[error(
        "store refused a conditional write whose condition held: use a store with conditional \
         writes (If-Match)"
    )]
    UpdateRefused,
    /// Public files cannot be given their ACL.
    #[error(
        "bucket refused an object with the ACL `public-read`: allow ACLs on it and \
         `s3:PutObjectAcl` to Ochre, or set storage.public_access = \"bucket-policy\""
    )]
    AclRefused(#[source] Error),
    /// Public files cannot be copied.
    #[error(
        "public container cannot be written: check that storage.azure.public_container exists \
         and that Ochre may write to it"
    )]
    PublicContainer(#[source] Error),
    /// Several of the writers of a race won, or none.
    #[error(
        "{winners} of {WRITERS} racing conditional writes were acknowledged, instead of one: use \
         a store whose conditional writes are atomic"
    )]
    Race {
        /// Acknowledged writes.
        winners: usize,
    },
    /// `If-None-Match` on reads is ignored.
    #[error(
        "store sent an unchanged object again: use a store that answers If-None-Match with 304"
    )]
    NotModifiedIgnored,
    /// Tags cannot guard writes.
    #[error("store sends no entity tags, or weak ones: take away the proxy that changes them")]
    WeakTag,
    /// The lock of the folder cannot be taken.
    #[error(
        "lock in the storage folder cannot be taken: use a local file system, and end processes \
         that hold it"
    )]
    Lock(#[source] Box<dyn std::error::Error + Send + Sync>),
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Tests whether the store keeps the promises that publishing is built on.
    ///
    /// Works on keys of its own below Ochre's prefix and removes them afterwards.
    ///
    /// # Errors
    ///
    /// [`ProbeError`]: the promise that is not kept, and what to do.
    #[instrument(skip_all)]
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let probe = Probe {
            run: uuid::Uuid::new_v4().to_string(),
            objects: self.inner.objects.unheld(),
            inner: &self.inner,
        };
        let result = probe.run().await;
        probe.clean().await;
        result
    }
}

struct Probe<'a> {
    inner: &'a Inner,
    /// Not held: the test itself decides whether others may write.
    objects: Objects,
    run: String,
}

// === impl Probe ===

impl Probe<'_> {
    async fn run(&self) -> Result<(), ProbeError> {
        self.missing().await?;
        self.create().await?;
        self.public().await?;
        self.update().await?;
        for round in 0..ROUNDS {
            self.race_creates(round).await?;
            self.race_updates(round).await?;
        }
        self.case().await
    }

    fn objects(&self) -> &Objects {
        &self.objects
    }

    fn path(&self, name: &str) -> Result<Path, ProbeError> {
        let name = format!("{}/{name}", self.run);
        self.inner
            .path(StoreKey::Probe(&name))
            .map_err(|error| unavailable(FetchError::Store(not_supported(error))))
    }

    async fn missing(&self) -> Result<(), ProbeError> {
        let found = self
            .objects()
            .fetch(&self.path("missing")?, BYTES_MAX)
            .await;
        match found.map_err(unavailable)? {
            None => Ok(()),
            Some(_) => Err(ProbeError::OtherBytes),
        }
    }

    async fn create(&self) -> Result<(), ProbeError> {
        let path = self.path("create")?;
        if !self.create_once(&path, "first").await? {
            return Err(ProbeError::UpdateRefused);
        }
        if self.create_once(&path, "second").await? {
            return Err(ProbeError::CreateIgnored);
        }
        self.expect(&path, "first", ProbeError::CreateIgnored).await
    }

    /// Writes as the public file of a release is written.
    async fn public(&self) -> Result<(), ProbeError> {
        if !self.objects().tells_audience {
            return Ok(());
        }
        let labels = Labels {
            public: true,
            ..Labels::default()
        };
        let path = self.path("public")?;
        let bytes = Bytes::from_static(b"public");
        let put = self.objects().put(&path, &bytes, PutMode::Create, labels);
        let Err(error) = put.await else {
            return Ok(());
        };
        let refused = matches!(
            error,
            Error::PermissionDenied { .. } | Error::NotFound { .. }
        );
        Err(match self.objects().medium {
            Medium::Azure if refused => ProbeError::PublicContainer(error),
            Medium::S3 if refused || error.to_string().contains("AccessControlList") => {
                ProbeError::AclRefused(error)
            }
            _ => ProbeError::Unavailable(error),
        })
    }

    async fn create_once(&self, path: &Path, text: &str) -> Result<bool, ProbeError> {
        let bytes = Bytes::from(text.to_owned());
        let put = self
            .objects()
            .put(path, &bytes, PutMode::Create, Labels::default());
        match put.await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(ProbeError::Unavailable(error)),
        }
    }

    async fn expect(&self, path: &Path, text: &str, error: ProbeError) -> Result<(), ProbeError> {
        let found = self.objects().fetch(path, BYTES_MAX).await;
        match found.map_err(unavailable)? {
            Some(found) if found == text.as_bytes() => Ok(()),
            _ => Err(error),
        }
    }

    async fn update(&self) -> Result<(), ProbeError> {
        for object in self.swap_objects("update")? {
            let first = swap(&object, None, "first").await?;
            let first = first.ok_or(ProbeError::UpdateRefused)?;
            match object.read(Some(&first)).await.map_err(swap_error)? {
                Reading::Unchanged => {}
                Reading::Found { .. } => return Err(ProbeError::NotModifiedIgnored),
                Reading::Missing => return Err(ProbeError::OtherBytes),
            }
            let second = swap(&object, Some(&first), "second").await?;
            let second = second.ok_or(ProbeError::UpdateRefused)?;
            if swap(&object, Some(&first), "stale").await?.is_some() {
                return Err(ProbeError::UpdateIgnored);
            }
            match object.read(Some(&second)).await.map_err(swap_error)? {
                Reading::Unchanged => {}
                _ => return Err(ProbeError::UpdateIgnored),
            }
        }
        Ok(())
    }

    async fn race_creates(&self, round: usize) -> Result<(), ProbeError> {
        let path = self.path(&format!("race-create-{round}"))?;
        let texts: Vec<String> = (0..WRITERS).map(|writer| writer.to_string()).collect();
        let races = texts.iter().map(|text| self.create_once(&path, text));
        let results: Vec<bool> = join_all(races)
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        let winners: Vec<&String> = results
            .iter()
            .zip(&texts)
            .filter_map(|(won, text)| won.then_some(text))
            .collect();
        match winners.as_slice() {
            [winner] => {
                let overwritten = ProbeError::CreateIgnored;
                self.expect(&path, winner, overwritten).await
            }
            several => Err(ProbeError::Race {
                winners: several.len(),
            }),
        }
    }

    async fn race_updates(&self, round: usize) -> Result<(), ProbeError> {
        for object in self.swap_objects(&format!("race-update-{round}"))? {
            let first = swap(&object, None, "first").await?;
            let first = first.ok_or(ProbeError::UpdateRefused)?;
            let texts: Vec<String> = (0..WRITERS).map(|writer| writer.to_string()).collect();
            let races = texts.iter().map(|text| swap(&object, Some(&first), text));
            let results: Vec<Option<Revision>> = join_all(races)
                .await
                .into_iter()
                .collect::<Result<_, _>>()?;
            let winners = results.iter().flatten().count();
            if winners != 1 {
                return Err(ProbeError::Race { winners });
            }
        }
        Ok(())
    }

    /// Tells of a folder that does not tell upper from lower case.
    async fn case(&self) -> Result<(), ProbeError> {
        if !matches!(self.objects().medium, Medium::Folder(_)) {
            return Ok(());
        }
        self.create_once(&self.path("Case")?, "upper").await?;
        let found = self.objects().fetch(&self.path("case")?, BYTES_MAX).await;
        if found.map_err(unavailable)?.is_some() {
            tracing::warn!(
                "the storage folder does not tell upper from lower case: files of a release whose \
                 paths differ only in that are served from its release object"
            );
        }
        Ok(())
    }

    /// The ways in which this medium swaps.
    fn swap_objects(&self, name: &str) -> Result<Vec<SwapObject>, ProbeError> {
        let own = SwapObject::own(self.objects().clone(), self.path(name)?, Labels::default());
        let lock = self.path(&format!("{name}-lock"))?;
        let shared = SwapObject::shared(
            self.objects().clone(),
            self.path(&format!("{name}-shared"))?,
            Labels::default(),
            &lock,
        );
        Ok(match self.objects().medium {
            Medium::Folder(_) => vec![own, shared],
            Medium::Memory | Medium::S3 | Medium::Gcs | Medium::Azure => vec![own],
        })
    }

    /// Removes what this test wrote, and what tests left behind that were killed.
    async fn clean(&self) {
        let Ok(own) = self.path("x").map(|path| parent(&path)) else {
            return;
        };
        let oldest = self.inner.clock.now_ms().saturating_sub(ABANDONED_MS);
        for object in self.objects().list(&parent(&own)).await.unwrap_or_default() {
            let written = object.last_modified.timestamp_millis();
            let abandoned = u64::try_from(written).is_ok_and(|written| written < oldest);
            if !(abandoned || object.location.prefix_matches(&own)) {
                continue;
            }
            if let Err(error) = self.objects().delete(&object.location).await {
                tracing::debug!(error = %error, "left an object of the self-test behind");
            }
        }
        if let Medium::Folder(root) = &self.objects().medium {
            // Only the folder of this run: its name is unique.
            let removed = tokio::fs::remove_dir_all(root.join(own.as_ref())).await;
            if let Err(error) = removed {
                tracing::debug!(error = %error, "left the folder of the self-test behind");
            }
        }
    }
}

/// Swaps once; none when the condition did not hold.
async fn swap(
    object: &SwapObject,
    expected: Option<&Revision>,
    text: &str,
) -> Result<Option<Revision>, ProbeError> {
    let bytes = Bytes::from(text.to_owned());
    match object.swap(expected, bytes).await.map_err(swap_error)? {
        Swapped::Conflict => Ok(None),
        Swapped::Done(Some(revision)) => Ok(Some(revision)),
        // The store does not tell the tag of what it wrote: read it.
        Swapped::Done(None) => match object.read(None).await.map_err(swap_error)? {
            Reading::Found { revision, .. } => Ok(Some(revision)),
            Reading::Missing | Reading::Unchanged => Err(ProbeError::OtherBytes),
        },
    }
}

fn swap_error(error: SwapError) -> ProbeError {
    match error {
        SwapError::Store(error) => ProbeError::Unavailable(error),
        SwapError::WeakTag => ProbeError::WeakTag,
        SwapError::TooLarge => ProbeError::OtherBytes,
        error @ (SwapError::Locked | SwapError::LockFile(_)) => ProbeError::Lock(Box::new(error)),
    }
}

fn unavailable(error: FetchError) -> ProbeError {
    match error {
        FetchError::Store(error) => ProbeError::Unavailable(error),
        FetchError::TooLarge { .. } => ProbeError::OtherBytes,
    }
}

fn not_supported(error: crate::key::KeyError) -> Error {
    Error::NotSupported {
        source: Box::new(error),
    }
}

fn parent(path: &Path) -> Path {
    let parts: Vec<_> = path.parts().collect();
    let count = parts.len().saturating_sub(1);
    parts.into_iter().take(count).collect()
}
