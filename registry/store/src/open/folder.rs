//! A local folder.

use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;

use super::OpenError;

/// Opens a folder, creating it when it is missing and may be written; gives its canonical path too.
pub(super) fn open(path: &Path, read_only: bool) -> Result<(LocalFileSystem, PathBuf), OpenError> {
    let failed = |source| OpenError::Folder {
        path: path.display().to_string(),
        source,
    };
    // One that is only read and missing is a mistake, or not mounted: it is not an empty one.
    if !read_only {
        std::fs::create_dir_all(path).map_err(failed)?;
    }
    let root = path.canonicalize().map_err(failed)?;
    let objects = LocalFileSystem::new_with_prefix(&root)
        .map_err(OpenError::Client)?
        .with_fsync(true);
    Ok((objects, root))
}
