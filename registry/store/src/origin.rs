//! The store that a replica is a copy of: asked for exact versions that have not been copied yet.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use ochre_model::ComponentId;
use tracing::instrument;

use crate::{source::ReadError, store::ComponentStore};

/// Versions that are remembered to be at the origin. A version never goes, so this is no promise
/// that can be broken; it saves a look for every request.
const FOUND_MAX: u64 = 100_000;

/// Another store, only read, with a bound of its own.
#[derive(Debug)]
pub(crate) struct Origin {
    store: ComponentStore,
    timeout: Duration,
    found: Cache<ComponentId, ()>,
}

// === impl ComponentStore ===

impl ComponentStore {
    /// The same store, with another one that is asked for exact versions which this one lacks.
    ///
    /// The origin is only read, and nothing of it is kept. `timeout` bounds each question to it.
    #[must_use]
    pub fn with_origin(mut self, origin: Self, timeout: Duration) -> Self {
        origin.hold_writes();
        self.origin = Some(Arc::new(Origin {
            store: origin,
            timeout,
            found: Cache::new(FOUND_MAX),
        }));
        self
    }

    /// Whether the version was found at the origin before: asks nobody.
    pub fn is_known_at_origin(&self, id: &ComponentId) -> bool {
        let origin = self.origin.as_ref();
        origin.is_some_and(|origin| origin.found.contains_key(id))
    }

    /// Whether the origin has the version; without an origin nothing has.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the origin does not answer: that is never a "no".
    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    pub async fn find_at_origin(&self, id: &ComponentId) -> Result<bool, ReadError> {
        let Some(origin) = &self.origin else {
            return Ok(false);
        };
        let found = origin.ask(|store| store.find_version(id)).await?;
        if found.is_some() {
            origin.found.insert(id.clone(), ()).await;
        }
        Ok(found.is_some())
    }
}

// === impl Origin ===

impl Origin {
    /// Asks the origin, for a bounded time.
    pub(crate) async fn ask<'a, T, F>(
        &'a self,
        question: impl FnOnce(&'a ComponentStore) -> F,
    ) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, ReadError>>,
    {
        match tokio::time::timeout(self.timeout, question(&self.store)).await {
            Ok(answer) => answer,
            Err(late) => Err(ReadError::Unavailable(Arc::new(late))),
        }
    }
}
