//! `GET ~events`: the stream of changes.

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    web,
};
use ochre_model::ParameterValue;

use crate::{
    discovery::Discovery,
    error::ApiError,
    events::{Events, Refusal, Start, StreamRequest},
    extract::QueryParameters,
    handlers::discovery::switched_off,
};

/// Most components that one stream may be asked for.
const COMPONENTS_MAX: usize = 100;

/// Header with the id of the last event that a reader has seen.
const LAST_EVENT_ID: &str = "last-event-id";

/// The same in the query, for readers that cannot set headers.
const LAST_EVENT_ID_QUERY: &str = "lastEventId";

/// Opens a stream of changes.
///
/// # Errors
///
/// 400 for too many components; 503 when there are too many streams, or the node stops or has just
/// started.
pub(crate) async fn stream(
    request: HttpRequest,
    query: QueryParameters,
    (events, discovery): (web::Data<Events>, web::Data<Discovery>),
) -> Result<HttpResponse, ApiError> {
    if !discovery.settings().api {
        return Ok(switched_off());
    }
    let wanted = StreamRequest {
        start: start(&request, &query),
        components: components(&query)?,
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let stream = events.open(wanted).map_err(refused)?;
    Ok(response.streaming(stream))
}

fn start(request: &HttpRequest, query: &QueryParameters) -> Start {
    let header = request.headers().get(LAST_EVENT_ID);
    let id = match header {
        Some(header) => String::from_utf8_lossy(header.as_bytes()).into_owned(),
        None => query
            .0
            .get(LAST_EVENT_ID_QUERY)
            .map(ParameterValue::to_text)
            .unwrap_or_default(),
    };
    match id.trim() {
        "" => Start::Now,
        id => id.parse().map_or(Start::Unknown, Start::After),
    }
}

fn components(query: &QueryParameters) -> Result<BTreeSet<String>, ApiError> {
    let text = query.0.get("component").map(ParameterValue::to_text);
    let text = text.unwrap_or_default();
    let names: BTreeSet<String> = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.len() > COMPONENTS_MAX {
        let message = format!("ask for at most {COMPONENTS_MAX} components, or for all");
        return Err(ApiError::bad_request("too_many_components", message));
    }
    Ok(names)
}

fn refused(refusal: Refusal) -> ApiError {
    let code = match refusal {
        Refusal::Full => "too_many_streams",
        Refusal::Stopping => "stopping",
        Refusal::NotLoaded => "storage_unavailable",
    };
    ApiError::unavailable(code, refusal.to_string())
}
