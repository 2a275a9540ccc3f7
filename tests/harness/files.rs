//! What lies in a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Every file below a folder, in order. What goes away meanwhile is left out: a registry may be
/// writing there.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    let mut files = Vec::new();
    walk(folder, &mut files);
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
