//! `GET /`, `~info` and `~registry/…`.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue, web};
use bytes::Bytes;
use ochre_model::ParameterValue;
use serde_json::{Map, Value, json};

use crate::{
    answer, base_url,
    discovery::{Discovery, ListQuery, ListText},
    error::SOON,
    extract::{Caller, ComponentPath, QueryParameters},
    fallback::{Description, FallbackError},
    handlers::pages,
    render::RenderFailure,
    ui::{Subject, Ui},
};

/// Lists what is published. Source: `packages/oc/src/registry/routes/index.ts`.
pub(crate) async fn list(
    request: HttpRequest,
    query: QueryParameters,
    (discovery, ui): (web::Data<Discovery>, web::Data<Ui>),
) -> HttpResponse {
    if discovery.settings().ui && pages::is_wanted(&request) {
        return pages::list(&request, &query.0, &ui).await;
    }
    let text = |name: &str| query.0.get(name).map(ParameterValue::to_text);
    let list = ListQuery {
        state: text("state"),
        meta: text("meta"),
        base_url: base_url::of(&request),
    };
    listed(&request, discovery.list(&list).await)
}

/// Answers a list, or why there is none.
fn listed(request: &HttpRequest, list: Result<ListText, RenderFailure>) -> HttpResponse {
    match list {
        Ok(list) => answer::tagged_json(request, list.body, &list.tag),
        Err(failure) => answer::failed(
            failure.status(),
            failure.body(),
            Vec::new(),
            failure.retry_after(),
        ),
    }
}

/// Describes one release. Source: `packages/oc/src/registry/routes/component-info.ts`.
pub(crate) async fn info(
    request: HttpRequest,
    path: ComponentPath,
    (query, caller): (QueryParameters, Caller),
    (discovery, ui): (web::Data<Discovery>, web::Data<Ui>),
) -> HttpResponse {
    let asked = (&caller, Description::Info);
    if discovery.settings().ui && pages::is_wanted(&request) {
        let subject = match subject(&path, &ui, (&discovery, asked)).await {
            Ok(subject) => subject,
            Err(answer) => return answer,
        };
        return pages::info(&request, (path.version, query.0), (&ui, &subject)).await;
    }
    let description = describe(&request, &path, (&discovery, asked)).await;
    if description.status().is_success() && !discovery.settings().api {
        return switched_off();
    }
    description
}

/// Describes one release, whatever discovery says: the preview page, or its data.
///
/// Source: `packages/oc/src/registry/routes/component-preview.ts`.
pub(crate) async fn preview(
    request: HttpRequest,
    path: ComponentPath,
    (query, caller): (QueryParameters, Caller),
    (discovery, ui): (web::Data<Discovery>, web::Data<Ui>),
) -> HttpResponse {
    let asked = (&caller, Description::Preview);
    if pages::is_wanted(&request) {
        let subject = match subject(&path, &ui, (&discovery, asked)).await {
            Ok(subject) => subject,
            Err(answer) => return answer,
        };
        return pages::preview(&request, &query.0, (&ui, &subject)).await;
    }
    describe(&request, &path, (&discovery, asked)).await
}

async fn describe(
    request: &HttpRequest,
    path: &ComponentPath,
    (discovery, asked): (&Discovery, (&Caller, Description)),
) -> HttpResponse {
    let failure = match discovery.info(&path.name, &path.version).await {
        Ok(info) => return json_answer(request, &info),
        Err(failure) => failure,
    };
    match elsewhere(path, (discovery, asked), &failure).await {
        Ok(info) => json_answer(request, &Value::Object(info)),
        Err(answer) => answer,
    }
}

/// What a page is about, or the answer that there is nothing.
async fn subject(
    path: &ComponentPath,
    ui: &Ui,
    (discovery, asked): (&Discovery, (&Caller, Description)),
) -> Result<Subject, HttpResponse> {
    let failure = match ui.find(&path.name, &path.version).await {
        Ok(subject) => return Ok(subject),
        Err(failure) => failure,
    };
    let description = elsewhere(path, (discovery, asked), &failure).await?;
    let malformed = || {
        absent(
            &failure,
            (502, "fallback registry did not describe a component"),
            Some(SOON),
        )
    };
    Subject::foreign(&description).ok_or_else(malformed)
}

/// Asks the fallback registry for what is not here; without one it answers the failure.
async fn elsewhere(
    path: &ComponentPath,
    (discovery, (caller, what)): (&Discovery, (&Caller, Description)),
    failure: &RenderFailure,
) -> Result<Map<String, Value>, HttpResponse> {
    let component = (path.name.as_str(), path.version.as_str());
    let fallback = discovery.fallback().filter(|_| failure.is_absence());
    let Some(fallback) = fallback.filter(|fallback| fallback.admits(caller, component)) else {
        let body = Bytes::from(failure.error().to_string());
        let retry_after = failure.retry_after();
        return Err(answer::failed(
            failure.status(),
            body,
            Vec::new(),
            retry_after,
        ));
    };
    match fallback.describe(component, what, caller).await {
        Ok(mut info) => {
            info.insert("requestVersion".into(), json!(path.version));
            Ok(info)
        }
        Err(FallbackError::Refused(text)) => Err(absent(failure, (404, &text), None)),
        Err(error @ (FallbackError::Unavailable(_) | FallbackError::Failing { .. })) => {
            let wait = error.retry_after();
            Err(absent(failure, (502, &error.to_string()), Some(wait)))
        }
    }
}

/// Neither this registry nor the other has it.
fn absent(
    failure: &RenderFailure,
    (status, text): (u16, &str),
    retry_after: Option<Duration>,
) -> HttpResponse {
    let body = json!({ "registryError": failure.error(), "fallbackError": text });
    answer::failed(status, body.to_string().into(), Vec::new(), retry_after)
}

/// Plugins of this registry.
pub(crate) async fn plugins(request: HttpRequest, discovery: web::Data<Discovery>) -> HttpResponse {
    if discovery.settings().api {
        json_answer(&request, &discovery.plugins())
    } else {
        switched_off()
    }
}

/// Modules that components may `require`.
pub(crate) async fn dependencies(
    request: HttpRequest,
    discovery: web::Data<Discovery>,
) -> HttpResponse {
    if discovery.settings().api {
        json_answer(&request, &json!(discovery.dependencies()))
    } else {
        switched_off()
    }
}

/// Every release, newest first. Source: `packages/oc/src/registry/routes/history.ts`.
pub(crate) async fn history(request: HttpRequest, discovery: web::Data<Discovery>) -> HttpResponse {
    if !discovery.settings().ui {
        return switched_off();
    }
    let mut response = listed(&request, discovery.history().await);
    if response.status().is_success() {
        response.headers_mut().insert(
            actix_web::http::header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=600"),
        );
    }
    response
}

fn json_answer(request: &HttpRequest, value: &Value) -> HttpResponse {
    let body = ochre_model::json::to_text(value);
    answer::json(request, Bytes::from(body))
}

/// What OC means to answer when discovery is off (it sets the status and never sends it).
pub(crate) fn switched_off() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((actix_web::http::header::CACHE_CONTROL, "no-store"))
        .finish()
}
