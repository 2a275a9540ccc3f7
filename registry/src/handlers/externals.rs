//! `GET /~externals/{package}@{version}/{path}`: scripts that browsers need to render views.

use actix_web::{HttpRequest, HttpResponse, web};

use super::assets;
use crate::{
    error::ApiError,
    externals::{ExternalError, Externals},
    extract::segment,
};

/// Sends one script, or one range of it.
///
/// # Errors
///
/// 404 when no template type that is served needs such a file, 416 for a range outside of it, 503
/// when its pack is not to be had now.
pub(crate) async fn get(
    request: HttpRequest,
    externals: web::Data<Externals>,
) -> Result<HttpResponse, ApiError> {
    let origin = segment(&request, "path")?;
    let found = externals.get(&origin, assets::encoding_for(&request)).await;
    let asset = found.map_err(|error| match error {
        ExternalError::NotFound => ApiError::not_found(error.to_string()),
        ExternalError::Unavailable(_) => {
            ApiError::unavailable("template_unavailable", error.to_string()).because(error)
        }
    })?;
    assets::respond(&request, &asset, assets::IMMUTABLE)
}
