//! Starts what executes JavaScript.

use std::{io, sync::Arc};

use ochre_engine::{
    driver::Driver,
    node::{Dependency, FindError, Installation, NodeDriver},
    pool::{PoolError, WorkerExecutable},
    quickjs::{self, QuickJsDriver, QuickJsProcessDriver},
    router::Router,
};
use ochre_model::Chain;
use tokio::runtime::Handle;

use crate::settings::{EngineSettings, Isolation};

/// Hidden subcommand that makes this executable a worker process.
pub const WORKER_COMMAND: &str = "worker";

/// Why nothing executes JavaScript.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The embedded engine cannot be started.
    #[error("embedded engine cannot be started")]
    QuickJs(#[from] quickjs::StartError),
    /// Worker processes cannot be started.
    #[error("worker processes cannot be started: `engine.isolation = \"thread\"` needs none")]
    Workers(#[from] PoolError),
    /// Node was asked for and is not there.
    #[error("Node cannot be used: install it, set `engine.node.path`, or change `engine.driver`")]
    NoNode(#[from] FindError),
    /// Node was asked for and does not work.
    #[error("Node workers cannot be started: change `engine.driver` to do without")]
    Node(#[source] PoolError),
    /// The system does not tell the executable or the folder of this process.
    #[error("executable of worker processes is unknown")]
    Executable(#[from] io::Error),
}

/// Starts the drivers and puts them together.
///
/// # Errors
///
/// [`StartError`]. A Node that is missing is one only if the settings name it.
pub async fn start(settings: &EngineSettings) -> Result<Arc<dyn Driver>, StartError> {
    let (quickjs, node) = tokio::try_join!(quickjs(settings), node(settings))?;
    Ok(Arc::new(Router::new(quickjs, node, settings.router())))
}

/// Looks for a Node that `settings` ask for.
///
/// # Errors
///
/// [`StartError::NoNode`].
pub async fn check(settings: &EngineSettings) -> Result<(), StartError> {
    let is_asked_for = settings.must_use_node() || settings.node.path.is_some();
    if settings.may_use_node() && is_asked_for {
        Installation::find(settings.node.path.as_deref()).await?;
    }
    Ok(())
}

/// What components may require, as `~registry/dependencies` tells it.
pub fn dependencies(settings: &EngineSettings) -> Vec<Dependency> {
    let names = settings.dependencies.iter();
    names
        .map(|name| Dependency::describe(name, &settings.node.modules))
        .collect()
}

async fn quickjs(settings: &EngineSettings) -> Result<Arc<dyn Driver>, StartError> {
    match settings.isolation {
        Isolation::Thread => {
            let driver = QuickJsDriver::start(settings.quickjs_driver())?;
            Ok(Arc::new(driver))
        }
        Isolation::Process => {
            let executable = WorkerExecutable::current(&[WORKER_COMMAND])?;
            let driver = QuickJsProcessDriver::start(settings.quickjs_processes(executable));
            Ok(Arc::new(driver.await?))
        }
    }
}

/// Finds Node, and starts its workers if it is certain that they are needed; the first component
/// that needs them does so otherwise.
async fn node(settings: &EngineSettings) -> Result<Option<Arc<dyn Driver>>, StartError> {
    if !settings.may_use_node() {
        return Ok(None);
    }
    let node = match Installation::find(settings.node.path.as_deref()).await {
        Ok(node) => node,
        Err(error) if settings.must_use_node() => return Err(error.into()),
        Err(error) => {
            let error = Chain(&error);
            if settings.node.path.is_some() {
                tracing::warn!(%error, "`engine.node.path` is of no use: components that need Node will fail");
            } else {
                tracing::info!(%error, "Node is not used: components that need it will fail");
            }
            return Ok(None);
        }
    };
    let version = node.version();
    tracing::info!("Node {version} is there for components that need it");
    let executable = WorkerExecutable::current(&[WORKER_COMMAND])?;
    let driver = NodeDriver::new(node, executable, settings.node_driver()?, Handle::current());
    if settings.must_use_node() {
        driver.start().await.map_err(StartError::Node)?;
    }
    if !settings.dependencies.is_empty() {
        let driver = driver.clone();
        tokio::spawn(async move {
            if let Err(error) = driver.start_with_modules().await {
                tracing::error!(error = %Chain(&error), "Node workers could not be started");
            }
        });
    }
    Ok(Some(Arc::new(driver)))
}
