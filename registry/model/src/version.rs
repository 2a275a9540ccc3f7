//! Exact versions, as npm's `semver` reads them.

use std::{cmp::Ordering, fmt, hash::Hash, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest accepted version text, in bytes (`MAX_LENGTH` of npm's `semver`).
const VERSION_MAX: usize = 256;

/// Greatest accepted number (`Number.MAX_SAFE_INTEGER`).
const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// An exact version that keeps the text it was published under.
///
/// Two versions are equal when their texts are; they are ordered by npm's `semver.compare`
/// (build metadata ignored), then by text. Buckets written by other registries can hold
/// `v1.0.0` beside `1.0.0`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: Arc<str>,
    number: semver::Version,
}

/// The text is no version for npm's `semver.valid`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version is not a semantic version")]
pub struct VersionError;

// === impl Version ===

impl Version {
    /// The text as published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed number.
    pub fn number(&self) -> &semver::Version {
        &self.number
    }

    /// Whether the text is what `semver.valid` would print: no prefix, no space.
    pub fn is_canonical(&self) -> bool {
        self.text.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && !self.text.ends_with(char::is_whitespace)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text.len() > VERSION_MAX {
            return Err(VersionError);
        }
        let trimmed = text.trim();
        let bare = trimmed
            .strip_prefix(['v', '='])
            .map_or(trimmed, str::trim_start);
        let number = semver::Version::parse(bare).map_err(|_| VersionError)?;
        if [number.major, number.minor, number.patch]
            .iter()
            .any(|part| *part > NUMBER_MAX)
        {
            return Err(VersionError);
        }
        Ok(Self {
            text: Arc::from(text),
            number,
        })
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text.as_ref().to_owned()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number
            .cmp_precedence(&other.number)
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
