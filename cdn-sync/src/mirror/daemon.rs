//! Follows the source and keeps every target level with it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ochre_model::{Chain, Change, Clock, ComponentId};
use ochre_store::CatalogSnapshot;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{CopySettings, FailureKind, Mirror, MirrorMetrics, News, Outcome, Selection};
use crate::{FeedError, Watch};

/// Mirrors the source into all targets.
#[derive(Debug)]
pub struct Daemon {
    watch: Watch,
    mirrors: Vec<Arc<Mirror>>,
    settings: CopySettings,
    clock: Arc<dyn Clock>,
    metrics: Arc<MirrorMetrics>,
    states: Mutex<Vec<State>>,
}

/// What a daemon works with.
#[derive(Debug)]
pub struct DaemonParts {
    /// Follows the source.
    pub watch: Watch,
    /// One for each target.
    pub mirrors: Vec<Arc<Mirror>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where runs are counted.
    pub metrics: Arc<MirrorMetrics>,
}

/// How a target is doing.
#[derive(Clone, Debug, Default)]
struct State {
    /// Generation of the source's index that the target is level with.
    generation: u64,
    /// When it last had all of the source, in milliseconds since 1970.
    level_ms: Option<u64>,
    /// Why the last run was not complete.
    problem: Option<String>,
}

/// What one target still needs.
#[derive(Debug, Default)]
struct Debt {
    /// The catalog that the target holds but for `failed`; none before the first comparison.
    done: Option<Arc<CatalogSnapshot>>,
    failed: BTreeSet<ComponentId>,
    compared: Option<Instant>,
    failures: u32,
}

// === impl Daemon ===

impl Daemon {
    /// A daemon that does nothing until it is [run](Self::run).
    pub fn new(parts: DaemonParts, settings: CopySettings) -> Self {
        let states = vec![State::default(); parts.mirrors.len()];
        Self {
            watch: parts.watch,
            mirrors: parts.mirrors,
            clock: parts.clock,
            metrics: parts.metrics,
            settings,
            states: Mutex::new(states),
        }
    }

    /// Mirrors until cancelled, every target by itself; copies in progress are finished.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) {
        let tasks = TaskTracker::new();
        for number in 0..self.mirrors.len() {
            let (daemon, stop) = (Arc::clone(self), stop.clone());
            tasks.spawn(async move { daemon.follow(number, &stop).await });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Why a target is not level with the source; nothing when all are.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let status = self.watch.status();
        if !status.loaded {
            reasons.push("the source was not read yet".to_owned());
        }
        if status.failures > 0 {
            reasons.push(format!(
                "the source could not be read {} times in a row",
                status.failures
            ));
        }
        for (mirror, state) in self.mirrors.iter().zip(self.states().iter()) {
            if let Some(problem) = &state.problem {
                reasons.push(format!("{}: {problem}", mirror.name()));
            } else if state.level_ms.is_none() {
                reasons.push(format!("{}: not compared yet", mirror.name()));
            }
        }
        reasons
    }

    /// Metrics as text, with what is measured at this moment.
    pub fn metrics_text(&self) -> String {
        let generation = self.watch.catalog().load().revision().generation();
        self.metrics.source(self.watch.status().failures);
        for (mirror, state) in self.mirrors.iter().zip(self.states().iter()) {
            let behind = generation.saturating_sub(state.generation);
            let now = self.clock.now_ms();
            // A target that has all of the source is level now, however long that has been so.
            let is_level = behind == 0 && state.problem.is_none();
            let level = state
                .level_ms
                .map(|level| (if is_level { now } else { level }, now));
            self.metrics.lag(mirror.name(), behind, level);
        }
        self.metrics.text()
    }

    async fn follow(&self, number: usize, stop: &CancellationToken) {
        let Some(mirror) = self.mirrors.get(number) else {
            return;
        };
        let mut changes = self.watch.feed().subscribe();
        let loaded = stop.run_until_cancelled(self.watch.loaded()).await;
        if !matches!(loaded, Some(Ok(()))) {
            return;
        }
        let mut debt = Debt::default();
        while !stop.is_cancelled() {
            let pause = self.level(number, mirror, &mut debt, stop).await;
            let news = async {
                // Events wake, the catalog decides: what was missed is in it all the same.
                while let Err(FeedError::Lagged(_)) = changes.next().await {}
            };
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Copies what the target lacks; gives the time until the next look.
    async fn level(
        &self,
        number: usize,
        mirror: &Mirror,
        debt: &mut Debt,
        stop: &CancellationToken,
    ) -> Duration {
        let catalog = self.watch.catalog().load_full();
        let selection = debt.selection(&catalog, self.settings.rescan_interval);
        let compares = selection == Selection::Everything;
        if selection == Selection::Only(News::default()) {
            self.settle(number, &catalog, None);
            return debt.next_comparison(self.settings.rescan_interval);
        }
        let result = mirror.run(&catalog, selection, stop).await;
        let problem = match result {
            Ok(outcome) => {
                tell(mirror, &outcome, compares);
                let problem = debt.take(&catalog, &outcome, compares);
                let missing = outcome.planned - outcome.visible.min(outcome.planned);
                self.metrics
                    .run_finished(mirror.name(), problem.is_none(), missing);
                problem
            }
            Err(error) => {
                tracing::warn!(target_name = mirror.name(), error = %Chain(&error), "could not plan");
                debt.failures += 1;
                Some(Chain(&error).to_string())
            }
        };
        let is_level = problem.is_none();
        self.settle(number, &catalog, problem);
        if is_level {
            debt.next_comparison(self.settings.rescan_interval)
        } else {
            self.retry_after(debt.failures)
        }
    }

    fn settle(&self, number: usize, catalog: &CatalogSnapshot, problem: Option<String>) {
        if let Some(state) = self.states().get_mut(number) {
            if problem.is_none() {
                state.generation = catalog.revision().generation();
                state.level_ms = Some(self.clock.now_ms());
            }
            state.problem = problem;
        }
    }

    fn retry_after(&self, failures: u32) -> Duration {
        let doubled = self
            .settings
            .retry_after
            .saturating_mul(1 << failures.saturating_sub(1).min(16));
        let pause = doubled.min(self.settings.retry_after_max);
        pause.mul_f64(rand::random_range(0.75..1.25))
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Debt ===

impl Debt {
    /// What is to be copied now.
    fn selection(&self, catalog: &CatalogSnapshot, rescan: Duration) -> Selection {
        let is_due = self.compared.is_none_or(|at| at.elapsed() >= rescan);
        let Some(done) = self.done.as_ref().filter(|_| !is_due) else {
            return Selection::Everything;
        };
        let mut news = News {
            releases: self.failed.clone(),
            marked: BTreeSet::new(),
        };
        // A channel may wait for a release that failed before.
        let waiting = self.failed.iter().map(|id| id.name.clone());
        news.marked.extend(waiting);
        for change in CatalogSnapshot::difference(done, catalog) {
            match change {
                Change::Published(id) => {
                    news.marked.insert(id.name.clone());
                    news.releases.insert(id);
                }
                Change::StateChanged { id, .. } => {
                    news.marked.insert(id.name);
                }
                Change::ChannelMoved { name, .. } => {
                    news.marked.insert(name);
                }
                _ => {}
            }
        }
        Selection::Only(news)
    }

    /// Notes what came of a run; gives what is wrong.
    fn take(
        &mut self,
        catalog: &Arc<CatalogSnapshot>,
        outcome: &Outcome,
        compares: bool,
    ) -> Option<String> {
        if outcome.interrupted {
            return Some("stopped before the end".to_owned());
        }
        self.failed = outcome
            .failures
            .iter()
            .map(|failure| failure.id.clone())
            .collect();
        self.done = outcome.knows_failures().then(|| Arc::clone(catalog));
        if compares {
            self.compared = Some(Instant::now());
        }
        if outcome.is_complete() {
            self.failures = 0;
            return None;
        }
        self.failures += 1;
        if let Some(problem) = outcome.problem() {
            self.done = None;
            return Some(problem);
        }
        let first = outcome.failures.first();
        let example = first.map_or_else(String::new, |failure| {
            format!(", for example {}: {}", failure.id, failure.error)
        });
        Some(format!(
            "{} releases could not be copied{example}",
            outcome.failed
        ))
    }

    fn next_comparison(&self, rescan: Duration) -> Duration {
        let elapsed = self.compared.map(|at| at.elapsed()).unwrap_or_default();
        rescan.saturating_sub(elapsed)
    }
}

fn tell(mirror: &Mirror, outcome: &Outcome, compares: bool) {
    if outcome.planned == 0 && !compares {
        return;
    }
    let damaged = outcome
        .failures
        .iter()
        .filter(|failure| failure.kind == FailureKind::Damaged)
        .count();
    tracing::info!(
        target_name = mirror.name(),
        planned = outcome.planned,
        copied = outcome.copied,
        present = outcome.present,
        failed = outcome.failed,
        damaged,
        size_bytes = outcome.bytes,
        duration_ms = u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX),
        "copied {} of {} releases to {}",
        outcome.copied,
        outcome.planned,
        mirror.name()
    );
}
