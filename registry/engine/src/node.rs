//! Node processes, for programs that require modules, need what only Node has, or render slowly
//! elsewhere.
//!
//! [`NodeDriver`] runs workers of a [`WorkerPool`]. The scripts in `node/js` are given to Node as
//! its program (`boot.js` starts the others); they make a realm for each provider and each view
//! and run in them the same scripts as the embedded engine (`quickjs/js`), so that components see
//! the same things. No object of the worker's own realm gets into theirs (`realms.js`), and what
//! Node itself lets in leads to nothing that can be changed.
//!
//! Modules are objects of the worker's own realm. Programs that require them are executed in
//! workers of their own (`Modules`), so that what they do there is seen by each other alone. All
//! workers have a cleared environment, no credentials of the registry, and no files but those of
//! their modules.

mod installation;
mod modules;
mod scripts;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{runtime::Handle, sync::OnceCell, time::timeout};

pub use self::{
    installation::{FindError, Installation},
    modules::Dependency,
};
use crate::{
    driver::{Call, Driver, DriverHealth, EngineError, Limits, Outcome, Program},
    pool::{PoolError, PoolSettings, WorkerExecutable, WorkerKind, WorkerPool},
    router::needs_modules,
};

/// Calls that one worker has at a time, those that wait for the registry included.
const IN_FLIGHT: usize = 64;

/// Time after workers could not be started in which it is not tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What keeps a component that gets hold of an object of the worker's own realm from changing what
/// others get there: its built-in objects are frozen, and there is no code from texts. The realms
/// of components have both.
const HARDENING: [&str; 2] = [
    "--frozen-intrinsics",
    "--disallow-code-generation-from-strings",
];

/// Name in metrics and logs.
const NAME: &str = "node";

/// How Node is used.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Worker processes beside a spare one; 0 means one for each core, and at least two.
    pub workers: usize,
    /// Calls that may wait for a worker; more are refused.
    pub queue: usize,
    /// Resident bytes of one worker; one that holds more is replaced.
    pub memory_bytes: usize,
    /// Folder of the `node_modules` that components may require from.
    pub modules: PathBuf,
    /// Packages and core modules that components may require, as OC's `dependencies` has them.
    pub dependencies: BTreeSet<String>,
    /// Further files and folders that modules may read; `*` for all, and to write and start
    /// processes too.
    pub readable: Vec<String>,
    /// Whether built-in objects are frozen, and texts make no code, where modules are required;
    /// where they are not it is always so.
    pub hardened: bool,
    /// Limits of programs that are made ready without a call.
    pub limits: Limits,
}

/// Executes programs in Node processes, which are started with the first program.
#[derive(Clone, Debug)]
pub struct NodeDriver {
    contained: Arc<Workers>,
    /// For programs that require modules, if any may be required.
    open: Option<Arc<Workers>>,
    runtime: Handle,
}

/// The workers of one kind.
#[derive(Debug)]
struct Workers {
    kind: Arc<NodeKind>,
    pool_settings: PoolSettings,
    pool: OnceCell<WorkerPool>,
    /// When the workers could not be started.
    failed: Mutex<Option<Instant>>,
}

/// How workers are started.
#[derive(Clone, Debug)]
struct NodeKind {
    node: Installation,
    executable: WorkerExecutable,
    settings: NodeSettings,
    modules: Modules,
}

/// Whether the programs of a worker may require modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Modules {
    /// None, so that they have nothing of the worker's own realm.
    None,
    /// Those that the operator listed.
    Listed,
}

// === impl NodeDriver ===

impl NodeDriver {
    /// Prepares to start workers; what components ask of the registry is carried out on `runtime`.
    ///
    /// `executable`: starts each worker so that it ends with this process.
    pub fn new(
        node: Installation,
        executable: WorkerExecutable,
        settings: NodeSettings,
        runtime: Handle,
    ) -> Self {
        let kind = NodeKind {
            node,
            executable,
            settings,
            modules: Modules::None,
        };
        let open = (!kind.settings.dependencies.is_empty()).then(|| NodeKind {
            modules: Modules::Listed,
            ..kind.clone()
        });
        Self {
            contained: Arc::new(Workers::new(kind)),
            open: open.map(|kind| Arc::new(Workers::new(kind))),
            runtime,
        }
    }

    /// Starts the workers of programs that require no modules, unless they run, and waits until
    /// they are ready.
    ///
    /// # Errors
    ///
    /// [`PoolError`].
    pub async fn start(&self) -> Result<(), PoolError> {
        self.start_workers(&self.contained).await
    }

    /// As [`NodeDriver::start`], for programs that require modules, if any may be required.
    ///
    /// # Errors
    ///
    /// [`PoolError`].
    pub async fn start_with_modules(&self) -> Result<(), PoolError> {
        match &self.open {
            Some(workers) => self.start_workers(workers).await,
            None => Ok(()),
        }
    }

    async fn start_workers(&self, workers: &Arc<Workers>) -> Result<(), PoolError> {
        let workers = Arc::clone(workers);
        // A task of its own: a caller that goes away must not end what others wait for.
        let starting = self
            .runtime
            .spawn(async move { workers.start().await.map(drop) });
        starting.await.unwrap_or(Err(PoolError::NotReady))
    }

    /// The workers that execute `program`.
    fn workers_of(&self, program: &Program) -> &Arc<Workers> {
        let Some(open) = &self.open else {
            return &self.contained;
        };
        let needs_modules = program.conduct.needs_modules.get_or_init(|| {
            let dependencies = &open.kind.settings.dependencies;
            needs_modules(program, dependencies)
        });
        if *needs_modules {
            open
        } else {
            &self.contained
        }
    }

    /// The workers that execute `program`, within the time that a call has.
    async fn pool(&self, program: &Program, within: Duration) -> Result<&WorkerPool, EngineError> {
        let workers = self.workers_of(program);
        if let Some(pool) = workers.pool.get() {
            return Ok(pool);
        }
        if workers.has_just_failed() {
            return Err(EngineError::Crashed);
        }
        let started = timeout(within, self.start_workers(workers)).await;
        match started {
            Ok(Ok(())) => workers.pool.get().ok_or(EngineError::Crashed),
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "Node workers could not be started");
                Err(EngineError::Crashed)
            }
            Err(_) => Err(EngineError::NotReady),
        }
    }
}

#[async_trait]
impl Driver for NodeDriver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError> {
        let within = self.contained.pool_settings.limits.deadline;
        self.pool(program, within).await?.warm(program).await
    }

    async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError> {
        let pool = self.pool(program, call.limits.deadline).await?;
        pool.call(program, call).await
    }

    fn health(&self) -> DriverHealth {
        let workers = [Some(&self.contained), self.open.as_ref()];
        let pools = workers.into_iter().flatten();
        let healths = pools.filter_map(|workers| workers.pool.get().map(WorkerPool::health));
        healths.fold(DriverHealth::default(), |sum, health| DriverHealth {
            queue_depth: sum.queue_depth + health.queue_depth,
            abandoned: sum.abandoned + health.abandoned,
            restarts: sum.restarts + health.restarts,
            is_exhausted: sum.is_exhausted || health.is_exhausted,
        })
    }
}

// === impl Workers ===

impl Workers {
    fn new(kind: NodeKind) -> Self {
        let settings = &kind.settings;
        let pool_settings = PoolSettings {
            workers: settings.workers,
            in_flight: IN_FLIGHT,
            queue: settings.queue,
            memory_bytes: settings.memory_bytes,
            limits: settings.limits,
        };
        Self {
            kind: Arc::new(kind),
            pool_settings,
            pool: OnceCell::new(),
            failed: Mutex::default(),
        }
    }

    async fn start(&self) -> Result<&WorkerPool, PoolError> {
        let kind = Arc::clone(&self.kind);
        let start = || WorkerPool::start(kind, self.pool_settings);
        let started = self.pool.get_or_try_init(start).await;
        if started.is_err() {
            *self.failed() = Some(Instant::now());
        }
        started
    }

    fn has_just_failed(&self) -> bool {
        self.failed()
            .is_some_and(|failed| failed.elapsed() < RETRY_AFTER)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl NodeKind ===

impl NodeKind {
    /// The permissions of Node: the files of its modules are all that a worker may touch.
    fn permissions(&self) -> Vec<String> {
        let mut arguments = vec![
            self.node.permission_switch().to_owned(),
            "--allow-worker".to_owned(),
        ];
        if self.modules == Modules::None {
            return arguments;
        }
        let readable = &self.settings.readable;
        if readable.iter().any(|path| path == "*") {
            return Vec::new();
        }
        let modules = self.settings.modules.join("node_modules");
        let folder = |path: &Path| format!("--allow-fs-read={}/*", path.display());
        arguments.push(folder(&modules));
        let further = readable
            .iter()
            .map(|path| format!("--allow-fs-read={path}"));
        arguments.extend(further);
        arguments
    }
}

impl WorkerKind for NodeKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn command(&self) -> Command {
        let settings = &self.settings;
        // The pool has to be first: a heap that is full ends the process without a word.
        let heap_mib = 2 * settings.memory_bytes / (1024 * 1024);
        let mut command = self.executable.relay(self.node.path());
        command
            .arg(format!("--max-old-space-size={heap_mib}"))
            .arg("--no-warnings")
            .args(self.permissions());
        if self.modules == Modules::None || settings.hardened {
            command.args(HARDENING);
        }
        if settings.modules.is_dir() {
            command.current_dir(&settings.modules);
        }
        let none = BTreeSet::new();
        let dependencies = match self.modules {
            Modules::None => &none,
            Modules::Listed => &settings.dependencies,
        };
        let program = scripts::program(&settings.modules, dependencies, settings.memory_bytes);
        command.arg("-e").arg(program);
        command
    }

    fn is_contained(&self) -> bool {
        // Modules may talk to anyone.
        self.modules == Modules::None
    }
}
