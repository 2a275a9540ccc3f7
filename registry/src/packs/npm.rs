//! Files of pinned packages from the npm registry, checked against their integrity hashes.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ochre_engine::template::{FileSpec, NpmPackage, PackSpec};
use reqwest::{Client, Url};
use sha2::{Digest, Sha512};

use super::Progress;

/// Longest package archive read, in bytes.
const ARCHIVE_MAX: usize = 20 * 1024 * 1024;

/// Longest file taken from a package, in bytes.
const FILE_MAX: u64 = 8 * 1024 * 1024;

/// Longest time for one package.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An npm registry.
#[derive(Clone, Debug)]
pub struct NpmRegistry {
    url: Url,
}

/// Why a file was not had.
#[derive(Debug, thiserror::Error)]
pub enum NpmError {
    /// No registry is configured.
    #[error("no npm registry is configured: set `templates.npm_registry`, or npm's own `registry`")]
    NotConfigured,
    /// The configured URL is none.
    #[error("npm registry {0:?} is no URL: set `templates.npm_registry` to an http or https URL")]
    Url(String),
    /// No client can be made.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
    /// The registry did not answer as it should.
    #[error("npm registry did not send `{package}`")]
    Fetch {
        /// `name@version`.
        package: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The archive is too large.
    #[error("archive of `{0}` is larger than {ARCHIVE_MAX} bytes")]
    TooLarge(String),
    /// The bytes are not the pinned ones.
    #[error("archive of `{0}` does not have the pinned integrity hash; it was not used")]
    Integrity(String),
    /// The archive has no such file.
    #[error("archive of `{package}` has no readable file `{file}`")]
    File {
        /// `name@version`.
        package: String,
        /// Path in the package.
        file: String,
    },
}

// === impl NpmRegistry ===

impl NpmRegistry {
    /// The registry of the settings, else the one that npm is configured with.
    ///
    /// # Errors
    ///
    /// [`NpmError::NotConfigured`], [`NpmError::Url`].
    pub async fn find(setting: Option<&str>) -> Result<Self, NpmError> {
        let text = match setting {
            Some(text) => text.to_owned(),
            None => match from_environment().or_else(from_npmrc) {
                Some(text) => text,
                None => from_npm().await.ok_or(NpmError::NotConfigured)?,
            },
        };
        let slashed = format!("{}/", text.trim().trim_end_matches('/'));
        match Url::parse(&slashed) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self { url }),
            _ => Err(NpmError::Url(text)),
        }
    }

    /// The files of `spec` in its order, after the whole archives were checked.
    ///
    /// # Errors
    ///
    /// [`NpmError`].
    pub async fn files(
        &self,
        spec: &PackSpec,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Vec<Bytes>, NpmError> {
        let client = Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(NpmError::Client)?;
        let mut had = BTreeMap::new();
        for file in spec.files {
            let package = file.package;
            if had.contains_key(package.name) {
                continue;
            }
            progress(Progress::Fetching {
                package: package.name,
                version: package.version,
            });
            let own = spec.files.iter().filter(|other| other.package == package);
            let paths: Vec<&'static str> = own.map(|other| other.path).collect();
            let archive = self.archive(package, &client).await?;
            let files = taken(archive, package, paths).await?;
            progress(Progress::Checked {
                files: files.len(),
                bytes: files.values().map(Bytes::len).sum(),
            });
            had.insert(package.name, files);
        }
        let content = |file: &&'static FileSpec| {
            let files = had.get(file.package.name)?;
            files.get(file.path).cloned()
        };
        Ok(spec.files.iter().filter_map(content).collect())
    }

    /// The archive of a package, checked against its hash.
    async fn archive(&self, package: &NpmPackage, client: &Client) -> Result<Bytes, NpmError> {
        let NpmPackage { name, version, .. } = package;
        let failed = |source| NpmError::Fetch {
            package: label(package),
            source,
        };
        let base_name = name.rsplit('/').next().unwrap_or_default();
        let path = format!("{name}/-/{base_name}-{version}.tgz");
        let url = self
            .url
            .join(&path)
            .map_err(|_| NpmError::Url(self.url.to_string()))?;
        let response = client.get(url).send().await.map_err(failed)?;
        let mut chunks = response.error_for_status().map_err(failed)?.bytes_stream();
        let mut archive = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            archive.extend_from_slice(&chunk.map_err(failed)?);
            if archive.len() > ARCHIVE_MAX {
                return Err(NpmError::TooLarge(label(package)));
            }
        }
        let hash = format!("sha512-{}", STANDARD.encode(Sha512::digest(&archive)));
        if hash != package.integrity {
            return Err(NpmError::Integrity(label(package)));
        }
        Ok(archive.freeze())
    }
}

/// `react-dom@18.3.1`.
fn label(package: &NpmPackage) -> String {
    format!("{}@{}", package.name, package.version)
}

/// All of `paths` out of a checked archive.
async fn taken(
    archive: Bytes,
    package: &NpmPackage,
    paths: Vec<&'static str>,
) -> Result<BTreeMap<&'static str, Bytes>, NpmError> {
    let wanted = paths.clone();
    let unpacked = tokio::task::spawn_blocking(move || unpack(&archive, &wanted)).await;
    let files = unpacked.ok().flatten().unwrap_or_default();
    match paths.iter().find(|path| !files.contains_key(*path)) {
        Some(missing) => Err(NpmError::File {
            package: label(package),
            file: (*missing).to_owned(),
        }),
        None => Ok(files),
    }
}

/// Those of `paths` that a checked archive has below its first folder.
fn unpack(archive: &[u8], paths: &[&'static str]) -> Option<BTreeMap<&'static str, Bytes>> {
    #[expect(
        clippy::disallowed_types,
        reason = "the archive has a pinned hash, and what is read of it is bounded"
    )]
    let decoder = flate2::read::GzDecoder::new(archive);
    let mut entries = tar::Archive::new(decoder);
    let mut files = BTreeMap::new();
    for entry in entries.entries().ok()? {
        let entry = entry.ok()?;
        let at = entry.path().ok()?.components().skip(1).collect::<PathBuf>();
        if let Some(path) = paths.iter().find(|path| at == Path::new(path)) {
            let mut bytes = Vec::new();
            entry.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
            files.insert(*path, Bytes::from(bytes));
        }
    }
    Some(files)
}

/// npm reads its configuration from variables in either case.
fn from_environment() -> Option<String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .find(|(name, value)| {
            name.eq_ignore_ascii_case("npm_config_registry") && !value.trim().is_empty()
        })
        .map(|(_, value)| value)
}

/// `registry=` of the user's `.npmrc`.
fn from_npmrc() -> Option<String> {
    let file = std::env::home_dir()?.join(".npmrc");
    let text = std::fs::read_to_string(file).ok()?;
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "registry")
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// What npm itself says, where it is installed; its built-in default included.
async fn from_npm() -> Option<String> {
    let output = tokio::process::Command::new("npm")
        .args(["config", "get", "registry"])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let url = text.lines().last()?.trim().to_owned();
    output.status.success().then_some(url)
}
