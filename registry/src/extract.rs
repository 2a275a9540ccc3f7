//! What handlers take from a request: who asks, for which component, with which parameters.

use std::{
    borrow::Cow,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{
        ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT, VIA,
    },
    web,
};
use ochre_model::{Parameters, parse_query};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::{
    auth::{Authenticator, Principal, Unauthorized},
    base_url,
    error::ApiError,
    fallback::Via,
};

/// Longest requested version, in bytes: longer ones are no sensible range.
const VERSION_MAX: usize = 1024;

/// The part of the settings that extraction needs.
#[derive(Clone, Debug)]
pub struct ExtractSettings {
    /// Request headers withheld from components, lower-cased.
    pub withheld_headers: Vec<String>,
}

/// Who asks, and for what kind of answer.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The `Accept` header, compared as a whole.
    pub accept: String,
    /// Whether the caller is one of OC's clients (`user-agent` holds `oc-client-`).
    pub is_oc_client: bool,
    /// The `templates` header.
    pub templates: Option<String>,
    /// The `accept-language` header.
    pub accept_language: Option<String>,
    /// Request headers that components may see.
    pub headers: RequestHeaders,
    /// The peer's address, without port.
    pub ip: String,
    /// Public URL of this registry for the caller.
    pub base_url: Arc<str>,
    /// Registries that the request came through.
    pub(crate) via: Via,
}

/// Request headers as components see them: names lower-cased, repeated ones joined.
#[derive(Clone, Debug)]
pub enum RequestHeaders {
    /// Of an HTTP request; told as JSON only where a component asks for them.
    Received(Vec<(HeaderName, HeaderValue)>),
    /// Given by the component that renders another.
    Given(Map<String, Value>),
}

/// Name and requested version in a path, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPath {
    /// Component name as the caller wrote it.
    pub name: String,
    /// Requested version, `""` when absent.
    pub version: String,
}

/// Parameters of the query string.
#[derive(Clone, Debug)]
pub struct QueryParameters(pub Parameters);

// === impl Caller ===

impl Caller {
    /// A caller of a nested component: only the headers that the component gave.
    pub fn nested(headers: Map<String, Value>, ip: String, outer: &Self) -> Self {
        let text = |name: &str| headers.get(name).and_then(Value::as_str).map(String::from);
        Self {
            accept: "application/vnd.oc.rendered+json".into(),
            is_oc_client: text("user-agent").is_some_and(|agent| agent.contains("oc-client-")),
            templates: text("templates"),
            accept_language: text("accept-language"),
            headers: RequestHeaders::Given(headers),
            ip,
            base_url: Arc::clone(&outer.base_url),
            via: outer.via.clone(),
        }
    }

    fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let text = |name| header_text(headers, name).map(String::from);
        Self {
            accept: text(&ACCEPT).unwrap_or_default(),
            is_oc_client: header_text(headers, &USER_AGENT)
                .is_some_and(|agent| agent.contains("oc-client-")),
            templates: text(&HeaderName::from_static("templates")),
            accept_language: text(&ACCEPT_LANGUAGE),
            headers: RequestHeaders::Received(visible(request)),
            ip: request
                .peer_addr()
                .map(|address| address.ip().to_string())
                .unwrap_or_default(),
            base_url: base_url::of(request),
            via: text(&VIA).as_deref().map(Via::received).unwrap_or_default(),
        }
    }
}

/// The headers that are not withheld; names and values are shared, not copied.
fn visible(request: &HttpRequest) -> Vec<(HeaderName, HeaderValue)> {
    let settings = request.app_data::<web::Data<ExtractSettings>>();
    let withheld = settings.map_or(&[][..], |settings| &settings.withheld_headers);
    request
        .headers()
        .iter()
        .filter(|(name, _)| withheld.iter().all(|other| other != name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// A header as text, when it is visible ASCII or UTF-8.
fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

// === impl Principal ===

impl FromRequest for Principal {
    type Error = Unauthorized;
    type Future = Ready<Result<Self, Unauthorized>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let credentials = request.headers().get(AUTHORIZATION);
        let authenticator = request.app_data::<web::Data<Authenticator>>();
        let decided = authenticator.ok_or(Unauthorized).and_then(|authenticator| {
            authenticator.authenticate(credentials.map(HeaderValue::as_bytes))
        });
        ready(decided)
    }
}

// === impl RequestHeaders ===

impl RequestHeaders {
    /// The headers among `names`, with their values.
    pub(crate) fn chosen<'a>(&'a self, names: &'a [String]) -> Vec<(&'a str, &'a [u8])> {
        let is_chosen = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        match self {
            Self::Received(received) => received
                .iter()
                .filter(|(name, _)| is_chosen(name.as_str()))
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect(),
            Self::Given(given) => given
                .iter()
                .filter(|(name, _)| is_chosen(name))
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?.as_bytes())))
                .collect(),
        }
    }

    /// The headers as a JSON object; Node joins repeated ones with a comma.
    pub fn to_json(&self) -> Cow<'_, Map<String, Value>> {
        let received = match self {
            Self::Given(headers) => return Cow::Borrowed(headers),
            Self::Received(received) => received,
        };
        let mut headers = Map::with_capacity(received.len());
        for (name, value) in received {
            let value = String::from_utf8_lossy(value.as_bytes());
            match headers.get_mut(name.as_str()) {
                Some(Value::String(all)) => {
                    all.push_str(", ");
                    all.push_str(&value);
                }
                _ => {
                    headers.insert(name.as_str().to_owned(), Value::String(value.into_owned()));
                }
            }
        }
        Cow::Owned(headers)
    }
}

impl Default for RequestHeaders {
    fn default() -> Self {
        Self::Received(Vec::new())
    }
}

// === impl ComponentPath ===

impl FromRequest for ComponentPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let part = |name| segment(request, name);
        ready(part("name").and_then(|name| {
            let version = part("version")?;
            if version.len() > VERSION_MAX {
                return Err(ApiError::bad_request(
                    "version_too_long",
                    format!("requested version is longer than {VERSION_MAX} bytes"),
                ));
            }
            Ok(Self { name, version })
        }))
    }
}

/// A segment of the path, percent-decoded; `""` when the route has none of that name.
///
/// # Errors
///
/// 400 when an escape is malformed or the bytes are no UTF-8.
pub fn segment(request: &HttpRequest, name: &str) -> Result<String, ApiError> {
    let raw = request.match_info().get(name).unwrap_or_default();
    let decoded = percent_decode_str(raw).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| malformed_url())
}

/// Whether every escape of a path is one, and its bytes are UTF-8.
pub fn is_well_formed(path: &str) -> bool {
    let bytes = path.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let all_whole = escapes.into_iter().all(|(at, _)| {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    });
    all_whole && percent_decode_str(path).decode_utf8().is_ok()
}

/// 400 for a path that [`is_well_formed`] refuses.
pub fn malformed_url() -> ApiError {
    ApiError::bad_request("malformed_url", "path is not percent-encoded UTF-8")
}

// === impl QueryParameters ===

impl FromRequest for QueryParameters {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(parse_query(request.query_string()))))
    }
}
