//! One state of the catalog, ready to be searched and paged.

use std::{collections::BTreeMap, sync::Arc};

use ochre_model::{ComponentName, Version};
use ochre_store::{CatalogSnapshot, ComponentVersions, VersionSummary};

use super::Description;
use crate::served::Served;

/// State whose components are hidden when `discovery.experimental` is off.
const EXPERIMENTAL: &str = "experimental";

/// Words of a search that are looked for; more of them are left out.
const WORDS_MAX: usize = 8;

/// Characters of a search that are read.
const SEARCH_MAX: usize = 200;

/// One component, by its newest release.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Component name.
    pub name: ComponentName,
    /// The newest version.
    pub version: Version,
    /// How many versions there are.
    pub versions: usize,
    /// What the catalog knows of the newest version.
    pub summary: VersionSummary,
    /// What its `package.json` says.
    pub description: Arc<Description>,
    /// Everything that a search looks at, lower-cased.
    text: String,
    /// `name`, lower-cased: by which components are sorted.
    key: String,
}

/// A value that components can be filtered by, and how many have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// The value.
    pub value: String,
    /// How many components have it.
    pub count: usize,
}

/// Which components are wanted; empty texts are no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all be found.
    pub words: String,
    /// `oc.state`.
    pub state: String,
    /// Template type.
    pub template: String,
    /// Author.
    pub author: String,
}

/// One release in the history.
#[derive(Clone, Copy, Debug)]
pub struct HistoryItem<'a> {
    /// Component name.
    pub name: &'a ComponentName,
    /// Version.
    pub version: &'a Version,
    /// What the catalog knows of it.
    pub summary: &'a VersionSummary,
}

/// What is listed: components by name, releases by date, and what to filter by.
#[derive(Debug, Default)]
pub struct Listing {
    entries: Vec<Entry>,
    components: Vec<(ComponentName, Arc<ComponentVersions>)>,
    /// Date, component, place of the version; newest first.
    history: Vec<(u64, u32, u32)>,
    /// States of components.
    pub states: Vec<Facet>,
    /// Template types.
    pub templates: Vec<Facet>,
    /// Authors.
    pub authors: Vec<Facet>,
}

// === impl Listing ===

impl Listing {
    /// Lists a snapshot.
    pub(super) fn new(
        snapshot: &CatalogSnapshot,
        (experimental, served): (bool, &Served),
        describe: impl Fn(&ComponentName) -> Option<Arc<Description>>,
    ) -> Self {
        let mut listing = Self::default();
        for (name, component) in snapshot.iter() {
            if !served.includes(name.as_str()) {
                continue;
            }
            let entry = Entry::new(name, component, &describe);
            if let Some(entry) = entry.filter(|entry| experimental || !entry.is(EXPERIMENTAL)) {
                listing.entries.push(entry);
            }
            let place = index(listing.components.len());
            let dates = component.iter().map(|(_, details)| details.publish_date);
            let dated = dates.zip(0..).map(|(date, version)| (date, place, version));
            listing.history.extend(dated);
            listing
                .components
                .push((name.clone(), Arc::clone(component)));
        }
        listing.entries.sort_by(|a, b| a.key.cmp(&b.key));
        listing
            .history
            .sort_unstable_by_key(|item| std::cmp::Reverse(*item));
        let entries = &listing.entries;
        listing.states = facets(entries.iter().filter_map(|e| e.summary.state()));
        let descriptions = || entries.iter().map(|entry| &*entry.description);
        listing.templates = facets(descriptions().filter_map(|d| d.template_type.as_deref()));
        listing.authors = facets(descriptions().filter_map(|d| d.author.as_deref()));
        listing
    }

    /// How many components there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Components that pass `filter`, by name; with words to look for, those whose name fits best
    /// come first.
    pub fn find(&self, filter: &Filter) -> Vec<&Entry> {
        let text = lower_case(&filter.words);
        let words = words(&text);
        let mut found: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.passes(filter) && words.iter().all(|w| entry.text.contains(w)))
            .collect();
        if let Some(first) = words.first() {
            // Stable: equals stay in the order of their names.
            found.sort_by_key(|entry| entry.distance(first));
        }
        found
    }

    /// How many releases there are.
    pub fn release_count(&self) -> usize {
        self.history.len()
    }

    /// Releases from `start` on, newest first.
    pub fn history(&self, start: usize) -> impl Iterator<Item = HistoryItem<'_>> {
        let items = self.history.get(start..).unwrap_or_default();
        items.iter().filter_map(|(_, component, version)| {
            let (name, component) = self.components.get(usize::try_from(*component).ok()?)?;
            let place = usize::try_from(*version).ok()?;
            let (version, summary) = component.iter().nth(place)?;
            Some(HistoryItem {
                name,
                version,
                summary,
            })
        })
    }
}

// === impl Entry ===

impl Entry {
    fn new(
        name: &ComponentName,
        component: &ComponentVersions,
        describe: impl Fn(&ComponentName) -> Option<Arc<Description>>,
    ) -> Option<Self> {
        let version = component.resolve("")?;
        let description = describe(name).unwrap_or_default();
        let key = name.as_str().to_lowercase();
        let mut text = key.clone();
        for part in [
            description.author.as_deref(),
            description.description.as_deref(),
            Some(description.keywords.as_str()),
        ] {
            text.push('\n');
            text.push_str(&part.unwrap_or_default().to_lowercase());
        }
        Some(Self {
            name: name.clone(),
            version: version.clone(),
            versions: component.versions().len(),
            summary: component.details(version)?.clone(),
            description,
            text,
            key,
        })
    }

    fn is(&self, state: &str) -> bool {
        self.summary.state() == Some(state)
    }

    fn passes(&self, filter: &Filter) -> bool {
        let fits = |wanted: &str, own: Option<&str>| wanted.is_empty() || own == Some(wanted);
        fits(&filter.state, self.summary.state())
            && fits(&filter.template, self.description.template_type.as_deref())
            && fits(&filter.author, self.description.author.as_deref())
    }

    /// How far the name is from a word: the same, begins with it, has it, has it not.
    fn distance(&self, word: &str) -> u8 {
        match self.key.find(word) {
            Some(0) if self.key.len() == word.len() => 0,
            Some(0) => 1,
            Some(_) => 2,
            None => 3,
        }
    }
}

/// Counts values, in their order.
fn facets<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Facet> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|(value, count)| Facet {
            value: value.to_owned(),
            count,
        })
        .collect()
}

/// What is read of a search.
fn lower_case(search: &str) -> String {
    let read = search.chars().take(SEARCH_MAX);
    read.flat_map(char::to_lowercase).collect()
}

/// The words of a search, each once.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::with_capacity(WORDS_MAX);
    for word in text.split_whitespace() {
        if words.len() < WORDS_MAX && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use ochre_model::ComponentId;

    use super::*;

    fn listing(experimental: bool) -> Listing {
        let components = [
            ("Zebra", "1.0.0", 30, Some("deprecated")),
            ("apple", "1.0.0", 10, Some("experimental")),
            ("apple-pie", "2.0.0", 20, None),
            ("apple-pie", "1.0.0", 5, None),
            ("fruit", "1.0.0", 40, None),
        ];
        let snapshot = components.iter().fold(
            CatalogSnapshot::default(),
            |snapshot, (name, version, publish_date, state)| {
                let id = ComponentId {
                    name: name.parse().unwrap(),
                    version: version.parse().unwrap(),
                };
                let summary = VersionSummary {
                    publish_date: *publish_date,
                    state: state.map(String::from),
                    ..VersionSummary::default()
                };
                snapshot.with_version(&id, &summary)
            },
        );
        Listing::new(&snapshot, (experimental, &Served::default()), |name| {
            let description = Description {
                author: Some(
                    if name.as_str() == "fruit" {
                        "Ada"
                    } else {
                        "Bob"
                    }
                    .into(),
                ),
                description: Some("An apple a day".into()),
                ..Description::default()
            };
            Some(Arc::new(description))
        })
    }

    fn names(found: &[&Entry]) -> Vec<String> {
        found.iter().map(|entry| entry.name.to_string()).collect()
    }

    #[test]
    fn components_are_sorted_by_name_whatever_its_case() {
        let all = listing(true);
        assert_eq!(
            names(&all.find(&Filter::default())),
            ["apple", "apple-pie", "fruit", "Zebra"]
        );
        assert_eq!(listing(false).len(), 3);
    }

    #[test]
    fn names_that_fit_best_come_first() {
        let filter = |words: &str| Filter {
            words: words.into(),
            ..Filter::default()
        };
        let all = listing(true);
        assert_eq!(
            names(&all.find(&filter("PIE"))),
            ["apple-pie"],
            "words are found in any case"
        );
        assert_eq!(
            names(&all.find(&filter("apple"))),
            ["apple", "apple-pie", "fruit", "Zebra"]
        );
        assert_eq!(names(&all.find(&filter("day ada"))), ["fruit"]);
        assert_eq!(names(&all.find(&filter("nothing"))), [""; 0]);
    }

    #[test]
    fn little_is_read_of_a_long_search() {
        let text = lower_case(&"Z ".repeat(1_000_000));
        assert_eq!(text.chars().count(), SEARCH_MAX);
        assert_eq!(words(&text), ["z"]);
        assert_eq!(
            words("a b a c d e f g h i"),
            ["a", "b", "c", "d", "e", "f", "g", "h"]
        );
        // More words than are looked for are left out, and not looked for in vain.
        let search = format!("pie {} nothing", "apple a day bob e i o ".repeat(9));
        let filter = Filter {
            words: search,
            ..Filter::default()
        };
        assert_eq!(names(&listing(true).find(&filter)), ["apple-pie"]);
    }

    #[test]
    fn filters_are_counted_and_apply_together() {
        let all = listing(true);
        let count = |value: &str, count| Facet {
            value: value.into(),
            count,
        };
        assert_eq!(
            all.states,
            [count("deprecated", 1), count("experimental", 1)]
        );
        assert_eq!(all.authors, [count("Ada", 1), count("Bob", 3)]);
        let filter = Filter {
            state: "deprecated".into(),
            author: "Bob".into(),
            ..Filter::default()
        };
        assert_eq!(names(&all.find(&filter)), ["Zebra"]);
    }

    #[test]
    fn history_is_newest_first() {
        let all = listing(true);
        let releases: Vec<String> = all
            .history(1)
            .map(|item| format!("{}@{}", item.name, item.version))
            .collect();
        assert_eq!(all.release_count(), 5);
        assert_eq!(
            releases,
            [
                "Zebra@1.0.0",
                "apple-pie@2.0.0",
                "apple@1.0.0",
                "apple-pie@1.0.0"
            ]
        );
        assert_eq!(all.history(99).count(), 0);
    }
}
