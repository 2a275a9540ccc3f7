//! What JavaScript is given: the context of a provider, or the model of a view without one.

use bytes::Bytes;
use ochre_model::{ParameterValue, Parameters};

use super::RenderRequest;
use crate::{json_object::JsonObject, release::Release};

/// Parameter that stands in for the `accept-language` header.
const LANGUAGE_PARAMETER: &str = "__ocAcceptLanguage";

/// Parameter that the browser client adds on retries.
const RETRY_PARAMETER: &str = "__oc_Retry";

/// What a provider's context is made of.
pub(super) struct ContextParts<'a> {
    pub(super) request: &'a RenderRequest,
    pub(super) parameters: &'a Parameters,
    pub(super) release: &'a Release,
    pub(super) base_url: &'a str,
    pub(super) templates: &'a [u8],
}

/// The context of a data provider, as `ochre_engine::Call::input` describes it.
pub(super) fn provider_context(parts: &ContextParts<'_>) -> Bytes {
    let ContextParts {
        request,
        parameters,
        release,
        ..
    } = parts;
    let (params, non_finite) = parameters.to_json();
    let caller = &request.caller;
    let language = request
        .parameters
        .get(LANGUAGE_PARAMETER)
        .map(ParameterValue::to_text)
        .filter(|language| !language.is_empty())
        .or_else(|| caller.accept_language.clone());

    let mut context = JsonObject::with_capacity(2048);
    if let Some(action) = &request.action {
        context.member("action", action);
    }
    context.member("acceptLanguage", language.as_deref().unwrap_or_default());
    context.member("baseUrl", parts.base_url);
    context.raw_member("env", &release.environment);
    context.member("params", &params);
    if !non_finite.is_empty() {
        context.member("nonFinite", &non_finite);
    }
    context.member("requestHeaders", &*caller.headers.to_json());
    context.member("requestIp", &caller.ip);
    context.member("staticPath", &*release.urls.folder(parts.base_url));
    context.raw_member("templates", parts.templates);
    context.member("name", release.id.name.as_str());
    context.member("version", release.id.version.as_str());
    context.finish()
}

/// The model of a release without a provider: its parameters and where it comes from.
pub(super) fn props_model(parameters: &Parameters, release: &Release, base_url: &str) -> Bytes {
    let (params, _) = parameters.to_json();
    let mut props = JsonObject::with_capacity(512);
    for (name, value) in &params {
        let is_added = matches!(
            name.as_str(),
            "_staticPath" | "_baseUrl" | "_componentName" | "_componentVersion"
        );
        if name != RETRY_PARAMETER && !is_added {
            props.member(name, value);
        }
    }
    props.member("_staticPath", &*release.urls.folder(base_url));
    props.member("_baseUrl", base_url);
    props.member("_componentName", release.id.name.as_str());
    props.member("_componentVersion", release.id.version.as_str());

    let mut component = JsonObject::with_capacity(512);
    component.raw_member("props", &props.finish());
    let mut model = JsonObject::with_capacity(512);
    model.raw_member("component", &component.finish());
    model.finish()
}
