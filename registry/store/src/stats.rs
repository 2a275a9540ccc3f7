//! What a store holds, counted in one listing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object_store::path::Path;
use ochre_model::ComponentId;
use serde::Serialize;
use tracing::instrument;

use crate::{key::StoreKey, source::ReadError, store::ComponentStore};

/// Releases that are told by name.
const LARGEST: usize = 10;

/// What a store holds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreStats {
    /// Components that have files.
    pub components: u64,
    /// Their releases.
    pub releases: u64,
    /// Files of releases, as every registry sees them.
    pub files: Amount,
    /// Release objects: what was published, packed.
    pub release_objects: Amount,
    /// Pre-compressed files.
    pub variants: Amount,
    /// Template packs.
    pub templates: Amount,
    /// Publishes that have begun and not ended, or were interrupted.
    pub pending: u64,
    /// Everything else: manifests, the index, reserved names.
    pub other: Amount,
    /// The largest releases with the bytes of their files, largest first.
    pub largest: Vec<(ComponentId, u64)>,
}

/// Objects, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Number of objects.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is counted while a listing goes on.
#[derive(Debug, Default)]
struct Counts {
    stats: StoreStats,
    /// Bytes of the files by name and version.
    releases: BTreeMap<(String, String), u64>,
}

// === impl Amount ===

impl Amount {
    fn add(&mut self, size: u64) {
        self.objects += 1;
        self.bytes += size;
    }
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Counts what the store holds.
    ///
    /// Lists everything, and reads nothing of it.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the store cannot be listed.
    #[instrument(skip_all)]
    pub async fn stats(&self) -> Result<StoreStats, ReadError> {
        let components = self.inner.path(StoreKey::Components)?;
        let files = self
            .inner
            .objects
            .fold(&components, |counts: &mut Counts, object| {
                counts.file(below(&components, &object.location), object.size);
            });
        let own = self.inner.path(StoreKey::Own)?;
        let owned = self
            .inner
            .objects
            .fold(&own, |counts: &mut Counts, object| {
                counts.own(below(&own, &object.location), object.size);
            });
        let (files, owned) = tokio::try_join!(files, owned)
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        let releases = files.releases;
        let mut stats = StoreStats {
            files: files.stats.files,
            ..owned.stats
        };
        stats.other.objects += files.stats.other.objects;
        stats.other.bytes += files.stats.other.bytes;
        let names: BTreeSet<&str> = releases.keys().map(|(name, _)| name.as_str()).collect();
        stats.components = names.len() as u64;
        stats.releases = releases.len() as u64;
        stats.largest = largest(releases);
        Ok(stats)
    }
}

// === impl Counts ===

impl Counts {
    /// Counts an object that every registry sees.
    fn file(&mut self, path: &str, size: u64) {
        let mut parts = path.splitn(3, '/');
        if let (Some(name), Some(version), Some(_)) = (parts.next(), parts.next(), parts.next()) {
            let release = (name.to_owned(), version.to_owned());
            *self.releases.entry(release).or_default() += size;
            self.stats.files.add(size);
        } else {
            self.stats.other.add(size);
        }
    }

    /// Counts an object of Ochre's own.
    fn own(&mut self, path: &str, size: u64) {
        let stats = &mut self.stats;
        match path.split_once('/').map_or("", |(folder, _)| folder) {
            "releases" => stats.release_objects.add(size),
            "variants" => stats.variants.add(size),
            "templates" => stats.templates.add(size),
            "pending" => stats.pending += 1,
            _ => stats.other.add(size),
        }
    }
}

fn below<'a>(prefix: &Path, location: &'a Path) -> &'a str {
    let path = location.as_ref();
    let rest = path.strip_prefix(prefix.as_ref()).unwrap_or(path);
    rest.trim_start_matches('/')
}

fn largest(releases: BTreeMap<(String, String), u64>) -> Vec<(ComponentId, u64)> {
    let mut sizes: Vec<(ComponentId, u64)> = releases
        .into_iter()
        .filter_map(|((name, version), size)| {
            let id = ComponentId {
                name: name.parse().ok()?,
                version: version.parse().ok()?,
            };
            Some((id, size))
        })
        .collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes.truncate(LARGEST);
    sizes
}
