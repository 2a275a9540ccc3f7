//! Lists kept as text, each of one state of the catalog: a large one takes long to make and to hash.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ochre_store::CatalogSnapshot;

use crate::etag;

/// Lists kept: of a few public addresses and states.
const KEPT: usize = 8;

/// A list and its tag.
#[derive(Clone, Debug)]
pub struct ListText {
    /// The JSON.
    pub body: Bytes,
    /// Its strong entity tag.
    pub tag: Arc<str>,
}

/// What a list was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `GET /`.
    Names {
        base_url: Arc<str>,
        state: Option<String>,
    },
    /// `GET /?meta=…`: of these one is kept.
    Described {
        base_url: Arc<str>,
        state: Option<String>,
        meta: String,
    },
    /// `~registry/history`.
    History,
}

/// The lists of one catalog.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Newest first. Never held across an await.
    kept: Mutex<Vec<Kept>>,
    /// Held by the one that makes a list.
    making: Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    catalog: Arc<CatalogSnapshot>,
    asked: Asked,
    text: ListText,
}

// === impl Asked ===

impl Asked {
    fn is_described(&self) -> bool {
        matches!(self, Self::Described { .. })
    }
}

// === impl ListText ===

impl ListText {
    pub(super) fn new(body: Bytes) -> Self {
        let tag = etag::strong(&body).into();
        Self { body, tag }
    }
}

// === impl Lists ===

impl Lists {
    /// The list in memory, if the catalog is still the one that it was made of.
    pub(super) fn get(&self, catalog: &Arc<CatalogSnapshot>, asked: &Asked) -> Option<ListText> {
        let kept = self.kept();
        let mut kept = kept.iter();
        let found = kept.find(|kept| Arc::ptr_eq(&kept.catalog, catalog) && kept.asked == *asked);
        found.map(|kept| kept.text.clone())
    }

    /// Makes a list, unless somebody else just did.
    pub(super) fn make(
        &self,
        (catalog, asked): (&Arc<CatalogSnapshot>, Asked),
        body: impl FnOnce() -> Bytes,
    ) -> ListText {
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = self.get(catalog, &asked) {
            return text;
        }
        let text = ListText::new(body());
        let mut kept = self.kept();
        kept.retain(|kept| {
            let is_other = !(asked.is_described() && kept.asked.is_described());
            Arc::ptr_eq(&kept.catalog, catalog) && is_other
        });
        kept.truncate(KEPT - 1);
        let catalog = Arc::clone(catalog);
        let made = text.clone();
        kept.insert(
            0,
            Kept {
                catalog,
                asked,
                text,
            },
        );
        made
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(state: &str) -> Asked {
        Asked::Names {
            base_url: "http://host/".into(),
            state: Some(state.to_owned()),
        }
    }

    #[test]
    fn a_list_is_made_once_for_a_catalog_and_few_are_kept() {
        let lists = Lists::default();
        let catalog = Arc::<CatalogSnapshot>::default();
        for _ in 0..2 {
            lists.make((&catalog, asked("a")), || Bytes::from("[]"));
        }
        assert!(lists.get(&catalog, &asked("a")).is_some());
        assert!(lists.get(&catalog, &asked("b")).is_none());
        for number in 0..20 {
            lists.make((&catalog, asked(&number.to_string())), || Bytes::from("[]"));
        }
        assert_eq!(lists.kept().len(), KEPT);
        let next = Arc::<CatalogSnapshot>::default();
        assert!(lists.get(&next, &asked("19")).is_none());
        lists.make((&next, asked("19")), || Bytes::from("{}"));
        assert_eq!(lists.kept().len(), 1);
    }

    #[test]
    fn of_large_lists_one_is_kept() {
        let lists = Lists::default();
        let catalog = Arc::<CatalogSnapshot>::default();
        let described = |meta: &str| Asked::Described {
            base_url: "http://host/".into(),
            state: None,
            meta: meta.to_owned(),
        };
        lists.make((&catalog, asked("a")), || Bytes::from("[]"));
        for meta in ["true", "author"] {
            lists.make((&catalog, described(meta)), || Bytes::from("[]"));
        }
        assert!(lists.get(&catalog, &asked("a")).is_some());
        assert!(lists.get(&catalog, &described("true")).is_none());
        assert!(lists.get(&catalog, &described("author")).is_some());
    }
}
