//! `GET /{name}[/{version}]` and `POST /~actions/{action}/{name}[/{version}]`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use ochre_model::{Clock, Parameters};
use serde_json::Value;

use crate::{
    answer,
    body::{self, BodyLimits},
    cache_tags::CacheTags,
    error::ApiError,
    extract::{Caller, ComponentPath, QueryParameters, segment},
    render::{RenderRequest, Renderer},
};

/// Renders one component for one caller. Source: `packages/oc/src/registry/routes/component.ts`.
pub(crate) async fn get(
    request: HttpRequest,
    path: ComponentPath,
    query: QueryParameters,
    caller: Caller,
    (renderer, clock, tags): (
        web::Data<Renderer>,
        web::Data<dyn Clock>,
        web::Data<CacheTags>,
    ),
) -> HttpResponse {
    let base_url = Arc::clone(&caller.base_url);
    let asked = RenderRequest {
        name: path.name,
        version: path.version,
        parameters: query.0,
        action: None,
        omit_href: false,
        may_stream: true,
        caller: Arc::new(caller),
        nesting: renderer.outermost(),
    };
    let rendering = renderer.render(asked).await;
    let keys = tags.of(&rendering);
    let mut response = answer::respond(&request, rendering, &base_url, &**clock);
    if let Some((name, version)) = keys {
        tags.add(response.headers_mut(), (&name, &version));
    }
    response
}

/// Runs a server action of one component; parameters come from the query and the body.
///
/// # Errors
///
/// As [`body::read`].
pub(crate) async fn act(
    request: HttpRequest,
    path: ComponentPath,
    (query, caller): (QueryParameters, Caller),
    (payload, limits): (web::Payload, web::Data<BodyLimits>),
    (renderer, clock): (web::Data<Renderer>, web::Data<dyn Clock>),
) -> Result<HttpResponse, ApiError> {
    let mut parameters = query.0;
    match body::read(&request, payload, **limits).await? {
        Some(Value::Object(body)) => parameters.overlay(&Parameters::from(body)),
        // What `{...query, ...body}` makes of a list.
        Some(Value::Array(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                parameters.insert(index.to_string(), item);
            }
        }
        _ => {}
    }
    let base_url = Arc::clone(&caller.base_url);
    let asked = RenderRequest {
        name: path.name,
        version: path.version,
        parameters,
        action: Some(segment(&request, "action")?),
        omit_href: false,
        may_stream: true,
        caller: Arc::new(caller),
        nesting: renderer.outermost(),
    };
    let rendering = renderer.render(asked).await;
    Ok(answer::respond(&request, rendering, &base_url, &**clock))
}
