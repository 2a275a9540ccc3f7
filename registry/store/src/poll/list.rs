//! Looks at `components.json`, as seldom and as briefly as what is known of it allows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    catalog::CatalogRevision,
    compare_swap::{Reading, Revision, SwapError},
    manifest::AT_ONCE_MAX,
    store::Inner,
};

/// How long every poll looks at the list after another registry has written it.
const ATTENTION: Duration = Duration::from_mins(10);

/// How long every poll looks at it after the start: until it is known whether another one writes.
const FIRST_ATTENTION: Duration = Duration::from_mins(1);

/// Polls without a look, otherwise.
const SKIPPED: u32 = 5;

/// What a look found.
pub(super) enum ListReading {
    Unchanged,
    Missing,
    /// As the last export left it: a surplus beside the index.
    Announced(BTreeMap<String, Vec<String>>, Revision),
    Found(Bytes, Revision),
}

/// When to look.
#[derive(Debug)]
pub(crate) struct ListWatch {
    /// Whether other registries may write it at all.
    has_others: bool,
    looks: Mutex<Looks>,
}

#[derive(Debug)]
struct Looks {
    attentive_until: Instant,
    skipped: u32,
    /// A tag that nobody has announced when it was first seen: the announcement may be on its way.
    unannounced: Option<String>,
}

// === impl ListWatch ===

impl ListWatch {
    pub(crate) fn new(has_others: bool) -> Self {
        Self {
            has_others,
            looks: Mutex::new(Looks {
                attentive_until: Instant::now() + FIRST_ATTENTION,
                skipped: 0,
                unannounced: None,
            }),
        }
    }

    /// Another registry has written.
    pub(super) fn attend(&self) {
        self.looks().attentive_until = Instant::now() + ATTENTION;
    }

    fn is_due(&self) -> bool {
        if !self.has_others {
            return false;
        }
        let mut looks = self.looks();
        let is_due = Instant::now() < looks.attentive_until || looks.skipped >= SKIPPED;
        looks.skipped = if is_due { 0 } else { looks.skipped + 1 };
        is_due
    }

    /// Whether the tag is seen for the first time.
    fn is_new(&self, tag: &str) -> bool {
        let mut looks = self.looks();
        let is_new = looks.unannounced.as_deref() != Some(tag);
        looks.unannounced = Some(tag.to_owned());
        is_new
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    /// Looks at the list, unless nothing is expected there. What a large catalog's own nodes have
    /// exported is not read again.
    pub(super) async fn look_at_list(
        &self,
        revision: &CatalogRevision,
    ) -> Result<ListReading, SwapError> {
        let seen = revision.manifest.as_ref();
        if seen.is_some() && !self.list_watch.is_due() {
            return Ok(ListReading::Unchanged);
        }
        if revision.components.version_count() <= AT_ONCE_MAX {
            return self.read_list(seen).await;
        }
        let Some(tag) = self.list_object.tag().await? else {
            return self.read_list(seen).await;
        };
        if seen.and_then(Revision::e_tag) == Some(tag.as_str()) {
            return Ok(ListReading::Unchanged);
        }
        match self.board.read().await? {
            Some(found) if found.list.e_tag() == Some(tag.as_str()) => {
                Ok(ListReading::Announced(found.surplus, found.list))
            }
            _ if seen.is_some() && self.list_watch.is_new(&tag) => Ok(ListReading::Unchanged),
            _ => self.read_list(seen).await,
        }
    }

    async fn read_list(&self, seen: Option<&Revision>) -> Result<ListReading, SwapError> {
        Ok(match self.list_object.read(seen).await? {
            Reading::Unchanged => ListReading::Unchanged,
            Reading::Missing => ListReading::Missing,
            Reading::Found { bytes, revision } => ListReading::Found(bytes, revision),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_looked_at_now_and_then_while_nobody_else_writes_it() {
        let watch = ListWatch::new(true);
        assert!((0..100).all(|_| watch.is_due()), "at first by every poll");
        watch.looks().attentive_until = Instant::now();
        let looks = (0..60).filter(|_| watch.is_due()).count();
        assert_eq!(looks, 10);
        watch.attend();
        assert!((0..100).all(|_| watch.is_due()), "after another registry");
    }

    #[test]
    fn the_list_is_not_looked_at_where_nobody_else_writes() {
        let watch = ListWatch::new(false);
        assert!(!(0..100).any(|_| watch.is_due()));
    }
}
