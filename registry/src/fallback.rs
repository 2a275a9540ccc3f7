//! The registry that is asked for components that are not published here.

mod settings;
mod via;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use moka::future::Cache;
use ochre_engine::driver::Cookie;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, RequestBuilder, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, VIA},
    redirect::Policy,
};
use serde_json::{Map, Value, json};
use tokio::{sync::Semaphore, time::timeout};

pub use settings::FallbackSettings;
pub(crate) use via::Via;

use crate::{extract::Caller, render::RenderRequest, telemetry::Chain};

/// How long a registry that did not answer is left alone.
const REST: Duration = Duration::from_secs(1);

/// Names that are remembered as unknown to the other registry.
const ABSENT_MAX: u64 = 10_000;

/// Longest text of the other registry that is told as an error, in bytes.
const TEXT_MAX: usize = 2 * 1024;

/// Asks the other registry.
#[derive(Debug)]
pub struct Fallback {
    client: Client,
    url: Url,
    /// What this registry adds to `Via`.
    own: Via,
    settings: FallbackSettings,
    permits: Semaphore,
    /// Name and requested version of what the other registry did not have a moment ago.
    absent: Cache<(String, String), Arc<Foreign>>,
    started: Instant,
    /// Milliseconds after `started` until which the other registry is left alone.
    resting_until: AtomicU64,
}

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

/// Why the other registry has nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    /// It refused, with this text.
    #[error("fallback registry refused")]
    Refused(String),
    /// It did not answer, or what it answered cannot be used; the text is for callers.
    #[error("fallback registry is not available: {0}")]
    Unavailable(&'static str),
}

/// What is asked of a component beside its rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Description {
    /// `~info`.
    Info,
    /// `~preview`.
    Preview,
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
            absent: Cache::builder()
                .max_capacity(ABSENT_MAX)
                .time_to_live(settings.absent_for)
                .build(),
            settings: settings.clone(),
            started: Instant::now(),
            resting_until: AtomicU64::new(0),
        })))
    }

    /// Whether a caller's request may go there: not when it came from there.
    pub fn admits(&self, caller: &Caller) -> bool {
        !caller.via.holds(&self.own)
    }

    /// Asks for one component.
    ///
    /// # Errors
    ///
    /// [`FallbackError`].
    pub async fn component(&self, request: &RenderRequest) -> Result<Arc<Foreign>, FallbackError> {
        let key = (request.name.clone(), request.version.clone());
        if let Some(known) = self.absent.get(&key).await {
            return Ok(known);
        }
        let asked = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body(request));
        let body = self
            .ask(asked, &request.caller, &request.caller.accept)
            .await?;
        let mut foreign = foreign(&body)?;
        let asked = [
            ("name", &request.name),
            ("requestVersion", &request.version),
        ];
        for (member, value) in asked {
            let value = Value::String(value.clone());
            foreign.response.insert(member.to_owned(), value);
        }
        let foreign = Arc::new(foreign);
        // A component's own 404 depends on who asks for what.
        let code = foreign.response.get("code").and_then(Value::as_str);
        if foreign.status == 404 && code == Some("NOT_FOUND") {
            self.absent.insert(key, Arc::clone(&foreign)).await;
        }
        Ok(foreign)
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
        let asked = self.client.get(url);
        let body = self.ask(asked, caller, "application/json").await?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(description)) => Ok(description),
            _ => Err(FallbackError::Refused(format!(
                "Could not parse fallback response: {}",
                text(&body)
            ))),
        }
    }

    /// Sends a request, and reads the answer within the limits.
    async fn ask(
        &self,
        request: RequestBuilder,
        caller: &Caller,
        accept: &str,
    ) -> Result<Bytes, FallbackError> {
        if self.is_resting() {
            return Err(FallbackError::Unavailable("it did not answer a moment ago"));
        }
        let permit = timeout(self.settings.timeout, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(FallbackError::Unavailable("too many requests wait for it"));
        };
        let mut request = request.header(VIA, caller.via.and(&self.own));
        if !accept.is_empty() {
            request = request.header(ACCEPT, accept);
        }
        for (name, value) in caller.headers.chosen(&self.settings.headers) {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        let body = self.read(response).await?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        if status.is_server_error() {
            tracing::warn!(%status, "fallback registry failed");
        }
        let told = text(&body);
        Err(FallbackError::Refused(if told.is_empty() {
            format!("fallback registry answered {status}")
        } else {
            told
        }))
    }

    async fn read(&self, response: reqwest::Response) -> Result<Bytes, FallbackError> {
        let longest = usize::try_from(self.settings.body_max.as_u64()).unwrap_or(usize::MAX);
        let mut body = BytesMut::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.failed(&error))?;
            if body.len() + chunk.len() > longest {
                tracing::warn!("answer of the fallback registry passed `fallback.body_max`");
                return Err(FallbackError::Unavailable("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Notes that the other registry did not answer.
    fn failed(&self, error: &reqwest::Error) -> FallbackError {
        tracing::warn!(error = %Chain(error), "fallback registry did not answer");
        let until = self.started.elapsed() + REST;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.resting_until.store(until, Ordering::Relaxed);
        FallbackError::Unavailable(if error.is_timeout() {
            "it did not answer in time"
        } else {
            "it cannot be reached"
        })
    }

    fn is_resting(&self) -> bool {
        let until = self.resting_until.load(Ordering::Relaxed);
        self.started.elapsed() < Duration::from_millis(until)
    }
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

/// The first entry of a batch's answer.
fn foreign(body: &[u8]) -> Result<Foreign, FallbackError> {
    let malformed = FallbackError::Unavailable("its answer is no batch");
    let Ok(Value::Array(entries)) = serde_json::from_slice(body) else {
        return Err(malformed);
    };
    let Some(entry) = entries.into_iter().next() else {
        return Ok(Foreign {
            status: 404,
            response: not_found("Component not found"),
            headers: Vec::new(),
            cookies: Vec::new(),
        });
    };
    let Value::Object(mut entry) = entry else {
        return Err(malformed);
    };
    let status = entry.get("status").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let (Some(status @ 200..600), Some(Value::Object(response))) =
        (status, entry.remove("response"))
    else {
        return Err(malformed);
    };
    Ok(Foreign {
        status,
        response,
        headers: headers(entry.remove("headers")),
        cookies: cookies(entry.remove("cookies")),
    })
}

/// OC's answer for a component that nobody has.
pub(crate) fn not_found(error: &str) -> Map<String, Value> {
    let members = [("code", json!("NOT_FOUND")), ("error", json!(error))];
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
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
fn text(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
    }
    text
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests;
