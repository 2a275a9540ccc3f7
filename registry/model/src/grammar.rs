//! The pieces of npm's version grammar: what its regular expressions match, without a regular
//! expression.
//!
//! Source: `internal/re.js` of npm's `semver` 7.7; the matchers bear the names used there.

use std::{cmp::Ordering, ops::Range};

/// Greatest accepted number (`Number.MAX_SAFE_INTEGER`).
pub(crate) const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// Most digits of a number in a pattern (`MAX_LENGTH`).
const DIGITS_MAX: usize = 256;

/// Most characters that follow the first of an identifier (`MAX_SAFE_BUILD_LENGTH`).
const IDENTIFIER_MAX: usize = 250;

/// What `FULLPLAIN` matched.
pub(crate) struct FullVersion {
    /// Major, minor, patch.
    pub(crate) release: [u64; 3],
    /// Bytes of the prerelease identifiers; empty when there are none.
    pub(crate) prerelease: Range<usize>,
}

/// What `XRANGEPLAIN` matched; `None` for an absent part and for `x`, `X`, `*`.
pub(crate) struct PartialVersion<'a> {
    pub(crate) major: Option<&'a str>,
    pub(crate) minor: Option<&'a str>,
    pub(crate) patch: Option<&'a str>,
    pub(crate) prerelease: Option<&'a str>,
    /// Bytes matched.
    pub(crate) len: usize,
}

/// Whether JavaScript's `\s` matches.
pub(crate) fn is_space(character: char) -> bool {
    (character.is_whitespace() && character != '\u{85}') || character == '\u{feff}'
}

/// `FULLPLAIN`, the whole text.
pub(crate) fn full_version(text: &str) -> Option<FullVersion> {
    let bytes = text.as_bytes();
    let mut at = usize::from(bytes.first() == Some(&b'v'));
    let mut release = [0; 3];
    for (index, number) in release.iter_mut().enumerate() {
        if index > 0 {
            at += literal(&bytes[at..], b'.')?;
        }
        let digits = numeric(&bytes[at..])?;
        *number = to_number(&text[at..at + digits])?;
        at += digits;
    }
    let prerelease = prerelease(&bytes[at..]).map_or(at..at, |len| at + 1..at + len);
    let after = at.max(prerelease.end);
    let end = after + build(&bytes[after..]).unwrap_or(0);
    (end == bytes.len()).then_some(FullVersion {
        release,
        prerelease,
    })
}

/// `XRANGEPLAIN`, from the start of the text.
pub(crate) fn partial_version(text: &str) -> Option<PartialVersion<'_>> {
    let bytes = text.as_bytes();
    let mut at = prefix(bytes);
    let mut parts = [None; 3];
    let mut found = 0;
    for part in &mut parts {
        let dot = usize::from(found > 0);
        if dot == 1 && literal(&bytes[at..], b'.').is_none() {
            break;
        }
        let Some(len) = wildcard(&bytes[at + dot..]).or_else(|| numeric(&bytes[at + dot..])) else {
            break;
        };
        let matched = &text[at + dot..at + dot + len];
        *part = matched.as_bytes()[0].is_ascii_digit().then_some(matched);
        at += dot + len;
        found += 1;
    }
    if found == 0 {
        return None;
    }
    let mut identifiers = None;
    if found == parts.len() {
        if let Some(len) = prerelease(&bytes[at..]) {
            identifiers = Some(&text[at + 1..at + len]);
            at += len;
        }
        at += build(&bytes[at..]).unwrap_or(0);
    }
    let [major, minor, patch] = parts;
    Some(PartialVersion {
        major,
        minor,
        patch,
        prerelease: identifiers,
        len: at,
    })
}

/// `LOOSEPLAIN`, from the start of the text: how many bytes it matches.
pub(crate) fn loose_version(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = prefix(bytes);
    for index in 0..3 {
        if index > 0 {
            at += literal(&bytes[at..], b'.')?;
        }
        at += loose_numeric(&bytes[at..])?;
    }
    let dash = usize::from(bytes.get(at) == Some(&b'-'));
    let identifiers = listed(&bytes[at + dash..], loose_identifier)
        .map(|len| dash + len)
        .or_else(|| listed(&bytes[at..], loose_identifier));
    at += identifiers.unwrap_or(0);
    Some(at + build(&bytes[at..]).unwrap_or(0))
}

/// `BUILD`, from the start: how many bytes it matches.
pub(crate) fn build(bytes: &[u8]) -> Option<usize> {
    literal(bytes, b'+')?;
    listed(&bytes[1..], |rest| {
        match run(rest, is_identifier, IDENTIFIER_MAX) {
            0 => None,
            len => Some(len),
        }
    })
    .map(|len| 1 + len)
}

/// `GTLT`, from the start: how many bytes it matches.
pub(crate) fn operator(bytes: &[u8]) -> usize {
    let angle = usize::from(matches!(bytes.first(), Some(b'<' | b'>')));
    angle + usize::from(bytes.get(angle) == Some(&b'='))
}

/// The number that `digits` write, unless it is greater than [`NUMBER_MAX`].
pub(crate) fn to_number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

/// Compares prerelease identifiers; `numbers` compares two that are all digits.
pub(crate) fn compare_prereleases(
    left: &str,
    right: &str,
    numbers: fn(&str, &str) -> Ordering,
) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut lefts, mut rights) = (left.split('.'), right.split('.'));
    loop {
        match (lefts.next(), rights.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) => return compare_identifiers(left, right, numbers),
        }
    }
}

/// Compares two numbers by their digits.
pub(crate) fn exact(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Compares two numbers as JavaScript numbers.
pub(crate) fn rounded(left: &str, right: &str) -> Ordering {
    let [left, right] = [left, right].map(|digits| digits.parse().unwrap_or(f64::INFINITY));
    left.total_cmp(&right)
}

fn compare_identifiers(left: &str, right: &str, numbers: fn(&str, &str) -> Ordering) -> Ordering {
    let [is_left, is_right] =
        [left, right].map(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (is_left, is_right) {
        (true, true) => numbers(left, right),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
    }
}

/// `[v=\s]*`; other space than `' '` was collapsed before.
fn prefix(bytes: &[u8]) -> usize {
    run(bytes, |byte| matches!(byte, b'v' | b'=' | b' '), usize::MAX)
}

/// `PRERELEASE`.
fn prerelease(bytes: &[u8]) -> Option<usize> {
    literal(bytes, b'-')?;
    listed(&bytes[1..], |rest| {
        non_numeric(rest).or_else(|| numeric(rest))
    })
    .map(|len| 1 + len)
}

/// `PRERELEASEIDENTIFIERLOOSE`.
fn loose_identifier(bytes: &[u8]) -> Option<usize> {
    non_numeric(bytes).or_else(|| loose_numeric(bytes))
}

/// `NONNUMERICIDENTIFIER`.
fn non_numeric(bytes: &[u8]) -> Option<usize> {
    let digits = run(bytes, |byte| byte.is_ascii_digit(), DIGITS_MAX);
    let letter = bytes.get(digits)?;
    (letter.is_ascii_alphabetic() || *letter == b'-')
        .then(|| digits + 1 + run(&bytes[digits + 1..], is_identifier, IDENTIFIER_MAX))
}

/// `NUMERICIDENTIFIER`.
fn numeric(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'0' => Some(1),
        b'1'..=b'9' => Some(1 + run(&bytes[1..], |byte| byte.is_ascii_digit(), DIGITS_MAX)),
        _ => None,
    }
}

/// `NUMERICIDENTIFIERLOOSE`.
fn loose_numeric(bytes: &[u8]) -> Option<usize> {
    match run(bytes, |byte| byte.is_ascii_digit(), DIGITS_MAX) {
        0 => None,
        len => Some(len),
    }
}

fn wildcard(bytes: &[u8]) -> Option<usize> {
    matches!(bytes.first()?, b'x' | b'X' | b'*').then_some(1)
}

fn literal(bytes: &[u8], byte: u8) -> Option<usize> {
    (bytes.first() == Some(&byte)).then_some(1)
}

/// One or more of `item`, separated by dots.
fn listed(bytes: &[u8], item: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let mut len = item(bytes)?;
    while bytes.get(len) == Some(&b'.') {
        let Some(next) = item(&bytes[len + 1..]) else {
            break;
        };
        len += 1 + next;
    }
    Some(len)
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn run(bytes: &[u8], of: impl Fn(u8) -> bool, max: usize) -> usize {
    bytes.iter().take(max).take_while(|byte| of(**byte)).count()
}
