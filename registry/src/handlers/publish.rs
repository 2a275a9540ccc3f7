//! `PUT /{name}/{version}`: publish one release.

use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_TYPE, USER_AGENT},
    web,
};
use bytes::Bytes;
use ochre_model::parse_query;
use serde_json::json;

use crate::{
    answer,
    auth::Principal,
    body::{self, BodyLimits},
    discovery::Discovery,
    error::{ApiError, SOON},
    extract::ComponentPath,
    metrics::Metrics,
    publish::{PublishFailure, PublishRequest, Publisher, UploadLimits, receive},
};

/// OC's answer to a `package.json` that could be published.
const VALID: &[u8] = b"{\"valid\":true,\"message\":\"Package validation successful\"}";

/// Publishes one release. Source: `packages/oc/src/registry/routes/publish.ts`.
///
/// Who may not publish is told so before one byte of the body is read.
///
/// # Errors
///
/// As [`receive`], and what is malformed in the URL.
pub(crate) async fn put(
    request: HttpRequest,
    payload: web::Payload,
    // In this order: what the path says matters only to who may publish.
    (principal, path): (Principal, ComponentPath),
    publisher: web::Data<Publisher>,
    (limits, metrics): (web::Data<BodyLimits>, web::Data<Metrics>),
) -> Result<HttpResponse, ApiError> {
    let header = |name| request.headers().get(name);
    let upload_max = publisher.upload_max();
    let announced = header(actix_web::http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // The envelope around the archive is short.
    if announced.is_some_and(|length| length > upload_max + 64 * 1024) {
        return Err(ApiError::too_large("upload", upload_max));
    }
    let is_multipart = header(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/form-data")
        });
    if !is_multipart {
        return Ok(failed(&PublishFailure::not_one_package()));
    }
    let _upload = match publisher.admit().await {
        Ok(permit) => permit,
        Err(failure) => return Ok(failed(&failure)),
    };
    let multipart = Multipart::new(request.headers(), payload.into_inner());
    let limits = UploadLimits {
        length: upload_max,
        time: limits.time,
    };
    let upload = match receive(multipart, limits, &metrics).await? {
        Ok(upload) => upload,
        Err(failure) => return Ok(failed(&failure)),
    };
    let asked = PublishRequest {
        name: path.name,
        version: path.version,
        user_agent: header(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(String::from),
        principal,
        is_dry_run: parse_query(request.query_string()).contains("dryRun"),
        upload,
    };
    Ok(match publisher.publish(asked).await {
        Ok(warnings) => answer::json(&request, published(&warnings)),
        Err(failure) => failed(&failure),
    })
}

/// OC's answer to a publish, and beside it what its publisher should know.
fn published(warnings: &[String]) -> Bytes {
    if warnings.is_empty() {
        return Bytes::from_static(b"{\"ok\":true}");
    }
    let answer = json!({ "ok": true, "warnings": warnings });
    Bytes::from(answer.to_string())
}

/// Says whether a `package.json` could be published. Source:
/// `packages/oc/src/registry/routes/validate.ts`.
///
/// # Errors
///
/// 404 when `discovery.validate` is off; what is wrong with the body itself.
pub(crate) async fn validate(
    request: HttpRequest,
    payload: web::Payload,
    (discovery, publisher): (web::Data<Discovery>, web::Data<Publisher>),
    limits: web::Data<BodyLimits>,
) -> Result<HttpResponse, ApiError> {
    if !discovery.settings().validates() {
        return Err(ApiError::not_found("there is no such path"));
    }
    let body = body::read(&request, payload, **limits).await?;
    let user_agent = request
        .headers()
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    Ok(match publisher.validate(body.as_ref(), user_agent) {
        Ok(()) => answer::json(&request, Bytes::from_static(VALID)),
        Err(failure) => failed(&failure),
    })
}

fn failed(failure: &PublishFailure) -> HttpResponse {
    answer::failed(
        failure.status(),
        failure.body(),
        Vec::new(),
        failure.is_temporary().then_some(SOON),
    )
}
