//! What the pages list, in memory: no page reads the store.
//!
//! Names, versions, dates and states are the catalog's. What only `package.json` tells (author,
//! description, template type) is read once for the newest release of each component, beside
//! requests, and is missing on the pages until then.

mod describe;
mod listing;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use ochre_model::{ComponentName, Version};
use ochre_store::{Catalog, CatalogSnapshot};

pub use describe::{DescribeParts, run};
pub use listing::{Entry, Facet, Filter, HistoryItem, Listing};

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
    experimental: bool,
    descriptions: RwLock<HashMap<ComponentName, (Version, Arc<Description>)>>,
    /// Grows with every change of `descriptions`.
    revision: AtomicU64,
    current: ArcSwapOption<Current>,
}

/// A listing and what it was made from.
#[derive(Debug)]
struct Current {
    snapshot: Arc<CatalogSnapshot>,
    revision: u64,
    listing: Arc<Listing>,
}

// === impl Directory ===

impl Directory {
    /// Lists what `catalog` holds; components whose state is `experimental` on request only.
    pub fn new(catalog: Arc<Catalog>, experimental: bool) -> Self {
        Self {
            catalog,
            experimental,
            descriptions: RwLock::default(),
            revision: AtomicU64::new(0),
            current: ArcSwapOption::empty(),
        }
    }

    /// The listing of this moment; made again only after something has changed.
    pub fn listing(&self) -> Arc<Listing> {
        let snapshot = self.catalog.load_full();
        let revision = self.revision.load(Ordering::Acquire);
        if let Some(current) = &*self.current.load()
            && Arc::ptr_eq(&current.snapshot, &snapshot)
            && current.revision == revision
        {
            return Arc::clone(&current.listing);
        }
        let listing = {
            let descriptions = self
                .descriptions
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::new(Listing::new(&snapshot, self.experimental, |name| {
                descriptions.get(name).map(|(_, known)| Arc::clone(known))
            }))
        };
        self.current.store(Some(Arc::new(Current {
            snapshot,
            revision,
            listing: Arc::clone(&listing),
        })));
        listing
    }

    /// Newest releases that are not described yet.
    fn undescribed(&self) -> Vec<ochre_model::ComponentId> {
        let snapshot = self.catalog.load_full();
        let descriptions = self
            .descriptions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let newest = snapshot.iter().filter_map(|(name, component)| {
            let version = ochre_model::resolve(component.versions(), "")?;
            let known = descriptions.get(name).map(|(version, _)| version);
            (known != Some(version)).then(|| ochre_model::ComponentId {
                name: name.clone(),
                version: version.clone(),
            })
        });
        newest.collect()
    }

    fn describe(&self, described: Vec<(ochre_model::ComponentId, Description)>) {
        let mut descriptions = self
            .descriptions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (id, description) in described {
            descriptions.insert(id.name, (id.version, Arc::new(description)));
        }
        drop(descriptions);
        self.revision.fetch_add(1, Ordering::AcqRel);
    }
}
