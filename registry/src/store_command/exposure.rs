//! Whether private files can be read by everybody, where that can be told: at `storage.public_url`.

use std::time::Duration;

use ochre_store::{ComponentStore, PACKAGE_JSON, ReadError, is_private};
use reqwest::Client;
use serde::Serialize;

use crate::settings::Settings;

/// Releases whose private files are asked for: the newest of as many components.
const RELEASES_MAX: usize = 20;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the public gets to see.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Exposure {
    /// No public address is set.
    Unknown,
    /// Addresses of private files that answer.
    Public(Vec<String>),
}

// === impl Exposure ===

impl Exposure {
    /// Private files that everybody can read.
    pub(super) fn addresses(&self) -> &[String] {
        match self {
            Self::Unknown => &[],
            Self::Public(addresses) => addresses,
        }
    }

    /// Tells in one line what was looked at.
    pub(super) fn print(&self) {
        match self {
            Self::Unknown => println!(
                "whether private files are public cannot be told: storage.public_url is not set"
            ),
            Self::Public(_) => {
                println!("asked for private files of up to {RELEASES_MAX} releases as the public");
            }
        }
    }
}

/// Asks as the public for private files: some of releases, and the index.
///
/// # Errors
///
/// When the store cannot be read, or no HTTP client be made.
pub(super) async fn look(settings: &Settings, store: &ComponentStore) -> anyhow::Result<Exposure> {
    let Some(base) = settings.storage.public_url.as_deref() else {
        return Ok(Exposure::Unknown);
    };
    let base = match base.strip_prefix("//") {
        Some(rest) => format!("https://{rest}"),
        None => base.to_owned(),
    };
    let client = Client::builder().timeout(TIMEOUT).build()?;
    let dir = settings.storage.components_dir.trim_matches('/');
    let mut paths = vec![format!("{dir}.ochre/index")];
    for path in private_files(store).await? {
        paths.push(format!("{dir}/{path}"));
    }
    let mut public = Vec::new();
    for path in paths {
        let mut url = reqwest::Url::parse(&base)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let answer = client.get(url.clone()).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            public.push(url.to_string());
        }
    }
    Ok(Exposure::Public(public))
}

/// Private files of the newest releases of some components.
async fn private_files(store: &ComponentStore) -> Result<Vec<String>, ReadError> {
    let catalog = store.read_catalog(None).await?.snapshot.unwrap_or_default();
    let mut found = Vec::new();
    for (name, versions) in catalog.iter().take(RELEASES_MAX) {
        let Some(version) = versions.versions().last() else {
            continue;
        };
        let id = ochre_model::ComponentId {
            name: name.clone(),
            version: version.clone(),
        };
        // What cannot be read is told by the check.
        let files = store.list_files(&id).await.unwrap_or_default();
        found.extend(
            files
                .iter()
                .filter(|file| file.path != PACKAGE_JSON && is_private(&file.path))
                .map(|file| format!("{name}/{version}/{}", file.path)),
        );
    }
    Ok(found)
}
