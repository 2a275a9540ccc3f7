//! Starts what executes JavaScript.

use std::{io, sync::Arc};

use ochre_engine::{
    driver::Driver,
    pool::{PoolError, WorkerExecutable},
    quickjs::{self, QuickJsDriver, QuickJsProcessDriver},
};

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
    /// The system does not tell the executable of this process.
    #[error("executable of worker processes is unknown")]
    Executable(#[from] io::Error),
}

/// Starts the driver.
///
/// # Errors
///
/// [`StartError`].
pub async fn start(settings: &EngineSettings) -> Result<Arc<dyn Driver>, StartError> {
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
