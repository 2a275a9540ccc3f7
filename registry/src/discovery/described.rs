//! Lists with members of `package.json`: what is read of a release is kept until its component
//! changes, so that only the first list of a large catalog reads all of it.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, stream};
use ochre_model::{ComponentId, ComponentName, PackageJson, Version};
use ochre_store::ComponentVersions;
use serde_json::{Map, Value, json, value::RawValue};

use super::{all_versions, iso_date};
use crate::release::Releases;

/// Releases read at once.
const CONCURRENCY: usize = 16;

/// Members of `package.json` that are not told.
const WITHHELD: [&str; 2] = ["dependencies", "devDependencies"];

/// A component, by its newest release.
#[derive(Debug)]
pub(super) struct Wanted {
    id: ComponentId,
    component: Arc<ComponentVersions>,
}

/// What the last list said of each component.
#[derive(Debug, Default)]
pub(super) struct Described {
    meta: String,
    base_url: Arc<str>,
    items: HashMap<ComponentName, Item>,
}

/// What is said of a component, as long as it is this.
#[derive(Debug)]
struct Item {
    component: Arc<ComponentVersions>,
    text: Arc<RawValue>,
}

// === impl Wanted ===

impl Wanted {
    pub(super) fn new(
        (name, version, component): (&ComponentName, &Version, &Arc<ComponentVersions>),
    ) -> Self {
        Self {
            id: ComponentId {
                name: name.clone(),
                version: version.clone(),
            },
            component: Arc::clone(component),
        }
    }
}

// === impl Described ===

impl Described {
    /// What `meta` asks for of each release; those that cannot be read are left out.
    pub(super) async fn read(
        &mut self,
        wanted: Vec<Wanted>,
        (meta, base_url): (&str, &Arc<str>),
        releases: &Releases,
    ) -> Vec<Arc<RawValue>> {
        let mut before = HashMap::new();
        if self.meta == meta && self.base_url == *base_url {
            std::mem::swap(&mut before, &mut self.items);
        }
        *self = Self {
            meta: meta.to_owned(),
            base_url: Arc::clone(base_url),
            items: HashMap::with_capacity(wanted.len()),
        };
        let mut read = stream::iter(wanted)
            .map(|wanted| {
                let known = before.remove(&wanted.id.name);
                async move {
                    let known =
                        known.filter(|item| Arc::ptr_eq(&item.component, &wanted.component));
                    let text = match known {
                        Some(known) => known.text,
                        None => text(&wanted, (meta, base_url), releases).await?,
                    };
                    let component = wanted.component;
                    Some((wanted.id.name, Item { component, text }))
                }
            })
            .buffered(CONCURRENCY);
        let mut texts = Vec::with_capacity(self.items.capacity());
        while let Some(read) = read.next().await {
            let Some((name, item)) = read else {
                continue;
            };
            texts.push(Arc::clone(&item.text));
            self.items.insert(name, item);
        }
        texts
    }
}

/// What is said of a component; none when its release cannot be read.
async fn text(
    wanted: &Wanted,
    (meta, base_url): (&str, &str),
    releases: &Releases,
) -> Option<Arc<RawValue>> {
    let manifest = releases.manifest(&wanted.id).await.ok()?;
    let href = format!("{base_url}{}", wanted.id.name);
    let described = described(&manifest, &wanted.component, meta, href);
    let text = ochre_model::json::to_text(&Value::Object(described));
    RawValue::from_string(text).ok().map(Arc::from)
}

fn described(
    manifest: &PackageJson,
    component: &ComponentVersions,
    meta: &str,
    href: String,
) -> Map<String, Value> {
    let raw = manifest.raw();
    let mut described = Map::new();
    match meta {
        "true" => {
            let oc = manifest.oc();
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
            for key in list.split(',') {
                if WITHHELD.contains(&key) || described.contains_key(key) {
                    continue;
                }
                let value = match key {
                    // No member of the file.
                    "allVersions" => Some(all_versions(component)),
                    key => raw.get(key).cloned(),
                };
                described.extend(value.map(|value| (key.to_owned(), value)));
            }
            described.insert("href".into(), Value::String(href));
        }
    }
    described
}
