//! One request and its answer, within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{
    RequestBuilder, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How much of an unexpected body is kept for messages, in bytes.
const EXCERPT_MAX: usize = 2048;

/// How much is kept of an answer that confirms nothing, in characters.
const UNCONFIRMED_MAX: usize = 200;

/// What can go wrong with any exchange.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No connection, or it broke before the answer began.
    #[error("registry could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The time of [`ClientOptions`](crate::ClientOptions) ran out.
    #[error("registry did not answer in time")]
    TimedOut,
    /// The answer broke off.
    #[error("answer was interrupted")]
    Interrupted(#[source] reqwest::Error),
    /// The answer is longer than accepted.
    #[error("answer is larger than {limit} bytes")]
    AnswerTooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The answer is not what the protocol says.
    #[error("answer is not of the registry protocol")]
    Malformed(#[source] serde_json::Error),
    /// Status 200, without the member that says that it was done: perhaps something else listens
    /// at the URL.
    #[error("status 200 does not confirm it, no `\"{member}\": true` in {content_type}: {excerpt}")]
    Unconfirmed {
        /// The member that an answer of the protocol has.
        member: &'static str,
        /// The answer's `content-type`.
        content_type: String,
        /// The first 200 characters of the body, control characters escaped.
        excerpt: String,
    },
    /// A status that the operation does not know.
    #[error("registry answered status {status}: {excerpt}")]
    UnexpectedStatus {
        /// HTTP status.
        status: u16,
        /// The start of the body, as text.
        excerpt: String,
    },
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

/// What an error body says, in any of the shapes that registries use.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ErrorBody {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
    pub(crate) same_content: Option<bool>,
}

/// Sends `request` and reads its answer, of at most `limit` bytes.
pub(crate) async fn send(request: RequestBuilder, limit: usize) -> Result<Answer, ExchangeError> {
    let mut response = request
        .send()
        .await
        .map_err(|error| timed_out_or(error, ExchangeError::Unreachable))?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| timed_out_or(error, ExchangeError::Interrupted))?
    {
        if body.len() + chunk.len() > limit {
            return Err(ExchangeError::AnswerTooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        retry_after: retry_after(response.headers()),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

fn timed_out_or(
    error: reqwest::Error,
    other: fn(reqwest::Error) -> ExchangeError,
) -> ExchangeError {
    if error.is_timeout() {
        ExchangeError::TimedOut
    } else {
        // Whoever asked knows the URL; parameters do not belong into logs.
        other(error.without_url())
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Text that neither moves a cursor nor starts a line.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        if one.is_control() {
            shown.extend(one.escape_default());
        } else {
            shown.push(one);
        }
    }
    shown
}

// === impl Answer ===

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ExchangeError> {
        serde_json::from_slice(&self.body).map_err(ExchangeError::Malformed)
    }

    /// The body, when it is a JSON object with `true` as `member`; only that tells a success, since
    /// proxies and other servers answer 200 as well.
    pub(crate) fn confirmed(&self, member: &'static str) -> Result<Value, ExchangeError> {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) if body.get(member) == Some(&Value::Bool(true)) => Ok(body),
            _ => Err(self.unconfirmed(member)),
        }
    }

    fn unconfirmed(&self, member: &'static str) -> ExchangeError {
        let content_type = self.headers.get(CONTENT_TYPE).map_or_else(
            || "an answer without content-type".to_owned(),
            |value| String::from_utf8_lossy(value.as_bytes()).into_owned(),
        );
        let excerpt: String = self.excerpt().chars().take(UNCONFIRMED_MAX).collect();
        ExchangeError::Unconfirmed {
            member,
            content_type: visible(&content_type),
            excerpt: visible(&excerpt),
        }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// What the body says of a failure; a body that is no JSON is its own message.
    pub(crate) fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).map_or_else(
            |_| ErrorBody {
                message: self.excerpt(),
                ..ErrorBody::default()
            },
            |value| ErrorBody::from_json(&value),
        )
    }

    /// The answer of an operation that does not know this status.
    pub(crate) fn unexpected(&self) -> ExchangeError {
        ExchangeError::UnexpectedStatus {
            status: self.status.as_u16(),
            excerpt: self.excerpt(),
        }
    }

    fn excerpt(&self) -> String {
        let kept = self.body.len().min(EXCERPT_MAX);
        String::from_utf8_lossy(&self.body[..kept]).into_owned()
    }
}

// === impl ErrorBody ===

impl ErrorBody {
    /// Reads `"text"`, `{"error":"text","code"?,"details"?}` and `{"error":{"code","msg"}}`.
    pub(crate) fn from_json(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let inner = |key: &str| error.get(key).or_else(|| body.get(key));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            code: inner("code").and_then(text),
            message: text(error)
                .or_else(|| inner("msg").and_then(text))
                .or_else(|| inner("message").and_then(text))
                .unwrap_or_else(|| error.to_string()),
            details: inner("details").cloned(),
            same_content: inner("sameContent")
                .or_else(|| inner("details")?.get("sameContent"))
                .and_then(Value::as_bool),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_an_error_body_is_read() {
        let told = |body: Value| {
            let body = ErrorBody::from_json(&body);
            (body.code, body.message, body.same_content)
        };
        assert_eq!(told(json!("gone")), (None, "gone".to_owned(), None));
        assert_eq!(
            told(json!({"code": "NOT_FOUND", "error": "gone"})),
            (Some("NOT_FOUND".to_owned()), "gone".to_owned(), None)
        );
        assert_eq!(
            told(json!({"error": {"code": "already_exists", "msg": "there", "sameContent": true}})),
            (
                Some("already_exists".to_owned()),
                "there".to_owned(),
                Some(true)
            )
        );
        assert_eq!(
            told(json!({"code": "c", "error": "e", "details": {"sameContent": false}})),
            (Some("c".to_owned()), "e".to_owned(), Some(false))
        );
        assert_eq!(told(json!({"error": {"a": 1}})).1, r#"{"a":1}"#);
    }
}
