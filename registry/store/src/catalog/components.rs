//! Every component with its versions.

use std::{borrow::Borrow, sync::Arc};

use ochre_model::{ComponentId, ComponentName};

use super::{
    ComponentVersions, VersionSummary,
    shared_map::{Difference, SharedMap},
};

/// Every component with its versions: cheap to copy, to change and to compare with a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Components {
    map: SharedMap<ComponentName, Arc<ComponentVersions>>,
    /// How many versions all components have together.
    versions: usize,
}

// === impl Components ===

impl Components {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, name: &Q) -> Option<&Arc<ComponentVersions>>
    where
        ComponentName: Borrow<Q>,
    {
        self.map.get(name)
    }

    pub(crate) fn get_key_value<Q: Ord + ?Sized>(
        &self,
        name: &Q,
    ) -> Option<(&ComponentName, &Arc<ComponentVersions>)>
    where
        ComponentName: Borrow<Q>,
    {
        self.map.get_key_value(name)
    }

    pub(crate) fn contains(&self, id: &ComponentId) -> bool {
        self.get(&id.name)
            .is_some_and(|versions| versions.contains(&id.version))
    }

    /// Alphabetical.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ComponentName, &Arc<ComponentVersions>)> {
        self.map.iter()
    }

    /// Every release, alphabetical and ascending.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ComponentId> {
        self.iter().flat_map(|(name, versions)| {
            versions.versions().iter().map(|version| ComponentId {
                name: name.clone(),
                version: version.clone(),
            })
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn version_count(&self) -> usize {
        self.versions
    }

    /// Sets the versions of one component.
    pub(crate) fn set(&mut self, name: ComponentName, versions: Arc<ComponentVersions>) {
        self.versions += versions.versions().len();
        if let Some(before) = self.map.insert(name, versions) {
            self.versions -= before.versions().len();
        }
    }

    /// Adds one version; false when it is listed already, with as late a status.
    pub(crate) fn insert(&mut self, id: &ComponentId, details: &VersionSummary) -> bool {
        match self.get(&id.name) {
            None => self.set(id.name.clone(), Arc::default()),
            Some(known) if details.status.is_none() && known.contains(&id.version) => return false,
            Some(_) => {}
        }
        self.edit(&id.name, |versions| versions.insert(&id.version, details))
    }

    /// Changes the versions of a listed component, in place where nobody shares them.
    pub(crate) fn edit(
        &mut self,
        name: &ComponentName,
        change: impl FnOnce(&mut ComponentVersions) -> bool,
    ) -> bool {
        let Some(versions) = self.map.get_mut(name) else {
            return false;
        };
        let before = versions.versions().len();
        let changed = change(Arc::make_mut(versions));
        self.versions = self.versions + versions.versions().len() - before;
        changed
    }

    /// Adds everything that is known elsewhere of one component; false when there is nothing to
    /// add.
    pub(crate) fn join(&mut self, name: &ComponentName, theirs: &Arc<ComponentVersions>) -> bool {
        let Some(mine) = self.get(name) else {
            self.set(name.clone(), Arc::clone(theirs));
            return true;
        };
        if mine == theirs {
            self.set(name.clone(), Arc::clone(theirs));
            return false;
        }
        let mut union = ComponentVersions::clone(mine);
        let changed = union.join(theirs);
        if changed {
            self.set(name.clone(), Arc::new(union));
        }
        changed
    }

    /// Adds everything that `other` lists or knows better, sharing what can be shared.
    /// False when there is nothing to add.
    pub(crate) fn merge(&mut self, other: &Self) -> bool {
        if self.len() == 0 {
            self.clone_from(other);
            return self.len() > 0;
        }
        let mut changed = false;
        let mine = self.clone();
        for (name, _, theirs) in Self::differences(&mine, other) {
            if let Some(theirs) = theirs {
                changed |= self.join(name, theirs);
            }
        }
        changed
    }

    /// Components that are not one and the same in both, alphabetical.
    pub(crate) fn differences<'a>(
        old: &'a Self,
        new: &'a Self,
    ) -> impl Iterator<Item = Difference<'a, ComponentName, Arc<ComponentVersions>>> {
        SharedMap::differences(&old.map, &new.map, Arc::ptr_eq)
    }
}

impl FromIterator<(ComponentName, Arc<ComponentVersions>)> for Components {
    fn from_iter<I: IntoIterator<Item = (ComponentName, Arc<ComponentVersions>)>>(all: I) -> Self {
        let map: SharedMap<ComponentName, Arc<ComponentVersions>> = all.into_iter().collect();
        let versions = map.iter().map(|(_, versions)| versions.versions().len());
        let versions = versions.sum();
        Self { map, versions }
    }
}
