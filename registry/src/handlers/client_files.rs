//! `GET /oc-client/client.js` and its companions: the browser client.
//!
//! Source: `packages/oc/src/registry/routes/static-redirector.ts`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::assets::{CHANGING, encoding_for, respond};
use crate::{browser_client::ClientFile, error::ApiError, oc_client::OcClient};

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
    let asset = own.browser().file(file, encoding_for(request));
    respond(request, &asset, CHANGING)
}
