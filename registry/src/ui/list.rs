//! The list of components, and the history of releases.

use std::sync::Arc;

use askama::Template;
use ochre_engine::node::Dependency;
use ochre_model::{ComponentName, encode_uri_component};
use serde_json::{Value, json};

use super::{Frame, Page, Theme, Ui, format, pager::Pager, policy::policy, script_json};
use crate::directory::{Entry, Facet, Filter, HistoryItem, Listing};

/// Components of one page.
const COMPONENTS: usize = 50;

/// Releases of one page of the history.
const RELEASES: usize = 100;

/// Releases told beside the list.
const RECENT: usize = 8;

/// Releases looked at for them.
const RECENT_LOOKED_AT: usize = 200;

/// Authors offered to choose from; more are found by searching.
const AUTHORS: usize = 200;

/// What a reader wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Public URL of this registry for the reader.
    pub base_url: Arc<str>,
    /// Which view.
    pub view: View,
    /// Which components.
    pub filter: Filter,
    /// Which page, from 1; one that is not there is the nearest that is.
    pub page: usize,
    /// The reader's theme.
    pub theme: Theme,
}

/// The views of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Components by name.
    #[default]
    Components,
    /// Releases by date.
    History,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListTemplate<'a> {
    frame: Frame,
    filter: &'a Filter,
    is_filtered: bool,
    total: String,
    found: String,
    rows: Vec<Row<'a>>,
    pager: Pager,
    states: Vec<Choice<'a>>,
    templates: Vec<Choice<'a>>,
    authors: Vec<Choice<'a>>,
    recent: Vec<ReleaseRow<'a>>,
    types: Vec<TemplateType>,
    plugins: Vec<Plugin>,
    dependencies: &'a [Dependency],
    script: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryTemplate<'a> {
    frame: Frame,
    total: String,
    rows: Vec<ReleaseRow<'a>>,
    pager: Pager,
}

struct Row<'a> {
    entry: &'a Entry,
    href: String,
    state: &'a str,
    author: &'a str,
    description: &'a str,
    template: &'a str,
    date: Option<String>,
    versions: String,
}

struct ReleaseRow<'a> {
    name: &'a str,
    version: &'a str,
    href: String,
    date: Option<String>,
    clock: String,
    size: Option<String>,
    state: &'a str,
}

struct Choice<'a> {
    value: &'a str,
    label: &'a str,
    count: String,
    is_chosen: bool,
}

/// A template type of this registry.
struct TemplateType {
    name: String,
    label: String,
    version: String,
    externals: Vec<Script>,
}

/// A script that browsers load for a template type.
struct Script {
    global: String,
    url: String,
}

/// A plugin of this registry.
struct Plugin {
    name: String,
    description: String,
}

// === impl View ===

impl View {
    /// Reads `?view=`.
    pub fn parse(text: &str) -> Self {
        match text {
            "history" => Self::History,
            _ => Self::Components,
        }
    }
}

// === impl Ui ===

impl Ui {
    /// Renders the list or the history, from memory alone.
    ///
    /// # Errors
    ///
    /// When the template fails.
    pub async fn list(&self, request: &ListRequest) -> askama::Result<Page> {
        let listing = self.directory.listing().await;
        match request.view {
            View::Components => self.components(request, &listing),
            View::History => self.history(request, &listing),
        }
    }

    fn components(&self, request: &ListRequest, listing: &Listing) -> askama::Result<Page> {
        let frame = self.frame(request.theme, &request.base_url);
        let filter = &request.filter;
        let found = listing.find(filter);
        let (start, pager) = Pager::new((found.len(), COMPONENTS), request.page, |page| {
            query(&frame.root, filter, page)
        });
        let rows: Vec<Row<'_>> = found
            .iter()
            .skip(start)
            .take(COMPONENTS)
            .map(|entry| Row::new(entry, &frame.root))
            .collect();
        // OC's pages have the list in a script; ours holds what is shown.
        let list: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let script = format!("var componentsList={};", script_json(&list));
        let policy = policy(&[&script]);
        let root = frame.root.clone();
        let page = ListTemplate {
            is_filtered: *filter != Filter::default(),
            filter,
            total: format::grouped(listing.len()),
            found: format::grouped(found.len()),
            rows,
            pager,
            states: choices(&listing.states, &filter.state),
            templates: choices(&listing.templates, &filter.template),
            authors: choices(&listing.authors, &filter.author),
            recent: releases(recent(listing), &root),
            types: self.template_types(&frame.base_url),
            plugins: self.plugins(),
            dependencies: &self.dependencies,
            script,
            frame,
        };
        Ok(Page {
            body: page.render()?,
            policy,
        })
    }

    fn history(&self, request: &ListRequest, listing: &Listing) -> askama::Result<Page> {
        let frame = self.frame(request.theme, &request.base_url);
        let count = listing.release_count();
        let (start, pager) = Pager::new((count, RELEASES), request.page, |page| {
            format!("{}?view=history&page={page}", frame.root)
        });
        let rows = releases(listing.history(start).take(RELEASES), &frame.root);
        let page = HistoryTemplate {
            total: format::grouped(count),
            rows,
            pager,
            frame,
        };
        Ok(Page {
            body: page.render()?,
            policy: policy(&[]),
        })
    }

    fn plugins(&self) -> Vec<Plugin> {
        let plugins = self.renderer.plugins().iter().map(|plugin| Plugin {
            name: plugin.name.to_string(),
            description: plugin.description.to_string(),
        });
        plugins.collect()
    }

    fn template_types(&self, base_url: &str) -> Vec<TemplateType> {
        let infos: Vec<Value> =
            serde_json::from_slice(&self.packs.known().infos(base_url)).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let types = infos.iter().map(|info| {
            let externals = info["externals"].as_array().into_iter().flatten();
            TemplateType {
                label: short_type(&text(&info["type"])).to_owned(),
                name: text(&info["type"]),
                version: text(&info["version"]),
                externals: externals
                    .map(|external| Script {
                        global: text(&external["global"]),
                        url: text(&external["url"]),
                    })
                    .collect(),
            }
        });
        types.collect()
    }
}

// === impl Row ===

impl<'a> Row<'a> {
    fn new(entry: &'a Entry, root: &str) -> Self {
        let description = &entry.description;
        Self {
            href: info_path(root, entry.name.as_str(), entry.version.as_str()),
            state: entry.summary.state().unwrap_or_default(),
            author: description.author.as_deref().unwrap_or_default(),
            description: description.description.as_deref().unwrap_or_default(),
            template: short_type(description.template_type.as_deref().unwrap_or_default()),
            date: format::day(entry.summary.publish_date),
            versions: match entry.versions {
                1 => String::new(),
                count => format!("{} versions", format::grouped(count)),
            },
            entry,
        }
    }

    fn to_json(&self) -> Value {
        json!({ "name": self.entry.name.as_str(), "author": { "name": self.author }, "state": self.state })
    }
}

/// Path of a release's information page.
pub(super) fn info_path(root: &str, name: &str, version: &str) -> String {
    format!(
        "{root}{name}/{}/~info",
        encode_uri_component(version).replace("%2B", "+")
    )
}

/// `handlebars` for `oc-template-handlebars`.
pub(super) fn short_type(template_type: &str) -> &str {
    template_type
        .strip_prefix("oc-template-")
        .unwrap_or(template_type)
}

fn query(root: &str, filter: &Filter, page: usize) -> String {
    let number = page.to_string();
    let pairs = [
        ("q", filter.words.as_str()),
        ("state", &filter.state),
        ("template", &filter.template),
        ("author", &filter.author),
        ("page", if page > 1 { &number } else { "" }),
    ];
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", encode_uri_component(value)))
        .collect();
    format!("{root}?{}", pairs.join("&"))
}

fn choices<'a>(facets: &'a [Facet], chosen: &'a str) -> Vec<Choice<'a>> {
    let choice = |value: &'a str, count: usize| Choice {
        value,
        label: short_type(value),
        count: format::grouped(count),
        is_chosen: value == chosen,
    };
    let mut choices: Vec<_> = facets
        .iter()
        .take(AUTHORS)
        .map(|facet| choice(&facet.value, facet.count))
        .collect();
    if !chosen.is_empty() && !choices.iter().any(|choice| choice.is_chosen) {
        let count = facets.iter().find(|facet| facet.value == chosen);
        choices.push(choice(chosen, count.map_or(0, |facet| facet.count)));
    }
    choices
}

/// The latest release of each of the components that were published last.
fn recent(listing: &Listing) -> impl Iterator<Item = HistoryItem<'_>> {
    let mut told: Vec<&ComponentName> = Vec::with_capacity(RECENT);
    let latest = listing.history(0).take(RECENT_LOOKED_AT);
    let latest = latest.filter(move |item| {
        let is_first = !told.contains(&item.name);
        if is_first {
            told.push(item.name);
        }
        is_first
    });
    latest.take(RECENT)
}

fn releases<'a>(items: impl Iterator<Item = HistoryItem<'a>>, root: &str) -> Vec<ReleaseRow<'a>> {
    let rows = items.map(|item| ReleaseRow {
        name: item.name.as_str(),
        version: item.version.as_str(),
        href: info_path(root, item.name.as_str(), item.version.as_str()),
        date: format::day(item.summary.publish_date),
        clock: format::clock(item.summary.publish_date).unwrap_or_default(),
        size: item.summary.template_size.map(format::size),
        state: item.summary.state().unwrap_or_default(),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filter() {
        let filter = Filter {
            words: "a&b".into(),
            template: "oc-template-es6".into(),
            ..Filter::default()
        };
        assert_eq!(
            query("/r/", &filter, 1),
            "/r/?q=a%26b&template=oc-template-es6"
        );
        assert_eq!(query("/", &Filter::default(), 2), "/?page=2");
    }
}
