//! When the manifests are written: at once while that is cheap, else behind the publishes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

use super::Exporter;
use crate::index::IndexState;

/// Versions up to which the manifests are written before a publish is answered.
pub(crate) const AT_ONCE_MAX: usize = 10_000;

/// How much longer than an export the pause after it is.
const PAUSE_FACTOR: u32 = 10;

/// Bounds of the pause: after a failure, and at all.
const PAUSE_FAILED: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// Exports of this process, one at a time.
#[derive(Debug)]
pub(crate) struct Exports {
    exporter: tokio::sync::Mutex<Exporter>,
    /// Never held across an await.
    queue: Mutex<Queue>,
    /// Ends a pause.
    hurry: Notify,
    /// Whether exports are under way.
    busy: watch::Sender<bool>,
    runtime: Handle,
}

#[derive(Debug, Default)]
struct Queue {
    /// The newest index that is still to be exported.
    next: Option<Arc<IndexState>>,
    is_running: bool,
    /// There are no pauses any more.
    is_ending: bool,
}

// === impl Exports ===

impl Exports {
    pub(crate) fn new(exporter: Exporter, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            exporter: tokio::sync::Mutex::new(exporter),
            queue: Mutex::default(),
            hurry: Notify::new(),
            busy: watch::Sender::new(false),
            runtime,
        })
    }

    /// Has the manifests hold an index; false when they do not and nobody is at it.
    ///
    /// A small catalog is exported when this returns. A large one is exported beside all else, the
    /// newest state only, and with pauses that grow with what an export costs.
    pub(crate) async fn export(self: &Arc<Self>, state: &Arc<IndexState>) -> bool {
        if state.components.version_count() <= AT_ONCE_MAX {
            return self.exporter.lock().await.export(state).await;
        }
        let mut queue = self.queue();
        queue.next = Some(Arc::clone(state));
        if !std::mem::replace(&mut queue.is_running, true) {
            self.busy.send_replace(true);
            let exports = Arc::clone(self);
            self.runtime.spawn(async move { exports.run().await });
        }
        true
    }

    /// Whether an export is under way or to come.
    pub(crate) fn is_busy(&self) -> bool {
        *self.busy.borrow()
    }

    /// Forgets what the manifests are believed to hold; `others` tells whether what other nodes
    /// announce is still believed.
    pub(crate) async fn forget(&self, others: bool) {
        self.exporter.lock().await.forget(others);
    }

    /// Exports what is still to be exported without a pause; ends when it is done or has failed.
    pub(crate) async fn settle(&self) {
        self.queue().is_ending = true;
        self.hurry.notify_one();
        let mut busy = self.busy.subscribe();
        // The sender lives as long as this.
        let _ = busy.wait_for(|busy| !busy).await;
        self.queue().is_ending = false;
    }

    async fn run(&self) {
        while let Some(state) = self.next() {
            let begun = Instant::now();
            let exported = self.exporter.lock().await.export(&state).await;
            let mut pause = begun.elapsed() * PAUSE_FACTOR;
            if !exported {
                pause = pause.max(PAUSE_FAILED);
                let mut queue = self.queue();
                if !queue.is_ending {
                    queue.next.get_or_insert(state);
                }
            }
            if self.queue().is_ending {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause.min(PAUSE_MAX)) => {}
                () = self.hurry.notified() => {}
            }
        }
    }

    /// What to export now; without anything the run ends.
    fn next(&self) -> Option<Arc<IndexState>> {
        let mut queue = self.queue();
        let next = queue.next.take();
        if next.is_none() {
            queue.is_running = false;
            self.busy.send_replace(false);
        }
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
