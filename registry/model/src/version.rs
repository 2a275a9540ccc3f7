//! Exact versions, as npm's `semver` reads them.

use std::{cmp::Ordering, fmt, hash::Hash, str::FromStr};

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{grammar, text};

/// Longest accepted version text, in UTF-16 units (`MAX_LENGTH` of npm's `semver`).
pub(crate) const VERSION_MAX: usize = 256;

/// Bits of each number in [`Version::numbers`].
const NUMBER_BITS: u32 = 21;

/// In place of numbers that need more bits: they are read from the text.
const LARGE: u64 = u64::MAX;

/// An exact version that keeps the text it was published under.
///
/// Two versions are equal when their texts are; they are ordered by npm's `semver.compare`
/// (build metadata ignored), then by text. Buckets written by other registries can hold
/// `v1.0.0` beside `1.0.0`.
///
/// Registries hold millions of them: 40 bytes each, and nothing beside them when the text has at
/// most 24.
#[derive(Clone, Debug)]
pub struct Version {
    text: CompactString,
    /// Major, minor and patch number, in the order of versions.
    numbers: u64,
    /// Where the prerelease identifiers lie in `text`; empty when there are none.
    prerelease: (u16, u16),
}

/// The numbers of a version, without its prerelease identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionNumber {
    /// Up to 2^53 - 1, as the others.
    pub major: u64,
    /// See `major`.
    pub minor: u64,
    /// See `major`.
    pub patch: u64,
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

    /// Major, minor and patch number.
    pub fn number(&self) -> VersionNumber {
        let [major, minor, patch] = self.release();
        VersionNumber {
            major,
            minor,
            patch,
        }
    }

    /// Major, minor and patch number.
    pub(crate) fn release(&self) -> [u64; 3] {
        if self.numbers == LARGE {
            let text = self.text.trim_matches(grammar::is_space);
            // The text was read before.
            return grammar::full_version(text).map_or([0; 3], |full| full.release);
        }
        let mask = (1 << NUMBER_BITS) - 1;
        [2, 1, 0].map(|place| (self.numbers >> (place * NUMBER_BITS)) & mask)
    }

    fn compare_release(&self, other: &Self) -> Ordering {
        if self.numbers == LARGE || other.numbers == LARGE {
            return self.release().cmp(&other.release());
        }
        self.numbers.cmp(&other.numbers)
    }

    /// The prerelease identifiers with their dots; empty for a stable version.
    pub fn prerelease(&self) -> &str {
        let (start, end) = self.prerelease;
        &self.text[usize::from(start)..usize::from(end)]
    }

    /// Whether the version has prerelease identifiers.
    pub fn is_prerelease(&self) -> bool {
        self.prerelease.0 < self.prerelease.1
    }

    /// Whether the text is as `semver.valid` would take it unchanged: no prefix, no space.
    pub fn is_canonical(&self) -> bool {
        self.text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
            && self.text.trim_end_matches(grammar::is_space).len() == self.text.len()
    }

    /// Compares as npm's `semver.compare`: texts and build metadata do not count.
    ///
    /// Prerelease numbers above 2^53 are compared after rounding, as npm does; [`Ord`] compares
    /// them exactly, because a sort needs a total order.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.compare_release(other).then_with(|| {
            grammar::compare_prereleases(self.prerelease(), other.prerelease(), grammar::rounded)
        })
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        // A UTF-16 unit is one to three bytes of UTF-8.
        let is_long = text.len() > VERSION_MAX;
        if is_long && (text.len() > 3 * VERSION_MAX || text.encode_utf16().count() > VERSION_MAX) {
            return Err(VersionError);
        }
        let trimmed = text.trim_matches(grammar::is_space);
        let full = grammar::full_version(trimmed).ok_or(VersionError)?;
        let offset = text.len() - text.trim_start_matches(grammar::is_space).len();
        let [start, end] = [full.prerelease.start, full.prerelease.end]
            .map(|at| u16::try_from(offset + at).map_err(|_| VersionError));
        Ok(Self {
            text: CompactString::new(text),
            numbers: pack(full.release),
            prerelease: (start?, end?),
        })
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
        self.compare_release(other)
            .then_with(|| {
                grammar::compare_prereleases(self.prerelease(), other.prerelease(), grammar::exact)
            })
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn pack(release: [u64; 3]) -> u64 {
    if release.iter().any(|number| number >> NUMBER_BITS != 0) {
        return LARGE;
    }
    let append = |packed, number| (packed << NUMBER_BITS) | number;
    release.into_iter().fold(0, append)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn texts_that_npm_takes_are_versions() {
        for text in [
            "1.0.0",
            "v1.0.0",
            " 1.0.0\n",
            "1.0.0-rc.1+b",
            "0.0.0-0",
            "\u{feff}1.0.0",
        ] {
            assert_eq!(version(text).as_str(), text);
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        let long = format!("1.0.0-{}", "a".repeat(VERSION_MAX));
        for text in [
            "",
            "1.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "latest",
            "..",
            "1.0.0/../..",
            "=1.0.0",
            "v 1.0.0",
            "9007199254740992.0.0",
            "١.0.0",
            "1.0.0 0",
            "1.0.0+",
            "1.0.0\u{85}",
            &long,
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text}");
        }
    }

    #[test]
    fn order_is_that_of_npm_then_of_the_texts() {
        let ascending = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0",
            "1.0.0+b",
            "v1.0.0",
            "1.0.1",
            "2.0.0",
        ];
        let mut versions: Vec<_> = ascending.iter().rev().map(|text| version(text)).collect();
        versions.sort();
        assert_eq!(
            versions.iter().map(Version::as_str).collect::<Vec<_>>(),
            ascending
        );
    }

    #[test]
    fn canonical_texts_have_no_prefix_and_no_space() {
        assert!(version("1.0.0-rc.1").is_canonical());
        for text in ["v1.0.0", " 1.0.0", "1.0.0\n"] {
            assert!(!version(text).is_canonical(), "{text:?}");
        }
    }

    #[test]
    fn numbers_of_any_size_keep_their_order() {
        let ascending = [
            "0.0.0",
            "0.0.2097151",
            "0.0.2097152",
            "0.1.0",
            "1.0.9007199254740991",
            "2097151.2097151.2097151",
            "2097152.0.0",
            " v9007199254740991.9007199254740991.9007199254740991 ",
        ]
        .map(version);
        assert!(ascending.is_sorted_by(|a, b| a < b && a.precedence(b) == Ordering::Less));
        let last = ascending.last().unwrap();
        assert_eq!(last.release(), [grammar::NUMBER_MAX; 3]);
        assert_eq!(version("2097151.2.3").release(), [2_097_151, 2, 3]);
    }

    #[test]
    fn a_version_is_small() {
        assert_eq!(size_of::<Version>(), 40);
    }
}
