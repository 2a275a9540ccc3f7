//! Exact versions that a node does not know are looked for in the store itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ochre_model::ComponentId;
use ochre_store::{ComponentStore, ReadError};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};

use crate::{Watch, WatchSettings};

/// Finds exact versions in the store, and brings them into the catalog and the feed.
///
/// Nothing is remembered of versions that are not there.
#[derive(Clone, Debug)]
pub struct Lookup(Arc<Shared>);

/// The store could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LookupError {
    /// Too many versions are being looked up: try again in a moment.
    #[error("too many versions are looked up at once")]
    Busy,
    /// The store failed, which says nothing about the version.
    #[error("version could not be looked up")]
    Unavailable(#[source] ReadError),
    /// The node ends.
    #[error("look-up has ended")]
    Stopped,
}

type Answer = Result<bool, LookupError>;

#[derive(Debug)]
struct Shared {
    store: ComponentStore,
    watch: Watch,
    runtime: Handle,
    permits: Arc<Semaphore>,
    /// Requests that wait for the next look-up of a version. A key is there while one runs.
    waiting: Mutex<HashMap<ComponentId, Vec<oneshot::Sender<Answer>>>>,
}

// === impl Lookup ===

impl Lookup {
    /// Look-ups run on the tokio runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(store: ComponentStore, watch: Watch, settings: &WatchSettings) -> Self {
        Self(Arc::new(Shared {
            store,
            watch,
            runtime: Handle::current(),
            permits: Arc::new(Semaphore::new(settings.lookups)),
            waiting: Mutex::default(),
        }))
    }

    /// Whether the store has the version: the answer of a look-up that began after this call.
    ///
    /// Of one version at most one look-up runs and one waits, however many ask.
    ///
    /// # Errors
    ///
    /// [`LookupError`]; a store that fails is never a "no".
    pub async fn find(&self, id: &ComponentId) -> Result<bool, LookupError> {
        let is_listed = self.0.watch.catalog().load().contains(id);
        if is_listed || self.0.store.is_known_at_origin(id) {
            return Ok(true);
        }
        let (answer, result) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if let Some(waiters) = waiting.get_mut(id) {
                waiters.push(answer);
            } else {
                let permits = Arc::clone(&self.0.permits);
                let permit = permits.try_acquire_owned().map_err(|_| LookupError::Busy)?;
                waiting.insert(id.clone(), vec![answer]);
                let lookup = self.clone();
                let id = id.clone();
                self.0
                    .runtime
                    .spawn(async move { lookup.run(id, permit).await });
            }
        }
        result.await.unwrap_or(Err(LookupError::Stopped))
    }

    /// Looks the version up as long as anybody waits for it.
    async fn run(&self, id: ComponentId, _permit: OwnedSemaphorePermit) {
        while let Some(waiters) = self.next_waiters(&id) {
            let answer = self.look(&id).await.map_err(LookupError::Unavailable);
            for waiter in waiters {
                // A request that has gone needs no answer.
                let _ = waiter.send(answer.clone());
            }
        }
    }

    /// Asks the store, then its origin. What only the origin has is no part of the catalog: ranges
    /// go on meaning what is here.
    async fn look(&self, id: &ComponentId) -> Result<bool, ReadError> {
        if let Some(summary) = self.0.store.find_version(id).await? {
            self.0.watch.insert(id, &summary);
            return Ok(true);
        }
        self.0.store.find_at_origin(id).await
    }

    /// Those who wait now; without any the key goes.
    fn next_waiters(&self, id: &ComponentId) -> Option<Vec<oneshot::Sender<Answer>>> {
        let mut waiting = self.waiting();
        let waiters = std::mem::take(waiting.get_mut(id)?);
        if waiters.is_empty() {
            waiting.remove(id);
            return None;
        }
        Some(waiters)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<ComponentId, Vec<oneshot::Sender<Answer>>>> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ochre_store::{
        Catalog,
        contract::{Subject, id, publish},
        faulty::{Fault, FaultyStore},
    };
    use tokio::task::JoinSet;

    use super::*;
    use crate::Feed;

    fn lookup(subject: &Subject, fault: Fault, lookups: usize) -> (Lookup, Arc<FaultyStore>) {
        let (store, faulty) = subject.faulty(fault);
        let settings = WatchSettings {
            lookups,
            ..WatchSettings::default()
        };
        let catalog = Arc::new(Catalog::default());
        let watch = Watch::new(store.clone(), catalog, Feed::new(), &settings);
        (Lookup::new(store, watch, &settings), faulty)
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_is_found_as_soon_as_the_store_has_it() {
        let subject = Subject::memory();
        let (lookup, _) = lookup(&subject, Fault::None, 1);
        let id = id("a", "1.0.0");
        assert!(!lookup.find(&id).await.unwrap());
        publish(&subject.store(), &id, "x").await.unwrap();
        assert!(lookup.find(&id).await.unwrap());
        assert!(lookup.0.watch.catalog().load().contains(&id));
    }

    #[tokio::test(start_paused = true)]
    async fn many_requests_for_one_version_are_two_look_ups() {
        let subject = Subject::memory();
        let (lookup, faulty) = lookup(&subject, Fault::Delay(Duration::from_secs(1)), 1);
        let id = id("a", "1.0.0");
        let mut requests = JoinSet::new();
        for _ in 0..50 {
            let (lookup, id) = (lookup.clone(), id.clone());
            requests.spawn(async move { lookup.find(&id).await.unwrap() });
        }
        assert!(requests.join_all().await.into_iter().all(|found| !found));
        let calls_of_one = 2;
        assert!(faulty.calls() <= 2 * calls_of_one, "{}", faulty.calls());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_versions_is_answered_as_busy() {
        let subject = Subject::memory();
        let (lookup, _) = lookup(&subject, Fault::Delay(Duration::from_secs(1)), 4);
        let mut requests = JoinSet::new();
        for number in 0..10 {
            let lookup = lookup.clone();
            let id = id("a", &format!("1.0.{number}"));
            requests.spawn(async move { lookup.find(&id).await });
        }
        let results = requests.join_all().await;
        let busy = |result: &Answer| matches!(result, Err(LookupError::Busy));
        assert_eq!(results.iter().filter(|result| busy(result)).count(), 6);
        let later = lookup.find(&id("a", "2.0.0")).await;
        assert!(!later.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_never_a_no() {
        let subject = Subject::memory();
        let (lookup, _) = lookup(&subject, Fault::StopBefore(0), 1);
        let failed = lookup.find(&id("a", "1.0.0")).await;
        assert!(
            matches!(failed, Err(LookupError::Unavailable(_))),
            "{failed:?}"
        );
    }
}
