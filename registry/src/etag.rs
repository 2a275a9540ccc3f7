//! Entity tags of answers, and whether a caller has the answer already.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// Length of the hash in a tag: 27 of the 28 characters, the last one is padding.
const HASH_LENGTH: usize = 27;

/// The tag that Express gives a body: `"<length in hex>-<start of base64(SHA-1)>"`.
///
/// Source: npm `etag`.
pub(crate) fn strong(body: &[u8]) -> String {
    let hash = STANDARD.encode(Sha1::digest(body));
    format!("\"{:x}-{}\"", body.len(), &hash[..HASH_LENGTH])
}

/// A weak tag of a body that is the same but for `id`, wherever it stands.
pub(crate) fn weak_without(body: &[u8], id: &str) -> String {
    let mut sha = Sha1::new();
    let mut rest = body;
    while let Some(at) = find(rest, id.as_bytes()) {
        sha.update(&rest[..at]);
        rest = &rest[at + id.len()..];
    }
    sha.update(rest);
    let hash = STANDARD.encode(sha.finalize());
    format!("W/\"{:x}-{}\"", body.len(), &hash[..HASH_LENGTH])
}

/// Whether `if_none_match` names `tag`, compared weakly.
pub(crate) fn matches(if_none_match: &str, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag);
    if_none_match
        .split(',')
        .any(|other| other.trim() == "*" || bare(other) == tag)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_tag_is_the_one_of_express() {
        assert_eq!(strong(b"[]"), "\"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w\"");
    }

    #[test]
    fn weak_tag_ignores_the_id() {
        let tag = |id: &str| weak_without(format!("<a id={id}>{id}</a>").as_bytes(), id);

        assert_eq!(tag("1111"), tag("2222"));
        assert_ne!(tag("1111"), weak_without(b"<b id=1111>1111</b>", "1111"));
    }

    #[test]
    fn lists_and_weak_tags_match() {
        assert!(matches("\"a\", W/\"b\"", "\"b\""));
        assert!(matches("*", "\"b\""));
        assert!(!matches("\"a\"", "\"b\""));
    }
}
