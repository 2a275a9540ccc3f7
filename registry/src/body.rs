//! Bodies of `POST` requests: JSON or a form, within limits, in any encoding that OC takes.

use std::{io::Read, time::Duration};

use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    web,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde_json::Value;

use crate::error::ApiError;

/// Limits of a body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Longest body, before and after decoding, in bytes.
    pub length: usize,
    /// Longest time for it to arrive.
    pub time: Duration,
}

/// Reads a body and parses it as its content type says.
///
/// `None` when there is no body, or one that is neither JSON nor a form.
///
/// # Errors
///
/// 400 for JSON or a form that is malformed, 408, 413, 415.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: BodyLimits,
) -> Result<Option<Value>, ApiError> {
    let received = receive(payload, limits.length);
    let body = tokio::time::timeout(limits.time, received)
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                format!("request body did not arrive in {} s", limits.time.as_secs()),
            )
        })??;
    if body.is_empty() {
        return Ok(None);
    }
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let body = decode(header(CONTENT_ENCODING), body, limits.length)?;
    let content_type = header(CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        let value = serde_json::from_slice(&body)
            .map_err(|error| malformed(&format!("request body is not JSON: {error}")))?;
        return Ok(Some(value));
    }
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let text =
            std::str::from_utf8(&body).map_err(|_| malformed("request body is not UTF-8"))?;
        let value = ochre_model::parse_form(text)
            .map_err(|error| malformed(&format!("request body is not a form: {error}")))?;
        return Ok(Some(value));
    }
    Ok(None)
}

fn malformed(text: &str) -> ApiError {
    ApiError::bad_request("POST_BODY_NOT_VALID", text)
}

async fn receive(mut payload: web::Payload, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|error| malformed(&format!("request body is not whole: {error}")))?;
        if body.len() + chunk.len() > limit {
            return Err(ApiError::too_large("request body", limit as u64));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn decode(encoding: Option<&str>, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    let bound = limit as u64 + 1;
    let mut decoded = Vec::new();
    let read = match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => return Ok(body),
        Some("gzip") => flate2::bufread::GzDecoder::new(&*body)
            .take(bound)
            .read_to_end(&mut decoded),
        Some("deflate") => flate2::bufread::ZlibDecoder::new(&*body)
            .take(bound)
            .read_to_end(&mut decoded),
        Some("br") => brotli::Decompressor::new(&*body, 4096)
            .take(bound)
            .read_to_end(&mut decoded),
        Some(other) => {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "encoding_not_supported",
                format!("content encoding {other:?} is not supported; use gzip, deflate or br"),
            ));
        }
    };
    read.map_err(|_| malformed("request body does not have the content encoding it says"))?;
    if decoded.len() > limit {
        return Err(ApiError::too_large("request body", limit as u64));
    }
    Ok(Bytes::from(decoded))
}
