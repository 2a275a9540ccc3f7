//! Paths in an archive that mean the same on every system.

use crate::{Limits, PackageError};

/// Longest part of a path, in bytes.
const PART_MAX: usize = 255;

/// Longest excerpt of a path in a message, in characters.
const EXCERPT: usize = 120;

/// Names that Windows gives to devices, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The path without `.` and empty parts, its parts joined by `/`; empty for the root.
pub(crate) fn normalise(bytes: &[u8], limits: &Limits) -> Result<String, PackageError> {
    let refuse = |problem| {
        Err(PackageError::Path {
            path: excerpt(bytes),
            problem,
        })
    };
    let Ok(path) = str::from_utf8(bytes) else {
        return refuse("it is not UTF-8");
    };
    if path.len() > limits.path_bytes {
        return refuse("it is too long");
    }
    if path.chars().any(char::is_control) {
        return refuse("it has a control character");
    }
    if path.contains('\\') {
        return refuse("it has a backslash");
    }
    if path.starts_with('/') || is_drive(path.as_bytes()) {
        return refuse("it is absolute");
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.len() > limits.path_depth {
        return refuse("it has too many parts");
    }
    if let Some(problem) = parts.iter().find_map(|part| part_problem(part)) {
        return refuse(problem);
    }
    Ok(parts.join("/"))
}

/// A path for a message: bounded, control characters escaped.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(EXCERPT)
        .flat_map(char::escape_debug)
        .collect()
}

fn part_problem(part: &str) -> Option<&'static str> {
    if part == ".." {
        Some("it has a part `..`")
    } else if part.len() > PART_MAX {
        Some("it has a part that is too long")
    } else if part.ends_with(['.', ' ']) {
        Some("it has a part that ends with a dot or a space")
    } else if is_staging(part) {
        Some("it has a part that ends with `#` and digits, which stores keep for themselves")
    } else if is_device(part) {
        Some("it has a part that is a device name")
    } else {
        None
    }
}

/// The name of a file that a folder store has not finished writing.
fn is_staging(part: &str) -> bool {
    part.rsplit_once('#').is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_drive(path: &[u8]) -> bool {
    matches!(path, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn is_device(part: &str) -> bool {
    let stem = part
        .split('.')
        .next()
        .unwrap_or(part)
        .trim_end()
        .to_lowercase();
    let numbered = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem.as_str())
        || numbered.is_some_and(|number| matches!(number, "¹" | "²" | "³"))
        || numbered.is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(path: &str) -> Result<String, PackageError> {
        normalise(path.as_bytes(), &Limits::default())
    }

    #[test]
    fn odd_but_harmless_paths_are_normalised() {
        for (path, expected) in [
            ("_package//x", "_package/x"),
            ("./_package/x", "_package/x"),
            ("_package/./a/", "_package/a"),
            ("_package/.env", "_package/.env"),
            ("_package/com/console.js", "_package/com/console.js"),
            ("./", ""),
        ] {
            assert_eq!(normalised(path).unwrap(), expected);
        }
    }

    #[test]
    fn unsafe_paths_are_refused() {
        let long_part = "a".repeat(PART_MAX + 1);
        let long = format!("{}b", "a/".repeat(512));
        let deep = "a/".repeat(33);
        for path in [
            "../x",
            "_package/../../x",
            "_package/..",
            "/etc/x",
            "C:\\x",
            "C:x",
            "_package\\..\\x",
            "a\u{0}b",
            "a\nb",
            "a\u{85}",
            "a.",
            "a ",
            "a#1",
            "a#1/b",
            "a /b",
            "...",
            "CON",
            "nul.txt",
            "a/Com1.js",
            "LPT9",
            "lpt¹",
            "conin$",
            &long_part,
            &long,
            &deep,
        ] {
            assert!(
                matches!(normalised(path), Err(PackageError::Path { .. })),
                "{path:?}"
            );
        }
        assert!(normalise(b"\xff", &Limits::default()).is_err());
    }
}
