//! The release that a page is about: published here, or known to the fallback registry.

use std::sync::Arc;

use ochre_model::{ComponentId, PackageJson, ReleaseStatus, Version};
use ochre_store::{ComponentVersions, VersionSummary};
use serde_json::{Map, Value};

use super::Ui;
use crate::{release::Release, render::RenderFailure};

/// A release as its pages tell it.
#[derive(Clone, Debug)]
pub struct Subject {
    id: ComponentId,
    origin: Origin,
    versions: Arc<ComponentVersions>,
}

#[derive(Clone, Debug)]
enum Origin {
    Own(Arc<Release>),
    Foreign(Box<PackageJson>),
}

// === impl Ui ===

impl Ui {
    /// The release that a path means.
    ///
    /// # Errors
    ///
    /// As [`crate::render::Renderer::resolve`].
    pub async fn find(&self, name: &str, requested: &str) -> Result<Subject, RenderFailure> {
        let release = self.renderer.resolve(name, requested).await?.release;
        let catalog = self.renderer.published();
        let versions = catalog.get(release.id.name.as_str()).map(Arc::clone);
        Ok(Subject {
            id: release.id.clone(),
            versions: versions.unwrap_or_default(),
            origin: Origin::Own(release),
        })
    }
}

// === impl Subject ===

impl Subject {
    /// The release that another registry's `~info` describes; `None` when that is no description.
    pub fn foreign(description: &Map<String, Value>) -> Option<Self> {
        let bytes = serde_json::to_vec(description).ok()?;
        let manifest = PackageJson::parse_stored(&bytes).ok()?;
        let id = ComponentId {
            name: manifest.name()?.parse().ok()?,
            version: manifest.version()?.parse().ok()?,
        };
        let versions = description.get("allVersions").and_then(Value::as_array);
        let versions = versions.into_iter().flatten().filter_map(Value::as_str);
        let versions = versions.filter_map(|version| version.parse::<Version>().ok());
        let versions = versions.map(|version| (version, VersionSummary::default()));
        Some(Self {
            id,
            versions: Arc::new(versions.collect()),
            origin: Origin::Foreign(Box::new(manifest)),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.id.name.as_str()
    }

    pub(super) fn version(&self) -> &Version {
        &self.id.version
    }

    pub(super) fn manifest(&self) -> &PackageJson {
        match &self.origin {
            Origin::Own(release) => &release.manifest,
            Origin::Foreign(manifest) => manifest,
        }
    }

    /// The state that it was given, if any.
    pub(super) fn status(&self) -> Option<&ReleaseStatus> {
        self.versions.details(&self.id.version)?.status.as_deref()
    }

    /// The state that counts, `""` for none.
    pub(super) fn state(&self) -> &str {
        let details = self.versions.details(&self.id.version);
        let state = match details {
            Some(details) if details.status.is_some() => details.state(),
            _ => self.manifest().oc().state.as_deref(),
        };
        state.unwrap_or_default()
    }

    pub(super) fn versions(&self) -> &ComponentVersions {
        &self.versions
    }
}
