//! Reading releases: exact look-ups, verified files, adoption of what another registry published.

use std::sync::Arc;

use bytes::Bytes;
use futures::{TryFutureExt as _, future::OptionFuture};
use ochre_model::{ComponentId, PackageJson};
use tracing::instrument;

use crate::{
    catalog::VersionSummary,
    digest::{Digest, FileDigest},
    index::IndexError,
    key::{KeyError, PACKAGE_JSON, StoreKey, is_private},
    objects::FetchError,
    release::{FormatError, HEADER_MAX, Header, OBJECT_MAX, Release, ReleaseArchive, details_of},
    store::{ComponentStore, Inner},
};

/// Largest `package.json` that is read from the store.
pub(crate) const PACKAGE_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a release object read first: enough for nearly every header.
const HEADER_FIRST: u64 = 64 * 1024;

/// What a node needs to serve one release, verified against the release's digests.
#[derive(Clone, Debug)]
pub struct ReleaseFiles {
    /// The final `package.json`.
    pub manifest: PackageJson,
    /// `template.js`, the compiled view.
    pub template: Option<Bytes>,
    /// `server.js`, the compiled data provider.
    pub server: Option<Bytes>,
    /// `.env`.
    pub env: Option<Bytes>,
}

/// A failed read of the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The store does not have it.
    #[error("`{0}` is not in the store")]
    NotFound(String),
    /// The store did not answer as it should; trying later may help.
    #[error("store cannot be read or written")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The stored bytes are not the published ones, and the backup does not have them either.
    #[error("stored bytes of `{0}` are not the published ones")]
    Integrity(String),
    /// The object is not what its key says, or of a format that is not known.
    #[error("`{path}` in the store cannot be understood")]
    Malformed {
        /// What was read.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Looks for one version in the store itself; what a node knows does not count.
    ///
    /// # Errors
    ///
    /// A store that fails is an error, never `None`.
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn find_version(
        &self,
        id: &ComponentId,
    ) -> Result<Option<VersionSummary>, ReadError> {
        self.inner.find(id).await
    }

    /// Reads what a node needs to serve a release, and adopts what another registry published.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`] when the version is not published; [`ReadError::Integrity`] when
    /// neither the files nor their backup are what was published; [`ReadError::Unavailable`].
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn read_release(&self, id: &ComponentId) -> Result<ReleaseFiles, ReadError> {
        let local = self.read_local_release(id).await;
        match (local, &self.origin) {
            (Err(ReadError::NotFound(_)), Some(origin)) => {
                origin.ask(|store| store.read_local_release(id)).await
            }
            (local, _) => local,
        }
    }

    async fn read_local_release(&self, id: &ComponentId) -> Result<ReleaseFiles, ReadError> {
        let release = self.inner.release(id).await?;
        let manifest = parse_package(id, release.package.as_bytes())?;
        let file = |path: &'static str| {
            let found = release.file(path);
            let read = found.map(|file| self.inner.verified(id, file));
            OptionFuture::from(read.map(|read| read.map_ok(|(bytes, _)| bytes)))
        };
        let (template, server, env) =
            tokio::join!(file("template.js"), file("server.js"), file(".env"));
        Ok(ReleaseFiles {
            manifest,
            template: template.transpose()?,
            server: server.transpose()?,
            env: env.transpose()?,
        })
    }

    /// Reads one public file of a release: its bytes and their digest.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`] for a file that the release does not have, and for `server.js`,
    /// `.env` and anything else that is never served; else as [`ComponentStore::read_release`].
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn read_file(
        &self,
        id: &ComponentId,
        path: &str,
    ) -> Result<(Bytes, Digest), ReadError> {
        let missing = || ReadError::NotFound(format!("{id}/{path}"));
        if is_private(path) {
            return Err(missing());
        }
        let release = match (self.inner.release(id).await, &self.origin) {
            (Err(ReadError::NotFound(_)), Some(origin)) => {
                return origin.ask(|store| store.read_local_file(id, path)).await;
            }
            (release, _) => release?,
        };
        self.file_of(&release, id, path).await
    }

    async fn read_local_file(
        &self,
        id: &ComponentId,
        path: &str,
    ) -> Result<(Bytes, Digest), ReadError> {
        let release = self.inner.release(id).await?;
        self.file_of(&release, id, path).await
    }

    async fn file_of(
        &self,
        release: &Release,
        id: &ComponentId,
        path: &str,
    ) -> Result<(Bytes, Digest), ReadError> {
        let missing = || ReadError::NotFound(format!("{id}/{path}"));
        if path == PACKAGE_JSON {
            let package = Bytes::from(release.package.clone());
            let digest = Digest::computed(&package).await;
            return Ok((package, digest));
        }
        let file = release.file(path).ok_or_else(missing)?;
        self.inner.verified(id, file).await
    }

    /// Reads `package.json` of a release as the bucket holds it: one read, nothing is verified or
    /// adopted. For lists, which show what it says and serve nothing of it.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`] when the file is not there (yet); [`ReadError::Malformed`];
    /// [`ReadError::Unavailable`].
    pub async fn read_package_json(&self, id: &ComponentId) -> Result<PackageJson, ReadError> {
        let package = self.inner.read_package(id).await?;
        let package = package.ok_or_else(|| ReadError::NotFound(format!("{id}/{PACKAGE_JSON}")))?;
        parse_package(id, &package)
    }

    /// Lists every file of a release with its digest, `package.json` last.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_release`].
    pub async fn list_files(&self, id: &ComponentId) -> Result<Vec<FileDigest>, ReadError> {
        let release = self.inner.release(id).await?;
        let mut files = release.files.clone();
        files.extend(release.file(PACKAGE_JSON));
        Ok(files)
    }
}

// === impl Inner ===

impl Inner {
    /// Whether the store has the version, and what the index needs to know of it.
    pub(crate) async fn find(&self, id: &ComponentId) -> Result<Option<VersionSummary>, ReadError> {
        let (package, release) = tokio::join!(self.read_package(id), self.read_header(id));
        if let Some(package) = package? {
            return Ok(Some(details_of(&package)));
        }
        Ok(release?.map(|release| release.details()))
    }

    /// `package.json` as the bucket holds it.
    pub(crate) async fn read_package(&self, id: &ComponentId) -> Result<Option<Bytes>, ReadError> {
        let path = self.path(StoreKey::File(id, PACKAGE_JSON))?;
        Ok(self.objects.fetch(&path, PACKAGE_MAX).await?)
    }

    /// The header of the release object, if there is one.
    pub(crate) async fn read_header(
        &self,
        id: &ComponentId,
    ) -> Result<Option<Arc<Release>>, ReadError> {
        if let Some(known) = self.headers.get(id).await {
            return Ok(Some(known));
        }
        let path = self.path(StoreKey::Release(id))?;
        let mut length = HEADER_FIRST;
        loop {
            let Some(bytes) = self.objects.fetch_head(&path, length).await? else {
                return Ok(None);
            };
            match Release::parse(&bytes).map_err(|error| malformed(id, error))? {
                Header::Whole(release) => {
                    let release = Arc::new(release);
                    self.headers.insert(id.clone(), Arc::clone(&release)).await;
                    return Ok(Some(release));
                }
                Header::Needs(needed) if needed > length && needed <= HEADER_MAX => {
                    length = needed;
                }
                Header::Needs(_) => return Err(malformed(id, FormatError::Damaged)),
            }
        }
    }

    /// The release object whole, every file verified.
    pub(crate) async fn read_archive(
        &self,
        id: &ComponentId,
    ) -> Result<Option<ReleaseArchive>, ReadError> {
        let path = self.path(StoreKey::Release(id))?;
        let Some(bytes) = self.objects.fetch(&path, OBJECT_MAX).await? else {
            return Ok(None);
        };
        self.parse_archive(id, bytes).await.map(Some)
    }

    /// Takes a release object apart, every file verified.
    pub(crate) async fn parse_archive(
        &self,
        id: &ComponentId,
        object: Bytes,
    ) -> Result<ReleaseArchive, ReadError> {
        let parsed = tokio::task::spawn_blocking(move || ReleaseArchive::parse(&object)).await;
        parsed
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?
            .map_err(|error| malformed(id, error))
    }

    /// The header of a release, whoever published it.
    async fn release(&self, id: &ComponentId) -> Result<Arc<Release>, ReadError> {
        if let Some(release) = self.read_header(id).await? {
            return Ok(release);
        }
        match self.read_package(id).await? {
            Some(package) => {
                let release = Arc::new(self.adopt(id, package).await?.release);
                self.headers.insert(id.clone(), Arc::clone(&release)).await;
                Ok(release)
            }
            None => Err(ReadError::NotFound(id.to_string())),
        }
    }

    /// One file, as it was published, and its digest: from its place, else from the backup.
    async fn verified(
        &self,
        id: &ComponentId,
        file: FileDigest,
    ) -> Result<(Bytes, Digest), ReadError> {
        let path = self.path(StoreKey::File(id, &file.path))?;
        match self.objects.fetch(&path, file.size).await {
            Ok(Some(bytes)) if Digest::computed(&bytes).await == file.sha256 => {
                return Ok((bytes, file.sha256));
            }
            Ok(_) | Err(FetchError::TooLarge { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::error!(store.path = %path, "found other bytes than the published ones");
        if let Some(observer) = &self.observer {
            observer.integrity_failed();
        }
        let lost = || ReadError::Integrity(path.to_string());
        let archive = match self.read_archive(id).await {
            Ok(Some(archive)) => archive,
            Ok(None) | Err(ReadError::Malformed { .. }) => return Err(lost()),
            Err(error) => return Err(error),
        };
        let stored = archive.files.iter().find(|(path, _)| *path == file.path);
        let bytes = stored.map(|(_, bytes)| bytes.clone()).ok_or_else(lost)?;
        // The object's own digest, which its bytes were just checked against.
        let checked = archive.release.file(&file.path).ok_or_else(lost)?;
        let labels = StoreKey::File(id, &file.path).labels();
        match self.objects.overwrite(&path, &bytes, labels).await {
            Ok(()) => tracing::info!(store.path = %path, "repaired a file from its release object"),
            Err(error) => {
                tracing::warn!(store.path = %path, error = %error, "could not repair a file");
            }
        }
        Ok((bytes, checked.sha256))
    }
}

// === impl ReadError ===

impl From<FetchError> for ReadError {
    fn from(error: FetchError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<KeyError> for ReadError {
    fn from(error: KeyError) -> Self {
        Self::NotFound(error.0)
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

/// Understands `package.json` of a release.
fn parse_package(id: &ComponentId, package: &[u8]) -> Result<PackageJson, ReadError> {
    PackageJson::parse_stored(package).map_err(|error| ReadError::Malformed {
        path: format!("{id}/{PACKAGE_JSON}"),
        source: Arc::new(error),
    })
}

fn malformed(id: &ComponentId, error: FormatError) -> ReadError {
    ReadError::Malformed {
        path: id.to_string(),
        source: Arc::new(error),
    }
}
