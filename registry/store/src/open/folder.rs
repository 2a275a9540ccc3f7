//! A local folder.

use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;

use super::OpenError;

/// Opens a folder, creating it when it is missing; gives its canonical path too.
pub(super) fn open(path: &Path) -> Result<(LocalFileSystem, PathBuf), OpenError> {
    let failed = |source| OpenError::Folder {
        path: path.display().to_string(),
        source,
    };
    std::fs::create_dir_all(path).map_err(failed)?;
    let root = path.canonicalize().map_err(failed)?;
    let objects = LocalFileSystem::new_with_prefix(&root)
        .map_err(OpenError::Client)?
        .with_fsync(true);
    Ok((objects, root))
}
