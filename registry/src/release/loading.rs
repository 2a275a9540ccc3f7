//! Loads that go on when nobody waits for them any more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use ochre_model::ComponentId;
use ochre_store::ReadError;
use tokio::runtime::Handle;

use super::Release;

/// What a load gives.
pub(super) type Loaded = Result<Arc<Release>, Arc<ReadError>>;

/// Loads on their way, one for each release, as tasks of their own: a caller that gives up leaves
/// what it began to those who ask next.
#[derive(Debug)]
pub(super) struct Loading {
    runtime: Handle,
    /// Most loads at once.
    most: usize,
    running: Mutex<HashMap<ComponentId, Shared<BoxFuture<'static, Loaded>>>>,
}

/// More releases are being loaded than may be.
#[derive(Debug, thiserror::Error)]
#[error("too many releases are loaded at once")]
struct TooMany;

/// The task of a load ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("load ended early")]
struct Ended;

// === impl Loading ===

impl Loading {
    /// Loads run on the tokio runtime of the caller.
    pub(super) fn new(most: usize) -> Self {
        Self {
            runtime: Handle::current(),
            most,
            running: Mutex::default(),
        }
    }

    /// Joins the load of a release, or begins it with `load`.
    pub(super) fn join<F>(self: &Arc<Self>, id: &ComponentId, load: impl FnOnce() -> F) -> Join
    where
        F: Future<Output = Loaded> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(join) = running.get(id) {
            return join.clone();
        }
        if running.len() >= self.most {
            let refused = Err(Arc::new(ReadError::Unavailable(Arc::new(TooMany))));
            return std::future::ready(refused).boxed().shared();
        }
        let work = load();
        let (loading, key) = (Arc::clone(self), id.clone());
        let task = self.runtime.spawn(async move {
            let leave = Leave { loading, key };
            let loaded = work.await;
            drop(leave);
            loaded
        });
        let join = async move {
            task.await
                .unwrap_or_else(|_| Err(Arc::new(ReadError::Unavailable(Arc::new(Ended)))))
        };
        let join = join.boxed().shared();
        running.insert(id.clone(), join.clone());
        join
    }
}

/// The end of a load that several may wait for.
pub(super) type Join = Shared<BoxFuture<'static, Loaded>>;

/// Takes a load out of those on their way, however it ends.
struct Leave {
    loading: Arc<Loading>,
    key: ComponentId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let running = &self.loading.running;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.key);
    }
}
