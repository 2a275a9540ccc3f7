//! What an engine thread shares with the driver and the watchdog.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    conduct::Pass,
    driver::{Call, EngineError, Failure, Limits, Outcome},
};

/// How long a run may outlast its deadline before the thread counts as stuck.
const GRACE: Duration = Duration::from_millis(500);

/// A run that lasts longer makes other calls choose another thread; milliseconds.
const BLOCKED_AFTER: u64 = 10;

/// Work for an engine thread.
#[derive(Debug)]
pub(super) struct Job {
    /// Unique within the driver; never 0.
    pub(super) ticket: u64,
    pub(super) pass: Pass,
    pub(super) work: Work,
    pub(super) submitted: Instant,
    pub(super) reply: Reply,
}

/// What to do with a program.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Call(Call),
    /// Only make it ready.
    Warm,
}

/// Where the answer goes.
pub(super) type Reply = oneshot::Sender<Result<Outcome, Refused>>;

/// Why a call was not carried out.
#[derive(Debug)]
pub(super) enum Refused {
    /// For this reason.
    Final(EngineError),
    /// Its isolate or thread was given up because of another call, and nothing of it can have been
    /// seen outside: it may begin again.
    Lost,
}

/// One engine thread as seen from outside.
#[derive(Debug)]
pub(super) struct Slot {
    epoch: Instant,
    /// When a run is certainly stuck: milliseconds since `epoch`; 0 while no JavaScript runs.
    stuck_at: AtomicU64,
    /// When the run began: milliseconds since `epoch`.
    entered_at: AtomicU64,
    /// Ticket of the call on whose behalf JavaScript runs.
    running: AtomicU64,
    in_flight: AtomicUsize,
    abandoned: AtomicBool,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    reply: Reply,
    pass: Pass,
    limits: Limits,
    /// Whether it asked the registry for something.
    has_asked: bool,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            stuck_at: AtomicU64::new(0),
            entered_at: AtomicU64::new(0),
            running: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    /// Calls that were started here and are not answered.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Keeps the way back to the caller of a call that starts.
    pub(super) fn begin(&self, ticket: u64, (reply, pass): (Reply, Pass), limits: Limits) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting {
            reply,
            pass,
            limits,
            has_asked: false,
        };
        self.waiting().insert(ticket, waiting);
    }

    /// Answers a call; does nothing when it was answered already.
    pub(super) fn finish(&self, ticket: u64, outcome: Outcome) {
        if let Some(waiting) = self.take(ticket) {
            waiting.pass.settled(&outcome, &waiting.limits);
            // A caller that has gone away needs no answer.
            let _ = waiting.reply.send(Ok(outcome));
        }
    }

    /// Tells a call that its isolate was given up because of another one; does nothing when it was
    /// answered already.
    pub(super) fn lose(&self, ticket: u64) {
        if let Some(waiting) = self.take(ticket) {
            waiting.lose();
        }
    }

    /// What a call asks of the registry may be seen outside from now on.
    pub(super) fn asked(&self, ticket: u64) {
        if let Some(waiting) = self.waiting().get_mut(&ticket) {
            waiting.has_asked = true;
        }
    }

    fn take(&self, ticket: u64) -> Option<Waiting> {
        let waiting = self.waiting().remove(&ticket)?;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        Some(waiting)
    }

    /// Marks that JavaScript runs for `ticket`, which is stopped at `deadline`.
    pub(super) fn enter(&self, ticket: u64, deadline: Instant) {
        let stuck_at = deadline + GRACE;
        let milliseconds = stuck_at.saturating_duration_since(self.epoch).as_millis();
        self.running.store(ticket, Ordering::Relaxed);
        self.entered_at.store(self.elapsed(), Ordering::Relaxed);
        self.stuck_at.store(
            u64::try_from(milliseconds).unwrap_or(u64::MAX).max(1),
            Ordering::Release,
        );
    }

    pub(super) fn leave(&self) {
        self.stuck_at.store(0, Ordering::Release);
    }

    /// Whether JavaScript runs for so long that others had better go elsewhere.
    pub(super) fn is_blocked(&self) -> bool {
        self.stuck_at.load(Ordering::Acquire) != 0
            && self.elapsed() > self.entered_at.load(Ordering::Relaxed) + BLOCKED_AFTER
    }

    /// Ticket of the call that is blocked.
    pub(super) fn long_run(&self) -> Option<u64> {
        let ticket = self.running.load(Ordering::Relaxed);
        self.is_blocked().then_some(ticket)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether JavaScript runs that should have been stopped by its budget.
    pub(super) fn is_stuck(&self) -> bool {
        let stuck_at = self.stuck_at.load(Ordering::Acquire);
        stuck_at != 0 && self.epoch.elapsed().as_millis() > u128::from(stuck_at)
    }

    /// Gives the thread up: its calls are answered now, it ends by itself if it ever returns.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        let running = self.running.load(Ordering::Relaxed);
        let waiting = std::mem::take(&mut *self.waiting());
        self.in_flight.store(0, Ordering::Relaxed);
        for (ticket, waiting) in waiting {
            if ticket != running {
                waiting.lose();
                continue;
            }
            let deadline = waiting.limits.deadline;
            waiting.pass.ended(deadline, true);
            let timeout = Outcome::failed(Failure::Timeout(deadline));
            let _ = waiting.reply.send(Ok(timeout));
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn lose(self) {
        let refused = if self.has_asked {
            Refused::Final(EngineError::Crashed)
        } else {
            Refused::Lost
        };
        // A caller that has gone away needs no answer.
        let _ = self.reply.send(Err(refused));
    }
}
