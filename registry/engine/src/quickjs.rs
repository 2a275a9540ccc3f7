//! The embedded engine: QuickJS on threads of its own.
//!
//! [`QuickJsDriver`] hands each call to one of its threads (`thread`), which keeps an
//! `isolate` (own heap, own realms) for each program. Scripts in `quickjs/js` run inside the
//! isolates and build what components see; `host` and `natives` are their native halves. Nothing
//! of the registry is reachable from a component but through [`HostCalls`].
//!
//! [`HostCalls`]: crate::driver::HostCalls

mod call;
mod deadline;
mod encoding;
mod entry;
mod host;
mod isolate;
mod load;
mod natives;
mod plugins;
mod process;
mod raw;
mod resident;
mod schedule;
mod scripts;
mod slot;
mod streaming;
mod syntax;
mod thread;
mod watchdog;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    time::Instant,
};

pub use self::{
    process::{ProcessSettings, QuickJsProcessDriver},
    syntax::{Syntax, parse as parse_syntax},
};
pub(crate) use self::{raw::Bytecode, slot::Work};
use self::{
    slot::{Job, Refused, Slot},
    thread::{Parts, Worker},
};
use crate::affinity::{Affinity, BLOCKED};
use crate::conduct::Pass;
use crate::driver::{Call, Driver, DriverHealth, EngineError, Limits, Outcome, Program};

/// Bytes of an engine thread's stack; [`Limits::stack_bytes`] has to stay well below.
pub(crate) const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;

/// How often a call may lose its isolate or thread to others before it fails itself.
const REPEATS_MAX: u8 = 3;

/// How the embedded engine works.
#[derive(Clone, Copy, Debug)]
pub struct QuickJsSettings {
    /// Engine threads; 0 means one for each core, and at least two.
    pub threads: usize,
    /// Calls that may wait for an engine thread; more are refused.
    pub queue: usize,
    /// Bytes that the heaps of all programs may hold together; those not used for longest go
    /// first. Divided evenly between the threads.
    pub heap_bytes: usize,
    /// Limits of programs that are made ready without a call ([`Driver::warm`]).
    pub limits: Limits,
}

impl Default for QuickJsSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            queue: 1_024,
            heap_bytes: 256 * 1024 * 1024,
            limits: Limits::default(),
        }
    }
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An engine thread could not be started.
    #[error("engine thread could not be started")]
    Thread(#[source] std::io::Error),
    /// There is no tokio runtime to carry out what components ask of the registry.
    #[error("no tokio runtime is running")]
    NoRuntime,
}

/// Executes programs in this process.
#[derive(Debug)]
pub struct QuickJsDriver {
    pool: Arc<Pool>,
}

/// The engine threads.
#[derive(Debug)]
struct Pool {
    lanes: Vec<Lane>,
    affinity: Affinity,
    tickets: AtomicU64,
    abandoned: AtomicUsize,
    registry: Handle,
    settings: QuickJsSettings,
}

/// A queue and the thread that works on it now.
#[derive(Debug)]
struct Lane {
    jobs: async_channel::Sender<Job>,
    queue: async_channel::Receiver<Job>,
    slot: ArcSwap<Slot>,
}

impl QuickJsDriver {
    /// Starts the engine threads. What components ask of the registry is carried out on the tokio
    /// runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`StartError`]: no runtime, or no threads.
    pub fn start(settings: QuickJsSettings) -> Result<Self, StartError> {
        let driver = Self::idle(settings)?;
        for lane in &driver.pool.lanes {
            driver.pool.spawn(lane).map_err(StartError::Thread)?;
        }
        watchdog::start(&driver.pool).map_err(StartError::Thread)?;
        Ok(driver)
    }

    /// Makes an engine without threads. It works while the future that comes with it is polled,
    /// and nobody looks whether it is stuck.
    pub(crate) fn on_this_thread(
        settings: QuickJsSettings,
    ) -> Result<(Self, impl Future<Output = ()>), StartError> {
        let driver = Self::idle(QuickJsSettings {
            threads: 1,
            ..settings
        })?;
        let lane = &driver.pool.lanes[0];
        let slot = Arc::new(Slot::new());
        let worker = Worker::new(driver.pool.parts(lane, &slot));
        lane.slot.store(slot);
        Ok((driver, worker.run_among_others()))
    }

    /// Makes the queues.
    fn idle(settings: QuickJsSettings) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = match settings.threads {
            // With one thread alone a script that blocks it would block all others.
            0 => cores.max(2),
            threads => threads,
        };
        let lanes = (0..threads).map(|_| Lane::new(settings.queue.div_ceil(threads)));
        let pool = Arc::new(Pool {
            lanes: lanes.collect(),
            affinity: Affinity::default(),
            tickets: AtomicU64::new(0),
            abandoned: AtomicUsize::new(0),
            registry: Handle::try_current().map_err(|_| StartError::NoRuntime)?,
            settings,
        });
        Ok(Self { pool })
    }

    /// Ticket of a call whose script has not paused for long.
    pub(crate) fn long_run(&self) -> Option<u64> {
        let lanes = &self.pool.lanes;
        lanes.iter().find_map(|lane| lane.slot.load().long_run())
    }

    async fn submit(&self, program: &Arc<Program>, work: Work) -> Result<Outcome, EngineError> {
        let ticket = self.pool.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        self.execute(ticket, program, work).await
    }

    /// Executes a call under the caller's own number; never 0. A call that loses its isolate or
    /// thread to another one begins again, if it asked the registry for nothing.
    pub(crate) async fn execute(
        &self,
        ticket: u64,
        program: &Arc<Program>,
        work: Work,
    ) -> Result<Outcome, EngineError> {
        let submitted = Instant::now();
        let mut repeats = 0;
        loop {
            let begun = (ticket, submitted);
            match self.attempt(begun, program, work.clone()).await {
                Ok(outcome) => return Ok(outcome),
                Err(Refused::Lost) if repeats < REPEATS_MAX => repeats += 1,
                Err(Refused::Lost) => return Err(EngineError::Lost),
                Err(Refused::Final(EngineError::Overloaded)) if repeats > 0 => {
                    return Err(EngineError::Lost);
                }
                Err(Refused::Final(error)) => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        (ticket, submitted): (u64, Instant),
        program: &Arc<Program>,
        work: Work,
    ) -> Result<Outcome, Refused> {
        let pass = Pass::take(program).map_err(EngineError::Suspended);
        let (reply, answer) = oneshot::channel();
        let job = Job {
            ticket,
            pass: pass.map_err(Refused::Final)?,
            work,
            submitted,
            reply,
        };
        let lane = self.pool.lane_for(program);
        let sent = lane.jobs.try_send(job);
        sent.map_err(|_| Refused::Final(EngineError::Overloaded))?;
        let gone = Err(Refused::Final(EngineError::Crashed));
        answer.await.unwrap_or(gone)
    }
}

#[async_trait]
impl Driver for QuickJsDriver {
    fn name(&self) -> &'static str {
        "quickjs"
    }

    async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError> {
        self.submit(program, Work::Warm).await.map(drop)
    }

    async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError> {
        self.submit(program, Work::Call(call)).await
    }

    fn health(&self) -> DriverHealth {
        let abandoned = self.pool.abandoned.load(Ordering::Relaxed);
        DriverHealth {
            queue_depth: self.pool.lanes.iter().map(|lane| lane.queue.len()).sum(),
            abandoned,
            restarts: 0,
            is_exhausted: abandoned > 2 * self.pool.lanes.len(),
        }
    }
}

impl Pool {
    fn lane_for(&self, program: &Program) -> &Lane {
        self.affinity.choose(program, &self.lanes, Lane::load)
    }

    fn parts(&self, lane: &Lane, slot: &Arc<Slot>) -> Parts {
        Parts {
            slot: Arc::clone(slot),
            jobs: lane.queue.clone(),
            registry: self.registry.clone(),
            heap_bytes: self.settings.heap_bytes / self.lanes.len(),
            limits: self.settings.limits,
        }
    }

    /// Starts a thread for a lane and puts it in the place of the one before.
    fn spawn(&self, lane: &Lane) -> std::io::Result<()> {
        let slot = Arc::new(Slot::new());
        let parts = self.parts(lane, &slot);
        let runtime = Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new()
            .name("ochre-quickjs".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || runtime.block_on(Worker::new(parts).run()))?;
        lane.slot.store(slot);
        Ok(())
    }

    /// Replaces the threads whose script should have been stopped and was not.
    fn replace_stuck(&self) {
        for lane in &self.lanes {
            let slot = lane.slot.load_full();
            if !slot.is_stuck() {
                continue;
            }
            if let Err(error) = self.spawn(lane) {
                tracing::error!(error = %error, "stuck engine thread could not be replaced");
                continue;
            }
            let abandoned = self.abandoned.fetch_add(1, Ordering::Relaxed) + 1;
            slot.abandon();
            tracing::error!(
                abandoned,
                "script could not be stopped; engine thread given up"
            );
        }
    }
}

impl Lane {
    fn new(queue: usize) -> Self {
        let (jobs, queue) = async_channel::bounded(queue.max(1));
        Self {
            jobs,
            queue,
            slot: ArcSwap::from_pointee(Slot::new()),
        }
    }

    fn load(&self) -> usize {
        let slot = self.slot.load();
        let blocked = if slot.is_blocked() { BLOCKED } else { 0 };
        self.queue.len() + slot.in_flight() + blocked
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.jobs.close();
        }
    }
}
