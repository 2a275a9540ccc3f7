//! `PUT /{name}/{version}`: publish one release.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_http::{Response, body::BoxBody};
use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderValue, USER_AGENT, WWW_AUTHENTICATE},
    },
    web,
};
use bytes::Bytes;
use ochre_model::parse_query;

use crate::{
    answer,
    auth::Authenticator,
    body::BodyLimits,
    error::ApiError,
    extract::ComponentPath,
    metrics::Metrics,
    publish::{PublishFailure, PublishRequest, Publisher, UploadLimits, receive},
};

/// OC's challenge.
const CHALLENGE: &str = "Basic realm=\"Authorization Required\"";

/// OC's body of a 401, to the byte: the `oc` CLI asks for credentials when it reads it.
const UNAUTHORIZED: &[u8] = b"Unauthorized";

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
    path: Result<ComponentPath, ApiError>,
    (authenticator, publisher): (web::Data<Authenticator>, web::Data<Publisher>),
    (limits, metrics): (web::Data<BodyLimits>, web::Data<Metrics>),
) -> Result<HttpResponse, ApiError> {
    let header = |name| request.headers().get(name);
    let credentials = header(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Ok(principal) = authenticator.authenticate(credentials) else {
        return Ok(unauthorized(payload));
    };
    let path = path?;
    let upload_max = publisher.upload_max();
    let announced = header(actix_web::http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // The envelope around the archive is short.
    if announced.is_some_and(|length| length > upload_max + 64 * 1024) {
        return Ok(refuse_early(
            payload,
            &ApiError::too_large("upload", upload_max),
        ));
    }
    let is_multipart = header(actix_web::http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/form-data")
        });
    if !is_multipart {
        return Ok(failed(&PublishFailure::not_one_package()));
    }
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
        Ok(()) => answer::json(&request, Bytes::from_static(b"{\"ok\":true}")),
        Err(failure) => failed(&failure),
    })
}

fn failed(failure: &PublishFailure) -> HttpResponse {
    answer::failed(
        failure.status(),
        failure.body(),
        Vec::new(),
        failure.is_temporary(),
    )
}

/// Answers 401 and lets the client read it while it may still be sending.
fn unauthorized(payload: web::Payload) -> HttpResponse {
    let body = Unread {
        text: Bytes::from_static(UNAUTHORIZED),
        _payload: payload,
    };
    let mut response = HttpResponse::build(StatusCode::UNAUTHORIZED)
        .insert_header((WWW_AUTHENTICATE, CHALLENGE))
        .message_body(body)
        .map_or_else(
            |_| HttpResponse::Unauthorized().finish(),
            HttpResponse::map_into_boxed_body,
        );
    response
        .headers_mut()
        .remove(actix_web::http::header::CONTENT_TYPE);
    response
}

/// The same answer to a client that waits for leave to send its body.
pub(crate) fn unauthorized_head() -> Response<BoxBody> {
    Response::build(StatusCode::UNAUTHORIZED)
        .insert_header((WWW_AUTHENTICATE, CHALLENGE))
        .body(UNAUTHORIZED)
        .map_into_boxed_body()
}

fn refuse_early(payload: web::Payload, error: &ApiError) -> HttpResponse {
    let response = actix_web::ResponseError::error_response(error);
    response
        .map_body(|_, body| match body.try_into_bytes() {
            Ok(text) => Unread {
                text,
                _payload: payload,
            },
            Err(_) => Unread {
                text: Bytes::new(),
                _payload: payload,
            },
        })
        .map_into_boxed_body()
}

/// A short answer that holds the request's unread body while it is sent.
///
/// The server reads on for a bounded time after such an answer, so that a client that is still
/// sending can read it, and then closes the connection. A body that was dropped before would be
/// read to its end, however long it is.
struct Unread {
    text: Bytes,
    _payload: web::Payload,
}

impl MessageBody for Unread {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.text.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.text.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Ready(Some(Ok(std::mem::take(&mut self.text))))
        }
    }
}
