//! Why there is no component, with OC's codes, texts and statuses.
//!
//! Source: `packages/oc/src/registry/routes/helpers/get-component.ts`, `src/resources/index.ts`.

use std::time::Duration;

use bytes::Bytes;
use ochre_engine::driver::{Cookie, EngineError, Failure, ProviderError};
use ochre_model::Chain;
use ochre_store::ReadError;
use serde_json::{Map, Value, json};

use super::RenderRequest;
use crate::{
    error::SOON,
    fallback::FallbackError,
    json_object::JsonObject,
    release::{MissingFile, ViewError},
};

/// A failure as callers see it.
#[derive(Debug)]
pub struct RenderFailure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: u16,
    code: &'static str,
    error: Value,
    extra: Option<(&'static str, Value)>,
    /// When the same request may succeed, if it may.
    retry_after: Option<Duration>,
    /// `name` and `requestVersion` of the request; OC leaves them out of `RENDER_ERROR`.
    asked: Option<(String, String)>,
    cookies: Vec<Cookie>,
}

// === impl RenderFailure ===

impl RenderFailure {
    fn new(status: u16, code: &'static str, error: impl Into<Value>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            error: error.into(),
            extra: None,
            retry_after: None,
            asked: None,
            cookies: Vec::new(),
        }))
    }

    fn temporary(code: &'static str, error: impl Into<Value>) -> Self {
        let mut failure = Self::new(503, code, error);
        failure.0.retry_after = Some(SOON);
        failure
    }

    fn with(mut self, key: &'static str, value: Value) -> Self {
        self.0.extra = Some((key, value));
        self
    }

    pub(super) fn with_cookies(mut self, cookies: Vec<Cookie>) -> Self {
        self.0.cookies = cookies;
        self
    }

    pub(super) fn of(mut self, request: &RenderRequest) -> Self {
        if self.0.code != RENDER_ERROR {
            self.0.asked = Some((request.name.clone(), request.version.clone()));
        }
        self
    }

    pub(super) fn unknown_component(name: &str, kind: &str) -> Self {
        let text = format!("Component \"{name}\" not found on {kind} cdn");
        Self::new(404, "NOT_FOUND", text)
    }

    pub(super) fn unknown_version(name: &str, requested: &str, kind: &str) -> Self {
        let text =
            format!("Component \"{name}\" with version \"{requested}\" not found on {kind} cdn");
        Self::new(404, "NOT_FOUND", text)
    }

    pub(super) fn unreadable(error: &ReadError) -> Self {
        match error {
            ReadError::NotFound(_) => Self::new(
                404,
                "NOT_FOUND",
                format!("component not available: {error}"),
            ),
            ReadError::Integrity(_) => {
                tracing::error!(error = %Chain(error), "release is damaged and was not served");
                Self::new(502, "INTEGRITY_ERROR", "component is damaged in the store")
            }
            ReadError::Malformed { .. } => {
                tracing::error!(error = %Chain(error), "release cannot be understood");
                Self::store_unavailable()
            }
            // Told once for an outage, where it was noticed.
            ReadError::Unavailable(_) => Self::store_unavailable(),
        }
    }

    /// A list could not be made.
    pub(crate) fn unlisted(error: &tokio::task::JoinError) -> Self {
        tracing::error!(error = %Chain(error), "list could not be made");
        Self::new(500, "internal_error", "the list could not be made")
    }

    /// The store did not answer, or not in time.
    pub(super) fn store_unavailable() -> Self {
        Self::temporary("STORAGE_UNAVAILABLE", "component storage is not available")
    }

    /// The shared manifest was never read: what is published is not known.
    pub(crate) fn not_loaded() -> Self {
        Self::temporary(
            "STORAGE_UNAVAILABLE",
            "component storage was not reached yet",
        )
    }

    /// The fallback registry has no answer either.
    pub(super) fn fallback(error: &FallbackError) -> Self {
        match error {
            FallbackError::Refused(text) => Self::new(404, "NOT_FOUND", text.as_str()),
            FallbackError::Unavailable(_) | FallbackError::Failing { .. } => {
                let mut failure = Self::new(502, "FALLBACK_UNAVAILABLE", error.to_string());
                failure.0.retry_after = Some(error.retry_after());
                failure
            }
        }
    }

    /// Whether the component, or its version, is not published here.
    pub fn is_absence(&self) -> bool {
        self.0.status == 404 && self.0.code == "NOT_FOUND"
    }

    pub(super) fn missing_plugins(names: &[String]) -> Self {
        let text = format!("registry does not implement plugins: {}", names.join(", "));
        Self::new(501, "PLUGIN_MISSING_FROM_REGISTRY", text).with("missingPlugins", json!(names))
    }

    pub(super) fn invalid_parameters(text: String) -> Self {
        Self::new(400, "NOT_VALID_REQUEST", text)
    }

    pub(super) fn oc_version_too_low(minimum: &str, own: &str) -> Self {
        Self::new(
            400,
            "TEMPLATE_REQUIRES_HIGHER_OC_VERSION",
            oc_version_text(minimum, own),
        )
    }

    pub(super) fn unknown_template(template_type: &str) -> Self {
        let text = format!("{template_type} is not a supported oc-template");
        Self::new(400, "TEMPLATE_NOT_SUPPORTED", text)
    }

    pub(super) fn no_view(error: &ViewError) -> Self {
        match error {
            ViewError::Release(error) => Self::unreadable(error),
            ViewError::Pack(_) => Self::temporary(
                "TEMPLATE_UNAVAILABLE",
                "what renders this template type is not to be had now; ask unrendered, or try again",
            ),
        }
    }

    pub(super) fn unresolved(missing: MissingFile) -> Self {
        let code = match missing {
            MissingFile::Environment => "ENV_RESOLVING_ERROR",
            MissingFile::Provider => "DATA_RESOLVING_ERROR",
        };
        Self::new(502, code, "component resolving error")
    }

    pub(super) fn too_busy() -> Self {
        Self::temporary(
            "COMPONENT_BUSY",
            "component has too many requests in flight",
        )
    }

    pub(super) fn engine(error: &EngineError) -> Self {
        match error {
            EngineError::Overloaded => Self::temporary(
                "ENGINE_OVERLOADED",
                "registry has too many requests in flight",
            ),
            EngineError::NotReady => Self::temporary(
                "ENGINE_NOT_READY",
                "what executes this component is being started",
            ),
            EngineError::Lost => Self::temporary(
                "ENGINE_LOST",
                "what executed this component ended again and again, as far as is known for the fault of \
                 others; nothing of the request was seen outside",
            ),
            EngineError::Suspended(_) => Self::temporary(
                "COMPONENT_SUSPENDED",
                "component blocked the engine and is refused for a moment",
            ),
            EngineError::Crashed => {
                tracing::error!(error = %Chain(error), "engine worker died");
                Self::execution(500, json!({ "message": "engine worker died" }))
            }
            EngineError::Unsupported(_) => {
                Self::execution(500, json!({ "message": error.to_string() }))
            }
        }
    }

    /// What the component itself did wrong.
    pub(super) fn component(failure: Failure, label: &str, expose_stacks: bool) -> Self {
        match failure {
            Failure::MissingDependencies(names) => {
                let text = format!(
                    "Component is trying to use unavailable dependencies: {}",
                    names.join(", ")
                );
                Self::new(501, "DEPENDENCY_MISSING_FROM_REGISTRY", text)
                    .with("missingDependencies", json!(names))
            }
            Failure::Provider(error) => {
                let status = client_status(error.status);
                Self::execution(status, provider_details(error, expose_stacks))
            }
            Failure::Timeout(limit) => Self::execution(
                500,
                message_details(&format!("timeout ({}ms)", limit.as_millis())),
            ),
            Failure::Memory => Self::execution(500, message_details("memory limit reached")),
            Failure::TooLarge(text) => Self::execution(500, message_details(&text)),
            Failure::View(error) => Self::new(
                500,
                "INTERNAL_SERVER_ERROR",
                without_stack(error, expose_stacks),
            ),
            Failure::NotSerializable(text) => Self::new(
                500,
                RENDER_ERROR,
                format!("Render Error for {label}: {text}"),
            ),
        }
    }

    fn execution(status: u16, details: Value) -> Self {
        let message = details
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = format!("Component execution error: {message}");
        Self::new(status, "GENERIC_ERROR", text).with("details", details)
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// `error` of the body.
    pub fn error(&self) -> &Value {
        &self.0.error
    }

    /// Component name of the request; `""` where the answer does not tell it.
    pub fn name(&self) -> &str {
        self.0.asked.as_ref().map_or("", |(name, _)| name)
    }

    /// Cookies that the component set before it failed.
    pub fn cookies(&self) -> &[Cookie] {
        &self.0.cookies
    }

    /// How long to wait before the same request may succeed; `None` when it will not.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The text after the component's label, when the view-model could not be told as JSON.
    pub fn render_error(&self) -> Option<&str> {
        let text = self
            .0
            .error
            .as_str()
            .filter(|_| self.0.code == RENDER_ERROR)?;
        text.strip_prefix("Render Error for ")
    }

    /// Label for metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self.0.status {
            404 => "not_found",
            400..=499 => "refused",
            501 => "unsupported",
            503 => "busy",
            _ => "failed",
        }
    }

    /// The answer's body.
    pub fn body(&self) -> Bytes {
        let mut body = JsonObject::with_capacity(512);
        body.member("code", self.0.code);
        body.member("error", &self.0.error);
        if let Some((key, value)) = &self.0.extra {
            body.member(key, value);
        }
        if let Some((name, requested)) = &self.0.asked {
            body.member("name", name);
            body.member("requestVersion", requested);
        }
        body.finish()
    }
}

/// Code of a view-model that cannot be told as JSON, or of headers that cannot be sent.
pub(crate) const RENDER_ERROR: &str = "RENDER_ERROR";

/// OC's text for a template that needs a newer registry.
pub(crate) fn oc_version_text(minimum: &str, own: &str) -> String {
    format!(
        "Your template requires a version of OC higher than {minimum} but your OC version is {own}"
    )
}

/// Only statuses that tell of an error are taken from a component.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked first"
)]
fn client_status(status: Option<f64>) -> u16 {
    match status {
        Some(status) if (400.0..600.0).contains(&status) && status.fract() == 0.0 => status as u16,
        _ => 500,
    }
}

fn message_details(message: &str) -> Value {
    json!({ "message": message, "originalError": { "message": message } })
}

fn provider_details(error: ProviderError, expose_stacks: bool) -> Value {
    let mut details = Map::new();
    if let Some(message) = error.message {
        details.insert("message".into(), Value::String(message));
    }
    if let Some(stack) = error.stack.filter(|_| expose_stacks) {
        details.insert("stack".into(), Value::String(stack));
    }
    if let Some(original) = error.original {
        details.insert(
            "originalError".into(),
            without_stack(original, expose_stacks),
        );
    }
    Value::Object(details)
}

fn without_stack(mut error: Value, expose_stacks: bool) -> Value {
    if let Some(members) = error.as_object_mut().filter(|_| !expose_stacks) {
        members.remove("stack");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_statuses_are_taken_from_components() {
        for (given, expected) in [
            (Some(404.0), 404),
            (Some(599.0), 599),
            (Some(200.0), 500),
            (Some(302.0), 500),
            (Some(9999.0), 500),
            (Some(-1.0), 500),
            (Some(404.5), 500),
            (None, 500),
        ] {
            assert_eq!(client_status(given), expected, "{given:?}");
        }
    }

    #[test]
    fn thrown_string_is_the_original_error_alone() {
        let failure = RenderFailure::component(
            Failure::Provider(ProviderError {
                original: Some(json!("str boom")),
                ..ProviderError::default()
            }),
            "a@1.0.0",
            false,
        );

        assert_eq!(
            failure.body(),
            r#"{"code":"GENERIC_ERROR","error":"Component execution error: ","details":{"originalError":"str boom"}}"#
        );
    }

    #[test]
    fn stacks_are_told_only_where_they_are_wanted() {
        let error = || {
            Failure::Provider(ProviderError {
                message: Some("boom".into()),
                stack: Some("at secret".into()),
                ..ProviderError::default()
            })
        };
        let told = |expose| RenderFailure::component(error(), "a@1.0.0", expose).body();

        assert!(!String::from_utf8_lossy(&told(false)).contains("secret"));
        assert!(String::from_utf8_lossy(&told(true)).contains("secret"));
    }
}
