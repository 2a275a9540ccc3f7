//! Headers that name what an answer is made of, so that a CDN can be told what to forget.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::render::Rendering;

/// Which header a CDN reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheTagHeader {
    /// `Surrogate-Key`: keys with spaces between (Fastly, Varnish).
    SurrogateKey,
    /// `Cache-Tag`: keys with commas between (Cloudflare, Akamai).
    CacheTag,
}

/// Adds the keys of a release to its answers: its name, and `name@version`.
///
/// They are the keys that `ochre-cdn-sync` has purged.
#[derive(Clone, Debug, Default)]
pub struct CacheTags(Vec<CacheTagHeader>);

// === impl CacheTags ===

impl CacheTags {
    /// The headers that are sent; none sends nothing.
    pub fn new(headers: &[CacheTagHeader]) -> Self {
        Self(headers.to_vec())
    }

    /// The keys of a rendering, if they are to be sent; failures have none, no cache keeps them.
    pub(crate) fn of(&self, rendering: &Rendering) -> Option<(String, String)> {
        if self.0.is_empty() {
            return None;
        }
        match rendering {
            Rendering::Success(success) => {
                let id = &success.release.id;
                Some((id.name.to_string(), id.version.to_string()))
            }
            Rendering::Info(info) => Some((info.name.clone(), info.version.clone())),
            Rendering::Foreign(_) | Rendering::Failure(_) => None,
        }
    }

    /// Adds the keys to an answer.
    pub(crate) fn add(&self, headers: &mut HeaderMap, (name, version): (&str, &str)) {
        for header in &self.0 {
            let (header, between) = match header {
                CacheTagHeader::SurrogateKey => ("surrogate-key", " "),
                CacheTagHeader::CacheTag => ("cache-tag", ","),
            };
            // Names and versions hold nothing that a header could not.
            if let Ok(value) = HeaderValue::from_str(&format!("{name}{between}{name}@{version}")) {
                headers.append(HeaderName::from_static(header), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_name_component_and_release() {
        let tags = CacheTags::new(&[CacheTagHeader::SurrogateKey, CacheTagHeader::CacheTag]);
        let mut headers = HeaderMap::new();
        tags.add(&mut headers, ("hello", "1.0.0"));
        assert_eq!(headers.get("surrogate-key").unwrap(), "hello hello@1.0.0");
        assert_eq!(headers.get("cache-tag").unwrap(), "hello,hello@1.0.0");
    }
}
