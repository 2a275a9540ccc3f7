//! Texts in a package that look like somebody's secrets.

use ochre_package::Package;

/// Files in which secrets are at home: they are never served.
const PRIVATE: [&str; 1] = [".env"];

/// Most warnings of one publish.
const WARNINGS_MAX: usize = 10;

/// What a secret begins with, how many characters of its alphabet follow, and what it is.
struct Shape {
    mark: &'static str,
    follows: usize,
    what: &'static str,
}

const SHAPES: [Shape; 8] = [
    shape("AKIA", 16, "an AWS access key"),
    shape("ghp_", 36, "a GitHub token"),
    shape("github_pat_", 22, "a GitHub token"),
    shape("glpat-", 20, "a GitLab token"),
    shape("xoxb-", 20, "a Slack token"),
    shape("npm_", 36, "an npm token"),
    shape("-----BEGIN PRIVATE KEY-----", 0, "a private key"),
    shape("-----BEGIN RSA PRIVATE KEY-----", 0, "a private key"),
];

const fn shape(mark: &'static str, follows: usize, what: &'static str) -> Shape {
    Shape {
        mark,
        follows,
        what,
    }
}

/// One sentence for each file that holds what looks like a secret. Blocks for as long as it takes
/// to read the package once for each shape.
pub(super) fn warnings(package: &Package) -> Vec<String> {
    let mut warnings = Vec::new();
    for file in &package.files {
        if PRIVATE.contains(&file.path.as_str()) {
            continue;
        }
        let found = SHAPES.iter().find(|shape| shape.is_in(&file.bytes));
        warnings.extend(found.map(|shape| {
            let (path, what) = (&file.path, shape.what);
            format!("`{path}` holds what looks like {what}: everybody may read it from now on")
        }));
        if warnings.len() == WARNINGS_MAX {
            break;
        }
    }
    warnings
}

// === impl Shape ===

impl Shape {
    fn is_in(&self, bytes: &[u8]) -> bool {
        let mark = self.mark.as_bytes();
        let is_secret = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        memchr::memmem::find_iter(bytes, mark).any(|start| {
            let before = start.checked_sub(1).map(|index| &bytes[index]);
            let after = &bytes[start + mark.len()..];
            let follows = after
                .iter()
                .take(self.follows)
                .filter(|byte| is_secret(byte));
            !before.is_some_and(u8::is_ascii_alphanumeric) && follows.count() == self.follows
        })
    }
}

#[cfg(test)]
mod tests {
    use ochre_package::{Limits, PackageBuilder, read};

    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        let manifest = r#"{"oc":{"files":{"template":{"type":"x"}}}}"#;
        let archive = PackageBuilder::new()
            .file("package.json", manifest)
            .file("template.js", "1")
            .file(path, text)
            .build()
            .unwrap();
        warnings(&read(archive.as_slice(), &Limits::default()).unwrap())
    }

    #[test]
    fn secrets_are_told_with_their_file() {
        let key = format!("var key='AKIA{}';", "A1".repeat(8));
        assert!(told("server.js", &key)[0].starts_with("`server.js` holds what looks like an AWS"));
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nx";
        assert!(told("img/a.txt", pem)[0].contains("a private key"));
    }

    #[test]
    fn what_only_begins_alike_is_no_secret() {
        for text in [
            "AKIA",
            "AKIA too short",
            "XAKIAABCDEFGHIJKLMNOP",
            "npm_install",
        ] {
            assert_eq!(told("a.js", text), [""; 0], "{text}");
        }
        let key = format!("AKIA{}", "A1".repeat(8));
        assert_eq!(told(".env", &key), [""; 0]);
    }
}
