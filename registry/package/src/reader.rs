//! From archive to package.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use bytes::Bytes;
use ochre_model::{ManifestError, PackageJson};

use crate::{
    Limits, PackageError,
    entry::{Entries, Entry},
    metered::{Metered, Verdict},
};

/// The folder of the archive that holds the package.
const ROOT: &str = "_package/";

/// What every package needs.
const MANIFEST: &str = "package.json";

/// The compiled view, under the name by which every registry looks for it.
const VIEW: &str = "template.js";

/// The server logic, under the name by which every registry looks for it.
const PROVIDER: &str = "server.js";

/// A package, whole and within limits.
#[derive(Clone, Debug)]
pub struct Package {
    /// `package.json`.
    pub manifest: PackageJson,
    /// `package.json` as it came.
    pub manifest_bytes: Bytes,
    /// The other files, by path.
    pub files: Vec<PackageFile>,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFile {
    /// Path in the package, normalised: `img/logo.svg`.
    pub path: String,
    /// Content.
    pub bytes: Bytes,
}

// === impl Package ===

impl Package {
    /// The content of a file; `package.json` is [`Package::manifest_bytes`].
    pub fn file(&self, path: &str) -> Option<&Bytes> {
        let found = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()?;
        Some(&self.files[found].bytes)
    }
}

/// Reads a `.tar.gz` into memory; nothing is written. Blocks.
///
/// `archive`: one gzip member with a tar whose package lies under `_package/`; files elsewhere in
/// it are checked, counted and left out.
///
/// # Errors
///
/// [`PackageError`]; the first thing that is wrong ends the reading.
pub fn read(archive: impl Read, limits: &Limits) -> Result<Package, PackageError> {
    let metered = Metered::new(archive, limits);
    let verdict = metered.verdict();
    let mut tar = tar::Archive::new(metered);
    let mut contents = Contents::default();
    let mut entries = Entries::new(&mut tar, limits, verdict.clone())?;
    while let Some(entry) = entries.next()? {
        contents.add(entry, limits, &verdict)?;
    }
    tar.into_inner().finish()?;
    contents.check_folders()?;
    contents.into_package(limits)
}

/// What an archive holds.
#[derive(Default)]
struct Contents {
    /// By path in the archive; without content when it lies outside the package.
    files: BTreeMap<String, Option<Bytes>>,
    folders: BTreeSet<String>,
}

// === impl Contents ===

impl Contents {
    fn add<R: Read>(
        &mut self,
        entry: Entry<'_, R>,
        limits: &Limits,
        verdict: &Verdict,
    ) -> Result<(), PackageError> {
        let path = entry.path.clone();
        if entry.is_folder {
            self.folders.insert(path);
            return Ok(());
        }
        if path.is_empty() || self.files.contains_key(&path) {
            return Err(PackageError::Duplicate { path });
        }
        let inner = path.strip_prefix(ROOT);
        let manifest = limits.manifest().bytes;
        if inner == Some(MANIFEST) && entry.size > manifest as u64 {
            return Err(ManifestError::TooLarge { limit: manifest }.into());
        }
        let content = match inner {
            Some(_) => Some(Bytes::from(entry.content(verdict)?)),
            None => None,
        };
        self.files.insert(path, content);
        Ok(())
    }

    /// Refuses a file where a folder is needed.
    fn check_folders(&self) -> Result<(), PackageError> {
        let parents = self.files.keys().flat_map(|path| parents(path));
        let folders = self.folders.iter();
        let folders = folders.flat_map(|path| parents_and_self(path));
        match parents
            .chain(folders)
            .find(|folder| self.files.contains_key(*folder))
        {
            Some(path) => Err(PackageError::Duplicate {
                path: path.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn into_package(self, limits: &Limits) -> Result<Package, PackageError> {
        let missing = |path| PackageError::MissingFile { path };
        let mut files: BTreeMap<String, Bytes> = self
            .files
            .into_iter()
            .filter_map(|(path, content)| Some((path.strip_prefix(ROOT)?.to_owned(), content?)))
            .collect();
        let manifest_bytes = files.remove(MANIFEST).ok_or_else(|| missing(MANIFEST))?;
        let manifest = PackageJson::parse_within(&manifest_bytes, &limits.manifest())?;
        if !files.contains_key(VIEW) {
            return Err(missing(VIEW));
        }
        if manifest.oc().files.data_provider.is_some() && !files.contains_key(PROVIDER) {
            return Err(missing(PROVIDER));
        }
        let files = files
            .into_iter()
            .map(|(path, bytes)| PackageFile { path, bytes })
            .collect();
        Ok(Package {
            manifest,
            manifest_bytes,
            files,
        })
    }
}

/// The folders that lead to `path`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(slash, _)| &path[..slash])
}

fn parents_and_self(path: &str) -> impl Iterator<Item = &str> {
    parents(path).chain([path])
}

#[cfg(test)]
mod tests;
