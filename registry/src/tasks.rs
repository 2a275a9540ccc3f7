//! What goes on beside requests: finishing interrupted publishes, loading new releases.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ochre_cdn_sync::{Feed, FeedError, Watch};
use ochre_model::{Chain, Change};
use ochre_store::{Catalog, ComponentStore, ReconcileScope};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    metrics::Metrics,
    oc_client::OcClient,
    packs::Packs,
    release::Releases,
    write_gate::{WriteGate, WriteState},
};

/// Time between two walks through a folder store.
const SWEEP_PERIOD: Duration = Duration::from_hours(1);

/// What the tasks work with.
#[derive(Clone, Debug)]
pub struct TaskParts {
    /// Polls the shared manifest.
    pub watch: Watch,
    /// Tells of changes.
    pub feed: Feed,
    /// What is published.
    pub catalog: Arc<Catalog>,
    /// Where interrupted publishes are finished.
    pub store: ComponentStore,
    /// Loads what was just published.
    pub releases: Arc<Releases>,
    /// Which template types are served.
    pub packs: Arc<Packs>,
    /// The component whose scripts name those types.
    pub own: Arc<OcClient>,
    /// Where changes are counted.
    pub metrics: Arc<Metrics>,
    /// Whether the store passed its self-test.
    pub gate: Arc<WriteGate>,
}

/// Starts every task on the runtime of the caller; they end when `stop` is cancelled.
pub fn start(
    parts: TaskParts,
    (packs_interval, reconcile_interval): (Duration, Duration),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) {
    tasks.spawn(
        stop.clone()
            .run_until_cancelled_owned(follow(parts.clone())),
    );
    let packs = follow_packs(
        Arc::clone(&parts.packs),
        Arc::clone(&parts.own),
        packs_interval,
    );
    tasks.spawn(stop.clone().run_until_cancelled_owned(packs));
    let work = reconcile(parts, reconcile_interval);
    tasks.spawn(stop.clone().run_until_cancelled_owned(work));
    tasks.close();
}

/// Counts changes and loads new releases before the first request for them.
async fn follow(parts: TaskParts) {
    let mut changes = parts.feed.subscribe();
    loop {
        let batch = match changes.next().await {
            Ok(batch) => batch,
            // Warming is a courtesy: what was missed is loaded when it is asked for.
            Err(FeedError::Lagged(_)) => continue,
            Err(FeedError::Closed) => return,
        };
        for change in batch.changes.iter() {
            match change {
                Change::Published(id) => {
                    parts.metrics.change_seen("published");
                    let is_newest = parts
                        .catalog
                        .load()
                        .get(id.name.as_str())
                        .is_some_and(|all| all.versions().last() == Some(&id.version));
                    if is_newest && let Err(error) = parts.releases.get(id).await {
                        tracing::debug!(error = %Chain(&*error), "a new release was not loaded yet");
                    }
                }
                Change::Removed(_) => parts.metrics.change_seen("removed"),
                Change::StateChanged { .. } => parts.metrics.change_seen("state"),
                Change::ChannelMoved { .. } => parts.metrics.change_seen("channel"),
                _ => {}
            }
        }
    }
}

/// Notices which template types other nodes and operators install and remove, and has the browser
/// client know them.
async fn follow_packs(packs: Arc<Packs>, own: Arc<OcClient>, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if let Err(error) = packs.refresh().await {
                    tracing::warn!(error = %Chain(&error), "installed template types were not listed");
                }
            }
            () = packs.changed() => {}
        }
        if own.browser().is_current() {
            continue;
        }
        let own = Arc::clone(&own);
        let renewed = tokio::task::spawn_blocking(move || own.browser().renew());
        if let Err(error) = renewed.await {
            tracing::error!(error = %Chain(&error), "the browser client was not renewed");
        }
    }
}

/// Removes what writers that died have left in a folder.
async fn sweep(store: &ComponentStore) {
    match store.remove_abandoned_files().await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed files that were never finished"),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "unfinished files were not looked for");
        }
    }
}

/// Finishes what interrupted publishes left, now and then, once the store is known to be safe.
async fn reconcile(parts: TaskParts, period: Duration) {
    Arc::clone(&parts.gate).settle(parts.store.clone()).await;
    if *parts.gate.state() != WriteState::Safe {
        return;
    }
    // What polls left unwritten until now.
    parts.watch.wake();
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut swept: Option<Instant> = None;
    loop {
        ticks.tick().await;
        if swept.is_none_or(|at| at.elapsed() >= SWEEP_PERIOD) {
            swept = Some(Instant::now());
            sweep(&parts.store).await;
        }
        match parts.store.reconcile(ReconcileScope::Pending, None).await {
            Ok(report) => {
                for id in &report.finished {
                    tracing::info!(component = %id, "finished an interrupted publish");
                }
                for (place, problem) in &report.problems {
                    tracing::warn!(
                        place,
                        problem,
                        "an interrupted publish could not be finished"
                    );
                }
                if !report.finished.is_empty() {
                    parts.watch.wake();
                }
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "interrupted publishes were not looked for");
            }
        }
    }
}
