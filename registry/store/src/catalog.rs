//! What is published, in memory.

mod components;
mod shared_map;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::{ArcSwap, Guard};
use ochre_model::{Change, ComponentId, ComponentName, Version};
use serde::{Deserialize, Serialize};

pub(crate) use self::components::Components;
use crate::compare_swap::Revision;

/// Name of OC's own component, listed last.
const OC_CLIENT: &str = "oc-client";

/// What lists and searches need to know of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionSummary {
    /// `oc.date`: milliseconds since 1970, 0 when unknown.
    #[serde(default)]
    pub publish_date: u64,
    /// `oc.files.template.size`: bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_size: Option<u64>,
    /// `oc.state`: `deprecated`, `experimental` or any other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The versions of one component, ascending as npm orders them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentVersions {
    versions: Vec<Version>,
    details: Vec<VersionSummary>,
}

/// Which state of the store a snapshot was made from.
#[derive(Clone, Debug, Default)]
pub struct CatalogRevision {
    pub(crate) index: Option<Revision>,
    pub(crate) manifest: Option<Revision>,
    pub(crate) generation: u64,
    pub(crate) components: Components,
}

/// What was published at one moment; immutable.
#[derive(Clone, Debug, Default)]
pub struct CatalogSnapshot {
    pub(crate) revision: CatalogRevision,
    pub(crate) last_edit: u64,
    pub(crate) components: Components,
}

/// The snapshot in use, replaced as a whole.
#[derive(Debug, Default)]
pub struct Catalog(ArcSwap<CatalogSnapshot>);

// === impl ComponentVersions ===

impl ComponentVersions {
    /// The versions, ascending as npm orders them.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// What is known of one version.
    pub fn details(&self, version: &Version) -> Option<&VersionSummary> {
        let position = self.versions.binary_search(version).ok()?;
        self.details.get(position)
    }

    /// Every version with what is known of it, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Version, &VersionSummary)> {
        self.versions.iter().zip(&self.details)
    }

    /// Whether the version is listed.
    pub fn contains(&self, version: &Version) -> bool {
        self.versions.binary_search(version).is_ok()
    }

    /// Adds a version; one that is there already is kept as it is.
    fn insert(&mut self, version: &Version, details: &VersionSummary) -> bool {
        match self.versions.binary_search(version) {
            Ok(_) => false,
            Err(position) => {
                // Nearly all of them stay as they are: room for more would be lost.
                self.versions.reserve_exact(1);
                self.details.reserve_exact(1);
                self.versions.insert(position, version.clone());
                self.details.insert(position, details.clone());
                true
            }
        }
    }

    /// The versions of both, or none when `self` has them all.
    fn union(&self, other: &Self) -> Option<Self> {
        let has_all = other.versions.iter().all(|version| self.contains(version));
        if has_all {
            return None;
        }
        let mut union = self.clone();
        for (version, details) in other.iter() {
            union.insert(version, details);
        }
        Some(union)
    }
}

impl FromIterator<(Version, VersionSummary)> for ComponentVersions {
    fn from_iter<I: IntoIterator<Item = (Version, VersionSummary)>>(items: I) -> Self {
        let sorted: BTreeMap<Version, VersionSummary> = items.into_iter().collect();
        let (mut versions, mut details): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        versions.shrink_to_fit();
        details.shrink_to_fit();
        Self { versions, details }
    }
}

// === impl CatalogRevision ===

impl CatalogRevision {
    /// Number of the index write that the snapshot holds; grows with each.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

// === impl CatalogSnapshot ===

impl CatalogSnapshot {
    /// The state of the store it was made from.
    pub fn revision(&self) -> &CatalogRevision {
        &self.revision
    }

    /// Time of the last change, as the index tells it: milliseconds since 1970.
    pub fn last_edit(&self) -> u64 {
        self.last_edit
    }

    /// The versions of one component.
    pub fn get(&self, name: &str) -> Option<&Arc<ComponentVersions>> {
        self.components.get(name)
    }

    /// Whether the exact version is listed.
    pub fn contains(&self, id: &ComponentId) -> bool {
        self.components.contains(id)
    }

    /// Names of all components: alphabetical, `oc-client` last.
    pub fn names(&self) -> impl Iterator<Item = &ComponentName> {
        let others = self
            .components
            .iter()
            .map(|(name, _)| name)
            .filter(|name| name.as_str() != OC_CLIENT);
        let client = self.components.get_key_value(OC_CLIENT);
        others.chain(client.map(|(name, _)| name))
    }

    /// Every component with its versions, alphabetical.
    pub fn iter(&self) -> impl Iterator<Item = (&ComponentName, &Arc<ComponentVersions>)> {
        self.components.iter()
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// How many versions all components have together.
    pub fn version_count(&self) -> usize {
        self.components.version_count()
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.components.len() == 0
    }

    /// The same snapshot with one version more.
    #[must_use]
    pub fn with_version(&self, id: &ComponentId, details: &VersionSummary) -> Self {
        let mut next = self.clone();
        next.components.insert(id, details);
        next
    }

    /// The same snapshot with everything that `other` lists beside it.
    ///
    /// Absence in any manifest is never a removal, so this is how two states of knowledge meet.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut next = self.clone();
        next.components.merge(&other.components);
        next.last_edit = self.last_edit.max(other.last_edit);
        next
    }

    /// What must happen to `old` to become `new`, components in alphabetical order.
    ///
    /// Components that the two snapshots share are skipped by their pointer.
    pub fn difference(old: &Self, new: &Self) -> Vec<Change> {
        let mut published = Vec::new();
        let mut removed = Vec::new();
        for (name, before, after) in Components::differences(&old.components, &new.components) {
            published
                .extend(only(after, before).map(|version| Change::Published(id(name, version))));
            removed.extend(only(before, after).map(|version| Change::Removed(id(name, version))));
        }
        published.append(&mut removed);
        published
    }
}

// === impl Catalog ===

impl Catalog {
    /// A catalog that begins with `snapshot`.
    pub fn new(snapshot: CatalogSnapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot in use, without counting a reference: for short uses within one function.
    pub fn load(&self) -> Guard<Arc<CatalogSnapshot>> {
        self.0.load()
    }

    /// The snapshot in use, to keep.
    pub fn load_full(&self) -> Arc<CatalogSnapshot> {
        self.0.load_full()
    }

    /// Replaces the snapshot.
    pub fn store(&self, snapshot: Arc<CatalogSnapshot>) {
        self.0.store(snapshot);
    }
}

/// Versions that one side has and the other has not, ascending.
fn only<'a>(
    side: Option<&'a Arc<ComponentVersions>>,
    other: Option<&'a Arc<ComponentVersions>>,
) -> impl Iterator<Item = &'a Version> {
    let versions = side.into_iter().flat_map(|side| side.versions());
    versions.filter(move |version| !other.is_some_and(|other| other.contains(version)))
}

fn id(name: &ComponentName, version: &Version) -> ComponentId {
    ComponentId {
        name: name.clone(),
        version: version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> ComponentId {
        ComponentId {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
        }
    }

    fn snapshot(ids: &[(&str, &str)]) -> CatalogSnapshot {
        ids.iter()
            .fold(CatalogSnapshot::default(), |snapshot, (name, version)| {
                snapshot.with_version(&id(name, version), &VersionSummary::default())
            })
    }

    #[test]
    fn versions_are_ascending_as_npm_orders_them() {
        let snapshot = snapshot(&[("a", "1.10.0"), ("a", "1.9.0"), ("a", "1.10.0-beta.2")]);
        let versions = snapshot.get("a").unwrap();
        let texts: Vec<&str> = versions.versions().iter().map(Version::as_str).collect();
        assert_eq!(texts, ["1.9.0", "1.10.0-beta.2", "1.10.0"]);
    }

    #[test]
    fn names_are_alphabetical_with_the_client_last() {
        let snapshot = snapshot(&[("z", "1.0.0"), ("oc-client", "1.0.0"), ("a", "1.0.0")]);
        let names: Vec<&str> = snapshot.names().map(ComponentName::as_str).collect();
        assert_eq!(names, ["a", "z", "oc-client"]);
    }

    #[test]
    fn the_difference_of_two_snapshots_names_every_change() {
        let old = snapshot(&[("a", "1.0.0"), ("b", "1.0.0")]);
        let new = snapshot(&[("a", "1.0.0"), ("a", "1.1.0"), ("c", "2.0.0")]);
        assert_eq!(
            CatalogSnapshot::difference(&old, &new),
            [
                Change::Published(id("a", "1.1.0")),
                Change::Published(id("c", "2.0.0")),
                Change::Removed(id("b", "1.0.0")),
            ]
        );
        assert_eq!(CatalogSnapshot::difference(&new, &new.clone()), []);
    }

    #[test]
    fn a_union_keeps_what_either_side_lists_and_shares_what_is_equal() {
        let left = snapshot(&[("a", "1.0.0"), ("b", "1.0.0")]);
        let right = snapshot(&[("a", "1.1.0"), ("b", "1.0.0"), ("c", "1.0.0")]);
        let union = left.union(&right);
        for (name, version) in [
            ("a", "1.0.0"),
            ("a", "1.1.0"),
            ("b", "1.0.0"),
            ("c", "1.0.0"),
        ] {
            assert!(union.contains(&id(name, version)), "{name}@{version}");
        }
        assert!(Arc::ptr_eq(
            union.get("c").unwrap(),
            right.get("c").unwrap()
        ));
    }

    #[test]
    fn names_of_the_prototype_are_plain_data() {
        let snapshot = snapshot(&[("__proto__", "1.0.0"), ("constructor", "1.0.0")]);
        assert!(snapshot.contains(&id("__proto__", "1.0.0")));
        assert!(snapshot.get("toString").is_none());
    }
}
