//! Digests of stored files.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes whose digest is not computed on a thread that serves requests: it would keep others waiting.
const LONG: usize = 256 * 1024;

/// SHA-256 of some bytes, as 64 lower-case hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The text is no SHA-256 in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("digest is not 64 hexadecimal digits")]
pub struct DigestError;

/// What a release says of one of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Path relative to the package root, with `/` between segments (`img/logo.png`).
    pub path: String,
    /// SHA-256 of the whole file.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

// === impl Digest ===

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Computes the digest of `bytes`, beside the async threads where that takes long.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn computed(bytes: &Bytes) -> Self {
        if bytes.len() < LONG {
            return Self::of(bytes);
        }
        let shared = bytes.clone();
        let computed = tokio::task::spawn_blocking(move || Self::of(&shared)).await;
        // A runtime that ends begins no more tasks.
        computed.unwrap_or_else(|_| Self::of(bytes))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| DigestError)?;
        Ok(Self(bytes))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

// === impl FileDigest ===

impl FileDigest {
    /// Describes the file `path` that holds `bytes`.
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        Self {
            path: path.to_owned(),
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
        }
    }

    /// Whether `bytes` are the bytes described.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && self.sha256 == Digest::of(bytes)
    }
}
