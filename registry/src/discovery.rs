//! What is published: the list, one component's information, the history.

mod names;

use std::{cmp::Reverse, sync::Arc};

use futures::{StreamExt, stream};
use ochre_cdn_sync::Watch;
use ochre_engine::node::Dependency;
use ochre_model::{ComponentId, ComponentName, ReleaseState};
use ochre_store::{CatalogSnapshot, VersionSummary};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};

pub use self::names::ListText;
use self::names::{Asked, Lists};
use crate::{
    etag,
    fallback::Fallback,
    release::{Release, Releases},
    render::{RenderFailure, Renderer, Resolved},
    settings::DiscoverySettings,
};

/// Releases read at once for a list that needs more than names.
const CONCURRENCY: usize = 16;

/// Releases that the history tells.
const HISTORY_MAX: usize = 10_000;

/// Members of `package.json` that `?meta` does not tell.
const WITHHELD: [&str; 2] = ["dependencies", "devDependencies"];

/// Lists and describes what is published.
#[derive(Debug)]
pub struct Discovery {
    watch: Watch,
    releases: Arc<Releases>,
    renderer: Arc<Renderer>,
    settings: DiscoverySettings,
    oc_version: String,
    dependencies: Vec<Dependency>,
    lists: Arc<Lists>,
}

/// What a list is to hold.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Only components of this state.
    pub state: Option<String>,
    /// `true` for the usual members, or a comma list of members of `package.json`.
    pub meta: Option<String>,
    /// Public URL of this registry for the caller.
    pub base_url: Arc<str>,
}

// === impl Discovery ===

impl Discovery {
    /// Puts the parts together.
    pub fn new(
        watch: Watch,
        releases: Arc<Releases>,
        renderer: Arc<Renderer>,
        (settings, oc_version): (DiscoverySettings, String),
    ) -> Self {
        Self {
            watch,
            releases,
            renderer,
            settings,
            oc_version,
            dependencies: Vec::new(),
            lists: Arc::default(),
        }
    }

    /// Tells what components may require.
    #[must_use]
    pub fn with_dependencies(mut self, dependencies: Vec<Dependency>) -> Self {
        self.dependencies = dependencies;
        self
    }

    /// What components may require, in the order of the settings.
    pub fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The switches of `[discovery]`.
    pub fn settings(&self) -> &DiscoverySettings {
        &self.settings
    }

    /// What is asked for what is not published here.
    pub fn fallback(&self) -> Option<&Fallback> {
        self.renderer.fallback()
    }

    /// The answer to `GET /`, in OC's shape.
    ///
    /// From memory alone, unless members of `package.json` are asked for.
    ///
    /// # Errors
    ///
    /// When the shared manifest was never read.
    pub async fn list(&self, query: &ListQuery) -> Result<ListText, RenderFailure> {
        if self.watch.catalog().load().is_empty() && !self.watch.status().loaded {
            return Err(RenderFailure::not_loaded());
        }
        let meta = query
            .meta
            .as_deref()
            .filter(|meta| !meta.is_empty() && *meta != "false" && self.settings.api);
        let state = query.state.as_deref().filter(|state| !state.is_empty());
        let base_url = &*query.base_url;
        let Some(meta) = meta else {
            return self.names(&query.base_url, state).await;
        };
        let experimental = self.settings.lists_experimental();
        let catalog = self.renderer.published();
        let newest = newest((&catalog, &self.renderer), experimental, state);
        let described = self.described(newest, (meta, base_url)).await;
        let body = bytes::Bytes::from(list_text(base_url, &self.oc_version, &described));
        let tag = etag::strong(&body).into();
        Ok(ListText { body, tag })
    }

    /// The list of names; made again, on a thread for it, only after something changed.
    async fn names(
        &self,
        base_url: &Arc<str>,
        state: Option<&str>,
    ) -> Result<ListText, RenderFailure> {
        let catalog = self.renderer.published();
        let asked = Asked {
            base_url: Arc::clone(base_url),
            state: state.map(str::to_owned),
        };
        if let Some(text) = self.lists.get(&catalog, &asked) {
            return Ok(text);
        }
        let (lists, renderer) = (Arc::clone(&self.lists), Arc::clone(&self.renderer));
        let experimental = self.settings.lists_experimental();
        let oc_version = self.oc_version.clone();
        let made = tokio::task::spawn_blocking(move || {
            let Asked { base_url, state } = asked.clone();
            lists.make((&catalog, asked), || {
                let newest = newest((&catalog, &renderer), experimental, state.as_deref());
                let names = newest.iter();
                let names = names.map(|id| Value::String(format!("{base_url}{}", id.name)));
                list_text(&base_url, &oc_version, &names.collect::<Vec<_>>())
            })
        });
        made.await.map_err(|error| RenderFailure::unlisted(&error))
    }

    /// `package.json` of a release with all versions of its component.
    ///
    /// # Errors
    ///
    /// As for rendering; [`RenderFailure::error`] is OC's whole answer.
    pub async fn info(&self, name: &str, requested: &str) -> Result<Value, RenderFailure> {
        let Resolved { release, status } = self.renderer.resolve(name, requested).await?;
        let mut info = release.manifest.raw().clone();
        if let (Some(status), Some(oc)) =
            (status, info.get_mut("oc").and_then(Value::as_object_mut))
        {
            match status.state {
                ReleaseState::Active => drop(oc.shift_remove("state")),
                state => drop(oc.insert("state".into(), json!(state))),
            }
        }
        info.insert("allVersions".into(), self.all_versions(&release));
        info.insert("requestVersion".into(), Value::String(requested.to_owned()));
        Ok(Value::Object(info))
    }

    /// What a client may choose from: yanked versions are left out.
    fn all_versions(&self, release: &Release) -> Value {
        let catalog = self.renderer.published();
        let component = catalog.get(release.id.name.as_str());
        let versions = component.into_iter().flat_map(|component| component.iter());
        versions
            .filter(|(_, details)| !details.is_yanked())
            .map(|(version, _)| Value::String(version.to_string()))
            .collect()
    }

    /// The plugins of this registry, as `~registry/plugins` tells them.
    pub fn plugins(&self) -> Value {
        let plugins = self.releases.plugins().iter();
        plugins
            .map(|plugin| json!({ "name": *plugin.name, "description": *plugin.description }))
            .collect()
    }

    /// The newest releases, at most ten thousand, newest first; dates in UTC.
    pub fn history(&self) -> Value {
        let catalog = self.renderer.published();
        let served = |name: &ComponentName| self.renderer.serves(name.as_str());
        let components = catalog.iter().filter(|(name, _)| served(name));
        let mut releases: Vec<_> = components
            .flat_map(|(name, component)| component.iter().map(move |release| (name, release)))
            .collect();
        let newest = |(_, (_, details)): &(_, (_, &VersionSummary))| Reverse(details.publish_date);
        if releases.len() > HISTORY_MAX {
            releases.select_nth_unstable_by_key(HISTORY_MAX, newest);
            releases.truncate(HISTORY_MAX);
        }
        releases.sort_by_key(newest);
        let releases = releases.into_iter().map(|(name, (version, details))| {
            let mut entry = Map::new();
            entry.insert("name".into(), json!(name.as_str()));
            entry.insert("version".into(), json!(version.as_str()));
            if let Some(size) = details.template_size {
                entry.insert("templateSize".into(), json!(size));
            }
            let date = Value::String(date_text(details.publish_date));
            entry.insert("publishDate".into(), date);
            Value::Object(entry)
        });
        json!({ "componentsHistory": releases.collect::<Vec<_>>() })
    }

    /// What `meta` asks for of each release; those that cannot be read are left out.
    async fn described(&self, ids: Vec<ComponentId>, (meta, base_url): (&str, &str)) -> Vec<Value> {
        stream::iter(ids)
            .map(|id| async move { self.releases.get(&id).await.ok() })
            .buffered(CONCURRENCY)
            .filter_map(|release| async move { release })
            .map(|release| {
                let mut described = described(&release, meta, base_url);
                if let Some(all_versions) = described.get_mut("allVersions") {
                    *all_versions = self.all_versions(&release);
                }
                described
            })
            .collect()
            .await
    }
}

/// The newest release of each component that is listed.
fn newest(
    (catalog, renderer): (&CatalogSnapshot, &Renderer),
    experimental: bool,
    state: Option<&str>,
) -> Vec<ComponentId> {
    let served = catalog
        .names()
        .filter(|name| renderer.serves(name.as_str()));
    let newest = served.filter_map(|name| {
        let component = catalog.get(name.as_str())?;
        let version = component.resolve("")?;
        let own = component.details(version)?.state();
        let is_listed = (experimental || own != Some("experimental"))
            && state.is_none_or(|state| own == Some(state));
        is_listed.then(|| ComponentId {
            name: name.clone(),
            version: version.clone(),
        })
    });
    newest.collect()
}

/// The list in OC's shape.
fn list_text(base_url: &str, oc_version: &str, components: &[Value]) -> String {
    ochre_model::json::to_text(&json!({
        "href": base_url,
        "ocVersion": oc_version,
        "type": "oc-registry",
        "components": components,
    }))
}

fn described(release: &Release, meta: &str, base_url: &str) -> Value {
    let href = format!("{base_url}{}", release.id.name);
    let raw = release.manifest.raw();
    let mut described = Map::new();
    match meta {
        "true" => {
            let oc = release.manifest.oc();
            described.insert("href".into(), Value::String(href));
            for key in ["name", "version", "author", "description"] {
                described.extend(raw.get(key).map(|value| (key.to_owned(), value.clone())));
            }
            described.extend(oc.state.clone().map(|state| ("state".into(), json!(state))));
            let keywords = raw.get("keywords").cloned();
            described.insert("keywords".into(), keywords.unwrap_or_else(|| json!([])));
            let date = oc.date.and_then(iso_date);
            described.extend(date.map(|date| ("publishDate".into(), json!(date))));
        }
        list => {
            for key in list.split(',').filter(|key| !WITHHELD.contains(key)) {
                // `allVersions` is no member of the file; its value is filled in by the caller.
                let value = match key {
                    "allVersions" => Some(&Value::Null),
                    key => raw.get(key),
                };
                described.extend(value.map(|value| (key.to_owned(), value.clone())));
            }
            described.insert("href".into(), Value::String(href));
        }
    }
    Value::Object(described)
}

fn moment(milliseconds: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

fn date_text(milliseconds: u64) -> String {
    let format = format_description!("[year]/[month]/[day] [hour]:[minute]:[second]");
    moment(milliseconds)
        .filter(|_| milliseconds > 0)
        .and_then(|date| date.format(format).ok())
        .unwrap_or_else(|| "Unknown".into())
}

fn iso_date(milliseconds: u64) -> Option<String> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment(milliseconds)?.format(format).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_look_as_in_oc() {
        assert_eq!(date_text(0), "Unknown");
        assert_eq!(date_text(1_795_284_103_010), "2026/11/21 18:01:43");
        assert_eq!(
            iso_date(1_795_284_103_010).unwrap(),
            "2026-11-21T18:01:43.010Z"
        );
    }
}
