//! The registry that is asked for components that are not published here.

mod answer;
mod recent;
mod settings;
mod via;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ochre_model::{Chain, ComponentName};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, RequestBuilder, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER, VIA},
    redirect::Policy,
};
use serde_json::{Map, Value, json};
use tokio::{sync::Semaphore, time::timeout};

pub use answer::Foreign;
pub use settings::FallbackSettings;
pub(crate) use via::Via;

use crate::{extract::Caller, render::RenderRequest};
use recent::{Kind, Question, Recent};

/// Longest `Retry-After` that is passed on.
const RETRY_MAX: Duration = Duration::from_hours(1);

/// Asks the other registry.
#[derive(Debug)]
pub struct Fallback {
    client: Client,
    url: Url,
    /// What this registry adds to `Via`.
    own: Via,
    settings: FallbackSettings,
    permits: Semaphore,
    recent: Recent,
}

/// Why the other registry has nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    /// It refused, with this text.
    #[error("fallback registry refused")]
    Refused(String),
    /// It did not answer, or what it answered cannot be used; the text is for callers.
    #[error("fallback registry is not available: {0}")]
    Unavailable(&'static str),
    /// It answered that it cannot answer now.
    #[error("fallback registry is not available: it answered {status}")]
    Failing {
        /// HTTP status.
        status: StatusCode,
        /// What its `Retry-After` says, within bounds.
        retry_after: Option<Duration>,
    },
}

/// What is asked of a component beside its rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Description {
    /// `~info`.
    Info,
    /// `~preview`.
    Preview,
}

// === impl FallbackError ===

impl FallbackError {
    /// How long to wait before it may have something to tell.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Failing {
                retry_after: Some(wait),
                ..
            } => *wait,
            _ => recent::REST,
        }
    }
}

// === impl Fallback ===

impl Fallback {
    /// Builds the HTTP client; none when no other registry is configured. `base_url` is this
    /// registry's own, the same on all its nodes.
    ///
    /// # Errors
    ///
    /// When the TLS backend cannot be set up.
    pub fn new(
        settings: &FallbackSettings,
        base_url: &str,
    ) -> Result<Option<Arc<Self>>, reqwest::Error> {
        let Some(url) = settings.url() else {
            return Ok(None);
        };
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(settings.timeout)
            .build()?;
        Ok(Some(Arc::new(Self {
            client,
            url,
            own: Via::of_registry(base_url),
            permits: Semaphore::new(settings.concurrency),
            recent: Recent::new(settings.absent_for),
            settings: settings.clone(),
        })))
    }

    /// Whether a caller's request may go there: not when it came from there, and only for what can
    /// be the name and version of a component. In a path, dots mean other folders.
    pub fn admits(&self, caller: &Caller, (name, requested): (&str, &str)) -> bool {
        name.parse::<ComponentName>().is_ok()
            && !matches!(requested, "." | "..")
            && !caller.via.holds(&self.own)
    }

    /// Asks for one component.
    ///
    /// # Errors
    ///
    /// [`FallbackError`].
    pub async fn component(&self, request: &RenderRequest) -> Result<Foreign, FallbackError> {
        let named = (request.name.as_str(), request.version.as_str());
        let question = Question::new(named, Kind::Rendering);
        if let Some(text) = self.recent.absence(&question).await {
            return Ok(Foreign::absent(&text).to(named));
        }
        let asked = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body(request));
        let asked = self.with_headers(asked, &request.caller, &request.caller.accept);
        let (status, body) = self.ask(asked, &question).await?;
        if status != StatusCode::OK {
            return Err(refused(status, &body));
        }
        let foreign = Foreign::parse(&body)?;
        if let Some(text) = foreign.absence() {
            self.recent.not_there(&question, &text).await;
            return Ok(Foreign::absent(&text).to(named));
        }
        Ok(foreign.to(named))
    }

    /// Asks for a component's `package.json`.
    ///
    /// # Errors
    ///
    /// [`FallbackError`].
    pub async fn describe(
        &self,
        (name, requested): (&str, &str),
        what: Description,
        caller: &Caller,
    ) -> Result<Map<String, Value>, FallbackError> {
        let question = Question::new((name, requested), Kind::Description);
        if let Some(text) = self.recent.absence(&question).await {
            return Err(FallbackError::Refused(text.to_string()));
        }
        let mut path = segment(name) + "/";
        if !requested.is_empty() {
            path += &(segment(requested) + "/");
        }
        path += match what {
            Description::Info => "~info",
            Description::Preview => "~preview/",
        };
        let url = self
            .url
            .join(&path)
            .map_err(|_| FallbackError::Unavailable("its URL cannot be built"))?;
        let asked = self.with_headers(self.client.get(url), caller, "application/json");
        let (status, body) = self.ask(asked, &question).await?;
        if status == StatusCode::NOT_FOUND {
            let told = answer::text(&body);
            self.recent.not_there(&question, &told).await;
        }
        if status != StatusCode::OK {
            return Err(refused(status, &body));
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(description)) => Ok(description),
            _ => Err(FallbackError::Refused(format!(
                "Could not parse fallback response: {}",
                answer::text(&body)
            ))),
        }
    }

    fn with_headers(
        &self,
        request: RequestBuilder,
        caller: &Caller,
        accept: &str,
    ) -> RequestBuilder {
        let mut request = request.header(VIA, caller.via.and(&self.own));
        if !accept.is_empty() {
            request = request.header(ACCEPT, accept);
        }
        for (name, value) in caller.headers.chosen(&self.settings.headers) {
            request = request.header(name, value);
        }
        request
    }

    /// Sends a request, and reads the answer within the limits.
    async fn ask(
        &self,
        request: RequestBuilder,
        question: &Question,
    ) -> Result<(StatusCode, Bytes), FallbackError> {
        let resting = || FallbackError::Unavailable("it did not answer a moment ago");
        if self.recent.is_resting(question) {
            return Err(resting());
        }
        let permit = timeout(self.settings.timeout, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(FallbackError::Unavailable("too many requests wait for it"));
        };
        // Those that waited learn what the ones before them have met.
        if self.recent.is_resting(question) {
            return Err(resting());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.failed(&error, question).await),
        };
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            tracing::warn!(%status, "fallback registry failed");
            self.recent.answered();
            return Err(FallbackError::Failing {
                status,
                retry_after: retry_after(response.headers()),
            });
        }
        let longest = usize::try_from(self.settings.body_max.as_u64()).unwrap_or(usize::MAX);
        let mut body = BytesMut::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.failed(&error, question).await),
            };
            if body.len() + chunk.len() > longest {
                tracing::warn!("answer of the fallback registry passed `fallback.body_max`");
                self.recent.answered();
                return Err(FallbackError::Unavailable("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        self.recent.answered();
        Ok((status, body.freeze()))
    }

    /// Notes that the other registry did not answer.
    async fn failed(&self, error: &reqwest::Error, question: &Question) -> FallbackError {
        tracing::warn!(error = %Chain(error), "fallback registry did not answer");
        self.recent.unanswered(question, error.is_connect()).await;
        FallbackError::Unavailable(if error.is_timeout() {
            "it did not answer in time"
        } else {
            "it cannot be reached"
        })
    }
}

/// What a status other than 200 means.
fn refused(status: StatusCode, body: &[u8]) -> FallbackError {
    let told = answer::text(body);
    FallbackError::Refused(if told.is_empty() {
        format!("fallback registry answered {status}")
    } else {
        told
    })
}

/// `Retry-After` in seconds; its other form, a date, is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = Duration::from_secs(seconds.parse().ok()?);
    Some(wait.min(RETRY_MAX))
}

/// A batch of one.
fn body(request: &RenderRequest) -> String {
    let (parameters, _) = request.parameters.to_json();
    let mut component = Map::new();
    component.insert("name".into(), json!(request.name));
    if !request.version.is_empty() {
        component.insert("version".into(), json!(request.version));
    }
    component.insert("parameters".into(), Value::Object(parameters));
    if let Some(action) = &request.action {
        component.insert("action".into(), json!(action));
    }
    let mut batch = Map::new();
    batch.insert("components".into(), json!([component]));
    if request.omit_href {
        batch.insert("omitHref".into(), json!(true));
    }
    Value::Object(batch).to_string()
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
