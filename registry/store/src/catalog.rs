//! What is published, in memory.

mod channels;
mod components;
mod shared_map;
mod versions;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use ochre_model::{Change, ComponentId, ComponentName, Version};

pub(crate) use self::{channels::Channels, components::Components};
pub use self::{
    channels::{Channel, Target},
    versions::{ComponentVersions, VersionSummary},
};
use crate::compare_swap::Revision;

/// Name of OC's own component, listed last.
const OC_CLIENT: &str = "oc-client";

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

    /// The same snapshot with what is known elsewhere of one component.
    #[must_use]
    pub fn with_component(&self, name: &ComponentName, known: &Arc<ComponentVersions>) -> Self {
        let mut next = self.clone();
        next.components.join(name, known);
        next
    }

    /// The same snapshot with everything that `other` lists beside it or knows better.
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
        let mut changes = Vec::new();
        let mut removed = Vec::new();
        for (name, before, after) in Components::differences(&old.components, &new.components) {
            let before = before.map(AsRef::as_ref);
            let published = only(after.map(AsRef::as_ref), before);
            changes.extend(published.map(|version| Change::Published(id(name, version))));
            if let Some(after) = after {
                let known = before.into_iter();
                changes.extend(known.flat_map(|before| states_changed(name, before, after)));
                changes.extend(channels_moved(name, before, after));
            }
            let gone = only(before, after.map(AsRef::as_ref));
            removed.extend(gone.map(|version| Change::Removed(id(name, version))));
        }
        changes.append(&mut removed);
        changes
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
    side: Option<&'a ComponentVersions>,
    other: Option<&'a ComponentVersions>,
) -> impl Iterator<Item = &'a Version> {
    let versions = side.into_iter().flat_map(ComponentVersions::versions);
    versions.filter(move |version| !other.is_some_and(|other| other.contains(version)))
}

fn id(name: &ComponentName, version: &Version) -> ComponentId {
    ComponentId {
        name: name.clone(),
        version: version.clone(),
    }
}

/// Versions of both that have another state.
fn states_changed(
    name: &ComponentName,
    before: &ComponentVersions,
    after: &ComponentVersions,
) -> Vec<Change> {
    let listed = after.iter().filter_map(|(version, details)| {
        let status = details.status.as_ref()?;
        let known = before.details(version)?;
        (known.status.as_ref() != Some(status)).then(|| Change::StateChanged {
            id: id(name, version),
            state: status.state,
        })
    });
    listed.collect()
}

/// Channels that point elsewhere than before.
fn channels_moved(
    name: &ComponentName,
    before: Option<&ComponentVersions>,
    after: &ComponentVersions,
) -> Vec<Change> {
    let known = |channel| before.and_then(|before| before.known_channel(channel));
    let moved = after.known_channels().filter_map(|(channel, now)| {
        let was = known(channel).and_then(Channel::version);
        (was != now.version()).then(|| Change::ChannelMoved {
            name: name.clone(),
            channel: channel.clone(),
            version: now.version().cloned(),
        })
    });
    moved.collect()
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
