//! How far a run has come, and what came of it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytesize::ByteSize;
use ochre_model::Chain;
use ochre_store::{CommitError, ReadError};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Failure, copy::Copied};

/// Time between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Failures that are remembered; more are only counted.
const FAILURES_MAX: usize = 10_000;

/// Failures that are logged one by one.
const LOGGED_MAX: usize = 20;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Releases that were to be copied.
    pub planned: usize,
    /// Releases that are in the target now and were copied.
    pub copied: usize,
    /// Releases that were there already.
    pub present: usize,
    /// Releases that are visible in the target now.
    pub visible: usize,
    /// Bytes written.
    pub bytes: u64,
    /// What failed, up to a bound.
    pub failures: Vec<Failure>,
    /// How many failed.
    pub failed: usize,
    /// Objects of template packs that were written.
    pub packs: Result<usize, ReadError>,
    /// Whether states and channels are those of the source.
    pub marks: Result<(), CommitError>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// Counts what happens in a run.
#[derive(Debug)]
pub(crate) struct Progress {
    target: Arc<str>,
    planned: usize,
    begun: Instant,
    copied: AtomicUsize,
    present: AtomicUsize,
    visible: AtomicUsize,
    failed: AtomicUsize,
    bytes: AtomicU64,
    failures: Mutex<Vec<Failure>>,
}

// === impl Outcome ===

impl Outcome {
    /// Whether the target has all that it was to get.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && !self.interrupted && self.packs.is_ok() && self.marks.is_ok()
    }

    /// Whether every failure is among `failures`.
    pub fn knows_failures(&self) -> bool {
        self.failures.len() == self.failed
    }

    /// What went wrong beside releases, for people.
    pub fn problem(&self) -> Option<String> {
        let marks = self.marks.as_ref().err();
        let marks = marks.map(|error| format!("states and channels: {}", Chain(error)));
        let packs = self.packs.as_ref().err();
        marks.or_else(|| packs.map(|error| format!("template packs: {}", Chain(error))))
    }

    /// The outcome as JSON.
    pub fn to_json(&self, target: &str) -> serde_json::Value {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Report<'a> {
            target: &'a str,
            complete: bool,
            planned: usize,
            copied: usize,
            present: usize,
            failed: usize,
            bytes: u64,
            seconds: f64,
            interrupted: bool,
            failures: &'a [Failure],
            #[serde(skip_serializing_if = "Option::is_none")]
            problem: Option<String>,
        }
        serde_json::json!(Report {
            target,
            complete: self.is_complete(),
            planned: self.planned,
            copied: self.copied,
            present: self.present,
            failed: self.failed,
            bytes: self.bytes,
            seconds: self.elapsed.as_secs_f64(),
            interrupted: self.interrupted,
            failures: &self.failures,
            problem: self.problem(),
        })
    }
}

// === impl Progress ===

impl Progress {
    pub(super) fn new(target: Arc<str>, planned: usize) -> Self {
        Self {
            target,
            planned,
            begun: Instant::now(),
            copied: AtomicUsize::default(),
            present: AtomicUsize::default(),
            visible: AtomicUsize::default(),
            failed: AtomicUsize::default(),
            bytes: AtomicU64::default(),
            failures: Mutex::default(),
        }
    }

    pub(super) fn copied(&self, copied: Copied) {
        match copied {
            Copied::Written(bytes) => {
                self.copied.fetch_add(1, Relaxed);
                self.bytes.fetch_add(bytes, Relaxed);
            }
            Copied::Present => {
                self.present.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) fn visible(&self, count: usize) {
        self.visible.fetch_add(count, Relaxed);
    }

    /// Notes a failure; gives it back when it is one of the first, which are logged.
    pub(super) fn failed(&self, failure: Failure) -> Option<Failure> {
        let number = self.failed.fetch_add(1, Relaxed);
        let logged = (number < LOGGED_MAX).then(|| failure.clone());
        let mut failures = self.failures();
        if failures.len() < FAILURES_MAX {
            failures.push(failure);
        }
        logged
    }

    /// Tells how far the run is now and then, as long as `work` goes on.
    pub(super) async fn tell_until<T>(&self, work: impl Future<Output = T>) -> T {
        let mut ticks = interval_at(self.begun + TELL_EVERY, TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.tell(),
            }
        }
    }

    pub(super) fn finish(self, is_stopped: bool) -> Outcome {
        let failed = self.failed.into_inner();
        let visible = self.visible.into_inner();
        Outcome {
            planned: self.planned,
            copied: self.copied.into_inner(),
            present: self.present.into_inner(),
            visible,
            bytes: self.bytes.into_inner(),
            failures: self
                .failures
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            failed,
            packs: Ok(0),
            marks: Ok(()),
            interrupted: is_stopped && visible + failed < self.planned,
            elapsed: self.begun.elapsed(),
        }
    }

    fn tell(&self) {
        let done = self.copied.load(Relaxed) + self.present.load(Relaxed);
        let elapsed = self.begun.elapsed();
        let left = self
            .planned
            .saturating_sub(done + self.failed.load(Relaxed));
        let share = f64::from(u32::try_from(left).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(done).unwrap_or(u32::MAX).max(1));
        let eta = Duration::from_secs(elapsed.mul_f64(share.min(1e6)).as_secs());
        tracing::info!(
            target_name = %self.target,
            done,
            total = self.planned,
            failed = self.failed.load(Relaxed),
            size_bytes = self.bytes.load(Relaxed),
            eta = %if done == 0 { "unknown".into() } else { humantime::format_duration(eta).to_string() },
            "copied {done} of {} releases ({}) to {}",
            self.planned,
            ByteSize(self.bytes.load(Relaxed)),
            self.target
        );
    }

    fn failures(&self) -> MutexGuard<'_, Vec<Failure>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
