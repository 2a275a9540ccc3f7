//! What mirrors need: a release read whole from one store and written into another.
//!
//! The bytes of a copy are checked against the digests of its release object before anything is
//! written. A mirror writes what the publisher wrote, in the same order: nobody sees a release in
//! the target before all of it is there.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::PutMode;
use ochre_model::{ComponentId, ComponentName};
use tracing::instrument;

use crate::{
    catalog::{CatalogSnapshot, VersionSummary},
    commit::CommitError,
    index::{IndexChange, marks},
    key::{PACKAGE_JSON, StoreKey, is_private},
    reconcile::release_of,
    release::{OBJECT_MAX, ReleaseArchive},
    source::ReadError,
    store::{ComponentStore, Inner},
};

/// A release as its publisher stored it: every file, verified.
#[derive(Clone, Debug)]
pub struct ReleaseCopy {
    id: ComponentId,
    archive: ReleaseArchive,
    /// The release object, to the byte.
    object: Bytes,
}

/// A release that was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The release cannot be read.
    #[error("release cannot be read")]
    Source(#[source] ReadError),
    /// The target holds a release of that name and version with other content, and keeps it.
    #[error("target has other content under that version")]
    Conflict,
    /// The target cannot be written.
    #[error("target cannot be written")]
    Target(#[source] CommitError),
}

// === impl ReleaseCopy ===

impl ReleaseCopy {
    /// Name and version.
    pub fn id(&self) -> &ComponentId {
        &self.id
    }

    /// Bytes that a replica of it takes: the release object, and every file.
    pub fn replica_size(&self) -> u64 {
        let files = self.archive.release.files.iter().map(|file| file.size);
        self.object.len() as u64 + files.sum::<u64>() + self.package().len() as u64
    }

    /// Bytes of its public files.
    pub fn public_size(&self) -> u64 {
        let files = self.public_files().map(|(_, bytes)| bytes.len() as u64);
        files.sum::<u64>() + self.package().len() as u64
    }

    fn package(&self) -> &str {
        &self.archive.release.package
    }

    fn public_files(&self) -> impl Iterator<Item = &(String, Bytes)> {
        let files = self.archive.files.iter();
        files.filter(|(path, _)| !is_private(path))
    }
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Reads a release whole. Nothing is served, repaired or adopted.
    ///
    /// Holds all of it in memory, packed and unpacked.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`] when the version is not published; [`ReadError::Malformed`] when the
    /// release object is damaged or of an unknown format; [`ReadError::Unavailable`].
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn read_copy(&self, id: &ComponentId) -> Result<ReleaseCopy, ReadError> {
        let inner = &self.inner;
        let path = inner.path(StoreKey::Release(id))?;
        if let Some(object) = inner.objects.fetch(&path, OBJECT_MAX).await? {
            let archive = inner.parse_archive(id, object.clone()).await?;
            return Ok(ReleaseCopy {
                id: id.clone(),
                archive,
                object,
            });
        }
        let package = inner.read_package(id).await?;
        let package = package.ok_or_else(|| ReadError::NotFound(id.to_string()))?;
        let mut archive = inner.collect_published(id, package).await?;
        archive.release.adopted = true;
        let packed = tokio::task::spawn_blocking(move || {
            let object = archive.to_bytes()?;
            Ok::<_, crate::release::FormatError>((archive, object))
        });
        let (archive, object) = packed
            .await
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        Ok(ReleaseCopy {
            id: id.clone(),
            archive,
            object,
        })
    }

    /// Writes the public files of a release as a CDN serves them, `package.json` last.
    ///
    /// Private files and everything of Ochre's own stay away. Repeating it writes the same bytes.
    ///
    /// # Errors
    ///
    /// [`CopyError::Target`].
    #[instrument(skip_all, fields(component.name = %copy.id.name, component.version = %copy.id.version))]
    pub async fn write_public(&self, copy: &ReleaseCopy) -> Result<(), CopyError> {
        let puts = copy.public_files().map(|(path, bytes)| {
            let put = async move { self.inner.overwrite_file(&copy.id, path, bytes).await };
            put.boxed()
        });
        let puts: Vec<BoxFuture<'_, _>> = puts.collect();
        let written = stream::iter(puts)
            .buffer_unordered(self.inner.concurrency)
            .try_collect::<()>();
        written.await.map_err(CopyError::Target)?;
        let package = Bytes::from(copy.package().to_owned());
        let put = self.inner.overwrite_file(&copy.id, PACKAGE_JSON, &package);
        put.await.map_err(CopyError::Target)
    }

    /// Writes a release into a replica: the release object, every file, `package.json` last. It is
    /// listed there once [`ComponentStore::list_copies`] is told of it.
    ///
    /// Repeating it writes the same bytes.
    ///
    /// # Errors
    ///
    /// [`CopyError::Conflict`], [`CopyError::Target`].
    #[instrument(skip_all, fields(component.name = %copy.id.name, component.version = %copy.id.version))]
    pub async fn write_replica(&self, copy: &ReleaseCopy) -> Result<(), CopyError> {
        let unavailable = |error: ReadError| CopyError::Target(error.into());
        let key = StoreKey::Release(&copy.id);
        let path = self
            .inner
            .path(key)
            .map_err(|error| unavailable(error.into()))?;
        let objects = &self.inner.objects;
        let put = objects.put(&path, &copy.object, PutMode::Create, key.labels());
        if let Err(refused) = put.await {
            // What the store answers decides nothing: the object does.
            match self.inner.read_archive(&copy.id).await {
                Ok(Some(found)) if is_same(&found, &copy.archive) => {}
                Ok(Some(_)) => return Err(CopyError::Conflict),
                Ok(None) => return Err(CopyError::Target(refused.into())),
                Err(error) => return Err(unavailable(error)),
            }
        }
        let projected = self.inner.project(&copy.id, &copy.archive).await;
        projected.map_err(|error| CopyError::Target(error.into()))
    }

    /// Whether a replica has all of a release of this store, without reading the files: its
    /// `package.json`, which is written last, and a release object with the same content.
    ///
    /// # Errors
    ///
    /// [`CopyError::Conflict`] when the content differs; [`CopyError::Source`];
    /// [`CopyError::Target`].
    pub async fn has_whole(&self, replica: &Self, id: &ComponentId) -> Result<bool, CopyError> {
        let (package, theirs) = tokio::join!(
            replica.inner.read_package(id),
            replica.inner.read_header(id)
        );
        let target = |error: ReadError| CopyError::Target(error.into());
        let (Some(package), Some(theirs)) = (package.map_err(target)?, theirs.map_err(target)?)
        else {
            return Ok(false);
        };
        let mine = self.inner.read_header(id).await;
        let Some(mine) = mine.map_err(CopyError::Source)? else {
            return Ok(false);
        };
        if mine.token != theirs.token && !mine.same_content(&theirs) {
            return Err(CopyError::Conflict);
        }
        Ok(package == theirs.package.as_bytes())
    }

    /// Lists releases that were written whole into this replica, in one write of the index.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; listing them again does no harm.
    pub async fn list_copies(
        &self,
        copies: Vec<(ComponentId, VersionSummary)>,
    ) -> Result<(), CommitError> {
        let ids: Vec<ComponentId> = copies.iter().map(|(id, _)| id.clone()).collect();
        self.inner.index.add(copies).await?;
        self.inner.reserve_names(&ids).await;
        Ok(())
    }

    /// Takes over the states and channels of components from the source of this replica: of those
    /// in `names`, or of all. A channel that points to a release in `lacking` stays where it is.
    ///
    /// Gives how many there are. Taking them over again, or in another order, does no harm.
    ///
    /// # Errors
    ///
    /// [`CommitError`].
    pub async fn copy_marks(
        &self,
        source: &CatalogSnapshot,
        names: Option<&BTreeSet<ComponentName>>,
        lacking: &BTreeSet<ComponentId>,
    ) -> Result<usize, CommitError> {
        let mut facts = Vec::new();
        for (name, component) in source.iter() {
            if names.is_some_and(|names| !names.contains(name)) {
                continue;
            }
            facts.extend(marks(name, component));
        }
        facts.retain(|fact| match fact {
            IndexChange::Channel {
                name,
                version: Some(version),
                ..
            } => !lacking.contains(&ComponentId {
                name: name.clone(),
                version: version.clone(),
            }),
            _ => true,
        });
        let count = facts.len();
        if count > 0 {
            self.inner.index.add_facts(facts).await?;
        }
        Ok(count)
    }

    /// Lists the releases whose `package.json` lies in the store, in the order of the store.
    ///
    /// Costs one listing of the store, page by page.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the store fails, also in the middle.
    pub fn list_released(
        &self,
    ) -> Result<BoxStream<'static, Result<ComponentId, ReadError>>, ReadError> {
        let prefix = self.inner.path(StoreKey::Components)?;
        let listing = self.inner.objects.inner.list(Some(&prefix));
        let found = listing.filter_map(move |object| {
            std::future::ready(match object {
                Ok(object) => release_of(&object, &prefix, Some(PACKAGE_JSON)).map(Ok),
                Err(error) => Some(Err(ReadError::Unavailable(Arc::new(error)))),
            })
        });
        Ok(found.boxed())
    }

    /// Deletes every file of a release below the folder of all components, `package.json` first;
    /// gives their number. Whatever Ochre keeps of its own stays.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`]; repeating it deletes the rest.
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn remove_files(&self, id: &ComponentId) -> Result<usize, ReadError> {
        let unavailable = |error| ReadError::Unavailable(Arc::new(error));
        let objects = &self.inner.objects;
        let package = self.inner.path(StoreKey::File(id, PACKAGE_JSON))?;
        objects.delete(&package).await.map_err(unavailable)?;
        let folder = self.inner.path(StoreKey::Version(id))?;
        let listing = objects.list(&folder).await.map_err(unavailable)?;
        for object in &listing {
            objects
                .delete(&object.location)
                .await
                .map_err(unavailable)?;
        }
        Ok(listing.len() + 1)
    }
}

// === impl Inner ===

impl Inner {
    async fn overwrite_file(
        &self,
        id: &ComponentId,
        path: &str,
        bytes: &Bytes,
    ) -> Result<(), CommitError> {
        let key = StoreKey::File(id, path);
        let place = self.path(key)?;
        let put = self.objects.overwrite(&place, bytes, key.labels());
        Ok(put.await?)
    }
}

/// Whether two release objects are of one publish, or of two that published the same.
fn is_same(left: &ReleaseArchive, right: &ReleaseArchive) -> bool {
    left.release.token == right.release.token || left.release.same_content(&right.release)
}
