//! Static files of releases, served by the node itself when no CDN does.

mod encoding;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moka::future::Cache;
use ochre_cdn_sync::Lookup;
use ochre_model::{Chain, ComponentId};
use ochre_store::{Catalog, ComponentStore, Digest, ReadError, media_type};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::{metrics::Metrics, outage::Outage};

pub(crate) use encoding::Effort;
pub use encoding::Encoding;

/// Shorter files are not compressed: the head of the answer is longer than what is saved.
const COMPRESS_MIN: usize = 512;

/// Longer files are sent as they are: compressing them would hold memory for too long.
const COMPRESS_MAX: usize = 16 * 1024 * 1024;

/// Most bytes of one file that is kept in memory.
const CACHED_MAX: usize = 4 * 1024 * 1024;

/// Longest wait for a compressed file in the store: making one takes as long.
const VARIANT_WAIT: Duration = Duration::from_millis(250);

/// Longest time that a request waits until a file is compressed; then it gets the file as it is.
const COMPRESS_WAIT: Duration = Duration::from_secs(1);

/// Compressed files written at once; a file that finds no place is not kept in the store.
const VARIANT_WRITES: usize = 16;

/// One file in one encoding.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The bytes as they are sent.
    pub body: Bytes,
    /// Strong entity tag of these bytes.
    pub etag: Arc<str>,
    /// Content type, when the suffix tells one.
    pub content_type: Option<&'static str>,
    /// `Content-Encoding`, when there is one.
    pub encoding: Option<&'static str>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// No such public file of a published release.
    #[error("there is no such file")]
    NotFound,
    /// The bytes in the store are not the published ones.
    #[error("file is damaged in the store and is not served")]
    Integrity(#[source] Arc<ReadError>),
    /// The store cannot be asked now.
    #[error("component storage is not available")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Static files, from memory or the store.
#[derive(Debug)]
pub struct Assets {
    store: ComponentStore,
    catalog: Arc<Catalog>,
    lookup: Lookup,
    deadline: Duration,
    cache: Cache<AssetKey, Asset>,
    preparing: Arc<Semaphore>,
    /// Compressed files being written at once.
    writing: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    outage: Arc<Outage>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AssetKey {
    id: ComponentId,
    path: Box<str>,
    encoding: Encoding,
}

// === impl AssetKey ===

impl AssetKey {
    fn new(id: &ComponentId, path: &str, encoding: Encoding) -> Self {
        Self {
            id: id.clone(),
            path: path.into(),
            encoding,
        }
    }
}

// === impl Asset ===

impl Asset {
    /// A file as it is; `path` tells its content type.
    pub(crate) fn new(path: &str, body: Bytes) -> Self {
        let digest = Digest::of(&body);
        Self::with_digest(path, body, digest)
    }

    fn with_digest(path: &str, body: Bytes, digest: Digest) -> Self {
        let media = media_type(path);
        Self {
            etag: tag(digest),
            content_type: media.content_type,
            encoding: media.gzip.then_some("gzip"),
            body,
        }
    }

    /// The same file compressed, where that makes it smaller.
    pub(crate) async fn encoded(self, encoding: Encoding) -> Self {
        match encoding.compress(self.body.clone(), Effort::Kept).await {
            Some(body) => self.or_smaller(body, encoding).await,
            None => self,
        }
    }

    /// The same file as `body`, its bytes in `encoding`, where that is smaller.
    async fn or_smaller(self, body: Bytes, encoding: Encoding) -> Self {
        if body.len() >= self.body.len() {
            return self;
        }
        Self {
            etag: tag(Digest::computed(&body).await),
            content_type: self.content_type,
            encoding: Some(encoding.as_str()),
            body,
        }
    }

    /// Bytes that are in `encoding` already.
    pub(crate) fn of(body: Bytes, content_type: &'static str, encoding: Encoding) -> Self {
        Self {
            etag: tag(Digest::of(&body)),
            content_type: Some(content_type),
            encoding: (encoding != Encoding::Identity).then(|| encoding.as_str()),
            body,
        }
    }
}

// === impl Assets ===

impl Assets {
    /// Starts with nothing in memory; `capacity` in bytes, `deadline` for each file from the store.
    pub fn new(
        (store, catalog, lookup): (ComponentStore, Arc<Catalog>, Lookup),
        (capacity, deadline): (u64, Duration),
        (metrics, outage): (Arc<Metrics>, Arc<Outage>),
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .weigher(|key: &AssetKey, asset: &Asset| {
                u32::try_from(asset.body.len() + key.path.len() + 256).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            store,
            catalog,
            lookup,
            deadline,
            cache,
            preparing: Arc::new(Semaphore::new(1)),
            writing: Arc::new(Semaphore::new(VARIANT_WRITES)),
            metrics,
            outage,
        }
    }

    /// A file in the best of the encodings that the caller takes.
    ///
    /// # Errors
    ///
    /// [`AssetError`]; private files are not found.
    pub async fn get(
        &self,
        id: &ComponentId,
        path: &str,
        encoding: Encoding,
    ) -> Result<Asset, AssetError> {
        if ochre_store::is_private(path) {
            return Err(AssetError::NotFound);
        }
        let found = self.find(id, path, encoding);
        let found = tokio::time::timeout(self.deadline, found).await;
        let found = found.unwrap_or_else(|late| Err(AssetError::Unavailable(Arc::new(late))));
        if let Err(AssetError::Unavailable(cause)) = &found {
            self.outage.failed(&**cause);
        }
        found
    }

    async fn find(
        &self,
        id: &ComponentId,
        path: &str,
        encoding: Encoding,
    ) -> Result<Asset, AssetError> {
        if !self.is_published(id).await? {
            return Err(AssetError::NotFound);
        }
        let encoding = if is_compressible(path) {
            encoding
        } else {
            Encoding::Identity
        };
        let key = |encoding| AssetKey::new(id, path, encoding);
        if let Some(asset) = self.cache.get(&key(encoding)).await {
            self.metrics.cache_asked("assets", true);
            return Ok(asset);
        }
        self.metrics.cache_asked("assets", false);
        let identity = self.load(key(Encoding::Identity)).await?;
        let variant = self.variant(key(encoding), identity.clone());
        let made = tokio::time::timeout(COMPRESS_WAIT, variant).await;
        Ok(made.unwrap_or(identity))
    }

    /// Compresses the files of a release that was just published, in the background.
    pub fn prepare(self: &Arc<Self>, id: ComponentId) {
        let assets = Arc::clone(self);
        let turns = Arc::clone(&self.preparing);
        let work = async move {
            let Ok(_turn) = turns.acquire_owned().await else {
                return;
            };
            let files = match assets.store.list_files(&id).await {
                Ok(files) => files,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "static files were not prepared");
                    return;
                }
            };
            for file in files.iter().filter(|file| is_compressible(&file.path)) {
                let key = |encoding| AssetKey::new(&id, &file.path, encoding);
                // A file that cannot be read now is prepared when it is asked for.
                let Ok(identity) = assets.load(key(Encoding::Identity)).await else {
                    continue;
                };
                for encoding in Encoding::COMPRESSED {
                    assets.variant(key(encoding), identity.clone()).await;
                }
            }
        };
        tokio::spawn(work.instrument(tracing::info_span!("prepare_assets")));
    }

    async fn is_published(&self, id: &ComponentId) -> Result<bool, AssetError> {
        if self.catalog.load().contains(id) {
            return Ok(true);
        }
        let found = self.lookup.find(id).await;
        found.map_err(|error| AssetError::Unavailable(Arc::new(error)))
    }

    /// The file as it is; whoever asks for it while it is read gets the same bytes.
    async fn load(&self, key: AssetKey) -> Result<Asset, AssetError> {
        let AssetKey { id, path, .. } = &key;
        let read = async {
            let (body, digest) = self.store.read_file(id, path).await?;
            // Only what the store gave says that it gives again: not what was in memory.
            self.outage.succeeded();
            Ok(Asset::with_digest(path, body, digest))
        };
        let read = self.cache.try_get_with_by_ref(&key, read).await;
        let asset = read.map_err(|error: Arc<ReadError>| match *error {
            ReadError::NotFound(_) => AssetError::NotFound,
            ReadError::Integrity(_) => AssetError::Integrity(error),
            _ => AssetError::Unavailable(error),
        })?;
        self.drop_large(&key, &asset).await;
        Ok(asset)
    }

    /// The file in another encoding, where that is smaller: from the store, or made now and kept
    /// there. The file itself is in memory, so nobody waits for a store that is slow.
    async fn variant(&self, key: AssetKey, identity: Asset) -> Asset {
        let size = identity.body.len();
        let is_worth_it = (COMPRESS_MIN..=COMPRESS_MAX).contains(&size);
        if key.encoding == Encoding::Identity || !is_worth_it {
            return identity;
        }
        let make = self.make_variant(&key, &identity);
        let made = self.cache.optionally_get_with_by_ref(&key, make).await;
        let asset = made.unwrap_or(identity);
        self.drop_large(&key, &asset).await;
        asset
    }

    /// `identity` in the encoding of `key`, or as it is where that is no larger; none when it cannot
    /// be compressed.
    async fn make_variant(&self, key: &AssetKey, identity: &Asset) -> Option<Asset> {
        let AssetKey { id, path, encoding } = key;
        let stored = self.store.read_variant(id, path, encoding.as_str());
        let stored = tokio::time::timeout(VARIANT_WAIT, stored).await;
        let body = if let Ok(Ok(Some(body))) = stored {
            body
        } else {
            let compressed = encoding.compress(identity.body.clone(), Effort::Kept);
            let body = compressed.await?;
            self.keep_variant(key.clone(), body.clone());
            body
        };
        Some(identity.clone().or_smaller(body, *encoding).await)
    }

    /// Writes a variant beside the request, unless many are being written already: whoever needs it
    /// can make it again.
    fn keep_variant(&self, key: AssetKey, body: Bytes) {
        let Ok(turn) = Arc::clone(&self.writing).try_acquire_owned() else {
            return;
        };
        let store = self.store.clone();
        tokio::spawn(async move {
            let AssetKey { id, path, encoding } = &key;
            let written = store.write_variant(id, path, encoding.as_str(), &body);
            if let Err(error) = written.await {
                tracing::debug!(error = %Chain(&error), "compressed file was not kept");
            }
            drop(turn);
        });
    }

    /// Forgets a file that is too large to be kept: those who asked for it at once have it.
    async fn drop_large(&self, key: &AssetKey, asset: &Asset) {
        if asset.body.len() > CACHED_MAX {
            self.cache.invalidate(key).await;
            self.cache.run_pending_tasks().await;
        }
    }
}

fn tag(digest: Digest) -> Arc<str> {
    Arc::from(format!("\"{}\"", &digest.to_string()[..32]))
}

/// Whether the suffix is one of text; images and fonts are compressed already.
fn is_compressible(path: &str) -> bool {
    let suffix = path.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    [
        "css",
        "csv",
        "html",
        "js",
        "json",
        "map",
        "md",
        "mjs",
        "svg",
        "txt",
        "wasm",
        "webmanifest",
        "xml",
    ]
    .iter()
    .any(|other| other.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use ochre_cdn_sync::{Feed, Watch, WatchSettings};
    use ochre_model::SystemClock;
    use ochre_store::{Backend, CatalogSnapshot, StoreSettings, VersionSummary};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_in_memory_does_not_end_an_outage_of_the_store() {
        let memory = StoreSettings {
            backend: Backend::Memory,
            ..StoreSettings::default()
        };
        let store = ComponentStore::open(&memory, Arc::new(SystemClock), None).unwrap();
        let id = ComponentId {
            name: "card".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        };
        let listed = CatalogSnapshot::default().with_version(&id, &VersionSummary::default());
        let catalog = Arc::new(Catalog::new(listed));
        let settings = WatchSettings::default();
        let watch = Watch::new(store.clone(), Arc::clone(&catalog), Feed::new(), &settings);
        let lookup = Lookup::new(store.clone(), watch, &settings);
        let outage = Arc::new(Outage::new("it"));
        let told = (
            Arc::new(Metrics::new("0.0.0").unwrap()),
            Arc::clone(&outage),
        );
        let limits = (1024, Duration::from_secs(1));
        let assets = Assets::new((store, catalog, lookup), limits, told);
        let key = AssetKey::new(&id, "public/a.png", Encoding::Identity);
        let asset = Asset::new(&key.path, Bytes::from_static(b"a"));
        assets.cache.insert(key, asset).await;

        outage.failed(&std::io::Error::other("broken"));
        tokio::time::advance(Duration::from_mins(1)).await;
        let found = assets.get(&id, "public/a.png", Encoding::Identity).await;
        assert!(found.is_ok());
        assert_eq!(outage.failures(), 1);
    }
}
