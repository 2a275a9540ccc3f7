//! What Ochre derives from releases and keeps beside them: pre-compressed files, template packs.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use ochre_model::ComponentId;

use crate::{
    digest::Digest,
    key::{Labels, StoreKey},
    source::ReadError,
    store::{ComponentStore, Inner},
};

/// Bytes of the digest before the content.
const DIGEST_LENGTH: usize = 32;

/// Largest artifact.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

// === impl ComponentStore ===

impl ComponentStore {
    /// Reads a pre-compressed file of a release; none when it was never written or is damaged.
    ///
    /// `encoding` is the word of `Content-Encoding`: `br`, `zstd`, `gzip`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the store fails, [`ReadError::NotFound`] for a path that no
    /// release can have.
    pub async fn read_variant(
        &self,
        id: &ComponentId,
        path: &str,
        encoding: &str,
    ) -> Result<Option<Bytes>, ReadError> {
        let key = StoreKey::Variant(id, encoding, path);
        self.inner.read_artifact(key).await
    }

    /// Keeps a pre-compressed file of a release.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_variant`].
    pub async fn write_variant(
        &self,
        id: &ComponentId,
        path: &str,
        encoding: &str,
        bytes: &Bytes,
    ) -> Result<(), ReadError> {
        let key = StoreKey::Variant(id, encoding, path);
        self.inner.write_artifact(key, bytes).await
    }

    /// Reads a template pack; none when the store does not have it.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_variant`].
    pub async fn read_pack(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        self.inner.read_artifact(StoreKey::Pack(key)).await
    }

    /// Keeps a template pack under `key`: segments of letters, digits and `-_.@`, with `/` between.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_variant`].
    pub async fn write_pack(&self, key: &str, bytes: &Bytes) -> Result<(), ReadError> {
        self.inner.write_artifact(StoreKey::Pack(key), bytes).await
    }

    /// Takes away what is kept under `key`; nothing happens when there is nothing.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_variant`].
    pub async fn remove_pack(&self, key: &str) -> Result<(), ReadError> {
        let path = self.inner.path(StoreKey::Pack(key))?;
        let removed = self.inner.objects.delete(&path).await;
        removed.map_err(|error| ReadError::Unavailable(Arc::new(error)))
    }

    /// Lists the keys of all template packs, ascending.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the store fails.
    pub async fn list_packs(&self) -> Result<Vec<String>, ReadError> {
        let prefix = self.inner.path(StoreKey::Packs)?;
        let listing = self.inner.objects.list(&prefix).await;
        let listing = listing.map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        let prefix = format!("{prefix}/");
        let mut keys: Vec<String> = listing
            .iter()
            .filter_map(|object| object.location.as_ref().strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

// === impl Inner ===

impl Inner {
    async fn read_artifact(&self, key: StoreKey<'_>) -> Result<Option<Bytes>, ReadError> {
        let path = self.path(key)?;
        let Some(mut stored) = self.objects.fetch(&path, BYTES_MAX).await? else {
            return Ok(None);
        };
        if stored.len() >= DIGEST_LENGTH {
            let digest = stored.split_to(DIGEST_LENGTH);
            if digest == Digest::computed(&stored).await.as_bytes().as_slice() {
                return Ok(Some(stored));
            }
        }
        tracing::warn!(store.path = %path, "passed over a damaged object");
        Ok(None)
    }

    async fn write_artifact(&self, key: StoreKey<'_>, bytes: &Bytes) -> Result<(), ReadError> {
        let path = self.path(key)?;
        let mut stored = BytesMut::with_capacity(DIGEST_LENGTH + bytes.len());
        stored.put_slice(Digest::computed(bytes).await.as_bytes());
        stored.put_slice(bytes);
        // Whoever derives it writes the same bytes: no promise of the store is needed.
        self.objects
            .unheld()
            .overwrite(&path, &stored.freeze(), Labels::default())
            .await
            .map_err(|error| ReadError::Unavailable(Arc::new(error)))
    }
}
