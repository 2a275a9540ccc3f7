//! `~health`, `~ready` and `~metrics`: for orchestrators and Prometheus.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web};
use ochre_cdn_sync::WakeUp;
use serde_json::json;

use crate::{error::ApiError, events::Events, metrics::Metrics, readiness::Readiness};

/// Whether the process answers at all; never asks the store.
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok" }))
}

/// Whether the node wants requests, and what it lacks.
pub(crate) async fn ready(readiness: web::Data<Readiness>) -> HttpResponse {
    let report = readiness.report();
    let mut response = if report.is_ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "status": if report.is_ready { "ready" } else { "not_ready" },
            "reasons": report.reasons,
            "catalogAgeSeconds": report.catalog_age.map(|age| age.as_secs()),
            "stale": report.is_stale,
            "pollFailures": report.poll_failures,
            "storeFailure": report.store_failure,
            "publishing": report.is_writable,
        }))
}

/// What Prometheus scrapes.
///
/// # Errors
///
/// 500 when a family cannot be encoded.
pub(crate) async fn metrics(
    metrics: web::Data<Metrics>,
    readiness: web::Data<Readiness>,
    (events, wakeup): (web::Data<Events>, web::Data<Option<WakeUp>>),
) -> Result<HttpResponse, ApiError> {
    readiness.observe(&metrics);
    metrics.streams_observed(events.open_count());
    if let Some(wakeup) = wakeup.as_ref() {
        metrics.wakeup_observed(&wakeup.status());
    }
    let text = metrics.encode().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text))
}
