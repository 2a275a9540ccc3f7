//! Answers to requests that no use-case took: one shape for all of Ochre's own errors.
//!
//! OC's own failures keep OC's shapes; they are made where they happen (`render::failure`,
//! `publish::answer`).

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER},
    },
};
use ochre_model::Chain;
use serde_json::{Value, json};
use uuid::Uuid;

/// `Retry-After` of what fails for a moment.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// A failure as its caller sees it, with what only the log sees.
#[derive(Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Value>,
    retry_after: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

// === impl ApiError ===

impl ApiError {
    /// A failure that is the caller's to mend.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            message: message.into(),
            details: None,
            retry_after: None,
            source: None,
        }))
    }

    /// 400.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 413; `limit` in bytes.
    pub fn too_large(what: &str, limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!("{what} is larger than {limit} bytes"),
        )
    }

    /// 503, to be tried again in a second.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        error.0.retry_after = Some(SOON.as_secs());
        error
    }

    /// 500; what went wrong is for the log alone.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the registry failed; the log has the cause under this request id",
        );
        error.0.source = Some(source.into());
        error
    }

    /// Adds the cause, for the log alone.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds machine-readable details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let inner = &self.0;
        let request_id = Uuid::new_v4().to_string();
        // What will pass was told where it was noticed, once.
        let is_told = inner.retry_after.is_some() && inner.source.is_none();
        if inner.status.is_server_error() && !is_told {
            tracing::error!(
                request_id,
                http.status_code = inner.status.as_u16(),
                error = %Chain(self),
                "request failed"
            );
        }
        let mut body = json!({ "code": inner.code, "error": inner.message });
        if let Some(details) = &inner.details {
            body["details"] = details.clone();
        }
        body["requestId"] = Value::String(request_id);
        let mut response = HttpResponse::build(inner.status);
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(seconds) = inner.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response
            .content_type("application/json; charset=utf-8")
            .body(body.to_string())
    }
}
