//! From files to archive.

use std::{collections::BTreeMap, fs, io, path::Path};

use flate2::{Compression, write::GzEncoder};

/// Builds the `.tar.gz` of a package. Equal files make equal bytes: entries are sorted, times are
/// zero.
#[derive(Clone, Debug, Default)]
pub struct PackageBuilder {
    files: BTreeMap<String, Vec<u8>>,
}

/// A package cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file or folder cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// Where it lies.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Neither a file nor a folder, or its name is no UTF-8.
    #[error("`{path}` is no file with a plain name")]
    NotAFile {
        /// Where it lies.
        path: String,
    },
    /// A path that a tar cannot hold.
    #[error("`{path}` cannot be written")]
    Unwritable {
        /// Path in the package.
        path: String,
        /// What the writer says.
        #[source]
        source: io::Error,
    },
}

// === impl PackageBuilder ===

impl PackageBuilder {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file at `path`, relative to the package, as `img/logo.svg`; replaces one that is
    /// there.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }

    /// Puts all files of a folder, with its folders, at their relative paths. Blocks.
    ///
    /// # Errors
    ///
    /// [`BuildError::Unreadable`]; [`BuildError::NotAFile`] for links and devices, which are not
    /// followed.
    pub fn folder(mut self, folder: &Path) -> Result<Self, BuildError> {
        self.add_folder(folder, "")?;
        Ok(self)
    }

    /// The archive.
    ///
    /// # Errors
    ///
    /// [`BuildError::Unwritable`].
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let unwritable = |path: &str| {
            let path = path.to_owned();
            move |source| BuildError::Unwritable { path, source }
        };
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            tar.append_data(&mut header, format!("_package/{path}"), bytes.as_slice())
                .map_err(unwritable(path))?;
        }
        tar.into_inner()
            .and_then(GzEncoder::finish)
            .map_err(unwritable("_package"))
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), BuildError> {
        let unreadable = |path: &Path| {
            let path = path.display().to_string();
            move |source| BuildError::Unreadable { path, source }
        };
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let entry = entry.map_err(unreadable(folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(unreadable(&path))?;
            let not_a_file = || BuildError::NotAFile {
                path: path.display().to_string(),
            };
            let name = entry.file_name().into_string().map_err(|_| not_a_file())?;
            let name = format!("{prefix}{name}");
            if kind.is_dir() {
                self.add_folder(&path, &format!("{name}/"))?;
            } else if kind.is_file() {
                let bytes = fs::read(&path).map_err(unreadable(&path))?;
                self.files.insert(name, bytes);
            } else {
                return Err(not_a_file());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, read};

    const MANIFEST: &str = r#"{"oc":{"files":{"template":{"type":"oc-template-es6"}}}}"#;

    #[test]
    fn folder_becomes_a_package_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let long = "a long name/".repeat(20);
        fs::create_dir_all(folder.path().join(&long)).unwrap();
        fs::write(folder.path().join("package.json"), MANIFEST).unwrap();
        fs::write(folder.path().join("template.js"), "x").unwrap();
        fs::write(folder.path().join(&long).join("a.css"), "a{}").unwrap();
        let builder = PackageBuilder::new().folder(folder.path()).unwrap();
        let archive = builder.build().unwrap();
        let package = read(archive.as_slice(), &Limits::default()).unwrap();
        assert_eq!(package.manifest_bytes, MANIFEST);
        assert_eq!(package.file(&format!("{long}a.css")).unwrap(), "a{}");
        assert_eq!(package.files.len(), 2);
        assert_eq!(builder.build().unwrap(), archive);
    }

    #[test]
    fn order_of_files_does_not_matter() {
        let one = PackageBuilder::new()
            .file("a", "1")
            .file("b", "2")
            .build()
            .unwrap();
        let other = PackageBuilder::new()
            .file("b", "2")
            .file("a", "1")
            .build()
            .unwrap();
        assert_eq!(one, other);
    }
}
