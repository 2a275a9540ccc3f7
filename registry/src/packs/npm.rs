//! One file of one pinned package from the npm registry, checked against its integrity hash.

use std::{io::Read, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ochre_engine::template::PackSpec;
use reqwest::{Client, Url};
use sha2::{Digest, Sha512};

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

    /// The file of `spec`, after the whole archive was checked.
    ///
    /// # Errors
    ///
    /// [`NpmError`].
    pub async fn file(&self, spec: &'static PackSpec) -> Result<Bytes, NpmError> {
        let package = format!("{}@{}", spec.npm_package, spec.version);
        let archive = self.archive(spec, &package).await?;
        let hash = format!("sha512-{}", STANDARD.encode(Sha512::digest(&archive)));
        if hash != spec.integrity {
            return Err(NpmError::Integrity(package));
        }
        let missing = NpmError::File {
            package,
            file: spec.file.to_owned(),
        };
        tokio::task::spawn_blocking(move || unpack(&archive, spec.file))
            .await
            .ok()
            .flatten()
            .ok_or(missing)
    }

    async fn archive(&self, spec: &PackSpec, package: &str) -> Result<Bytes, NpmError> {
        let failed = |source| NpmError::Fetch {
            package: package.to_owned(),
            source,
        };
        let base_name = spec.npm_package.rsplit('/').next().unwrap_or_default();
        let path = format!("{}/-/{base_name}-{}.tgz", spec.npm_package, spec.version);
        let url = self
            .url
            .join(&path)
            .map_err(|_| NpmError::Url(self.url.to_string()))?;
        let client = Client::builder().timeout(TIMEOUT).build().map_err(failed)?;
        let response = client.get(url).send().await.map_err(failed)?;
        let mut chunks = response.error_for_status().map_err(failed)?.bytes_stream();
        let mut archive = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            archive.extend_from_slice(&chunk.map_err(failed)?);
            if archive.len() > ARCHIVE_MAX {
                return Err(NpmError::TooLarge(package.to_owned()));
            }
        }
        Ok(archive.freeze())
    }
}

/// `package/{file}` of a checked archive.
fn unpack(archive: &[u8], file: &str) -> Option<Bytes> {
    #[expect(
        clippy::disallowed_types,
        reason = "the archive has a pinned hash, and what is read of it is bounded"
    )]
    let decoder = flate2::read::GzDecoder::new(archive);
    let mut entries = tar::Archive::new(decoder);
    let wanted = PathBuf::from(format!("package/{file}"));
    for entry in entries.entries().ok()? {
        let entry = entry.ok()?;
        if entry.path().ok()?.as_ref() == wanted {
            let mut bytes = Vec::new();
            entry.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
            return Some(Bytes::from(bytes));
        }
    }
    None
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
