//! What legitimately varies between two registries, by name.

use serde_json::Value;

/// Where one registry and its bucket are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// URL of the registry, with a slash at the end.
    pub(crate) registry: String,
    /// URL of the bucket, with a slash at the end.
    pub(crate) bucket: String,
}

/// Replaces, in any text: the registry's URL (`base url`), the bucket's URL (`bucket url`), and
/// every UUID (`render id`: a new one for each rendered answer).
pub(crate) fn text(text: &str, place: &Place) -> String {
    let host = |url: &str| {
        url.trim_start_matches("http:")
            .trim_start_matches('/')
            .to_owned()
    };
    let text = text
        .replace(&host(&place.bucket), "bucket/")
        .replace(&host(&place.registry), "registry/")
        .replace(host(&place.registry).trim_end_matches('/'), "registry");
    without_uuids(&text)
}

/// Replaces, in a JSON answer, the time of publishing (`publish date`: the fields `date` and
/// `publishDate`), beside what [`text`] replaces.
pub(crate) fn json(value: Value, place: &Place) -> Value {
    match value {
        Value::String(string) => Value::String(text(&string, place)),
        Value::Array(items) => items.into_iter().map(|item| json(item, place)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, member)| {
                let member = match (key.as_str(), &member) {
                    ("date", Value::Number(_)) => Value::String("DATE".to_owned()),
                    ("publishDate", Value::Number(_) | Value::String(_)) => {
                        Value::String("DATE".to_owned())
                    }
                    _ => json(member, place),
                };
                (key, member)
            })
            .collect(),
        other => other,
    }
}

fn without_uuids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(candidate) = rest.get(..36)
            && is_uuid(candidate)
        {
            out.push_str("UUID");
            rest = &rest[36..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    })
}
