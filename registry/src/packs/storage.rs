//! How packs lie in the store: `{type}/pack.json`, and beside it the files that it names.

use bytes::Bytes;
use ochre_engine::template::PackManifest;
use ochre_store::ComponentStore;

use super::PackError;

/// File of a pack that tells what it is.
const MANIFEST: &str = "pack.json";

/// The packs of one store.
#[derive(Clone, Debug)]
pub struct PackStorage {
    store: ComponentStore,
}

// === impl PackStorage ===

impl PackStorage {
    pub(super) fn new(store: ComponentStore) -> Self {
        Self { store }
    }

    /// The types that have a pack, ascending.
    pub(super) async fn types(&self) -> Result<Vec<String>, PackError> {
        let keys = self.store.list_packs().await.map_err(PackError::Store)?;
        let type_of = |key: &String| {
            let (template_type, file) = key.split_once('/')?;
            (file == MANIFEST).then(|| template_type.to_owned())
        };
        Ok(keys.iter().filter_map(type_of).collect())
    }

    /// What the pack of a type is, if there is one.
    pub(super) async fn manifest(
        &self,
        template_type: &str,
    ) -> Result<Option<PackManifest>, PackError> {
        let key = format!("{template_type}/{MANIFEST}");
        let bytes = self.store.read_pack(&key).await.map_err(PackError::Store)?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes).map_err(PackError::Manifest))
            .transpose()
    }

    /// The pack of a type, if all of it is there.
    pub(super) async fn read(
        &self,
        template_type: &str,
    ) -> Result<Option<(PackManifest, Vec<Bytes>)>, PackError> {
        let Some(manifest) = self.manifest(template_type).await? else {
            return Ok(None);
        };
        let mut contents = Vec::with_capacity(manifest.files.len());
        for file in &manifest.files {
            let key = format!("{template_type}/{}", file.origin());
            let read = self.store.read_pack(&key).await.map_err(PackError::Store)?;
            match read {
                Some(content) => contents.push(content),
                None => return Ok(None),
            }
        }
        Ok(Some((manifest, contents)))
    }

    /// Keeps a pack. The manifest goes last: a pack without one is not there.
    pub(super) async fn write(
        &self,
        manifest: &PackManifest,
        contents: &[Bytes],
    ) -> Result<(), PackError> {
        let template_type = &manifest.template_type;
        for (file, content) in manifest.files.iter().zip(contents) {
            let key = format!("{template_type}/{}", file.origin());
            let written = self.store.write_pack(&key, content).await;
            written.map_err(PackError::Store)?;
        }
        let text = serde_json::to_vec(manifest).map_err(PackError::Manifest)?;
        let key = format!("{template_type}/{MANIFEST}");
        let written = self.store.write_pack(&key, &text.into()).await;
        written.map_err(PackError::Store)
    }

    /// Takes a pack away, its manifest first; false when there is none.
    pub(super) async fn remove(&self, template_type: &str) -> Result<bool, PackError> {
        let keys = self.store.list_packs().await.map_err(PackError::Store)?;
        let own = format!("{template_type}/");
        let manifest = format!("{own}{MANIFEST}");
        let is_there = keys.contains(&manifest);
        let files = keys
            .iter()
            .filter(|key| key.starts_with(&own) && **key != manifest);
        for key in is_there.then_some(&manifest).into_iter().chain(files) {
            let removed = self.store.remove_pack(key).await;
            removed.map_err(PackError::Store)?;
        }
        Ok(is_there)
    }
}
