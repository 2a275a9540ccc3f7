//! Scripts that browsers need to render views, served by the node itself from its template packs.

use std::sync::Arc;

use moka::future::Cache;

use crate::{
    assets::{Asset, Encoding},
    packs::{PackError, Packs},
};

/// Files kept in memory, in each of their encodings.
const KEPT: u64 = 128;

/// Why there is no script.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// No type that is served needs such a file, or files are not served.
    #[error("there is no such file")]
    NotFound,
    /// Its pack is not to be had now.
    #[error("template pack is not to be had now")]
    Unavailable(#[source] PackError),
}

/// The scripts of the packs, in memory.
#[derive(Debug)]
pub struct Externals {
    packs: Arc<Packs>,
    cache: Cache<(Box<str>, Encoding), Asset>,
}

// === impl Externals ===

impl Externals {
    /// Starts with nothing in memory.
    pub fn new(packs: Arc<Packs>) -> Self {
        Self {
            packs,
            cache: Cache::new(KEPT),
        }
    }

    /// A file in the best of the encodings that the caller takes.
    ///
    /// `origin`: `react@18.3.1/umd/react.production.min.js`.
    ///
    /// # Errors
    ///
    /// [`ExternalError`].
    pub async fn get(&self, origin: &str, encoding: Encoding) -> Result<Asset, ExternalError> {
        let served = self.packs.known().serves(origin);
        let template_type = served.ok_or(ExternalError::NotFound)?;
        let key = (Box::from(origin), encoding);
        if let Some(asset) = self.cache.get(&key).await {
            return Ok(asset);
        }
        let pack = self.packs.get(template_type).await;
        let pack = pack.map_err(ExternalError::Unavailable)?;
        let file = pack
            .files
            .iter()
            .find(|file| file.origin.origin() == origin);
        let file = file.ok_or(ExternalError::NotFound)?;
        let plain = Asset::new(origin, file.content.clone());
        let asset = plain.encoded(encoding).await;
        self.cache.insert(key, asset.clone()).await;
        Ok(asset)
    }
}
