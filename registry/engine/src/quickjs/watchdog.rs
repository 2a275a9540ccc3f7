//! Gives up engine threads that no longer answer, and starts others in their place.

use std::{
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use super::Pool;

/// How often the threads are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Starts the watchdog; it ends when the pool is dropped.
///
/// # Errors
///
/// When the operating system gives no thread.
pub(super) fn start(pool: &Arc<Pool>) -> std::io::Result<()> {
    let pool = Arc::downgrade(pool);
    thread::Builder::new()
        .name("ochre-watchdog".to_owned())
        .spawn(move || watch(&pool))?;
    Ok(())
}

fn watch(pool: &Weak<Pool>) {
    loop {
        thread::sleep(PERIOD);
        let Some(pool) = pool.upgrade() else { return };
        pool.replace_stuck();
    }
}
