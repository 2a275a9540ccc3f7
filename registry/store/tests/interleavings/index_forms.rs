//! The index in the forms in which other writers leave it.

use std::collections::BTreeMap;

use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, Result, UpdateVersion, path::Path,
};
use ochre_store::{
    CatalogSnapshot, VersionSummary,
    contract::{AT_ONCE_MAX, LOG_BYTES_MAX},
};
use serde_json::{Value, json, value::RawValue};

/// The index of a bucket.
fn place() -> Path {
    Path::from("components.ochre/index")
}

/// Makes the log so long that the next write puts a snapshot in its place, as a process does that
/// lists many versions: by compare-and-swap. The write says nothing, in many bytes.
pub(crate) async fn lengthen(objects: &dyn ObjectStore) -> Result<()> {
    loop {
        let found = objects.get(&place()).await?;
        let tag = found.meta.e_tag.clone();
        let mut head: Head = serde_json::from_slice(&found.bytes().await?).unwrap();
        head.generation += 1;
        let at = json!({ "generation": head.generation, "token": head.generation });
        let nothing = RawValue::from_string(format!("[{}]", " ".repeat(LOG_BYTES_MAX))).unwrap();
        head.log.writes.push(Write {
            at,
            changes: nothing,
        });
        let text = serde_json::to_vec(&head).unwrap();
        let update = PutMode::Update(UpdateVersion {
            e_tag: tag,
            version: None,
        });
        match objects.put_opts(&place(), text.into(), update.into()).await {
            Err(Error::Precondition { .. }) => {}
            other => return other.map(drop),
        }
    }
}

/// Writes the index as one text, as older releases do.
pub(crate) async fn flatten(objects: &dyn ObjectStore, catalog: &CatalogSnapshot) {
    write_text(objects, catalog, 0).await;
}

/// Adds so many versions of another component that the catalog is a large one; as one text.
pub(crate) async fn enlarge(objects: &dyn ObjectStore, catalog: &CatalogSnapshot) {
    write_text(objects, catalog, AT_ONCE_MAX + 1).await;
}

async fn write_text(objects: &dyn ObjectStore, catalog: &CatalogSnapshot, many: usize) {
    let components = catalog.iter().map(|(name, versions)| {
        let versions = versions
            .iter()
            .map(|(version, details)| (version.to_string(), details.clone()));
        (name.to_string(), versions.collect())
    });
    let mut components: BTreeMap<String, BTreeMap<String, VersionSummary>> = components.collect();
    if many > 0 {
        let versions = (0..many).map(|number| (format!("1.0.{number}"), VersionSummary::default()));
        components.insert("many".to_owned(), versions.collect());
    }
    let channels = catalog.iter().map(|(name, versions)| {
        let channels: BTreeMap<_, _> = versions.channels().collect();
        (name, channels)
    });
    let mut channels: BTreeMap<_, _> = channels.collect();
    channels.retain(|_, channels| !channels.is_empty());
    let text = json!({
        "format": if channels.is_empty() { 1 } else { 2 },
        "generation": catalog.revision().generation(),
        "lastEdit": catalog.last_edit(),
        "components": components,
        "channels": channels,
    });
    let text = text.to_string();
    objects.put(&place(), text.into()).await.unwrap();
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    format: u32,
    generation: u64,
    last_edit: u64,
    log: Log,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Log {
    snapshot: Value,
    since: Value,
    writes: Vec<Write>,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Write {
    at: Value,
    changes: Box<RawValue>,
}
