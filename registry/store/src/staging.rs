//! Removes what writers that died have left in a folder: files that were never given their name.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{objects::Medium, store::ComponentStore};

/// No write takes longer, and clocks do not differ by more: a staging file that is older belongs to
/// nobody.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

impl ComponentStore {
    /// Removes abandoned staging files of a folder store; gives their number. Other stores have
    /// none.
    ///
    /// Walks the whole folder, on a thread for blocking work.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub async fn remove_abandoned_files(&self) -> io::Result<usize> {
        let Medium::Folder(root) = self.inner.objects.medium.clone() else {
            return Ok(0);
        };
        let sweep = self.inner.runtime.spawn_blocking(move || {
            let mut removed = 0;
            remove_in(&root, ABANDONED_AFTER, &mut removed)?;
            Ok(removed)
        });
        sweep.await.map_err(io::Error::other)?
    }
}

fn remove_in(folder: &Path, age: Duration, removed: &mut usize) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            remove_in(&entry.path(), age, removed)?;
        } else if kind.is_file()
            && entry.file_name().to_str().is_some_and(is_staging)
            && is_older(entry.metadata()?.modified()?, age)
        {
            match fs::remove_file(entry.path()) {
                Ok(()) => *removed += 1,
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// As `object_store` names a file until it is written whole: `name#1`.
fn is_staging(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_older(modified: SystemTime, age: Duration) -> bool {
    modified.elapsed().is_ok_and(|elapsed| elapsed >= age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_staging_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("components/a/1.0.0");
        fs::create_dir_all(&inner).unwrap();
        for name in ["x.js", "x.js#1", "y#", "z#1a"] {
            fs::write(inner.join(name), "x").unwrap();
        }
        let mut removed = 0;

        remove_in(folder.path(), Duration::from_mins(15), &mut removed).unwrap();
        assert_eq!(removed, 0);
        remove_in(folder.path(), Duration::ZERO, &mut removed).unwrap();

        assert_eq!(removed, 1);
        assert!(inner.join("x.js").exists() && !inner.join("x.js#1").exists());
    }
}
