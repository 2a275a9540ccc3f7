//! Which releases a target lacks: the catalog of the source against the listing of the target.

use std::sync::Arc;

use ochre_model::{ComponentId, ComponentName};
use ochre_store::CatalogSnapshot;

/// Marks releases of one catalog, a bit for each, whatever order they come in.
#[derive(Debug)]
pub(super) struct Marks {
    catalog: Arc<CatalogSnapshot>,
    /// Every component, ascending, with the number of its first release.
    components: Vec<(ComponentName, usize)>,
    bits: Vec<u64>,
    len: usize,
    marked: usize,
}

/// What a target holds of a catalog, and so what is to be done.
#[derive(Debug)]
pub struct Plan {
    /// Releases that are there and need nothing.
    pub(super) done: Marks,
    /// Releases whose files are there, as far as a listing tells.
    pub(super) found: Marks,
}

/// A release to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Name and version.
    pub id: ComponentId,
    /// Its files may be there already: look before they are copied.
    pub look_first: bool,
}

// === impl Marks ===

impl Marks {
    /// Nothing of `catalog` is marked.
    pub(super) fn of(catalog: Arc<CatalogSnapshot>) -> Self {
        let mut len = 0;
        let components = catalog.iter().map(|(name, component)| {
            let first = len;
            len += component.versions().len();
            (name.clone(), first)
        });
        let components = components.collect();
        Self {
            catalog,
            components,
            bits: vec![0; len.div_ceil(64)],
            len,
            marked: 0,
        }
    }

    /// Marks a release; false when the catalog does not list it.
    pub(super) fn mark(&mut self, id: &ComponentId) -> bool {
        let Some(number) = self.number(id) else {
            return false;
        };
        if let Some(word) = self.bits.get_mut(number / 64) {
            let bit = 1 << (number % 64);
            self.marked += usize::from(*word & bit == 0);
            *word |= bit;
        }
        true
    }

    /// Whether a release is marked.
    pub(super) fn is_marked(&self, id: &ComponentId) -> bool {
        self.number(id).is_some_and(|number| self.bit(number))
    }

    /// How many releases are not marked.
    pub(super) fn unmarked_count(&self) -> usize {
        self.len - self.marked
    }

    /// Releases that are not marked, component by component.
    pub(super) fn unmarked(&self) -> impl Iterator<Item = ComponentId> {
        let components = self.catalog.iter().zip(&self.components);
        components.flat_map(move |((name, component), (_, first))| {
            let versions = component.versions().iter().enumerate();
            let unmarked = versions.filter(move |(offset, _)| !self.bit(first + offset));
            unmarked.map(|(_, version)| ComponentId {
                name: name.clone(),
                version: version.clone(),
            })
        })
    }

    fn bit(&self, number: usize) -> bool {
        let word = self.bits.get(number / 64).copied().unwrap_or_default();
        word & (1 << (number % 64)) != 0
    }

    fn number(&self, id: &ComponentId) -> Option<usize> {
        let position = self
            .components
            .binary_search_by(|(name, _)| name.as_str().cmp(id.name.as_str()));
        let (_, first) = self.components.get(position.ok()?)?;
        let versions = self.catalog.get(id.name.as_str())?.versions();
        Some(first + versions.binary_search(&id.version).ok()?)
    }
}

// === impl Plan ===

impl Plan {
    /// Nothing of `catalog` was found in the target.
    pub fn of(catalog: &Arc<CatalogSnapshot>) -> Self {
        Self {
            done: Marks::of(Arc::clone(catalog)),
            found: Marks::of(Arc::clone(catalog)),
        }
    }

    /// How many releases are to be copied.
    pub fn len(&self) -> usize {
        self.done.unmarked_count()
    }

    /// Whether the target lacks nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is to be copied, component by component.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        self.done.unmarked().map(|id| Item {
            look_first: self.found.is_marked(&id),
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use ochre_store::{VersionSummary, contract::id};

    use super::*;

    fn catalog(ids: &[(&str, &str)]) -> Arc<CatalogSnapshot> {
        let empty = CatalogSnapshot::default();
        let snapshot = ids.iter().fold(empty, |snapshot, (name, version)| {
            snapshot.with_version(&id(name, version), &VersionSummary::default())
        });
        Arc::new(snapshot)
    }

    #[test]
    fn what_is_not_marked_is_to_be_copied() {
        let mut plan = Plan::of(&catalog(&[
            ("a", "1.0.0"),
            ("a", "1.10.0"),
            ("a", "1.9.0"),
            ("b", "1.0.0"),
        ]));
        for release in [id("a", "1.9.0"), id("b", "1.0.0"), id("b", "1.0.0")] {
            assert!(plan.done.mark(&release));
        }
        assert!(plan.found.mark(&id("a", "1.10.0")));
        for unknown in [id("a", "2.0.0"), id("c", "1.0.0")] {
            assert!(!plan.done.mark(&unknown));
        }
        assert_eq!(plan.len(), 2);
        let items: Vec<Item> = plan.items().collect();
        let item = |version, look_first| Item {
            id: id("a", version),
            look_first,
        };
        assert_eq!(items, [item("1.0.0", false), item("1.10.0", true)]);
    }

    #[test]
    fn many_releases_take_a_bit_each() {
        let ids: Vec<String> = (0..200).map(|number| format!("1.0.{number}")).collect();
        let pairs: Vec<(&str, &str)> = ids.iter().map(|version| ("a", version.as_str())).collect();
        let mut marks = Marks::of(catalog(&pairs));
        for version in ids.iter().step_by(2) {
            marks.mark(&id("a", version));
        }
        assert_eq!(marks.unmarked_count(), 100);
        assert_eq!(marks.unmarked().count(), 100);
        assert!(marks.is_marked(&id("a", "1.0.198")) && !marks.is_marked(&id("a", "1.0.199")));
        assert_eq!(Marks::of(catalog(&[])).unmarked_count(), 0);
    }
}
