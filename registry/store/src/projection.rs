//! OC's files of a release: writing them from the release object, and the other way round.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use object_store::{Error, PutMode};
use ochre_model::{ComponentId, PackageJson};

use crate::{
    key::{PACKAGE_JSON, StoreKey},
    objects::FetchError,
    release::{OBJECT_MAX, ReleaseArchive},
    retry::{Backoff, is_transient},
    source::{PACKAGE_MAX, ReadError},
    store::Inner,
};

/// Most files of a release that another registry published.
const FILES_MAX: usize = 20_000;

impl Inner {
    /// Writes a release's files as every registry reads them, `package.json` last.
    ///
    /// Safe at any time and by anybody: only the bytes of the release object are ever written.
    pub(crate) async fn project(
        &self,
        id: &ComponentId,
        archive: &ReleaseArchive,
    ) -> Result<(), FetchError> {
        let puts = archive.files.iter().map(|(path, bytes)| {
            let put = async move {
                let key = StoreKey::File(id, path);
                let place = self.path(key).map_err(invalid)?;
                let put = self.objects.overwrite(&place, bytes, key.labels());
                put.await.map_err(FetchError::Store)
            };
            put.boxed()
        });
        let puts: Vec<BoxFuture<'_, _>> = puts.collect();
        stream::iter(puts)
            .buffer_unordered(self.concurrency)
            .try_collect::<()>()
            .await?;
        self.project_package(id, archive.release.package.clone().into())
            .await
    }

    /// Writes `package.json`, which makes the version visible to every registry.
    async fn project_package(&self, id: &ComponentId, package: Bytes) -> Result<(), FetchError> {
        let key = StoreKey::File(id, PACKAGE_JSON);
        let path = self.path(key).map_err(invalid)?;
        let labels = key.labels();
        let mut backoff = Backoff::new();
        loop {
            let put = self
                .objects
                .put(&path, &package, PutMode::Create, labels.clone());
            let Err(error) = put.await else {
                return Ok(());
            };
            match self.objects.fetch(&path, PACKAGE_MAX).await {
                Ok(Some(found)) if found == package => return Ok(()),
                Ok(Some(_)) | Err(FetchError::TooLarge { .. }) => {
                    tracing::error!(store.path = %path,
                        "another registry published the version at the same moment; \
                         kept the release that was acknowledged");
                    let put = self.objects.overwrite(&path, &package, labels.clone());
                    return put.await.map_err(FetchError::Store);
                }
                Ok(None) | Err(_) => {
                    let again =
                        is_transient(&error) || matches!(error, Error::AlreadyExists { .. });
                    if !again || !backoff.pause().await {
                        return Err(FetchError::Store(error));
                    }
                }
            }
        }
    }

    /// Makes the release object of a version that another registry published.
    ///
    /// A store that refuses the write, or whose writes are held, does not keep the version from
    /// being served.
    pub(crate) async fn adopt(
        &self,
        id: &ComponentId,
        package: Bytes,
    ) -> Result<ReleaseArchive, ReadError> {
        let mut archive = self.collect_published(id, package).await?;
        archive.release.adopted = true;
        if self.leaves_owed() {
            return Ok(archive);
        }
        let shared = archive.clone();
        let object = tokio::task::spawn_blocking(move || shared.to_bytes())
            .await
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        let key = StoreKey::Release(id);
        let path = self.path(key)?;
        let put = self
            .objects
            .put(&path, &object, PutMode::Create, key.labels());
        match put.await {
            Ok(_) => {
                tracing::info!("adopted {id}, which another registry published");
                Ok(archive)
            }
            Err(error) => match self.read_archive(id).await {
                Ok(Some(found)) => Ok(found),
                Ok(None) => {
                    tracing::warn!(error = %error, "could not adopt {id}");
                    Ok(archive)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Reads every file that lies under a published version.
    pub(crate) async fn collect_published(
        &self,
        id: &ComponentId,
        package: Bytes,
    ) -> Result<ReleaseArchive, ReadError> {
        let malformed = |why: &'static str| ReadError::Malformed {
            path: id.to_string(),
            source: Arc::new(std::io::Error::other(why)),
        };
        let package = String::from_utf8(package.into())
            .map_err(|_| malformed("package.json is not UTF-8"))?;
        let folder = self.path(StoreKey::Version(id))?;
        let listing = self
            .objects
            .list(&folder)
            .await
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        let total: u64 = listing.iter().map(|object| object.size).sum();
        if total > OBJECT_MAX || listing.len() > FILES_MAX {
            return Err(malformed("release is too large"));
        }
        let prefix = format!("{folder}/");
        let reads = listing.iter().filter_map(|object| {
            let path = object.location.as_ref().strip_prefix(&prefix)?;
            let read = async move {
                let bytes = self.objects.fetch(&object.location, OBJECT_MAX).await?;
                let bytes = bytes.ok_or_else(|| gone(&object.location))?;
                Ok::<_, ReadError>((path.to_owned(), bytes))
            };
            (path != PACKAGE_JSON).then(|| read.boxed())
        });
        let reads: Vec<BoxFuture<'_, _>> = reads.collect();
        let files: Vec<(String, Bytes)> = stream::iter(reads)
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await?;
        if lacks_named_file(&package, &files) {
            return Err(malformed(
                "release lacks a file that its package.json names",
            ));
        }
        let owned = id.clone();
        tokio::task::spawn_blocking(move || ReleaseArchive::new(&owned, package, None, files))
            .await
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))
    }
}

/// Whether the view or the provider is missing. A listing that lags would make a release without
/// them, for ever.
fn lacks_named_file(package: &str, files: &[(String, Bytes)]) -> bool {
    let Ok(package) = PackageJson::parse_stored(package.as_bytes()) else {
        return false;
    };
    let named = &package.oc().files;
    let provider = named.data_provider.as_ref().map(|file| &file.src);
    std::iter::once(&named.template.src)
        .chain(provider)
        .any(|src| !files.iter().any(|(path, _)| path == src))
}

/// A file that a listing names and the store does not have: taken over without it, the release
/// would lack it for ever.
fn gone(path: &object_store::path::Path) -> ReadError {
    ReadError::Unavailable(Arc::new(Error::NotFound {
        path: path.to_string(),
        source: "listed, but gone".into(),
    }))
}

fn invalid(error: crate::key::KeyError) -> FetchError {
    FetchError::Store(Error::NotSupported {
        source: Box::new(error),
    })
}
