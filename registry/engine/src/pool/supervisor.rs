//! Starts workers, and ends those that do not behave.

use std::{
    io,
    sync::{Arc, Weak, atomic::Ordering},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    START_MAX, Shared,
    calls::{Calls, Run, Running, Verdict},
    lock,
    worker::Worker,
};
use crate::driver::{Failure, Limits};

/// How often the workers are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// How long a run may outlast its CPU slice, or a call its deadline, before its worker is killed.
/// Workers stop most of them by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// Longest pause after a worker that could not be started.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Starts the supervisor; it ends with the pool. Workers are started by its thread alone: they end
/// with the thread that started them.
///
/// # Errors
///
/// When the operating system gives no thread.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let weak = Arc::downgrade(shared);
    let handle = thread::Builder::new()
        .name("ochre-supervisor".to_owned())
        .spawn(move || watch(&weak))?;
    *lock(&shared.supervisor) = Some(handle.thread().clone());
    Ok(())
}

fn watch(shared: &Weak<Shared>) {
    let mut pause_until = Instant::now();
    while let Some(shared) = shared.upgrade() {
        shared.reap();
        if shared.is_stopping.load(Ordering::Acquire) {
            return;
        }
        shared.inspect_all();
        if pause_until <= Instant::now() {
            pause_until = shared.fill();
        }
        drop(shared);
        thread::park_timeout(PERIOD);
    }
}

impl Shared {
    /// Starts what is missing; answers when to do so again.
    fn fill(self: &Arc<Self>) -> Instant {
        for lane in &self.lanes {
            let old = lane.worker();
            if old.as_ref().is_some_and(|worker| !worker.is_closed()) {
                continue;
            }
            let spare = lock(&self.spare).take();
            let worker = match spare.filter(|spare| !spare.is_closed()) {
                Some(spare) => spare,
                None => match self.launch() {
                    Ok(worker) => worker,
                    Err(pause_until) => return pause_until,
                },
            };
            // Whoever saw the old one end may have put the spare there meanwhile.
            if let Err(Some(worker)) = lane.replace(old.as_ref(), Some(worker)) {
                worker.kill(None);
            }
        }
        let has_spare = lock(&self.spare).is_some();
        if !has_spare {
            match self.launch() {
                Ok(worker) => *lock(&self.spare) = Some(worker),
                Err(pause_until) => return pause_until,
            }
        }
        retry_at(self.failures.load(Ordering::Relaxed))
    }

    fn launch(self: &Arc<Self>) -> Result<Arc<Worker>, Instant> {
        self.launcher.launch(self).map_err(|error| {
            tracing::error!(
                driver.name = self.launcher.name(),
                error = &error as &dyn std::error::Error,
                "worker process could not be started"
            );
            // Nobody listens once the pool has started.
            let _ = self.starting.send(false);
            retry_at(self.failures.fetch_add(1, Ordering::Relaxed) + 1)
        })
    }

    /// Waits for the processes that have ended, so that they are no zombies.
    fn reap(&self) {
        lock(&self.dead).retain(|worker| match worker.process.ended() {
            Some(status) => {
                tracing::debug!(pid = worker.pid(), %status, "worker process was waited for");
                false
            }
            None => true,
        });
    }

    fn inspect_all(&self) {
        for lane in &self.lanes {
            lane.drop_late();
            if let Some(worker) = lane.worker() {
                worker.inspect(self.settings.memory_bytes);
                // Callers that went away have left their places.
                lane.pump();
            }
        }
        let spare = lock(&self.spare).clone();
        if let Some(spare) = spare {
            spare.inspect(self.settings.memory_bytes);
        }
    }
}

/// When to try again after so many failures in a row.
fn retry_at(failures: usize) -> Instant {
    let doubled = PERIOD.saturating_mul(1 << failures.min(16));
    let pause = if failures == 0 {
        Duration::ZERO
    } else {
        doubled.min(PAUSE_MAX)
    };
    Instant::now() + pause
}

impl Worker {
    /// Kills the worker if it has to be.
    fn inspect(&self, memory_bytes: usize) {
        let verdict = {
            let mut calls = lock(&self.calls);
            if calls.is_closed || calls.verdict.is_some() {
                return;
            }
            self.cancel_abandoned(&mut calls);
            let now = Instant::now();
            calls
                .running
                .retain(|_, running| running.is_awaited() || now < running.deadline + GRACE);
            self.judge(&mut calls, now, memory_bytes)
        };
        if verdict.is_some() {
            self.kill(verdict);
        }
    }

    fn judge(&self, calls: &mut Calls, now: Instant, memory_bytes: usize) -> Option<Verdict> {
        let blamed = |failure: fn(&Limits) -> Failure| {
            let run = calls.run.as_ref()?;
            Some((run.call, failure(&run.limits)))
        };
        let timeout = |limits: &Limits| Failure::Timeout(limits.cpu_slice.min(limits.deadline));
        let was_full = calls.is_full;
        calls.is_full = self.process.resident_bytes() > Some(memory_bytes);
        // A short run may only have come upon what others left: it is looked at once more.
        let is_short = calls.run.is_some_and(|run| now < run.since + PERIOD);
        if calls.is_full && (was_full || !is_short) {
            let blamed = blamed(|_| Failure::Memory).filter(|_| !is_short);
            return Some(Verdict::new("it held too much memory", blamed));
        }
        if !self.is_ready() && self.launched + START_MAX < now {
            return Some(Verdict::new("it did not become ready", None));
        }
        // A call may have to wait until the run of another one is over.
        let is_overdue = |running: &Running| {
            let limits = &running.limits;
            running.is_awaited() && running.deadline + limits.cpu_slice + GRACE < now
        };
        let overdue = calls
            .running
            .iter()
            .filter(|(_, running)| is_overdue(running));
        let overdue: Vec<u32> = overdue.map(|(id, _)| *id).collect();
        if !overdue.is_empty() {
            let verdict = Verdict::new("it did not answer", blamed(timeout));
            return Some(Verdict { overdue, ..verdict });
        }
        let blamed = blamed(timeout);
        let run = calls.run.as_mut()?;
        self.is_stuck(run, now)
            .then(|| Verdict::new("its script could not be stopped", blamed))
    }

    /// Whether a run has used more CPU time than it may. A worker that only waits for its turn on a
    /// busy machine has not.
    fn is_stuck(&self, run: &mut Run, now: Instant) -> bool {
        let bound = run.limits.cpu_slice + GRACE;
        let used = match (self.process.cpu(), run.cpu) {
            (Some(cpu), Some(first)) => cpu.saturating_sub(first),
            (Some(cpu), None) => {
                run.cpu = Some(cpu);
                Duration::ZERO
            }
            (None, _) => now - run.since,
        };
        now > run.since + bound && used + PERIOD >= bound
    }
}
