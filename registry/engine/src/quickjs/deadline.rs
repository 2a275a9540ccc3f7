//! How long JavaScript may run.

use std::{cell::Cell, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// CPU time that this thread has used so far.
pub(super) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The budget of one uninterrupted run of JavaScript; the interrupt handler asks it.
///
/// The slice is CPU time, so that a busy machine stops nobody who is innocent; the deadline of the
/// call is wall time.
#[derive(Debug, Default)]
pub(super) struct Budget {
    started: Cell<Duration>,
    slice: Cell<Duration>,
    deadline: Cell<Option<Instant>>,
    exceeded: Cell<bool>,
}

impl Budget {
    pub(super) fn arm(&self, slice: Duration, deadline: Instant) {
        self.exceeded.set(false);
        self.slice.set(slice);
        self.deadline.set(Some(deadline));
        self.started.set(thread_cpu());
    }

    /// Ends the run and answers the CPU time it used.
    pub(super) fn disarm(&self) -> Duration {
        self.deadline.set(None);
        thread_cpu().saturating_sub(self.started.get())
    }

    /// Whether the running script has to stop now.
    pub(super) fn is_spent(&self) -> bool {
        let Some(deadline) = self.deadline.get() else {
            return false;
        };
        if !self.exceeded.get()
            && (thread_cpu().saturating_sub(self.started.get()) > self.slice.get()
                || Instant::now() > deadline)
        {
            self.exceeded.set(true);
        }
        self.exceeded.get()
    }

    /// Whether the last run was stopped.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.get()
    }
}
