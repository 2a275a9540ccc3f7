//! `[fallback]`.

use std::time::Duration;

use bytesize::ByteSize;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Headers that would be wrong there, or are nobody else's business.
const NEVER: [&str; 14] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// `[fallback]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FallbackSettings {
    /// URL of the registry that is asked for what is not published here; `/` is appended when
    /// missing.
    pub registry_url: Option<String>,
    /// Headers of the caller that are sent there, beside `accept`.
    pub headers: Vec<String>,
    /// Longest time for one request.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Longest answer read.
    pub body_max: ByteSize,
    /// Requests at once; more wait, up to `timeout`.
    pub concurrency: usize,
    /// How long a component that is not there either is not asked for again.
    #[serde(with = "humantime_serde")]
    pub absent_for: Duration,
    /// Have previews load the other registry's browser client in place of this one's.
    pub client: bool,
}

// === impl FallbackSettings ===

impl FallbackSettings {
    /// The other registry's URL, ending with `/`; none when there is none.
    pub(super) fn url(&self) -> Option<Url> {
        let given = self.registry_url.as_deref()?;
        let slash = if given.ends_with('/') { "" } else { "/" };
        Url::parse(&format!("{given}{slash}")).ok()
    }

    /// URL of the other registry's browser client, where previews are to load it. Source:
    /// `packages/oc/src/registry/routes/component-preview.ts`.
    pub(crate) fn client_url(&self) -> Option<String> {
        let url = self.url().filter(|_| self.client)?;
        Some(format!("{url}oc-client/client.dev.js"))
    }

    /// Every value that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
        if let Some(given) = &self.registry_url
            && !self.url().as_ref().is_some_and(is_http)
        {
            problems.push(format!(
                "`fallback.registry_url` is {given:?}: give an absolute http or https URL"
            ));
        }
        for header in &self.headers {
            if NEVER.contains(&header.to_ascii_lowercase().as_str()) {
                problems.push(format!(
                    "`fallback.headers` holds {header:?}, which is never sent to another registry"
                ));
            }
        }
        if self.client && self.registry_url.is_none() {
            problems.push("`fallback.client` wants `fallback.registry_url`".into());
        }
        if self.concurrency == 0 {
            problems.push("`fallback.concurrency` is 0: give at least 1".into());
        }
        if self.timeout.is_zero() {
            problems.push("`fallback.timeout` is 0: give a duration such as \"5s\"".into());
        }
        problems
    }
}

impl Default for FallbackSettings {
    fn default() -> Self {
        Self {
            registry_url: None,
            headers: [
                "user-agent",
                "templates",
                "accept-language",
                "traceparent",
                "x-request-id",
            ]
            .map(String::from)
            .to_vec(),
            timeout: Duration::from_secs(5),
            body_max: ByteSize::mib(10),
            concurrency: 32,
            absent_for: Duration::from_secs(5),
            client: false,
        }
    }
}
