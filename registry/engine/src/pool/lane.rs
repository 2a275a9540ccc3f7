//! A place for one worker, and the calls that wait for it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use super::{calls::Job, lock, worker::Worker};
use crate::{affinity::BLOCKED, driver::EngineError};

/// One of the places of a pool. Its worker changes when it dies.
#[derive(Debug)]
pub(super) struct Lane {
    worker: ArcSwapOption<Worker>,
    waiting: Mutex<VecDeque<Box<Job>>>,
    /// Length of `waiting` when it was last let go.
    depth: AtomicUsize,
    queue: usize,
}

impl Lane {
    /// `queue`: most calls that wait here.
    pub(super) fn new(queue: usize) -> Self {
        Self {
            worker: ArcSwapOption::empty(),
            waiting: Mutex::default(),
            depth: AtomicUsize::new(0),
            queue,
        }
    }

    pub(super) fn worker(&self) -> Option<Arc<Worker>> {
        self.worker.load_full()
    }

    pub(super) fn holds(&self, worker: &Arc<Worker>) -> bool {
        let held = self.worker.load();
        held.as_ref().is_some_and(|held| Arc::ptr_eq(held, worker))
    }

    /// Puts another worker, or none, in the place of `old`, and gives it what waits.
    ///
    /// # Errors
    ///
    /// `new`, when the place is no longer that of `old`: another thread was faster.
    pub(super) fn replace(
        &self,
        old: Option<&Arc<Worker>>,
        new: Option<Arc<Worker>>,
    ) -> Result<(), Option<Arc<Worker>>> {
        let old = old.cloned();
        let found = self.worker.compare_and_swap(&old, new.clone());
        if found.as_ref().map(Arc::as_ptr) != old.as_ref().map(Arc::as_ptr) {
            return Err(new);
        }
        self.pump();
        Ok(())
    }

    /// Leaves the place empty; answers the worker that had it.
    pub(super) fn clear(&self) -> Option<Arc<Worker>> {
        self.worker.swap(None)
    }

    pub(super) fn queue_depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Calls that are here, in comparison to other lanes.
    pub(super) fn load(&self) -> usize {
        let worker = self.worker.load();
        let calls = worker.as_ref().map_or(BLOCKED, |worker| {
            let blocked = if worker.is_blocked() { BLOCKED } else { 0 };
            worker.in_flight() + blocked
        });
        calls + self.queue_depth()
    }

    /// Gives a call to the worker, or lets it wait for one, or refuses it.
    pub(super) fn submit(&self, job: Box<Job>) {
        let job = if self.queue_depth() == 0 {
            match self.begin(job) {
                Ok(()) => return,
                Err(job) => job,
            }
        } else {
            job
        };
        // Held while the worker is asked again, so that a place that becomes free is not missed.
        let mut waiting = lock(&self.waiting);
        let job = if waiting.is_empty() {
            match self.begin(job) {
                Ok(()) => return,
                Err(job) => job,
            }
        } else {
            job
        };
        // What was in a worker already had its place.
        if waiting.len() < self.queue || job.repeats > 0 {
            waiting.push_back(job);
            self.told(&waiting);
        } else {
            drop(waiting);
            job.refuse(EngineError::Overloaded);
        }
    }

    /// Gives waiting calls to the worker, as many as it takes.
    pub(super) fn pump(&self) {
        let mut waiting = lock(&self.waiting);
        while let Some(job) = waiting.pop_front() {
            if let Err(job) = self.begin(job) {
                waiting.push_front(job);
                break;
            }
        }
        self.told(&waiting);
    }

    /// Refuses what is late, or waits for nobody.
    pub(super) fn drop_late(&self) {
        let mut waiting = lock(&self.waiting);
        let now = Instant::now();
        for _ in 0..waiting.len() {
            let Some(job) = waiting.pop_front() else {
                break;
            };
            match job.refusal(now) {
                Some(error) => job.refuse(error),
                None => waiting.push_back(job),
            }
        }
        self.told(&waiting);
    }

    /// Refuses all that waits.
    pub(super) fn refuse_all(&self) {
        let mut waiting = lock(&self.waiting);
        for job in std::mem::take(&mut *waiting) {
            job.refuse(EngineError::Crashed);
        }
        self.told(&waiting);
    }

    fn told(&self, waiting: &VecDeque<Box<Job>>) {
        self.depth.store(waiting.len(), Ordering::Relaxed);
    }

    fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        if let Some(error) = job.refusal(Instant::now()) {
            job.refuse(error);
            return Ok(());
        }
        match &*self.worker.load() {
            Some(worker) => worker.begin(job),
            None => Err(job),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tokio::net::UnixStream;

    use super::{
        super::{process::Process, worker::Worker},
        Arc, Lane,
    };
    use crate::frame::outbox::{Flush, Outbox};

    fn worker() -> Arc<Worker> {
        let process = Process::new(Command::new("true").spawn().unwrap());
        let (stream, _) = UnixStream::pair().unwrap();
        Arc::new(Worker::new(process, Outbox::new(stream, Flush::AtOnce), 1))
    }

    #[tokio::test]
    async fn place_is_given_once() {
        let lane = Lane::new(1);
        let (old, first, second) = (worker(), worker(), worker());
        lane.replace(None, Some(Arc::clone(&old))).unwrap();

        lane.replace(Some(&old), Some(Arc::clone(&first))).unwrap();
        let lost = lane.replace(Some(&old), Some(Arc::clone(&second)));

        assert!(Arc::ptr_eq(&lost.unwrap_err().unwrap(), &second));
        assert!(lane.holds(&first));
        assert!(lane.replace(None, Some(second)).is_err());
        assert!(Arc::ptr_eq(&lane.clear().unwrap(), &first));
    }
}
