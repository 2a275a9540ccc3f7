//! `GET /oc-client/client.js` and its companions: the browser client.
//!
//! Source: `packages/oc/src/registry/routes/static-redirector.ts`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, LOCATION},
    web,
};

use super::assets::{CHANGING, encoding_for, respond};
use crate::{
    base_url, browser_client::ClientFile, error::ApiError, oc_client::OcClient,
    public_path::PublicPaths,
};

/// The client, minified.
pub(crate) async fn code(
    request: HttpRequest,
    own: web::Data<OcClient>,
) -> Result<HttpResponse, ApiError> {
    send(&request, &own, ClientFile::Code)
}

/// The client, to read.
pub(crate) async fn development(
    request: HttpRequest,
    own: web::Data<OcClient>,
) -> Result<HttpResponse, ApiError> {
    send(&request, &own, ClientFile::Development)
}

/// The source map of the minified client.
pub(crate) async fn map(
    request: HttpRequest,
    own: web::Data<OcClient>,
) -> Result<HttpResponse, ApiError> {
    send(&request, &own, ClientFile::Map)
}

fn send(request: &HttpRequest, own: &OcClient, file: ClientFile) -> Result<HttpResponse, ApiError> {
    let base_url = base_url::of(request);
    if !own.browser().is_compiled() {
        let url = PublicPaths::served_below(&base_url).file(own.id(), file.path());
        return Ok(HttpResponse::Found()
            .insert_header((LOCATION, url))
            .insert_header((CACHE_CONTROL, CHANGING))
            .finish());
    }
    let asset = own.browser().file(file, encoding_for(request), &base_url);
    respond(request, &asset, CHANGING)
}
