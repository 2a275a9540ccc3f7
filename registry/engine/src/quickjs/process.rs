//! This engine in processes of its own.

use std::{process::Command, sync::Arc};

use async_trait::async_trait;

use super::QuickJsSettings;
use crate::{
    driver::{Call, Driver, DriverHealth, EngineError, Outcome, Program},
    pool::{PoolError, PoolSettings, WorkerExecutable, WorkerKind, WorkerPool},
    worker::quickjs::WorkerSettings,
};

/// How the engine works in processes.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// As for threads; each worker has one, so `threads` is the number of workers.
    pub engine: QuickJsSettings,
    /// Resident bytes of one worker; one that holds more is killed.
    pub memory_bytes: usize,
    /// What the workers are started from.
    pub executable: WorkerExecutable,
}

/// Executes programs in worker processes, each with one engine thread.
#[derive(Debug)]
pub struct QuickJsProcessDriver {
    pool: WorkerPool,
}

/// Workers that execute programs with this engine.
#[derive(Debug)]
struct QuickJsWorkers {
    executable: WorkerExecutable,
    /// JSON of [`WorkerSettings`].
    settings: String,
}

impl QuickJsProcessDriver {
    /// Starts the workers and waits until they are ready. What components ask of the registry is
    /// carried out on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: no runtime, or no workers.
    pub async fn start(settings: ProcessSettings) -> Result<Self, PoolError> {
        let engine = settings.engine;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match engine.threads {
            // With one worker alone a script that blocks it would block all others.
            0 => cores.max(2),
            workers => workers,
        };
        // Those that wait for the registry included: only one runs.
        let in_flight = engine.queue.div_ceil(workers);
        let worker = WorkerSettings {
            queue: in_flight,
            heap_bytes: engine.heap_bytes / workers,
            limits: engine.limits.into(),
        };
        let kind = QuickJsWorkers {
            executable: settings.executable,
            settings: serde_json::to_string(&worker).map_err(std::io::Error::from)?,
        };
        let pool = PoolSettings {
            workers,
            in_flight,
            queue: engine.queue,
            memory_bytes: settings.memory_bytes,
            limits: engine.limits,
        };
        Ok(Self {
            pool: WorkerPool::start(Arc::new(kind), pool).await?,
        })
    }
}

#[async_trait]
impl Driver for QuickJsProcessDriver {
    fn name(&self) -> &'static str {
        self.pool.name()
    }

    async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError> {
        self.pool.warm(program).await
    }

    async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError> {
        self.pool.call(program, call).await
    }

    fn health(&self) -> DriverHealth {
        self.pool.health()
    }
}

impl WorkerKind for QuickJsWorkers {
    fn name(&self) -> &'static str {
        "quickjs"
    }

    fn command(&self) -> Command {
        let mut command = self.executable.command("quickjs");
        command.arg(&self.settings);
        command
    }

    fn is_contained(&self) -> bool {
        true
    }
}
