//! What happens to every request: a bound on its URL, CORS headers, metrics, a log line.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
            HeaderMap, HeaderValue, ORIGIN, VARY,
        },
    },
    middleware::Next,
    web,
};

use crate::{
    error::ApiError, extract, metrics::Metrics, readiness::Readiness, settings::CorsSettings,
    unread::SharedBody,
};

/// Header values that are the same for every answer.
#[derive(Debug)]
pub struct Edge {
    url_max: usize,
    headers_max: usize,
    any_origin: bool,
    origins: Vec<String>,
    headers: HeaderValue,
    max_age: HeaderValue,
    metrics: Arc<Metrics>,
}

/// Passes a request on, and finishes its answer.
///
/// # Errors
///
/// As the service behind it.
pub async fn finish(
    (edge, readiness): (web::Data<Edge>, web::Data<Readiness>),
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let origin = request.headers().get(ORIGIN).cloned();
    let target = request.uri().path_and_query();
    let length = target.map_or(0, |target| target.as_str().len());
    let refused = if length > edge.url_max {
        Some(ApiError::new(
            StatusCode::URI_TOO_LONG,
            "url_too_long",
            format!("URL is longer than {} bytes", edge.url_max),
        ))
    } else if headers_length(request.headers()) > edge.headers_max {
        Some(ApiError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            format!("request headers are longer than {} bytes", edge.headers_max),
        ))
    } else {
        (!extract::is_well_formed(request.uri().path())).then(extract::malformed_url)
    };
    let body = SharedBody::share(&mut request);
    let response = match refused {
        Some(error) => request.into_response(error.error_response()),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let mut response = match body {
        Some(body) => body.hold(response),
        None => response,
    };
    if readiness.is_draining() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    edge.add_cors(
        response.headers_mut(),
        origin.as_ref(),
        method == Method::OPTIONS,
    );
    edge.observe(&method, &response, started);
    Ok(response)
}

// === impl Edge ===

impl Edge {
    /// Prepares header values; longest URL and longest headers in bytes.
    pub fn new(
        cors: &CorsSettings,
        (url_max, headers_max): (usize, usize),
        metrics: Arc<Metrics>,
    ) -> Self {
        let value = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
        };
        Self {
            url_max,
            headers_max,
            any_origin: cors.origins.iter().any(|origin| origin == "*"),
            origins: cors.origins.clone(),
            headers: value(&cors.headers.join(", ")),
            max_age: value(&cors.max_age.as_secs().to_string()),
            metrics,
        }
    }

    /// Credentials are allowed to named origins only: browsers refuse them together with `*`.
    fn add_cors(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>, preflight: bool) {
        if self.any_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            headers.append(VARY, HeaderValue::from_static("Origin"));
            let named = origin.filter(|origin| {
                self.origins
                    .iter()
                    .any(|other| other.as_bytes() == origin.as_bytes())
            });
            let Some(origin) = named else {
                return;
            };
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, OPTIONS, PUT, POST"),
        );
        if preflight {
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
    }

    fn observe<B>(&self, method: &Method, response: &ServiceResponse<B>, started: Instant) {
        let pattern = response.request().match_pattern();
        let route = pattern.as_deref().map_or("unmatched", route_label);
        let status = response.status().as_u16();
        let elapsed = started.elapsed();
        let method = method_label(method);
        self.metrics
            .request_finished(route, method, status, elapsed);
        tracing::debug!(
            http.method = method,
            http.route = route,
            http.target = %response.request().uri(),
            http.status_code = status,
            duration_ms = elapsed.as_secs_f64() * 1000.0,
            "answered a request"
        );
    }
}

/// Bytes of all names and values.
fn headers_length(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// A short, closed set of names for the patterns of `routes`.
fn route_label(pattern: &str) -> &'static str {
    const MARKS: [(&str, &str); 14] = [
        ("~health", "health"),
        ("~ready", "ready"),
        ("~metrics", "metrics"),
        ("~events", "events"),
        ("plugins", "plugins"),
        ("dependencies", "dependencies"),
        ("history", "history"),
        ("~assets", "assets"),
        ("~ui", "ui"),
        ("~actions", "action"),
        ("~info", "info"),
        ("~preview", "preview"),
        ("{name}/{version}", "component_version"),
        ("{name}", "component"),
    ];
    MARKS
        .iter()
        .find(|(mark, _)| pattern.contains(mark))
        .map_or("index", |(_, label)| label)
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
