//! A lock between processes that use one folder.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    time::Duration,
};

use object_store::path::Path;
use tokio::time::Instant;

use super::SwapError;

/// Pause between two attempts to take the lock.
const PAUSE: Duration = Duration::from_millis(10);

/// The side file that carries the lock. The kernel gives it back when its holder dies.
#[derive(Clone, Debug)]
pub(super) struct LockFile(PathBuf);

/// The lock, until dropped.
#[derive(Debug)]
pub(super) struct Guard(#[expect(dead_code, reason = "closing the file releases the lock")] File);

// === impl LockFile ===

impl LockFile {
    pub(super) fn new(root: &std::path::Path, lock: &Path) -> Self {
        Self(root.join(lock.as_ref()))
    }

    /// Takes the lock, or gives up after `bound`: a holder may be stopped.
    pub(super) async fn acquire(&self, bound: Duration) -> Result<Guard, SwapError> {
        let path = self.0.clone();
        let opened = tokio::task::spawn_blocking(move || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
        });
        let file = opened
            .await
            .map_err(|error| SwapError::LockFile(error.into()))?
            .map_err(SwapError::LockFile)?;
        let deadline = Instant::now() + bound;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Guard(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(SwapError::Locked),
                Err(TryLockError::Error(error)) => return Err(SwapError::LockFile(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_holder_that_never_ends_is_given_up_after_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LockFile::new(folder.path(), &Path::from("a/lock"));
        let held = lock.acquire(Duration::from_secs(1)).await.unwrap();
        let refused = lock.acquire(Duration::from_millis(30)).await;
        assert!(matches!(refused, Err(SwapError::Locked)), "{refused:?}");
        drop(held);
        lock.acquire(Duration::from_secs(1)).await.unwrap();
    }
}
