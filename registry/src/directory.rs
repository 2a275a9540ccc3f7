//! What the pages list, in memory: no page reads the store.
//!
//! Names, versions, dates and states are the catalog's. What only `package.json` tells (author,
//! description, template type) is read once for the newest release of each component, beside
//! requests, and is missing on the pages until then.

mod describe;
mod listing;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use ochre_model::{ComponentId, ComponentName, Version};
use ochre_store::{Catalog, CatalogSnapshot, ComponentVersions};

use crate::{oc_client::OcClient, served::Served};

pub use describe::{DescribeParts, run};
pub use listing::{Entry, Facet, Filter, HistoryItem, Listing};

/// A listing that takes longer is made beside requests: until then they get the one before.
const COSTLY: Duration = Duration::from_millis(50);

/// How many times longer than it took to make it a costly listing is kept.
const KEPT_FACTOR: u32 = 10;

/// What `package.json` of a release says to people; texts are cut to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `author`: its name, when it is an object.
    pub author: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `keywords`, joined by spaces.
    pub keywords: String,
    /// `oc.files.template.type`; `None` until it was read.
    pub template_type: Option<String>,
}

/// Keeps one [`Listing`] for each state of the catalog.
#[derive(Debug)]
pub struct Directory {
    catalog: Arc<Catalog>,
    own: Arc<OcClient>,
    experimental: bool,
    served: Served,
    descriptions: RwLock<HashMap<ComponentName, (Version, Arc<Description>)>>,
    /// Grows with every change of `descriptions`.
    revision: AtomicU64,
    current: ArcSwapOption<Current>,
    /// Held by the one that makes the next listing.
    making: Mutex<()>,
    /// Whether the next costly listing is being made.
    is_renewing: AtomicBool,
}

/// A listing and what it was made from.
#[derive(Debug)]
struct Current {
    snapshot: Arc<CatalogSnapshot>,
    revision: u64,
    listing: Arc<Listing>,
    made: Instant,
    cost: Duration,
}

// === impl Directory ===

impl Directory {
    /// Lists what `catalog` holds and is `served`, and `own`; components whose state is
    /// `experimental` on request only.
    pub fn new(
        catalog: Arc<Catalog>,
        own: Arc<OcClient>,
        (experimental, served): (bool, Served),
    ) -> Self {
        let id = own.id();
        let described = Arc::new(Description::of(own.manifest()));
        let descriptions = HashMap::from([(id.name.clone(), (id.version.clone(), described))]);
        Self {
            catalog,
            own,
            experimental,
            served,
            descriptions: RwLock::new(descriptions),
            revision: AtomicU64::new(0),
            current: ArcSwapOption::empty(),
            making: Mutex::default(),
            is_renewing: AtomicBool::new(false),
        }
    }

    /// The listing of this moment; made again, on a thread for it, only after something changed.
    ///
    /// That of a large catalog may be older: as old as ten times what it takes to make it.
    pub async fn listing(self: &Arc<Self>) -> Arc<Listing> {
        if let Some(listing) = self.known() {
            return listing;
        }
        let directory = Arc::clone(self);
        if let Some(before) = self.current.load_full()
            && before.cost > COSTLY
        {
            let is_old = before.made.elapsed() > before.cost * KEPT_FACTOR;
            if is_old && !self.is_renewing.swap(true, Ordering::AcqRel) {
                tokio::task::spawn_blocking(move || {
                    directory.make();
                    directory.is_renewing.store(false, Ordering::Release);
                });
            }
            return Arc::clone(&before.listing);
        }
        let made = tokio::task::spawn_blocking(move || directory.make()).await;
        // Only a runtime that is shutting down refuses.
        made.unwrap_or_default()
    }

    /// The listing in memory, if nothing has changed since.
    fn known(&self) -> Option<Arc<Listing>> {
        let current = self.current.load();
        let current = current.as_ref()?;
        let is_current = Arc::ptr_eq(&current.snapshot, &self.own.beside(&self.catalog.load()))
            && current.revision == self.revision.load(Ordering::Acquire);
        is_current.then(|| Arc::clone(&current.listing))
    }

    fn make(&self) -> Arc<Listing> {
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = self.known() {
            return listing;
        }
        let begun = Instant::now();
        let snapshot = self.own.beside(&self.catalog.load());
        let revision = self.revision.load(Ordering::Acquire);
        let descriptions = self.descriptions.read();
        let descriptions = descriptions.unwrap_or_else(PoisonError::into_inner);
        let listing = Arc::new(Listing::new(
            &snapshot,
            (self.experimental, &self.served),
            |name| descriptions.get(name).map(|(_, known)| Arc::clone(known)),
        ));
        drop(descriptions);
        self.current.store(Some(Arc::new(Current {
            snapshot,
            revision,
            listing: Arc::clone(&listing),
            made: Instant::now(),
            cost: begun.elapsed(),
        })));
        listing
    }

    /// Newest releases that are not described yet.
    fn undescribed(&self) -> Vec<ComponentId> {
        self.undescribed_among(self.catalog.load_full().iter())
    }

    /// Those of some components.
    fn undescribed_of(&self, names: &BTreeSet<ComponentName>) -> Vec<ComponentId> {
        let snapshot = self.catalog.load_full();
        let listed = names.iter().filter_map(|name| {
            let component = snapshot.get(name.as_str())?;
            Some((name, component))
        });
        self.undescribed_among(listed)
    }

    fn undescribed_among<'a>(
        &self,
        components: impl Iterator<Item = (&'a ComponentName, &'a Arc<ComponentVersions>)>,
    ) -> Vec<ComponentId> {
        let descriptions = self.descriptions.read();
        let descriptions = descriptions.unwrap_or_else(PoisonError::into_inner);
        let newest = components.filter_map(|(name, component)| {
            let version = component.resolve("")?;
            let known = descriptions.get(name).map(|(version, _)| version);
            (known != Some(version)).then(|| ComponentId {
                name: name.clone(),
                version: version.clone(),
            })
        });
        newest.collect()
    }

    fn describe(&self, described: Vec<(ComponentId, Description)>) {
        if described.is_empty() {
            // The listing that there is stays good.
            return;
        }
        let descriptions = self.descriptions.write();
        let mut descriptions = descriptions.unwrap_or_else(PoisonError::into_inner);
        for (id, description) in described {
            descriptions.insert(id.name, (id.version, Arc::new(description)));
        }
        drop(descriptions);
        self.revision.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::Packs;

    #[tokio::test]
    async fn a_listing_is_made_again_only_when_something_was_described() {
        let (_store, packs) = Packs::in_memory();
        let own = OcClient::plain(packs);
        let id = own.id().clone();
        let catalog = Arc::new(Catalog::default());
        let directory = Directory::new(catalog, Arc::new(own), (true, Served::default()));
        let directory = Arc::new(directory);
        let first = directory.listing().await;
        directory.describe(Vec::new());
        assert!(Arc::ptr_eq(&first, &directory.listing().await));
        directory.describe(vec![(id, Description::default())]);
        assert!(!Arc::ptr_eq(&first, &directory.listing().await));
    }
}
