//! The component `oc-client`, which every node brings by itself: answered from memory, never stored.
//!
//! OC publishes it at start; the Node client asks for it to warm up, and pages include it to get the
//! browser client. Versions of it in a bucket that a Node registry wrote are served like any other
//! component; of the version that is ours, ours is served.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use ochre_model::{ComponentId, ManifestError, NameError, PackageJson, Version};
use ochre_store::{CatalogSnapshot, ReleaseFiles, VersionSummary};
use serde_json::json;

use crate::{
    assets::{Asset, Encoding},
    browser_client::{BrowserClient, ClientFile},
};

/// Name of the component.
pub(crate) const NAME: &str = "oc-client";

/// The key of its view, in the view.
const KEY: &str = "ochre-oc-client";

/// The view.
const TEMPLATE: &str = include_str!("oc_client/template.js");

/// The data provider; `__VERSION__` stands for the version.
const SERVER: &str = include_str!("oc_client/server.js");

/// When this component was written: every node tells the same. 2026-11-21T00:00:00Z.
const DATE: u64 = 1_795_219_200_000;

/// The component of this node.
#[derive(Debug)]
pub struct OcClient {
    id: ComponentId,
    manifest: PackageJson,
    server: Bytes,
    details: VersionSummary,
    browser: BrowserClient,
    /// The last catalog that was asked with, and the same with this component.
    merged: ArcSwapOption<(Arc<CatalogSnapshot>, Arc<CatalogSnapshot>)>,
}

/// The component cannot be described; its parts are built in, so only the version can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum OcClientError {
    /// The name.
    #[error("`{NAME}` is no name")]
    Name(#[from] NameError),
    /// The `package.json`.
    #[error("`{NAME}` has no manifest")]
    Manifest(#[from] ManifestError),
}

// === impl OcClient ===

impl OcClient {
    /// The component in the version of the registry.
    ///
    /// # Errors
    ///
    /// [`OcClientError`].
    pub fn new(version: Version, browser: BrowserClient) -> Result<Self, OcClientError> {
        Ok(Self {
            manifest: manifest(&version)?,
            server: SERVER.replace("__VERSION__", version.as_str()).into(),
            id: ComponentId {
                name: NAME.parse()?,
                version,
            },
            details: VersionSummary {
                publish_date: DATE,
                template_size: Some(TEMPLATE.len() as u64),
                ..VersionSummary::default()
            },
            browser,
            merged: ArcSwapOption::empty(),
        })
    }

    /// The component with the default settings.
    #[cfg(test)]
    pub(crate) fn plain(packs: Arc<crate::packs::Packs>) -> Self {
        Self::new("0.50.44".parse().unwrap(), BrowserClient::plain(packs)).unwrap()
    }

    /// Name and version.
    pub fn id(&self) -> &ComponentId {
        &self.id
    }

    /// Its `package.json`.
    pub fn manifest(&self) -> &PackageJson {
        &self.manifest
    }

    /// The scripts of the browser client.
    pub fn browser(&self) -> &BrowserClient {
        &self.browser
    }

    /// What a release is made of.
    pub fn release(&self) -> ReleaseFiles {
        ReleaseFiles {
            manifest: self.manifest.clone(),
            template: Some(Bytes::from_static(TEMPLATE.as_bytes())),
            server: Some(self.server.clone()),
            env: None,
        }
    }

    /// A public file of the component; `None` when there is none. `base_url`: by which the caller
    /// knows the registry.
    pub fn file(&self, path: &str, encoding: Encoding, base_url: &str) -> Option<Asset> {
        if let Some(file) = ClientFile::at(path) {
            return Some(self.browser.file(file, encoding, base_url));
        }
        Some(match path {
            "template.js" => Asset::of(
                Bytes::from_static(TEMPLATE.as_bytes()),
                "application/javascript",
                Encoding::Identity,
            ),
            "package.json" => Asset::of(
                serde_json::to_vec(self.manifest.raw()).ok()?.into(),
                "application/json",
                Encoding::Identity,
            ),
            _ => return None,
        })
    }

    /// What this node answers for: everything that is published, and this component.
    ///
    /// Made once for each catalog.
    pub fn beside(&self, catalog: &Arc<CatalogSnapshot>) -> Arc<CatalogSnapshot> {
        if let Some(merged) = self.merged.load().as_deref()
            && Arc::ptr_eq(&merged.0, catalog)
        {
            return Arc::clone(&merged.1);
        }
        let merged = Arc::new(catalog.with_version(&self.id, &self.details));
        let pair = (Arc::clone(catalog), Arc::clone(&merged));
        self.merged.store(Some(Arc::new(pair)));
        merged
    }
}

fn manifest(version: &Version) -> Result<PackageJson, ManifestError> {
    let document = json!({
        "name": NAME,
        "description": "The OpenComponents client-side javascript client",
        "version": version.as_str(),
        "license": "Apache-2.0",
        "oc": {
            "container": false,
            "renderInfo": false,
            "minify": false,
            "parameters": {},
            "files": {
                "template": {
                    "type": "oc-template-es6",
                    "hashKey": KEY,
                    "src": "template.js",
                    "version": "2.0.0",
                    "size": TEMPLATE.len(),
                },
                "static": ["src"],
                "dataProvider": {
                    "type": "node.js",
                    "hashKey": "ochre-oc-client-data",
                    "src": "server.js",
                    "size": SERVER.len(),
                },
            },
            "version": version.as_str(),
            "packaged": true,
            "date": DATE,
        },
    });
    PackageJson::parse_stored(document.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::Packs;

    fn own() -> OcClient {
        let (_store, packs) = Packs::in_memory();
        OcClient::plain(packs)
    }

    #[tokio::test]
    async fn it_stands_beside_what_is_published() {
        let own = own();
        let id = |name: &str, version: &str| ComponentId {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
        };
        let catalog = [id("zebra", "1.0.0"), id(NAME, "0.50.1")]
            .iter()
            .fold(CatalogSnapshot::default(), |catalog, id| {
                catalog.with_version(id, &VersionSummary::default())
            });
        let catalog = Arc::new(catalog);

        let all = own.beside(&catalog);

        assert!(all.contains(own.id()) && all.contains(&id(NAME, "0.50.1")));
        assert_eq!(
            all.names().last().map(ochre_model::ComponentName::as_str),
            Some(NAME)
        );
        assert!(!catalog.contains(own.id()));
        assert!(Arc::ptr_eq(&all, &own.beside(&catalog)));
        assert!(!Arc::ptr_eq(&all, &own.beside(&Arc::default())));
    }

    #[tokio::test]
    async fn its_files_are_public_but_for_the_provider() {
        let own = own();
        for path in [
            "template.js",
            "package.json",
            "src/oc-client.min.js",
            "src/oc-client.js",
            "src/oc-client.min.map",
        ] {
            assert!(own.file(path, Encoding::Identity, "").is_some(), "{path}");
        }
        for path in ["server.js", "", "src", "src/../server.js"] {
            assert!(own.file(path, Encoding::Identity, "").is_none(), "{path}");
        }
        assert!(TEMPLATE.contains(KEY) && SERVER.contains(KEY));
    }
}
