//! Keeps a node's catalog like the store's: one reader, polling.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ochre_model::{Chain, Change, ComponentId};
use ochre_store::{
    Catalog, CatalogRead, CatalogRevision, CatalogSnapshot, Committed, ComponentStore, FailureKind,
    ReadError, ReconcileScope, VersionSummary,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{Feed, WatchSettings, feed::Told};

/// Most versions found by look-ups whose telling waits for the index.
const FOUND_MAX: usize = 4096;

/// How long a poll may take before the catalog counts as stale.
const POLL_MAX: Duration = Duration::from_secs(5);

/// Follows the store and keeps the catalog. Cheap to clone; all clones are one watch.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Shared>);

/// How the watch is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchStatus {
    /// Whether the catalog was ever read.
    pub loaded: bool,
    /// Finished polls.
    pub polls: u64,
    /// Failed polls since the last good one.
    pub failures: u64,
    /// When the last good poll ended.
    pub last_success: Option<Instant>,
    /// Why the last poll failed, with the causes; none after a good one.
    pub last_error: Option<String>,
    /// What kind of failure that was.
    pub last_failure: Option<FailureKind>,
    /// What the last good poll found wrong with the manifests.
    pub alerts: Vec<String>,
    /// How many alerts were told since the node started.
    pub alerts_seen: u64,
}

/// The catalog was not refreshed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The poll failed.
    #[error("catalog could not be read: {0}")]
    Failed(String),
    /// The watch has ended.
    #[error("catalog is followed no longer")]
    Stopped,
}

#[derive(Debug)]
struct Shared {
    store: ComponentStore,
    catalog: Arc<Catalog>,
    feed: Feed,
    poll_interval: Duration,
    /// Held while the catalog is replaced, so that no change is lost and the feed keeps the order.
    replacing: Mutex<Found>,
    /// The newest generation of the index that this node knows of.
    newest: watch::Sender<u64>,
    /// What the last good poll saw; only polls touch it.
    seen: Mutex<Option<CatalogRevision>>,
    /// Keeps one wake-up while a poll runs: the dirty flag.
    wake: Notify,
    begun: AtomicU64,
    ended: watch::Sender<Ended>,
    status: Mutex<WatchStatus>,
}

/// Versions that look-ups found before the index was read with them: told once it is.
type Found = Vec<ComponentId>;

/// The last poll that ended.
#[derive(Clone, Debug, Default)]
struct Ended {
    number: u64,
    error: Option<String>,
    loaded: bool,
    stopped: bool,
}

// === impl Watch ===

impl Watch {
    /// A watch that does nothing until it is [run](Self::run).
    pub fn new(
        store: ComponentStore,
        catalog: Arc<Catalog>,
        feed: Feed,
        settings: &WatchSettings,
    ) -> Self {
        Self(Arc::new(Shared {
            store,
            catalog,
            feed,
            poll_interval: settings.poll_interval,
            replacing: Mutex::default(),
            newest: watch::Sender::default(),
            seen: Mutex::default(),
            wake: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::default(),
            status: Mutex::default(),
        }))
    }

    /// Takes a large catalog over as the index tells it, before the first poll looks at what other
    /// registries wrote. Only reads: a store that is still being tested is good enough for it.
    pub async fn begin(&self) {
        // What is wrong is told by the poll.
        let Ok(Some(snapshot)) = self.0.store.read_large_index().await else {
            return;
        };
        self.adopt(&snapshot, 0);
        let ended = self.report(Ok(Vec::new()));
        self.0.ended.send_modify(|last| last.loaded = ended.loaded);
    }

    /// Polls until cancelled: at once, then every interval and after every wake-up.
    ///
    /// There is one reader for each watch: call it once.
    pub async fn run(&self, cancellation: CancellationToken) {
        let polls = async {
            loop {
                self.poll().await;
                let jitter = rand::random_range(0.9..1.1);
                let pause = tokio::time::sleep(self.0.poll_interval.mul_f64(jitter));
                tokio::select! {
                    () = pause => {}
                    () = self.0.wake.notified() => {}
                }
            }
        };
        // A poll may be dropped anywhere: what it writes is complete or not there.
        let _ = cancellation.run_until_cancelled(polls).await;
        self.0.ended.send_modify(|ended| ended.stopped = true);
    }

    /// Asks for a poll soon; during a poll, for one more after it.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Completes after a poll that began after this call.
    ///
    /// # Errors
    ///
    /// [`RefreshError`].
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let polled = self.polled();
        self.wake();
        polled.await
    }

    /// Completes after the next poll that begins after this call, whenever that is.
    ///
    /// # Errors
    ///
    /// [`RefreshError`].
    pub fn polled(&self) -> impl Future<Output = Result<(), RefreshError>> + Send + use<> {
        let ended = self.0.ended.subscribe();
        let wanted = self.0.begun.load(Ordering::SeqCst) + 1;
        poll_ended(ended, wanted)
    }

    /// Completes once the catalog has been read for the first time.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Stopped`] when the watch ends before.
    pub async fn loaded(&self) -> Result<(), RefreshError> {
        let mut ended = self.0.ended.subscribe();
        let ended = ended
            .wait_for(|ended| ended.stopped || ended.loaded)
            .await
            .map_err(|_| RefreshError::Stopped)?;
        if ended.loaded {
            Ok(())
        } else {
            Err(RefreshError::Stopped)
        }
    }

    /// Takes over what this node has changed itself.
    pub fn apply(&self, committed: &Committed) {
        let Committed {
            name, component, ..
        } = committed;
        self.change(Told::Committed(committed.generation), |current| {
            current.with_component(name, component)
        });
        self.0.newest.send_replace(committed.generation);
    }

    /// Takes over a version that a look-up found in the store. The feed tells it when the index
    /// is read with it, and so in its order.
    pub fn insert(&self, id: &ComponentId, summary: &VersionSummary) {
        {
            let mut found = lock(&self.0.replacing);
            let current = self.0.catalog.load_full();
            if current.contains(id) {
                return;
            }
            if found.len() < FOUND_MAX {
                found.push(id.clone());
                let next = current.with_version(id, summary);
                self.0.catalog.store(Arc::new(next));
                return;
            }
        }
        self.add(id, summary);
    }

    /// The newest generation of the index that this node knows of, its own writes included.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// How the watch is doing.
    pub fn status(&self) -> WatchStatus {
        lock(&self.0.status).clone()
    }

    /// Whether the catalog may be older than it should be: the last poll failed, or the next one
    /// takes much longer than it should.
    pub fn is_stale(&self) -> bool {
        let status = lock(&self.0.status);
        let late = self.0.poll_interval * 3 + POLL_MAX;
        status.failures > 0 || status.last_success.is_some_and(|at| at.elapsed() > late)
    }

    /// The catalog that is kept.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.catalog
    }

    /// Where changes are told.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    async fn poll(&self) {
        let number = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let result = self.read().await;
        let ended = Ended {
            number,
            ..self.report(result)
        };
        self.0.ended.send_modify(|last| {
            let stopped = last.stopped;
            *last = Ended { stopped, ..ended };
        });
    }

    /// Reads once; twice when the manifests had to be mended first.
    async fn read(&self) -> Result<Vec<String>, ReadError> {
        let read = self.read_once().await?;
        let alerts: Vec<String> = read.alerts.iter().map(ToString::to_string).collect();
        if read.needs_rebuild {
            let known = self.0.catalog.load_full();
            let everything = ReconcileScope::Everything;
            let report = self.0.store.reconcile(everything, Some(&known)).await?;
            for (place, why) in &report.problems {
                tracing::warn!(store.path = %place, error = %why, "could not mend a release");
            }
            for (id, summary) in &report.unlisted {
                self.add(id, summary);
            }
            self.read_once().await?;
        }
        Ok(alerts)
    }

    async fn read_once(&self) -> Result<CatalogRead, ReadError> {
        let seen = lock(&self.0.seen).clone();
        let read = self.0.store.read_catalog(seen.as_ref()).await?;
        if let Some(snapshot) = &read.snapshot {
            self.adopt(snapshot, seen.map_or(0, |seen| seen.generation()));
        }
        Ok(read)
    }

    /// Takes over what was read after the generation `before`.
    fn adopt(&self, snapshot: &CatalogSnapshot, before: u64) {
        let generation = snapshot.revision().generation();
        *lock(&self.0.seen) = Some(snapshot.revision().clone());
        self.take(snapshot, generation);
        if generation != before {
            self.0.newest.send_replace(generation);
        }
    }

    /// Replaces the catalog by what was read. What commits and look-ups brought since the read
    /// began stays.
    fn take(&self, read: &CatalogSnapshot, generation: u64) {
        let mut found = lock(&self.0.replacing);
        let current = self.0.catalog.load_full();
        let next = read.union(&current);
        if self.is_loaded() {
            let mut changes = CatalogSnapshot::difference(&current, &next);
            let listed = found.extract_if(.., |id| read.contains(id));
            changes.extend(listed.map(Change::Published));
            self.0.catalog.store(Arc::new(next));
            self.0.feed.publish(Told::Read(generation), changes);
        } else {
            // The first catalog is no change.
            found.clear();
            self.0.catalog.store(Arc::new(next));
            self.0.feed.begin(generation);
        }
    }

    /// Lists one version more, unless it is listed already.
    fn add(&self, id: &ComponentId, summary: &VersionSummary) {
        self.change(Told::Unlisted, |current| {
            if current.contains(id) {
                current.clone()
            } else {
                current.with_version(id, summary)
            }
        });
    }

    /// Replaces the catalog and tells the feed.
    fn change(&self, told: Told, next: impl FnOnce(&CatalogSnapshot) -> CatalogSnapshot) {
        let _replacing = lock(&self.0.replacing);
        let current = self.0.catalog.load_full();
        let next = next(&current);
        let changes = if self.is_loaded() {
            CatalogSnapshot::difference(&current, &next)
        } else {
            Vec::new()
        };
        self.0.catalog.store(Arc::new(next));
        self.0.feed.publish(told, changes);
    }

    fn is_loaded(&self) -> bool {
        lock(&self.0.status).loaded
    }

    /// Notes how a poll went.
    fn report(&self, result: Result<Vec<String>, ReadError>) -> Ended {
        let mut status = lock(&self.0.status);
        status.polls += 1;
        status.last_error = result.as_ref().err().map(|error| Chain(error).to_string());
        status.last_failure = result.as_ref().err().map(|error| FailureKind::of(error));
        if let Ok(alerts) = result {
            if status.failures > 0 {
                tracing::info!("read the catalog again after {} failures", status.failures);
            }
            if alerts != status.alerts {
                for alert in &alerts {
                    tracing::error!("{alert}");
                }
                status.alerts_seen += alerts.len() as u64;
            }
            status.alerts = alerts;
            status.failures = 0;
            status.loaded = true;
            status.last_success = Some(Instant::now());
        } else {
            if status.failures == 0 {
                let error = status.last_error.as_deref();
                tracing::warn!(error, "could not read the catalog; kept the last good one");
            }
            status.failures += 1;
        }
        Ended {
            error: status.last_error.clone(),
            loaded: status.loaded,
            ..Ended::default()
        }
    }
}

async fn poll_ended(mut ended: watch::Receiver<Ended>, wanted: u64) -> Result<(), RefreshError> {
    let ended = ended
        .wait_for(|ended| ended.stopped || ended.number >= wanted)
        .await
        .map_err(|_| RefreshError::Stopped)?;
    match &ended.error {
        _ if ended.number < wanted => Err(RefreshError::Stopped),
        Some(error) => Err(RefreshError::Failed(error.clone())),
        None => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
