//! Worker processes that execute JavaScript, and their one supervisor.
//!
//! [`WorkerPool`] keeps some processes of one [`WorkerKind`] and a hot spare. A call goes to the
//! less loaded of two workers that its program may use (`lane`), over the frames of
//! [`crate::frame`] (`worker`). The supervisor (`supervisor`) kills a worker that does not stop a
//! call, or holds too much memory; the spare takes its place at once.
//!
//! What happens to the calls of a worker that died: the one on whose behalf JavaScript ran is
//! blamed, answered like any other that had to be stopped, and counts against its program. The
//! others are sent to another worker, a few times at most, if nothing of them can have been seen outside:
//! in workers whose calls reach the outside only through the host
//! ([`WorkerKind::is_contained`]), those that asked the host for nothing; in others, those that had
//! not started. Those that lost too many workers fail as [`EngineError::Lost`], all others as
//! [`EngineError::Crashed`].
//!
//! Workers get a cleared environment, `/` as their folder unless the kind says otherwise, and one
//! socket. With a program they get what it may see: its `.env` and the options of plugins, which
//! may be secrets, and nothing else of the settings. They end with the process that started them.

mod answer;
mod calls;
mod lane;
mod launch;
mod process;
mod supervisor;
mod worker;

use std::{
    fmt::Debug,
    io,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::Instant,
};

pub use self::launch::WorkerExecutable;
use self::{calls::Job, lane::Lane, launch::Launcher, worker::Worker};
use crate::{
    affinity::Affinity,
    conduct::Pass,
    driver::{Call, DriverHealth, EngineError, Limits, Outcome, Program},
    frame::message::Task,
};

/// Longest time until a worker says that it is there.
const START_MAX: Duration = Duration::from_secs(30);

/// How a kind of worker process is started, and what may be assumed of it.
pub trait WorkerKind: Debug + Send + Sync {
    /// Short name for metrics and logs: `quickjs`, `node`.
    fn name(&self) -> &'static str;

    /// The command of one worker: program, arguments, and the folder if it is not `/`. The pool
    /// clears the environment, gives the socket as standard input, and takes what it writes to
    /// standard error into the log.
    ///
    /// Start it through [`WorkerExecutable`], so that it ends with this process.
    fn command(&self) -> Command;

    /// Whether a call reaches nothing outside of its worker but through the host.
    fn is_contained(&self) -> bool;
}

/// How a pool works.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Worker processes beside the spare; 0 means one for each core, and at least two.
    pub workers: usize,
    /// Calls that one worker has at a time, those that wait for the host included.
    pub in_flight: usize,
    /// Calls that may wait for a place in a worker, of all workers together; more are refused.
    pub queue: usize,
    /// Resident bytes of one worker; one that holds more is killed.
    pub memory_bytes: usize,
    /// Limits of programs that are made ready without a call.
    pub limits: Limits,
}

/// Why a pool did not start.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A process or thread could not be started.
    #[error("worker could not be started")]
    Spawn(#[from] io::Error),
    /// The first workers died, or did not say in time that they are there.
    #[error("worker ended before it was ready; the log has what it wrote")]
    NotReady,
    /// There is no tokio runtime to carry out what components ask of the registry.
    #[error("no tokio runtime is running")]
    NoRuntime,
}

/// Worker processes of one kind.
#[derive(Debug)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

/// What the pool shares with its supervisor and the tasks that read from workers.
#[derive(Debug)]
struct Shared {
    launcher: Launcher,
    settings: PoolSettings,
    lanes: Vec<Lane>,
    spare: Mutex<Option<Arc<Worker>>>,
    /// Workers that died and whose process is to be waited for.
    dead: Mutex<Vec<Arc<Worker>>>,
    affinity: Affinity,
    runtime: Handle,
    restarts: AtomicU64,
    /// Workers in a row that ended before they were ready.
    failures: AtomicUsize,
    is_stopping: AtomicBool,
    supervisor: Mutex<Option<Thread>>,
    /// Tells of workers that became ready (or not) while the pool starts.
    starting: mpsc::UnboundedSender<bool>,
}

// === impl WorkerPool ===

impl WorkerPool {
    /// Starts the workers and waits until they are ready. What components ask of the registry is
    /// carried out on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`PoolError`].
    pub async fn start(
        kind: Arc<dyn WorkerKind>,
        settings: PoolSettings,
    ) -> Result<Self, PoolError> {
        let runtime = Handle::try_current().map_err(|_| PoolError::NoRuntime)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match settings.workers {
            // With one worker alone a script that blocks it would block all others.
            0 => cores.max(2),
            workers => workers,
        };
        let (starting, mut started) = mpsc::unbounded_channel();
        let queue = settings.queue.div_ceil(workers).max(1);
        let shared = Arc::new(Shared {
            launcher: Launcher::new(kind),
            settings,
            lanes: (0..workers).map(|_| Lane::new(queue)).collect(),
            spare: Mutex::default(),
            dead: Mutex::default(),
            affinity: Affinity::default(),
            runtime,
            restarts: AtomicU64::new(0),
            failures: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
            supervisor: Mutex::default(),
            starting,
        });
        let pool = Self { shared };
        supervisor::start(&pool.shared)?;
        for _ in 0..workers {
            match tokio::time::timeout(START_MAX, started.recv()).await {
                Ok(Some(true)) => {}
                Ok(Some(false) | None) | Err(_) => return Err(PoolError::NotReady),
            }
        }
        Ok(pool)
    }

    /// Short name of the workers' kind.
    pub fn name(&self) -> &'static str {
        self.shared.launcher.name()
    }

    /// Makes a program ready; see [`crate::driver::Driver::warm`].
    ///
    /// # Errors
    ///
    /// As [`crate::driver::Driver::call`].
    pub async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError> {
        let call = Call::without_host(self.shared.settings.limits);
        self.submit(program, Task::Warm, call).await.map(drop)
    }

    /// Executes one entry; see [`crate::driver::Driver::call`].
    ///
    /// # Errors
    ///
    /// As [`crate::driver::Driver::call`].
    pub async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError> {
        self.submit(program, call.entry.into(), call).await
    }

    /// How the pool is doing.
    pub fn health(&self) -> DriverHealth {
        let lanes = &self.shared.lanes;
        DriverHealth {
            queue_depth: lanes.iter().map(Lane::queue_depth).sum(),
            abandoned: 0,
            restarts: self.shared.restarts.load(Ordering::Relaxed),
            is_exhausted: lanes.iter().all(|lane| lane.worker().is_none()),
        }
    }

    async fn submit(
        &self,
        program: &Arc<Program>,
        task: Task,
        call: Call,
    ) -> Result<Outcome, EngineError> {
        let pass = Pass::take(program).map_err(EngineError::Suspended)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Job {
            pass,
            task,
            call,
            submitted: Instant::now(),
            reply,
            repeats: 0,
        });
        self.shared.lane_for(program).submit(job);
        answer.await.unwrap_or(Err(EngineError::Crashed))
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

// === impl Shared ===

impl Shared {
    fn lane_for(&self, program: &Program) -> &Lane {
        self.affinity.choose(program, &self.lanes, Lane::load)
    }

    /// A worker said that it is there.
    fn became_ready(&self) {
        self.failures.store(0, Ordering::Relaxed);
        // Nobody listens once the pool has started.
        let _ = self.starting.send(true);
    }

    /// The connection to a worker ended: puts the spare in its place, and looks after its calls.
    fn worker_ended(&self, worker: &Arc<Worker>) {
        let closed = worker.close(self.launcher.is_contained());
        let is_stopping = self.is_stopping.load(Ordering::Acquire);
        if !is_stopping {
            tracing::warn!(
                driver.name = self.launcher.name(),
                pid = worker.pid(),
                components = ?closed.programs,
                reason = closed.reason,
                repeated = closed.repeated.len(),
                "worker process ended; another one takes its place"
            );
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        if !worker.is_ready() {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let _ = self.starting.send(false);
        }
        lock(&self.spare).take_if(|spare| Arc::ptr_eq(spare, worker));
        if let Some(lane) = self.lanes.iter().find(|lane| lane.holds(worker)) {
            let spare = (!is_stopping).then(|| lock(&self.spare).take());
            // The supervisor may have found another one meanwhile.
            if let Err(Some(spare)) = lane.replace(Some(worker), spare.flatten()) {
                spare.kill(None);
            }
        }
        for job in closed.repeated {
            if is_stopping {
                job.refuse(EngineError::Crashed);
                continue;
            }
            self.lane_for(job.pass.program()).submit(Box::new(job));
        }
        lock(&self.dead).push(Arc::clone(worker));
        self.wake_supervisor();
    }

    /// A worker answered a call.
    fn has_room(&self, worker: &Arc<Worker>) {
        let lane = self.lanes.iter().find(|lane| lane.holds(worker));
        if let Some(lane) = lane {
            lane.pump();
        }
    }

    fn wake_supervisor(&self) {
        if let Some(supervisor) = &*lock(&self.supervisor) {
            supervisor.unpark();
        }
    }

    fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        for lane in &self.lanes {
            if let Some(worker) = lane.clear() {
                worker.kill(None);
            }
            lane.refuse_all();
        }
        if let Some(spare) = lock(&self.spare).take() {
            spare.kill(None);
        }
        self.wake_supervisor();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
