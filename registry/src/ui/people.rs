//! What `package.json` tells people: persons, addresses, dependencies.

use serde_json::{Map, Value};

/// A link, or a text where the address is none that a browser should follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) text: String,
    /// An `http` or `https` URL.
    pub(super) href: Option<String>,
}

/// A person, in either of npm's forms.
pub(super) fn person(value: Option<&Value>) -> Option<Link> {
    let (text, url) = match value? {
        Value::String(text) => {
            let url = text
                .split('(')
                .nth(1)
                .and_then(|rest| rest.split(')').next());
            let name = text.split('(').next().unwrap_or_default();
            (name.trim().to_owned(), url.map(String::from))
        }
        Value::Object(person) => {
            let member = |name| person.get(name).and_then(Value::as_str);
            let text = match (member("name"), member("email")) {
                (Some(name), Some(email)) => format!("{name} <{email}>"),
                (name, email) => name.or(email)?.to_owned(),
            };
            (text, member("url").map(String::from))
        }
        _ => return None,
    };
    (!text.is_empty()).then(|| Link {
        text,
        href: url.filter(|url| is_web(url)),
    })
}

/// `repository`: a URL, git's forms of one, `github:owner/name` or `owner/name`.
pub(super) fn repository(raw: &Map<String, Value>) -> Option<Link> {
    let value = raw.get("repository")?;
    let text = value
        .as_str()
        .or_else(|| value.get("url").and_then(Value::as_str))?;
    let bare = text.trim().trim_end_matches(".git");
    let bare = bare.strip_prefix("git+").unwrap_or(bare);
    let is_short = bare.split('/').count() == 2 && !bare.contains([':', ' ', '@']);
    let href = if let Some(rest) = bare.strip_prefix("git://") {
        format!("https://{rest}")
    } else if let Some(rest) = bare
        .strip_prefix("ssh://git@")
        .or_else(|| bare.strip_prefix("git@"))
    {
        format!("https://{}", rest.replacen(':', "/", 1))
    } else if let Some(rest) = bare.strip_prefix("github:") {
        format!("https://github.com/{rest}")
    } else if is_short {
        format!("https://github.com/{bare}")
    } else {
        bare.to_owned()
    };
    let href = is_web(&href).then_some(href);
    let shown = href.as_deref().unwrap_or(bare);
    let shown = shown.split("://").nth(1).unwrap_or(shown);
    Some(Link {
        text: shown.to_owned(),
        href,
    })
}

/// `dependencies`: names and ranges.
pub(super) fn dependencies(raw: &Map<String, Value>) -> Vec<(String, String)> {
    let dependencies = raw.get("dependencies").and_then(Value::as_object);
    let dependencies = dependencies.into_iter().flatten();
    dependencies
        .map(|(name, range)| {
            let range = range.as_str().unwrap_or_default();
            (name.clone(), range.to_owned())
        })
        .collect()
}

fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repositories_are_linked_where_browsers_can_follow() {
        for (written, href) in [
            (
                json!("https://example.com/a/b"),
                Some("https://example.com/a/b"),
            ),
            (
                json!({"type": "git", "url": "git+https://example.com/a/b.git"}),
                Some("https://example.com/a/b"),
            ),
            (
                json!("git@example.com:a/b.git"),
                Some("https://example.com/a/b"),
            ),
            (json!("github:a/b"), Some("https://github.com/a/b")),
            (json!("a/b"), Some("https://github.com/a/b")),
            (json!("javascript:alert(1)"), None),
            (json!("javascript:alert(1)/x"), None),
        ] {
            let raw = Map::from_iter([("repository".to_owned(), written.clone())]);
            let link = repository(&raw).unwrap();
            assert_eq!(link.href.as_deref(), href, "{written}");
        }
    }

    #[test]
    fn persons_are_linked_to_web_pages_only() {
        let link = |value| person(Some(&value)).unwrap();
        let ada = link(json!("Ada <a@example.com> (https://ada.example)"));
        assert_eq!(ada.text, "Ada <a@example.com>");
        assert_eq!(ada.href.as_deref(), Some("https://ada.example"));
        let eve = link(json!({"name": "Eve", "url": "javascript:alert(1)"}));
        assert_eq!((&*eve.text, eve.href), ("Eve", None));
        assert_eq!(person(Some(&json!(""))), None);
    }
}
