//! What is published: the list, one component's information, the history.

mod described;
mod lists;

use std::{cmp::Reverse, sync::Arc};

use bytes::Bytes;
use ochre_cdn_sync::Watch;
use ochre_engine::node::Dependency;
use ochre_model::{ComponentName, ReleaseState, Version};
use ochre_store::{CatalogSnapshot, ComponentVersions, VersionSummary};
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};

pub use self::lists::ListText;
use self::{
    described::{Described, Wanted},
    lists::{Asked, Lists},
};
use crate::{
    fallback::Fallback,
    release::Releases,
    render::{RenderFailure, Renderer, Resolved},
    settings::DiscoverySettings,
};

/// Releases that the history tells.
const HISTORY_MAX: usize = 10_000;

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
    /// What the last lists with members of `package.json` said of each component. Held by the one
    /// that makes such a list.
    described: tokio::sync::Mutex<Described>,
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

/// `GET /`.
#[derive(Serialize)]
struct List<'a, T> {
    href: &'a str,
    #[serde(rename = "ocVersion")]
    oc_version: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    components: &'a [T],
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
            described: tokio::sync::Mutex::default(),
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
        let state = state.map(str::to_owned);
        match meta {
            Some(meta) => self.described(query, meta, state).await,
            None => self.names(&query.base_url, state).await,
        }
    }

    /// The list of names.
    async fn names(
        &self,
        base_url: &Arc<str>,
        state: Option<String>,
    ) -> Result<ListText, RenderFailure> {
        let asked = Asked::Names {
            base_url: Arc::clone(base_url),
            state: state.clone(),
        };
        let (renderer, base_url) = (Arc::clone(&self.renderer), Arc::clone(base_url));
        let experimental = self.settings.lists_experimental();
        let oc_version = self.oc_version.clone();
        self.kept(asked, move |catalog| {
            let newest = newest(&renderer, catalog, (experimental, state.as_deref()));
            let names: Vec<String> = newest
                .map(|(name, ..)| format!("{base_url}{name}"))
                .collect();
            list_text(&base_url, &oc_version, &names)
        })
        .await
    }

    /// A text made of the catalog; made again, on a thread for it, only after something changed.
    async fn kept(
        &self,
        asked: Asked,
        text: impl FnOnce(&CatalogSnapshot) -> Bytes + Send + 'static,
    ) -> Result<ListText, RenderFailure> {
        let catalog = self.renderer.published();
        if let Some(text) = self.lists.get(&catalog, &asked) {
            return Ok(text);
        }
        let lists = Arc::clone(&self.lists);
        let made =
            tokio::task::spawn_blocking(move || lists.make((&catalog, asked), || text(&catalog)));
        made.await.map_err(|error| RenderFailure::unlisted(&error))
    }

    /// The list with members of `package.json`: one at a time, from what the one before it read.
    async fn described(
        &self,
        query: &ListQuery,
        meta: &str,
        state: Option<String>,
    ) -> Result<ListText, RenderFailure> {
        let mut described = self.described.lock().await;
        let catalog = self.renderer.published();
        let base_url = Arc::clone(&query.base_url);
        let asked = Asked::Described {
            base_url: Arc::clone(&base_url),
            state: state.clone(),
            meta: meta.to_owned(),
        };
        if let Some(text) = self.lists.get(&catalog, &asked) {
            return Ok(text);
        }
        let (renderer, listed) = (Arc::clone(&self.renderer), Arc::clone(&catalog));
        let experimental = self.settings.lists_experimental();
        let newest = tokio::task::spawn_blocking(move || {
            let newest = newest(&renderer, &listed, (experimental, state.as_deref()));
            newest.map(Wanted::new).collect::<Vec<_>>()
        });
        let newest = newest.await;
        let newest = newest.map_err(|error| RenderFailure::unlisted(&error))?;
        let wanted = newest.len();
        let items = described.read(newest, (meta, &base_url), &self.releases);
        let items = items.await;
        let (lists, oc_version) = (Arc::clone(&self.lists), self.oc_version.clone());
        let made = tokio::task::spawn_blocking(move || {
            let text = || list_text(&base_url, &oc_version, &items);
            if items.len() == wanted {
                lists.make((&catalog, asked), text)
            } else {
                // What could not be read now is read by the next one.
                ListText::new(text())
            }
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
        let catalog = self.renderer.published();
        let component = catalog.get(release.id.name.as_str());
        let all = component.map_or_else(|| json!([]), |component| all_versions(component));
        info.insert("allVersions".into(), all);
        info.insert("requestVersion".into(), Value::String(requested.to_owned()));
        Ok(Value::Object(info))
    }

    /// The plugins of this registry, as `~registry/plugins` tells them.
    pub fn plugins(&self) -> Value {
        let plugins = self.releases.plugins().iter();
        plugins
            .map(|plugin| json!({ "name": *plugin.name, "description": *plugin.description }))
            .collect()
    }

    /// The newest releases, at most ten thousand, newest first; dates in UTC.
    ///
    /// # Errors
    ///
    /// When the node is shutting down.
    pub async fn history(&self) -> Result<ListText, RenderFailure> {
        let renderer = Arc::clone(&self.renderer);
        self.kept(Asked::History, move |catalog| history(&renderer, catalog))
            .await
    }
}

/// The newest release of each component that is listed.
fn newest<'a>(
    renderer: &'a Renderer,
    catalog: &'a CatalogSnapshot,
    (experimental, state): (bool, Option<&'a str>),
) -> impl Iterator<Item = (&'a ComponentName, &'a Version, &'a Arc<ComponentVersions>)> {
    let served = catalog
        .names()
        .filter(|name| renderer.serves(name.as_str()));
    served.filter_map(move |name| {
        let component = catalog.get(name.as_str())?;
        let version = component.resolve("")?;
        let own = component.details(version)?.state();
        let is_listed = (experimental || own != Some("experimental"))
            && state.is_none_or(|state| own == Some(state));
        is_listed.then_some((name, version, component))
    })
}

/// The list in OC's shape.
fn list_text(base_url: &str, oc_version: &str, components: &[impl Serialize]) -> Bytes {
    json_bytes(&List {
        href: base_url,
        oc_version,
        kind: "oc-registry",
        components,
    })
}

/// Texts, and JSON that was written before, as JSON: they are always written.
fn json_bytes(value: &impl Serialize) -> Bytes {
    ochre_model::json::to_vec(value).unwrap_or_default().into()
}

fn history(renderer: &Renderer, catalog: &CatalogSnapshot) -> Bytes {
    let served = |name: &ComponentName| renderer.serves(name.as_str());
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
    json_bytes(&json!({ "componentsHistory": releases.collect::<Vec<_>>() }))
}

/// What a client may choose from: yanked versions are left out.
fn all_versions(component: &ComponentVersions) -> Value {
    let offered = component.iter().filter(|(_, details)| !details.is_yanked());
    offered
        .map(|(version, _)| Value::String(version.to_string()))
        .collect()
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
