//! What the other registry answers, as callers get it.

use ochre_engine::driver::Cookie;
use serde_json::{Map, Value, json};

use super::FallbackError;

/// Longest text of the other registry that is told as an error, in bytes.
const TEXT_MAX: usize = 2 * 1024;

/// A component's answer by the other registry.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// HTTP status.
    pub status: u16,
    /// The answer's JSON.
    pub response: Map<String, Value>,
    /// Response headers that the component set; names lower-cased.
    pub headers: Vec<(String, String)>,
    /// Cookies that the component set.
    pub cookies: Vec<Cookie>,
}

// === impl Foreign ===

impl Foreign {
    /// The first entry of a batch's answer.
    ///
    /// # Errors
    ///
    /// [`FallbackError::Unavailable`] when it is no such answer.
    pub(super) fn parse(body: &[u8]) -> Result<Self, FallbackError> {
        let malformed = FallbackError::Unavailable("its answer is no batch");
        let Ok(Value::Array(entries)) = serde_json::from_slice(body) else {
            return Err(malformed);
        };
        let Some(entry) = entries.into_iter().next() else {
            return Ok(Self::absent("Component not found"));
        };
        let Value::Object(mut entry) = entry else {
            return Err(malformed);
        };
        let status = entry.get("status").and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let (Some(status @ (200 | 400..600)), Some(Value::Object(response))) =
            (status, entry.remove("response"))
        else {
            return Err(malformed);
        };
        Ok(Self {
            status,
            response,
            headers: headers(entry.remove("headers")),
            cookies: cookies(entry.remove("cookies")),
        })
    }

    /// OC's answer for a component that nobody has.
    pub(super) fn absent(text: &str) -> Self {
        let members = [("code", "NOT_FOUND"), ("error", text)];
        let members = members.map(|(name, value)| (name.to_owned(), json!(value)));
        Self {
            status: 404,
            response: members.into_iter().collect(),
            headers: Vec::new(),
            cookies: Vec::new(),
        }
    }

    /// What the other registry says when it does not have the component, shortened; `None` for
    /// every other answer, a component's own 404 included.
    pub(super) fn absence(&self) -> Option<String> {
        let code = self.response.get("code").and_then(Value::as_str);
        (self.status == 404 && code == Some("NOT_FOUND")).then(|| {
            let error = self.response.get("error").unwrap_or(&Value::Null);
            let text = error.as_str().map(str::to_owned);
            cut(text.unwrap_or_else(|| error.to_string()))
        })
    }

    /// The same as the answer to a request for `name` in version `requested`.
    pub(super) fn to(mut self, (name, requested): (&str, &str)) -> Self {
        for (member, value) in [("name", name), ("requestVersion", requested)] {
            self.response.insert(member.to_owned(), json!(value));
        }
        self
    }
}

fn headers(value: Option<Value>) -> Vec<(String, String)> {
    let Some(Value::Object(headers)) = value else {
        return Vec::new();
    };
    let texts = headers.into_iter().filter_map(|(name, value)| match value {
        Value::String(value) => Some((name.to_ascii_lowercase(), value)),
        _ => None,
    });
    texts.collect()
}

fn cookies(value: Option<Value>) -> Vec<Cookie> {
    let Some(Value::Array(cookies)) = value else {
        return Vec::new();
    };
    let known = cookies.into_iter().filter_map(|mut cookie| {
        Some(Cookie {
            name: cookie.get("name")?.as_str()?.to_owned(),
            value: cookie.get_mut("value").map(Value::take),
            options: cookie.get_mut("options").map(Value::take),
        })
    });
    known.collect()
}

/// A text of the other registry, shortened.
pub(super) fn text(body: &[u8]) -> String {
    // A character has at most four bytes.
    let body = &body[..body.len().min(TEXT_MAX + 4)];
    cut(String::from_utf8_lossy(body).into_owned())
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_entry_is_taken() {
        let body = r#"[{"status":200,"headers":{"X-A":"b","bad":1},"cookies":[{"name":"c","value":{"d":1}},7],
            "response":{"name":"x","html":"<p>"}},{"status":500}]"#;
        let foreign = Foreign::parse(body.as_bytes()).unwrap();

        assert_eq!(foreign.status, 200);
        assert_eq!(foreign.headers, [("x-a".to_owned(), "b".to_owned())]);
        assert_eq!(foreign.cookies.len(), 1);
        assert_eq!(foreign.response["html"], "<p>");
        assert_eq!(foreign.absence(), None);
    }

    #[test]
    fn no_entry_is_not_found() {
        let foreign = Foreign::parse(b"[]").unwrap();

        assert_eq!(foreign.status, 404);
        assert_eq!(
            Value::Object(foreign.response).to_string(),
            r#"{"code":"NOT_FOUND","error":"Component not found"}"#
        );
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for body in [
            "",
            "{}",
            "<html>",
            "[1]",
            "[{}]",
            r#"[{"status":99,"response":{}}]"#,
            r#"[{"status":304,"response":{}}]"#,
            r#"[{"status":200,"response":"x"}]"#,
        ] {
            assert!(Foreign::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn little_is_kept_of_a_long_absence() {
        let long = "é".repeat(1024 * 1024);
        let body = json!([{"status": 404, "response": {"code": "NOT_FOUND", "error": long}}]);
        let foreign = Foreign::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(foreign.absence().unwrap().capacity(), TEXT_MAX);

        let own = json!([{"status": 404, "response": {"code": "GENERIC_ERROR", "error": long}}]);
        let foreign = Foreign::parse(own.to_string().as_bytes()).unwrap();
        assert_eq!(foreign.absence(), None);
    }
}
