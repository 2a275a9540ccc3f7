//! From text to comparators, by the same steps as npm's `Range` and `Comparator`.
//!
//! npm rewrites the text several times before it reads it; what it accepts by that is kept:
//! `~ > 1` is `~1`, `1.2.3*` is `1.2.3`.
//!
//! Source: `classes/range.js`, `classes/comparator.js` of npm's `semver` 7.8.

use std::{borrow::Cow, fmt::Write};

use super::{Comparator, Operator};
use crate::{
    grammar::{self, PartialVersion},
    version::VERSION_MAX,
};

/// The sets of a range, or `None` when one of its comparators is invalid.
pub(super) fn sets(text: &str) -> Option<Vec<Vec<Comparator>>> {
    let raw = collapse(text);
    if !raw.is_ascii() {
        return None;
    }
    let mut sets = raw
        .split("||")
        .map(|part| set(part.trim_matches(' ')))
        .collect::<Option<Vec<_>>>()?;
    if sets.len() > 1 {
        let first = sets[0].clone();
        sets.retain(|set| !set.first().is_some_and(Comparator::is_null));
        if sets.is_empty() {
            sets.push(first);
        } else if sets.iter().any(Vec::is_empty) {
            // `*` swallows the others, prereleases that they name included.
            sets = vec![Vec::new()];
        }
    }
    Some(sets)
}

/// One set: comparators that must all hold.
fn set(part: &str) -> Option<Vec<Comparator>> {
    let part = without_builds(part);
    let part = hyphen(part.trim_matches(' '))?;
    let part = join_operators(&part);
    let part = join_tildes(&part);
    let part = join_carets(&part);
    let mut comparators = Vec::new();
    for token in part.split(' ') {
        comparators.extend(desugar(token)?);
    }
    if let Some(null) = comparators.iter().position(Comparator::is_null) {
        comparators = vec![comparators.swap_remove(null)];
    }
    Some(comparators)
}

/// Makes every run of space one `' '` and none at the ends.
fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text
        .split(grammar::is_space)
        .filter(|word| !word.is_empty())
    {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// `HYPHENRANGE`: `1.2 - 3.4` becomes `>=1.2.0 <3.5.0-0`.
fn hyphen(part: &str) -> Option<Cow<'_, str>> {
    let matched = grammar::partial_version(part).and_then(|from| {
        let rest = part[from.len..].strip_prefix(" - ")?;
        let to = grammar::partial_version(rest).filter(|to| to.len == rest.len())?;
        Some((from, rest, to))
    });
    let Some((from, rest, to)) = matched else {
        return Some(Cow::Borrowed(part));
    };
    let mut rewritten = String::new();
    if let Some(major) = from.major {
        // Writing to a String cannot fail.
        let _ = match (from.minor, from.patch) {
            (None, _) => write!(rewritten, ">={major}.0.0"),
            (Some(minor), None) => write!(rewritten, ">={major}.{minor}.0"),
            (Some(_), Some(_)) => write!(rewritten, ">={}", &part[..from.len]),
        };
    }
    rewritten.push(' ');
    if let Some(major) = to.major {
        let _ = match (to.minor, to.patch, to.prerelease) {
            (None, ..) => write!(rewritten, "<{}.0.0-0", next(major)?),
            (Some(minor), None, _) => write!(rewritten, "<{major}.{}.0-0", next(minor)?),
            (Some(minor), Some(patch), Some(identifiers)) => {
                write!(rewritten, "<={major}.{minor}.{patch}-{identifiers}")
            }
            (Some(_), Some(_), None) => write!(rewritten, "<={rest}"),
        };
    }
    Some(Cow::Owned(rewritten.trim_matches(' ').to_owned()))
}

/// `COMPARATORTRIM`: `> 1.2.3` becomes `>1.2.3`.
fn join_operators(part: &str) -> String {
    let bytes = part.as_bytes();
    // One at most, as in npm: there can be more where build metadata was.
    let spaces = |at: usize| usize::from(bytes.get(at) == Some(&b' '));
    let mut joined = String::with_capacity(part.len());
    let mut at = 0;
    while at < part.len() {
        let start = at + spaces(at);
        let operator_end = start + grammar::operator(&bytes[start..]);
        let version = operator_end + spaces(operator_end);
        let len = grammar::loose_version(&part[version..])
            .or_else(|| grammar::partial_version(&part[version..]).map(|partial| partial.len));
        if let Some(len) = len {
            joined.push_str(&part[at..operator_end]);
            joined.push_str(&part[version..version + len]);
            at = version + len;
        } else {
            joined.push(char::from(bytes[at]));
            at += 1;
        }
    }
    joined
}

/// `TILDETRIM`: `~> 1.2.3` and `~ 1.2.3` become `~1.2.3`.
fn join_tildes(part: &str) -> String {
    let mut joined = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('~') {
        joined.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let after = rest.strip_prefix('>').unwrap_or(rest);
        if let Some(after) = after.strip_prefix(' ') {
            rest = after;
        }
    }
    joined + rest
}

/// `CARETTRIM`: `^ 1.2.3` becomes `^1.2.3`.
fn join_carets(part: &str) -> String {
    part.replace("^ ", "^")
}

/// The comparators of one token; none for `*`.
fn desugar(token: &str) -> Option<Vec<Comparator>> {
    let token = without_build(token);
    let whole = |text: &'static str| {
        let rest = token.strip_prefix(text)?;
        partial(rest)
    };
    if let Some(version) = whole("^") {
        return caret(&version);
    }
    if let Some(version) = whole("~>").or_else(|| whole("~")) {
        return tilde(&version);
    }
    let operator = grammar::operator(token.as_bytes());
    if let Some(version) = partial(&token[operator..])
        && (version.major.is_none() || version.minor.is_none() || version.patch.is_none())
        && has_wildcards_last(&version)
    {
        return x_range(&token[..operator], &version);
    }
    comparator(&without_star(&token))
}

/// Whether no number stands behind a wildcard: `*.1` is no range.
fn has_wildcards_last(version: &PartialVersion<'_>) -> bool {
    (version.major.is_some() || version.minor.is_none())
        && (version.minor.is_some() || version.patch.is_none())
}

/// `token` as a whole `XRANGEPLAIN`.
fn partial(token: &str) -> Option<PartialVersion<'_>> {
    grammar::partial_version(token).filter(|version| version.len == token.len())
}

/// `^1.2.3` is `>=1.2.3 <2.0.0-0`: the leftmost number that is not zero stays.
fn caret(version: &PartialVersion<'_>) -> Option<Vec<Comparator>> {
    let Some(major) = version.major else {
        return Some(Vec::new());
    };
    let (minor, patch) = (version.minor, version.patch);
    let upper = match (major, minor, patch) {
        ("0", Some("0"), Some(patch)) => ["0", "0", &next(patch)?].map(str::to_owned),
        ("0", Some(minor), _) => ["0", &next(minor)?, "0"].map(str::to_owned),
        _ => [&next(major)?, "0", "0"].map(str::to_owned),
    };
    between(version, upper.each_ref().map(String::as_str))
}

/// `~1.2.3` is `>=1.2.3 <1.3.0-0`, `~1` is `>=1.0.0 <2.0.0-0`.
fn tilde(version: &PartialVersion<'_>) -> Option<Vec<Comparator>> {
    match (version.major, version.minor) {
        (None, _) => Some(Vec::new()),
        (Some(major), None) => between(version, [&next(major)?, "0", "0"]),
        (Some(major), Some(minor)) => between(version, [major, &next(minor)?, "0"]),
    }
}

/// `XRANGE`: an operator, perhaps none, and a version with a wildcard.
fn x_range(operator: &str, version: &PartialVersion<'_>) -> Option<Vec<Comparator>> {
    let Some(major) = version.major else {
        return match operator {
            ">" | "<" => Some(vec![bound(Operator::Less, ["0", "0", "0"], "0")?]),
            _ => Some(Vec::new()),
        };
    };
    let low = [major, version.minor.unwrap_or("0"), "0"];
    let after = || {
        Some(match version.minor {
            None => [next(major)?, "0".to_owned()],
            Some(minor) => [major.to_owned(), next(minor)?],
        })
    };
    let below = |[major, minor]: [String; 2]| bound(Operator::Less, [&major, &minor, "0"], "0");
    match operator {
        ">" => {
            let [major, minor] = after()?;
            at_least([&major, &minor, "0"], "")
        }
        "<=" => Some(vec![below(after()?)?]),
        "<" => Some(vec![bound(Operator::Less, low, "0")?]),
        ">=" => at_least(low, ""),
        _ => {
            let mut comparators = at_least(low, "")?;
            comparators.push(below(after()?)?);
            Some(comparators)
        }
    }
}

/// From `version`, its wildcards as zeros, up to but without `upper`.
fn between(version: &PartialVersion<'_>, upper: [&str; 3]) -> Option<Vec<Comparator>> {
    let minor = version.minor.unwrap_or("0");
    let patch = version.minor.and(version.patch).unwrap_or("0");
    let identifiers = version
        .minor
        .and(version.patch)
        .and(version.prerelease)
        .unwrap_or("");
    let mut comparators = at_least([version.major?, minor, patch], identifiers)?;
    comparators.push(bound(Operator::Less, upper, "0")?);
    Some(comparators)
}

/// `>=release`; npm replaces `>=0.0.0` by `*`.
fn at_least(release: [&str; 3], prerelease: &str) -> Option<Vec<Comparator>> {
    let comparator = bound(Operator::GreaterOrEqual, release, prerelease)?;
    let anything = comparator.release == [0; 3] && prerelease.is_empty();
    Some(if anything {
        Vec::new()
    } else {
        vec![comparator]
    })
}

fn bound(operator: Operator, release: [&str; 3], prerelease: &str) -> Option<Comparator> {
    let [major, minor, patch] = release.map(grammar::to_number);
    let length: usize = release.iter().map(|part| part.len()).sum();
    if length + prerelease.len() + 3 > VERSION_MAX {
        return None;
    }
    Some(Comparator {
        operator,
        release: [major?, minor?, patch?],
        prerelease: Box::from(prerelease),
    })
}

/// `COMPARATOR`: an operator and a full version.
fn comparator(token: &str) -> Option<Vec<Comparator>> {
    if token.is_empty() || token == ">=0.0.0" {
        return Some(Vec::new());
    }
    let (operator, text) = token.split_at(grammar::operator(token.as_bytes()));
    let operator = match operator {
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => Operator::Equal,
    };
    let version = grammar::full_version(text).filter(|_| text.len() <= VERSION_MAX)?;
    Some(vec![Comparator {
        operator,
        release: version.release,
        prerelease: Box::from(&text[version.prerelease]),
    }])
}

/// Without any `BUILD`: `1.2.3+build` is `1.2.3`.
fn without_builds(part: &str) -> Cow<'_, str> {
    let mut stripped = Cow::Borrowed(part);
    loop {
        match without_build(&stripped) {
            Cow::Borrowed(_) => return stripped,
            Cow::Owned(shorter) => stripped = Cow::Owned(shorter),
        }
    }
}

/// Without the first `BUILD` found anywhere in the token.
fn without_build(token: &str) -> Cow<'_, str> {
    let found = token
        .match_indices('+')
        .find_map(|(at, _)| Some((at, grammar::build(&token.as_bytes()[at..])?)));
    match found {
        None => Cow::Borrowed(token),
        Some((at, len)) => Cow::Owned([&token[..at], &token[at + len..]].concat()),
    }
}

/// Without the first `STAR` found anywhere in the token.
fn without_star(token: &str) -> Cow<'_, str> {
    let Some(star) = token.find('*') else {
        return Cow::Borrowed(token);
    };
    let before = &token[..star];
    let before = before.strip_suffix('=').unwrap_or(before);
    let before = before.strip_suffix(['<', '>']).unwrap_or(before);
    Cow::Owned([before, &token[star + 1..]].concat())
}

/// The number after `digits`; `None` when npm could not hold it.
fn next(digits: &str) -> Option<String> {
    let number = grammar::to_number(digits)? + 1;
    (number <= grammar::NUMBER_MAX).then(|| number.to_string())
}
