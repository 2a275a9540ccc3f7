//! `GET /~assets/{name}/{version}/{path}`: static files of releases, immutable.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{
            ACCEPT_RANGES, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, Header, IF_NONE_MATCH, IF_RANGE, RANGE,
            Range, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    web,
};
use ochre_model::ComponentId;

use crate::{
    assets::{Asset, AssetError, Assets, Encoding},
    base_url,
    cache_tags::CacheTags,
    error::ApiError,
    etag,
    extract::{ComponentPath, segment},
    oc_client::OcClient,
    render::Renderer,
};

/// `Cache-Control` of files that never change.
pub(super) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `Cache-Control` of files that change with the registry's settings and version.
pub(super) const CHANGING: &str = "public, max-age=300, stale-while-revalidate=86400";

/// Sends one file, or one range of it.
///
/// # Errors
///
/// 404 when there is no such public file, 416 for a range outside of it, 502 when it is damaged,
/// 503 when the store is not available.
pub(crate) async fn get(
    request: HttpRequest,
    path: ComponentPath,
    (assets, renderer): (web::Data<Assets>, web::Data<Renderer>),
    (own, tags): (web::Data<OcClient>, web::Data<CacheTags>),
) -> Result<HttpResponse, ApiError> {
    let file = segment(&request, "path")?;
    let missing = || ApiError::not_found("there is no such file");
    let (Ok(name), Ok(version)) = (path.name.parse(), path.version.parse()) else {
        return Err(missing());
    };
    if !renderer.serves(&path.name) {
        return Err(missing());
    }
    let id = ComponentId { name, version };
    let encoding = encoding_for(&request);
    if id == *own.id() {
        let asset = own
            .file(&file, encoding, &base_url::of(&request))
            .ok_or_else(missing)?;
        return respond(&request, &asset, CHANGING);
    }
    let asset = assets
        .get(&id, &file, encoding)
        .await
        .map_err(|error| match error {
            AssetError::NotFound => missing(),
            AssetError::Integrity(_) => {
                ApiError::new(StatusCode::BAD_GATEWAY, "integrity", error.to_string())
                    .because(error)
            }
            AssetError::Unavailable(_) => {
                // Told once for an outage, where it was noticed.
                ApiError::unavailable("storage_unavailable", error.to_string())
            }
        })?;
    let mut response = respond(&request, &asset, IMMUTABLE)?;
    let keys = (id.name.as_str(), id.version.as_str());
    tags.add(response.headers_mut(), keys);
    Ok(response)
}

/// The encoding that a caller gets; a range is one of the file as it is.
pub(super) fn encoding_for(request: &HttpRequest) -> Encoding {
    if request.headers().contains_key(RANGE) {
        return Encoding::Identity;
    }
    Encoding::negotiate(AcceptEncoding::parse(request).ok().as_ref())
}

/// Sends an asset, or one range of it, or that the caller has it already.
///
/// # Errors
///
/// 416 for a range outside of it.
pub(super) fn respond(
    request: &HttpRequest,
    asset: &Asset,
    cache_control: &'static str,
) -> Result<HttpResponse, ApiError> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((ETAG, asset.etag.as_ref()))
        .insert_header((CACHE_CONTROL, cache_control))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"));
    if header(IF_NONE_MATCH).is_some_and(|given| etag::matches(given, &asset.etag)) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    let content_type = asset.content_type.unwrap_or("application/octet-stream");
    response.insert_header((CONTENT_TYPE, content_type));
    if let Some(encoding) = asset.encoding {
        response.insert_header((CONTENT_ENCODING, encoding));
    }
    let same_file = header(IF_RANGE).is_none_or(|given| given == asset.etag.as_ref());
    let Some(range) = requested_range(request).filter(|_| same_file) else {
        return Ok(response.body(asset.body.clone()));
    };
    let length = asset.body.len();
    let Some((start, end)) = range.to_satisfiable_range(length as u64) else {
        return Err(ApiError::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            format!("file has {length} bytes"),
        ));
    };
    let position = |at: u64| usize::try_from(at).unwrap_or(length);
    Ok(response
        .status(StatusCode::PARTIAL_CONTENT)
        .insert_header((CONTENT_RANGE, format!("bytes {start}-{end}/{length}")))
        .body(asset.body.slice(position(start)..=position(end))))
}

/// The one range that is asked for; several are answered with the whole file.
fn requested_range(request: &HttpRequest) -> Option<actix_web::http::header::ByteRangeSpec> {
    match Range::parse(request).ok()? {
        Range::Bytes(ranges) => match ranges.as_slice() {
            [range] => Some(range.clone()),
            _ => None,
        },
        Range::Unregistered(..) => None,
    }
}
