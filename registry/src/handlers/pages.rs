//! The pages, for callers that accept HTML, and the files that they are made with.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::header::{
        ACCEPT, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, Header, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
    web,
};
use bytes::Bytes;
use ochre_model::{ParameterValue, Parameters};

use crate::{
    assets::{Effort, Encoding},
    base_url,
    directory::Filter,
    error::ApiError,
    etag,
    extract::segment,
    ui::{InfoRequest, ListRequest, Page, Subject, Theme, Ui, View},
};

/// Cookie that holds the reader's theme.
const THEME_COOKIE: &str = "oc-theme";

/// Whether the caller wants a page rather than JSON, as OC decides it.
pub(crate) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    accept.is_some_and(|accept| String::from_utf8_lossy(accept.as_bytes()).contains("text/html"))
}

/// The list of components, or the history.
pub(crate) async fn list(request: &HttpRequest, query: &Parameters, ui: &Ui) -> HttpResponse {
    let text = |name: &str| {
        let value = query.get(name).map(ParameterValue::to_text);
        value.unwrap_or_default()
    };
    let list = ListRequest {
        base_url: base_url::of(request),
        view: View::parse(&text("view")),
        filter: Filter {
            words: text("q").trim().to_owned(),
            state: text("state"),
            template: text("template"),
            author: text("author"),
        },
        page: text("page").parse().unwrap_or(1),
        theme: theme(request),
    };
    respond(request, ui.list(&list).await).await
}

/// The information page of a release.
pub(crate) async fn info(
    request: &HttpRequest,
    (version, parameters): (String, Parameters),
    (ui, subject): (&Ui, &Subject),
) -> HttpResponse {
    let info = InfoRequest {
        base_url: base_url::of(request),
        version,
        parameters,
        theme: theme(request),
    };
    respond(request, ui.info(subject, &info)).await
}

/// The preview page of a release.
pub(crate) async fn preview(
    request: &HttpRequest,
    parameters: &Parameters,
    (ui, subject): (&Ui, &Subject),
) -> HttpResponse {
    let base_url = base_url::of(request);
    respond(request, ui.preview(subject, parameters, &base_url)).await
}

/// `GET /~ui/{version}/{file}`: a style or script of the pages.
///
/// # Errors
///
/// 404 when there is no such file.
pub(crate) async fn file(
    request: HttpRequest,
    ui: web::Data<Ui>,
) -> Result<HttpResponse, ApiError> {
    let (version, name) = (segment(&request, "version")?, segment(&request, "file")?);
    let file = ui
        .files()
        .get(&name)
        .ok_or_else(|| ApiError::not_found("there is no such file"))?;
    let accepted = AcceptEncoding::parse(&request).ok();
    let (encoding, body) = file.body(Encoding::negotiate(accepted.as_ref()));
    // Another version is of a node that is newer or older: what this one has is good for once.
    let caching = if version == ui.files().version() {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if let Some(encoding) = encoding {
        response.insert_header((CONTENT_ENCODING, encoding.as_str()));
    }
    Ok(response.body(body))
}

async fn respond(request: &HttpRequest, page: askama::Result<Page>) -> HttpResponse {
    let page = match page {
        Ok(page) => page,
        Err(error) => return ApiError::internal(error).error_response(),
    };
    // The same in every encoding, hence weak.
    let tag = format!("W/{}", etag::strong(page.body.as_bytes()));
    let known = request.headers().get(IF_NONE_MATCH);
    let is_known = known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| etag::matches(known, &tag));
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, tag))
        .insert_header((VARY, "Accept, Accept-Encoding, Cookie"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "same-origin"));
    if let Ok(policy) = HeaderValue::from_str(&page.policy) {
        response.insert_header((CONTENT_SECURITY_POLICY, policy));
    }
    if is_known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
    let body = Bytes::from(page.body);
    let encoding = Encoding::negotiate(AcceptEncoding::parse(request).ok().as_ref());
    match encoding.compress(body.clone(), Effort::Once).await {
        Some(smaller) => response
            .insert_header((CONTENT_ENCODING, encoding.as_str()))
            .body(smaller),
        None => response.body(body),
    }
}

fn theme(request: &HttpRequest) -> Theme {
    let cookies = request.headers().get_all(actix_web::http::header::COOKIE);
    let chosen = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == THEME_COOKIE).then_some(value));
    Theme::parse(chosen)
}
