//! Version ranges as npm's `semver` reads them, and how OpenComponents resolves a request.

mod parse;

use std::{cmp::Ordering, str::FromStr};

use crate::{Version, grammar};

/// Longest accepted range, in bytes. npm bounds a single version only; a request is bounded here.
const RANGE_MAX: usize = 512;

/// A range of versions: strict mode, prereleases only where a comparator names one.
#[derive(Clone, Debug)]
pub struct Range {
    /// A version satisfies the range when it satisfies all comparators of one set; a set without
    /// comparators is `*`.
    sets: Vec<Vec<Comparator>>,
}

/// The text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Longer than 512 bytes.
    #[error("range is longer than {RANGE_MAX} bytes")]
    TooLong,
    /// npm's `semver.validRange` answers `null`.
    #[error("range is not valid")]
    Invalid,
}

/// An operator and the version it compares with.
#[derive(Clone, Debug)]
struct Comparator {
    operator: Operator,
    release: [u64; 3],
    prerelease: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

// === impl Range ===

impl Range {
    /// Whether `version` satisfies the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.sets.iter().any(|set| satisfies(set, version))
    }

    /// The highest of `versions` (ascending) that satisfies the range, as `semver.maxSatisfying`:
    /// of several with equal precedence the first.
    pub fn max_satisfying<'a>(&self, versions: &'a [Version]) -> Option<&'a Version> {
        self.max_offered(versions, |_| true)
    }

    /// As [`Range::max_satisfying`] of those versions that are `offered`.
    fn max_offered<'a>(
        &self,
        versions: &'a [Version],
        offered: impl Fn(&Version) -> bool,
    ) -> Option<&'a Version> {
        let mut best: Option<&Version> = None;
        for version in versions.iter().rev() {
            let passed = best.is_some_and(|best| version.precedence(best) == Ordering::Less);
            if passed {
                break;
            }
            if self.matches(version) && offered(version) {
                best = Some(version);
            }
        }
        best
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if text.len() > RANGE_MAX {
            return Err(RangeError::TooLong);
        }
        parse::sets(text)
            .map(|sets| Self { sets })
            .ok_or(RangeError::Invalid)
    }
}

// === impl Comparator ===

impl Comparator {
    fn matches(&self, version: &Version) -> bool {
        let order = version.release().cmp(&self.release).then_with(|| {
            grammar::compare_prereleases(version.prerelease(), &self.prerelease, grammar::rounded)
        });
        match self.operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        }
    }

    /// Whether nothing satisfies it: `<0.0.0-0`, what npm makes of `<*`.
    fn is_null(&self) -> bool {
        self.operator == Operator::Less && self.release == [0; 3] && &*self.prerelease == "0"
    }
}

/// Resolves a requested version as OpenComponents does: no request means the highest stable
/// version or else the highest; a listed text means itself; all else is a range.
///
/// `versions`: ascending. An invalid or too long range resolves to nothing.
///
/// Source: `packages/oc/src/registry/domain/version-handler.ts`.
pub fn resolve<'a>(versions: &'a [Version], requested: &str) -> Option<&'a Version> {
    resolve_offered(versions, requested, |_| true)
}

/// As [`resolve`], where ranges and no request at all mean only versions that are `offered`.
///
/// A listed text means itself all the same.
pub fn resolve_offered<'a>(
    versions: &'a [Version],
    requested: &str,
    offered: impl Fn(&Version) -> bool,
) -> Option<&'a Version> {
    if requested.is_empty() {
        let any = Range {
            sets: vec![Vec::new()],
        };
        return any
            .max_offered(versions, &offered)
            .or_else(|| first_of_highest(versions, offered));
    }
    versions
        .iter()
        .find(|version| version.as_str() == requested)
        .or_else(|| {
            let range = requested.parse::<Range>().ok()?;
            range.max_offered(versions, offered)
        })
}

fn first_of_highest(versions: &[Version], offered: impl Fn(&Version) -> bool) -> Option<&Version> {
    let mut offered = versions.iter().rev().filter(|version| offered(version));
    let last = offered.next()?;
    offered
        .take_while(|version| version.precedence(last) == Ordering::Equal)
        .last()
        .or(Some(last))
}

fn satisfies(set: &[Comparator], version: &Version) -> bool {
    if !set.iter().all(|comparator| comparator.matches(version)) {
        return false;
    }
    // `^1.2.3-pr.1` accepts `1.2.3-pr.2` but no prerelease of another patch.
    !version.is_prerelease()
        || set.iter().any(|comparator| {
            !comparator.prerelease.is_empty() && comparator.release == version.release()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(requested: &str) -> Option<String> {
        let versions: Vec<Version> = [
            "1.0.0",
            "1.0.1",
            "1.1.0",
            "1.2.0",
            "1.2.1",
            "2.0.0",
            "2.1.0-beta.1",
            "3.0.0-rc.1",
        ]
        .map(|text| text.parse().unwrap())
        .into();
        resolve(&versions, requested).map(ToString::to_string)
    }

    #[test]
    fn requests_resolve_as_recorded_from_open_components() {
        for (requested, expected) in [
            ("", "2.0.0"),
            ("1", "1.2.1"),
            ("1.X", "1.2.1"),
            ("1.x.x", "1.2.1"),
            ("*", "2.0.0"),
            ("1.0", "1.0.1"),
            ("~1.2", "1.2.1"),
            ("^1", "1.2.1"),
            ("1.0.0 - 1.2.0", "1.2.0"),
            ("1.0.0 || 2.0.0", "2.0.0"),
            ("~3.0.0-rc", "3.0.0-rc.1"),
            (">=3.0.0-0", "3.0.0-rc.1"),
            ("3.0.0-rc.1", "3.0.0-rc.1"),
            ("v1.0.0", "1.0.0"),
            (" 1.0.0 ", "1.0.0"),
            ("=1.0.0", "1.0.0"),
            ("1.2.1+build", "1.2.1"),
            (">=1.1.0 <2", "1.2.1"),
        ] {
            assert_eq!(
                resolved(requested).as_deref(),
                Some(expected),
                "{requested}"
            );
        }
    }

    #[test]
    fn requests_that_nothing_satisfies_resolve_to_nothing() {
        for requested in [
            "2.1",
            "2.1.x",
            "3.x",
            "3.x.x",
            "latest",
            "abc",
            "01.0.0",
            "1.0.0-1.2.0",
            "undefined",
            "null",
            "~",
            "^",
            "-1",
            "\"1\"",
            "1,2",
            "<*",
            "1.0.0 é",
        ] {
            assert_eq!(resolved(requested), None, "{requested}");
        }
    }

    #[test]
    fn component_with_prereleases_only_answers_its_highest() {
        let versions = ["1.0.0-a", "1.0.0-b"].map(|text| text.parse().unwrap());
        assert_eq!(resolve(&versions, "").map(Version::as_str), Some("1.0.0-b"));
        assert_eq!(resolve(&versions, "x"), None);
    }

    #[test]
    fn endless_alternatives_are_refused_before_they_are_read() {
        assert_eq!(
            "||".repeat(5_000).parse::<Range>().unwrap_err(),
            RangeError::TooLong
        );
    }

    #[test]
    fn versions_that_are_not_offered_are_in_no_range_and_answer_to_their_text() {
        let versions: Vec<Version> = ["1.0.0", "1.1.0", "1.1.0+b", "2.0.0", "3.0.0-a"]
            .map(|text| text.parse().unwrap())
            .into();
        let without = |yanked: &[&str], requested: &str| {
            let offered = |version: &Version| !yanked.contains(&version.as_str());
            resolve_offered(&versions, requested, offered).map(ToString::to_string)
        };
        for (yanked, requested, expected) in [
            (&["2.0.0"][..], "", Some("1.1.0")),
            (&["2.0.0"], "2.0.0", Some("2.0.0")),
            (&["2.0.0"], "=2.0.0", None),
            (&["2.0.0"], ">=3.0.0-0", Some("3.0.0-a")),
            (&["1.1.0"], "1", Some("1.1.0+b")),
            (&["1.1.0", "1.1.0+b"], "^1", Some("1.0.0")),
            (&["1.0.0", "1.1.0", "1.1.0+b", "2.0.0"], "", Some("3.0.0-a")),
            (&["1.0.0", "1.1.0", "1.1.0+b", "2.0.0", "3.0.0-a"], "", None),
        ] {
            assert_eq!(
                without(yanked, requested).as_deref(),
                expected,
                "{requested} without {yanked:?}"
            );
        }
    }
}
