//! A rendering as HTTP: body, status, headers, cookies, caching.

pub(crate) mod deprecation;

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        Method, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
            RETRY_AFTER, SET_COOKIE, VARY,
        },
    },
};
use bytes::Bytes;
use futures::StreamExt;
use ochre_engine::driver::Cookie;
use ochre_model::Clock;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    cookie, etag,
    fallback::Foreign,
    json_object::JsonObject,
    render::{
        Content, Info, RENDER_ERROR, Rendering, StreamedModel, Success,
        envelope::{self, Envelope},
    },
};

/// Request headers that decide which kind of answer a caller gets.
const VARIES_BY: &str = "Accept, Accept-Language, Templates, User-Agent";

/// Response headers that are the connection's or the registry's own, never a component's.
const WITHHELD: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

/// How long a stream may outlast its call's deadline.
const STREAM_GRACE: Duration = Duration::from_secs(1);

/// JSON of everything that is answered by OC's routes.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The body of a rendering, as a single answer or as `response` in a batch.
pub(crate) fn body(rendering: &Rendering, base_url: &str) -> Bytes {
    match rendering {
        Rendering::Info(info) => info_body(info),
        Rendering::Success(success) => success_body(success, base_url),
        Rendering::Foreign(foreign) => foreign_body(foreign),
        Rendering::Failure(failure) => failure.body(),
    }
}

fn foreign_body(foreign: &Foreign) -> Bytes {
    let mut body = JsonObject::with_capacity(1024);
    for (name, value) in &foreign.response {
        body.member(name, value);
    }
    body.finish()
}

fn info_body(info: &Info) -> Bytes {
    let mut body = JsonObject::with_capacity(128);
    body.member("type", "oc-component");
    body.member("version", &info.version);
    body.member("requestVersion", &info.requested);
    body.member("name", &info.name);
    body.finish()
}

fn success_body(success: &Success, base_url: &str) -> Bytes {
    let around = Envelope {
        release: &success.release,
        requested: &success.requested,
        href: success.href.as_deref(),
        base_url,
    };
    match &success.content {
        Content::Html(html) => {
            let mut body = JsonObject::with_capacity(html.len() + html.len() / 8 + 512);
            envelope::begin(&mut body, &around, "rendered");
            body.member("html", html);
            body.finish()
        }
        Content::Model(model) => envelope::unrendered(&around, model),
        // A stream is the whole answer, and only single answers are streams.
        Content::Stream(_) => Bytes::new(),
    }
}

/// Headers and cookies of a rendering, checked, ready to be sent.
///
/// # Errors
///
/// OC's text for a header or cookie that cannot be sent.
pub(crate) fn component_headers(
    headers: &[(String, String)],
    cookies: &[Cookie],
    clock: &dyn Clock,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut checked = Vec::with_capacity(headers.len() + cookies.len());
    for (name, value) in headers {
        if WITHHELD.contains(&name.as_str()) || name.starts_with("access-control-") {
            tracing::debug!(header = name, "component set a header that is not its own");
            continue;
        }
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            format!("TypeError [ERR_INVALID_HTTP_TOKEN]: Header name must be a valid HTTP token [\"{name}\"]")
        })?;
        let value = latin1(value).ok_or_else(|| {
            format!(
                "TypeError [ERR_INVALID_CHAR]: Invalid character in header content [\"{name}\"]"
            )
        })?;
        checked.push((header, value));
    }
    for cookie in cookies {
        let text = cookie::serialize(cookie, clock.now_ms())?;
        let value = HeaderValue::from_str(&text)
            .map_err(|_| "TypeError: argument val is invalid".to_owned())?;
        checked.push((SET_COOKIE, value));
    }
    Ok(checked)
}

/// A header's value, one byte for each character as Node writes them.
fn latin1(text: &str) -> Option<HeaderValue> {
    let bytes = text.chars().map(|character| u8::try_from(character).ok());
    HeaderValue::from_bytes(&bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// Answers one component.
pub(crate) fn respond(
    request: &HttpRequest,
    rendering: Rendering,
    base_url: &str,
    clock: &dyn Clock,
) -> HttpResponse {
    let (status, headers, cookies) = match &rendering {
        Rendering::Info(_) => (200, &[][..], &[][..]),
        Rendering::Success(success) => (200, &success.headers[..], &success.cookies[..]),
        Rendering::Foreign(foreign) => (foreign.status, &foreign.headers[..], &foreign.cookies[..]),
        Rendering::Failure(failure) => (failure.status(), &[][..], failure.cookies()),
    };
    let mut component_headers = match component_headers(headers, cookies, clock) {
        Ok(component_headers) => component_headers,
        Err(text) => return render_error(&label(&rendering), &text),
    };
    deprecation::add(
        &mut component_headers,
        deprecation::of(&rendering, base_url),
    );
    let body = body(&rendering, base_url);
    if let Rendering::Failure(failure) = &rendering {
        return failed(status, body, component_headers, failure.retry_after());
    }
    if status != 200 {
        return failed(status, body, component_headers, None);
    }
    let id = match &rendering {
        Rendering::Success(success) => success.render_id.clone(),
        _ => None,
    };
    if let Rendering::Success(success) = rendering
        && let Content::Stream(streamed) = success.content
    {
        return stream(streamed, component_headers);
    }
    let tag = id.map_or_else(|| etag::strong(&body), |id| etag::weak_without(&body, &id));
    succeeded(request, body, &tag, component_headers)
}

/// Answers piece by piece. The browser client compares the content type as a whole.
fn stream(
    streamed: StreamedModel,
    component_headers: Vec<(HeaderName, HeaderValue)>,
) -> HttpResponse {
    let mut response = builder(if streamed.stream.is_failed { 500 } else { 200 });
    response.insert_header((VARY, HeaderValue::from_static(VARIES_BY)));
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    for (name, value) in component_headers {
        if name == CACHE_CONTROL {
            response.insert_header((name, value));
        } else if name != CONTENT_TYPE && name != ETAG {
            response.append_header((name, value));
        }
    }
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("x-text/stream")));
    // The engine ends a stream at the call's deadline; this is for an engine that died meanwhile.
    let until = Instant::now() + streamed.deadline + STREAM_GRACE;
    response.streaming(futures::stream::unfold(
        Some(streamed),
        move |streamed| async move {
            let mut streamed = streamed?;
            match tokio::time::timeout_at(until, streamed.stream.next()).await {
                Ok(piece) => piece.map(|piece| (Ok(piece), Some(streamed))),
                Err(late) => Some((Err(late), None)),
            }
        },
    ))
}

/// Answers JSON that is the same for everyone who asks alike: tagged, and revalidated each time.
pub(crate) fn json(request: &HttpRequest, body: Bytes) -> HttpResponse {
    let tag = etag::strong(&body);
    succeeded(request, body, &tag, Vec::new())
}

/// As [`json`], for a body whose strong tag is known.
pub(crate) fn tagged_json(request: &HttpRequest, body: Bytes, tag: &str) -> HttpResponse {
    succeeded(request, body, tag, Vec::new())
}

/// Answers that a result cannot be sent.
pub(crate) fn render_error(labels: &str, text: &str) -> HttpResponse {
    let mut body = JsonObject::with_capacity(256);
    body.member("code", RENDER_ERROR);
    body.member("error", &format!("Render Error for {labels}: {text}"));
    failed(500, body.finish(), Vec::new(), None)
}

/// `name@version` of a rendering; OC says `undefined` where no version was resolved.
pub(crate) fn label(rendering: &Rendering) -> String {
    match rendering {
        Rendering::Info(info) => format!("{}@{}", info.name, info.version),
        Rendering::Success(success) => success.release.id.to_string(),
        Rendering::Foreign(foreign) => {
            let text = |name: &str| foreign.response.get(name).and_then(Value::as_str);
            let version = text("version").unwrap_or("undefined");
            format!("{}@{version}", text("name").unwrap_or_default())
        }
        Rendering::Failure(failure) => format!("{}@undefined", failure.name()),
    }
}

/// Answers a failure of one of OC's routes: never kept by caches.
pub(crate) fn failed(
    status: u16,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
    retry_after: Option<Duration>,
) -> HttpResponse {
    let tag = etag::strong(&body);
    let mut response = builder(status);
    for (name, value) in headers {
        response.append_header((name, value));
    }
    response.insert_header((CONTENT_TYPE, JSON));
    response.insert_header((ETAG, tag));
    response.insert_header((VARY, HeaderValue::from_static(VARIES_BY)));
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Some(wait) = retry_after {
        response.insert_header((RETRY_AFTER, HeaderValue::from(wait.as_secs())));
    }
    response.body(body)
}

/// Answers 200, or 304 to a caller that has this very answer.
///
/// What the component set wins over the defaults, but for `Vary`, which is joined.
fn succeeded(
    request: &HttpRequest,
    body: Bytes,
    tag: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> HttpResponse {
    let sets_cookie = headers.iter().any(|(name, _)| name == SET_COOKIE);
    let has = |wanted: &HeaderName| headers.iter().find(|(name, _)| name == wanted);
    let own_tag = has(&ETAG)
        .and_then(|(_, value)| value.to_str().ok())
        .unwrap_or(tag);
    let is_fresh = is_fresh(request, own_tag);
    let mut response = builder(if is_fresh { 304 } else { 200 });
    if !is_fresh && has(&CONTENT_TYPE).is_none() {
        response.insert_header((CONTENT_TYPE, JSON));
    }
    response.insert_header((VARY, HeaderValue::from_static(VARIES_BY)));
    if has(&ETAG).is_none() {
        response.insert_header((ETAG, tag));
    }
    if has(&CACHE_CONTROL).is_none() {
        let value = if sets_cookie {
            "private, no-cache"
        } else {
            "no-cache"
        };
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static(value)));
    }
    for (name, value) in headers {
        if name != CONTENT_TYPE {
            response.append_header((name, value));
        } else if !is_fresh {
            response.insert_header((name, with_charset(value)));
        }
    }
    if is_fresh {
        response.finish()
    } else {
        response.body(body)
    }
}

/// Express adds a charset to text types that have none.
fn with_charset(value: HeaderValue) -> HeaderValue {
    let is_bare_text = value
        .to_str()
        .is_ok_and(|text| text.starts_with("text/") && !text.contains("charset"));
    if !is_bare_text {
        return value;
    }
    let text = format!("{}; charset=utf-8", value.to_str().unwrap_or_default());
    HeaderValue::from_str(&text).unwrap_or(value)
}

/// Adds a component's headers to an answer that is whole: they win, but for `Vary`, which is joined.
pub(crate) fn add_headers(answer: &mut HeaderMap, headers: Vec<(HeaderName, HeaderValue)>) {
    let own: Vec<HeaderName> = headers.iter().map(|(name, _)| name.clone()).collect();
    for name in own.iter().filter(|name| *name != VARY) {
        answer.remove(name);
    }
    if own.contains(&SET_COOKIE) && !own.contains(&CACHE_CONTROL) {
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    for (name, value) in headers {
        answer.append(name, value);
    }
}

/// Whether the caller may use what it has. Source: npm `fresh`.
fn is_fresh(request: &HttpRequest, tag: &str) -> bool {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let reloads = header(&CACHE_CONTROL).is_some_and(|value| {
        value
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case("no-cache"))
    });
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_read && !reloads && header(&IF_NONE_MATCH).is_some_and(|given| etag::matches(given, tag))
}

fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}
