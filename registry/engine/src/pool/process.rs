//! A worker's process: its end, and what the system knows of it.

use std::{
    process::{Child, ExitStatus},
    sync::Mutex,
    time::Duration,
};

use super::lock;

/// A process that was started here.
#[derive(Debug)]
pub(super) struct Process {
    child: Mutex<Child>,
    pid: u32,
}

impl Process {
    pub(super) fn new(child: Child) -> Self {
        Self {
            pid: child.id(),
            child: Mutex::new(child),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// SIGKILL; does nothing to a process that was waited for.
    pub(super) fn kill(&self) {
        if let Err(error) = lock(&self.child).kill() {
            tracing::error!(pid = self.pid, error = %error, "worker process could not be killed");
        }
    }

    /// How the process ended, if it did; it is no zombie afterwards.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    /// CPU time of all threads; none where the system does not tell.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11);
        let mut time = || times.next()?.parse::<u64>().ok();
        let ticks = time()? + time()?;
        let per_second = rustix::param::clock_ticks_per_second();
        Some(Duration::from_micros(ticks * 1_000_000 / per_second.max(1)))
    }

    /// Resident memory in bytes; none where the system does not tell.
    pub(super) fn resident_bytes(&self) -> Option<usize> {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.pid)).ok()?;
        let resident: usize = pages.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(resident * rustix::param::page_size())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let child = child.unwrap_or_else(std::sync::PoisonError::into_inner);
        // It has ended already, or nobody can be told.
        let _ = child.kill();
        let _ = child.try_wait();
    }
}
