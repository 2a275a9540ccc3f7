//! The embedded driver in worker processes passes the contract, and survives what threads do not.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;

use ochre_engine::{
    driver::Driver,
    pool::WorkerExecutable,
    quickjs::{ProcessSettings, QuickJsProcessDriver, QuickJsSettings},
};

ochre_engine::driver_contract!(crate::driver);

async fn driver() -> Arc<dyn Driver> {
    Arc::new(QuickJsProcessDriver::start(settings(2)).await.unwrap())
}

fn settings(workers: usize) -> ProcessSettings {
    ProcessSettings {
        engine: QuickJsSettings {
            threads: workers,
            ..QuickJsSettings::default()
        },
        memory_bytes: 512 * 1024 * 1024,
        executable: WorkerExecutable::new(env!("CARGO_BIN_EXE_engine-worker"), &[]),
    }
}
