//! Which release a request means.

use std::sync::Arc;

use ochre_cdn_sync::LookupError;
use ochre_model::{ComponentId, ComponentName, ReleaseStatus, Version};
use ochre_store::CatalogSnapshot;
use tokio::time::timeout;

use super::{RenderFailure, Renderer};
use crate::{oc_client, release::Release};

/// The release that a request means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The release.
    pub release: Arc<Release>,
    /// The state that was set after it was published.
    pub status: Option<Arc<ReleaseStatus>>,
}

/// A release in the catalog.
struct Listed {
    id: ComponentId,
    status: Option<Arc<ReleaseStatus>>,
}

impl Renderer {
    /// The release that a request means.
    ///
    /// # Errors
    ///
    /// [`RenderFailure`]: not found, or not to be had now.
    pub async fn resolve(&self, name: &str, requested: &str) -> Result<Resolved, RenderFailure> {
        let Listed { id, status } = self.resolve_id(name, requested).await?;
        let loaded = self.releases.get(&id).await;
        let release = loaded.map_err(|error| RenderFailure::unreadable(&error))?;
        Ok(Resolved { release, status })
    }

    async fn resolve_id(&self, name: &str, requested: &str) -> Result<Listed, RenderFailure> {
        let kind = self.options.store_kind;
        let Ok(name) = name.parse::<ComponentName>() else {
            return Err(RenderFailure::unknown_component(name, kind));
        };
        if !self.serves(name.as_str()) {
            return Err(RenderFailure::unknown_component(name.as_str(), kind));
        }
        let catalog = self.watch.catalog().load();
        let found = if name.as_str() == oc_client::NAME {
            find(&self.published(), &name, requested)
        } else {
            find(&catalog, &name, requested)
        };
        drop(catalog);
        if let Some(listed) = found {
            return Ok(listed);
        }
        // Another node may have published it a moment ago: ask the store before saying 404.
        if let Ok(version) = requested.parse::<Version>() {
            let id = ComponentId {
                name: name.clone(),
                version,
            };
            let looked_up = timeout(self.options.store_deadline, self.lookup.find(&id)).await;
            match looked_up {
                // Whether the store gives it is told by whoever loads it.
                Ok(Ok(true)) => return Ok(Listed { id, status: None }),
                Ok(Ok(false)) => self.releases.outage().succeeded(),
                Ok(Err(LookupError::Busy)) => return Err(RenderFailure::store_unavailable()),
                Ok(Err(error)) => {
                    self.releases.outage().failed(&error);
                    return Err(RenderFailure::store_unavailable());
                }
                Err(late) => {
                    self.releases.outage().failed(&late);
                    return Err(RenderFailure::store_unavailable());
                }
            }
        } else if !self.watch.status().loaded {
            return Err(RenderFailure::not_loaded());
        }
        Err(
            if name.as_str() == oc_client::NAME
                || self.watch.catalog().load().get(name.as_str()).is_some()
            {
                RenderFailure::unknown_version(name.as_str(), requested, kind)
            } else {
                RenderFailure::unknown_component(name.as_str(), kind)
            },
        )
    }
}

fn find(catalog: &CatalogSnapshot, name: &ComponentName, requested: &str) -> Option<Listed> {
    let versions = catalog.get(name.as_str())?;
    let version = versions.resolve(requested)?;
    let details = versions.details(version);
    Some(Listed {
        id: ComponentId {
            name: name.clone(),
            version: version.clone(),
        },
        status: details.and_then(|details| details.status.clone()),
    })
}
