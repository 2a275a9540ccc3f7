//! The package on disk: found, packed, and checked before any registry is asked.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use bytesize::ByteSize;
use ochre_model::{ComponentId, ComponentName, PackageJson, Version};
use ochre_package::{BuildError, Limits, Package, PackageError};
use serde_json::Value;

use crate::disk::{self, DiskError};

/// The folder into which `oc package` compiles.
const PACKAGE: &str = "_package";

/// A package that can be sent.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// What it is, as its `package.json` says.
    pub(crate) id: ComponentId,
    /// Its `package.json`.
    pub(crate) manifest: Value,
    /// Gzip-compressed tar; equal files make equal bytes when it was packed here.
    pub(crate) archive: Bytes,
    /// How many files it holds.
    pub(crate) files: usize,
    /// What a publisher may want to know.
    pub(crate) warnings: Vec<String>,
}

/// How much is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most bytes of the archive.
    pub(crate) packed: ByteSize,
    /// Most bytes of its files together.
    pub(crate) unpacked: ByteSize,
    /// Most files and folders.
    pub(crate) entries: usize,
}

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// Nothing is there, or it cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A folder without `package.json`.
    #[error("`{path}` is no component: it has neither {PACKAGE}/package.json nor package.json")]
    NoComponent { path: PathBuf },
    /// The folder of an author.
    #[error("`{path}` is not compiled: run `oc package {path}` first")]
    NotCompiled { path: PathBuf },
    /// It lies there in a way, or in a size, that is not read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Small unpacked, and yet too large packed.
    #[error("package is larger than {limit} when packed: --max-size takes more")]
    TooLarge { limit: ByteSize },
    /// A file cannot be packed.
    #[error("package cannot be built")]
    Build(#[from] BuildError),
    /// A registry would refuse the archive.
    #[error("package is not valid")]
    Package(#[from] PackageError),
    /// A member of `package.json` is not what it has to be.
    #[error("package.json: {0}")]
    Manifest(String),
    /// `package.json` names a file that is not there.
    #[error("package.json names `{file}` as `{field}`, and the package does not hold it")]
    Missing { file: String, field: &'static str },
}

// === impl Bounds ===

impl Bounds {
    /// Those of the archive's reader; the rest is for registries to judge.
    fn limits(self) -> Limits {
        Limits {
            unpacked: self.unpacked,
            ratio: u64::MAX,
            entries: self.entries,
            parameters: 100_000,
            ..Limits::default()
        }
    }
}

// === impl Bundle ===

impl Bundle {
    /// Packs the folder, or takes the archive, at `path`. Blocks.
    ///
    /// # Errors
    ///
    /// [`BundleError`].
    pub(crate) fn at(path: &Path, bounds: Bounds) -> Result<Self, BundleError> {
        let unreadable = |source| BundleError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let archive = if fs::metadata(path).map_err(unreadable)?.is_dir() {
            disk::pack(&compiled(path)?, (bounds.unpacked, bounds.entries))?.build()?
        } else {
            disk::read(path, bounds.packed)?
        };
        if archive.len() as u64 > bounds.packed.as_u64() {
            let limit = bounds.packed;
            return Err(BundleError::TooLarge { limit });
        }
        let package = ochre_package::read(archive.as_slice(), &bounds.limits())?;
        check(&package)?;
        Ok(Self {
            id: id(&package.manifest)?,
            manifest: Value::Object(package.manifest.raw().clone()),
            files: package.files.len() + 1,
            warnings: warnings(&package),
            archive: archive.into(),
        })
    }
}

/// The compiled package in or at `path`.
fn compiled(path: &Path) -> Result<PathBuf, BundleError> {
    let inner = path.join(PACKAGE);
    if inner.join("package.json").is_file() {
        return Ok(inner);
    }
    if !path.join("package.json").is_file() {
        return Err(BundleError::NoComponent {
            path: path.to_owned(),
        });
    }
    if !path.join("template.js").is_file() {
        return Err(BundleError::NotCompiled {
            path: path.to_owned(),
        });
    }
    Ok(path.to_owned())
}

fn id(manifest: &PackageJson) -> Result<ComponentId, BundleError> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let name: ComponentName = text(manifest.name()).parse().map_err(|_| {
        let name = text(manifest.name());
        BundleError::Manifest(format!(
            "`name` is {name:?}: give letters, digits, `_` and `-`"
        ))
    })?;
    let version: Option<Version> = text(manifest.version()).parse().ok();
    let version = version.filter(Version::is_canonical).ok_or_else(|| {
        let version = text(manifest.version());
        BundleError::Manifest(format!(
            "`version` is {version:?}: give a semantic version such as \"1.0.0\""
        ))
    })?;
    Ok(ComponentId { name, version })
}

/// Every file that `package.json` names is there.
fn check(package: &Package) -> Result<(), BundleError> {
    let files = &package.manifest.oc().files;
    let provider = files.data_provider.as_ref().map(|file| file.src.as_str());
    for (file, field) in [
        (Some(files.template.src.as_str()), "oc.files.template.src"),
        (provider, "oc.files.dataProvider.src"),
        (files.env.as_ref().map(|_| ".env"), "oc.files.env"),
    ] {
        if let Some(file) = file.filter(|file| !file.is_empty())
            && package.file(file).is_none()
        {
            let file = file.to_owned();
            return Err(BundleError::Missing { file, field });
        }
    }
    Ok(())
}

fn warnings(package: &Package) -> Vec<String> {
    let files = &package.manifest.oc().files;
    let is_empty = |folder: &&String| {
        let prefix = format!("{}/", folder.trim_matches('/'));
        !package
            .files
            .iter()
            .any(|file| file.path.starts_with(&prefix))
    };
    files
        .static_dirs
        .iter()
        .filter(is_empty)
        .map(|folder| format!("the static folder `{folder}` is empty"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        packed: ByteSize::mib(1),
        unpacked: ByteSize::mib(2),
        entries: 9,
    };
    const VIEW: &str = "oc.components={}";

    fn manifest(change: impl FnOnce(&mut Value)) -> String {
        let mut manifest = json!({
            "name": "hello", "version": "1.0.0",
            "oc": { "files": {
                "static": ["img"],
                "template": { "type": "oc-template-es6", "hashKey": "abc", "src": "template.js" }
            } },
        });
        change(&mut manifest);
        manifest.to_string()
    }

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    fn bundle(files: &[(&str, &str)]) -> Result<Bundle, BundleError> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        Bundle::at(folder.path(), BOUNDS)
    }

    #[test]
    fn folder_its_package_and_its_archive_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("package.json", "{}"),
            ("_package/package.json", &*manifest(|_| {})),
            ("_package/template.js", VIEW),
            ("_package/img/a.svg", "<svg/>"),
        ];
        write(folder.path(), &files);
        let of_folder = Bundle::at(folder.path(), BOUNDS).unwrap();
        let of_package = Bundle::at(&folder.path().join("_package"), BOUNDS).unwrap();
        let archive = folder.path().join("package.tar.gz");
        fs::write(&archive, &of_folder.archive).unwrap();
        let of_archive = Bundle::at(&archive, BOUNDS).unwrap();

        assert_eq!(of_folder.archive, of_package.archive);
        assert_eq!(of_folder.archive, of_archive.archive);
        assert_eq!(of_archive.id.to_string(), "hello@1.0.0");
        assert_eq!((of_archive.files, of_archive.warnings.len()), (3, 0));
    }

    #[test]
    fn what_cannot_be_published_is_told_before_a_registry_is_asked() {
        let told = |result: Result<Bundle, BundleError>| result.unwrap_err().to_string();
        let with = |change: fn(&mut Value)| {
            bundle(&[("package.json", &manifest(change)), ("template.js", VIEW)])
        };
        assert!(told(bundle(&[])).contains("is no component"));
        assert!(told(bundle(&[("package.json", "{}")])).contains("oc package"));
        assert!(told(with(|it| it["name"] = json!("a b"))).contains("`name` is \"a b\""));
        assert!(told(with(|it| it["version"] = json!("1"))).contains("`version` is \"1\""));
        assert!(told(with(|it| it["oc"] = json!(1))).contains("not valid"));
        let named = with(|it| it["oc"]["files"]["template"]["src"] = json!("view.js"));
        assert!(told(named).contains("names `view.js`"));
        let env = with(|it| it["oc"]["files"]["env"] = json!(".env.production"));
        assert!(told(env).contains("names `.env`"));
        assert!(told(Bundle::at(Path::new("/nowhere/at/all"), BOUNDS)).contains("cannot be read"));
    }

    #[test]
    fn empty_static_folder_is_a_warning() {
        let files = [("package.json", &*manifest(|_| {})), ("template.js", VIEW)];
        assert_eq!(
            bundle(&files).unwrap().warnings,
            ["the static folder `img` is empty"]
        );
    }
}
