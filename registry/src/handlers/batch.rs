//! `POST /`: many components in one request.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use bytes::Bytes;
use futures::{StreamExt, stream};
use ochre_model::{Clock, Parameters, json::is_truthy};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    answer::{self, deprecation},
    body::{self, BodyLimits},
    error::ApiError,
    extract::Caller,
    json_object::JsonObject,
    render::{RenderRequest, Renderer, Rendering},
};

/// Told of an entry that was not finished when the batch's time was over.
const LATE: &str = "component was not rendered within the batch's deadline";

/// Told of an entry past the longest answer.
const TOO_LARGE: &str = "the batch's answer is too large; ask for fewer components at once";

/// Limits of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Most entries.
    pub(crate) entries: usize,
    /// Entries rendered at once.
    pub(crate) concurrency: usize,
    /// Longest time for all of them.
    pub(crate) deadline: Duration,
    /// Longest answer, in bytes; entries past it are refused in their place.
    pub(crate) output: usize,
}

/// One entry of a batch, as the caller wrote it.
struct Entry {
    name: String,
    version: String,
    parameters: Parameters,
    action: Option<String>,
}

/// A batch, as the caller wrote it.
struct Batch {
    entries: Vec<Entry>,
    shared: Parameters,
    omit_href: bool,
}

/// Renders many components; the answer is 200 even if every entry failed.
///
/// Source: `packages/oc/src/registry/routes/components.ts`.
///
/// # Errors
///
/// As [`body::read`].
pub(crate) async fn post(
    request: HttpRequest,
    caller: Caller,
    (payload, body_limits): (web::Payload, web::Data<BodyLimits>),
    limits: web::Data<BatchLimits>,
    (renderer, clock): (web::Data<Renderer>, web::Data<dyn Clock>),
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, **body_limits).await?;
    let batch = match parse(body, limits.entries) {
        Ok(batch) => batch,
        Err(text) => return Ok(not_valid(&text)),
    };
    let deadline = Instant::now() + limits.deadline;
    let base_url = Arc::clone(&caller.base_url);
    let caller = Arc::new(caller);
    let renderings: Vec<(Entry, Option<Rendering>)> = stream::iter(batch.entries)
        .map(|mut entry| {
            // Merged when its turn has come: a hundred copies of what is shared are too many.
            let mut parameters = batch.shared.clone();
            parameters.overlay(&std::mem::take(&mut entry.parameters));
            let asked = RenderRequest {
                name: entry.name.clone(),
                version: entry.version.clone(),
                parameters,
                action: entry.action.clone(),
                omit_href: batch.omit_href,
                may_stream: false,
                caller: Arc::clone(&caller),
                nesting: renderer.outermost(),
            };
            let renderer = renderer.clone().into_inner();
            async move {
                let rendering = tokio::time::timeout_at(deadline, renderer.render(asked)).await;
                (entry, rendering.ok())
            }
        })
        .buffered(limits.concurrency)
        .collect()
        .await;
    Ok(respond(
        &request,
        &renderings,
        (&base_url, limits.output),
        &**clock,
    ))
}

fn respond(
    request: &HttpRequest,
    renderings: &[(Entry, Option<Rendering>)],
    (base_url, output_max): (&str, usize),
    clock: &dyn Clock,
) -> HttpResponse {
    let unserializable = renderings
        .iter()
        .find_map(|(_, rendering)| match rendering {
            Some(Rendering::Failure(failure)) => failure.render_error(),
            _ => None,
        });
    if let Some(text) = unserializable {
        let labels = labels(renderings);
        let (_, text) = text.split_once(": ").unwrap_or(("", text));
        return answer::render_error(&labels, text);
    }
    let mut body = Vec::with_capacity(1024 * renderings.len());
    body.push(b'[');
    for (index, (entry, rendering)) in renderings.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        if body.len() > output_max {
            body.extend_from_slice(&refused(entry, 500, "BATCH_TOO_LARGE", TOO_LARGE));
        } else {
            body.extend_from_slice(&entry_body(entry, rendering.as_ref(), base_url));
        }
    }
    body.push(b']');
    let mut response = answer::json(request, Bytes::from(body));
    // Headers and cookies are real only where one component was asked.
    if let [(_, Some(rendering))] = renderings {
        let (headers, cookies) = match rendering {
            Rendering::Success(success) => (&success.headers[..], &success.cookies[..]),
            Rendering::Failure(failure) => (&[][..], failure.cookies()),
            Rendering::Foreign(foreign) => (&foreign.headers[..], &foreign.cookies[..]),
            Rendering::Info(_) => (&[][..], &[][..]),
        };
        match answer::component_headers(headers, cookies, clock) {
            Ok(mut headers) => {
                deprecation::add(&mut headers, deprecation::of(rendering, base_url));
                answer::add_headers(response.headers_mut(), headers);
            }
            Err(text) => return answer::render_error(&answer::label(rendering), &text),
        }
    }
    response
}

fn labels(renderings: &[(Entry, Option<Rendering>)]) -> String {
    let labels: Vec<String> = renderings
        .iter()
        .map(|(entry, rendering)| match rendering {
            Some(Rendering::Failure(failure)) => failure
                .render_error()
                .and_then(|text| text.split_once(": "))
                .map_or_else(
                    || format!("{}@undefined", entry.name),
                    |(label, _)| label.into(),
                ),
            Some(rendering) => answer::label(rendering),
            None => format!("{}@undefined", entry.name),
        })
        .collect();
    labels.join(", ")
}

fn entry_body(entry: &Entry, rendering: Option<&Rendering>, base_url: &str) -> Bytes {
    let Some(rendering) = rendering else {
        return refused(entry, 504, "BATCH_TIMEOUT", LATE);
    };
    let response = answer::body(rendering, base_url);
    let mut object = JsonObject::with_capacity(response.len() + 128);
    match rendering {
        Rendering::Info(_) => {
            object.member("status", &200);
            object.raw_member("response", &response);
        }
        Rendering::Failure(failure) => {
            object.member("status", &failure.status());
            object.raw_member("response", &response);
            add_cookies(&mut object, failure.cookies());
        }
        Rendering::Foreign(foreign) => {
            object.member("status", &foreign.status);
            add_headers(&mut object, &foreign.headers, Vec::new());
            object.raw_member("response", &response);
            add_cookies(&mut object, &foreign.cookies);
        }
        Rendering::Success(success) => {
            object.member("status", &200);
            let told = deprecation::of(rendering, base_url);
            add_headers(&mut object, &success.headers, told);
            object.raw_member("response", &response);
            add_cookies(&mut object, &success.cookies);
        }
    }
    object.finish()
}

/// Adds the headers of a component, and below them what the registry tells.
fn add_headers(
    object: &mut JsonObject,
    headers: &[(String, String)],
    told: Vec<(&'static str, String)>,
) {
    let told = told
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let headers: Map<String, Value> = told
        .chain(headers.iter().cloned())
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    object.member("headers", &headers);
}

fn add_cookies(object: &mut JsonObject, cookies: &[ochre_engine::driver::Cookie]) {
    if cookies.is_empty() {
        return;
    }
    let cookies: Vec<Value> = cookies
        .iter()
        .map(|cookie| {
            let mut entry = json!({ "name": cookie.name });
            if let Some(value) = &cookie.value {
                entry["value"] = value.clone();
            }
            if let Some(options) = &cookie.options {
                entry["options"] = options.clone();
            }
            entry
        })
        .collect();
    object.member("cookies", &cookies);
}

/// An entry that is answered in its place without having been rendered in time or in size.
fn refused(entry: &Entry, status: u16, code: &str, error: &str) -> Bytes {
    let mut response = JsonObject::with_capacity(128);
    response.member("code", code);
    response.member("error", error);
    response.member("name", &entry.name);
    response.member("requestVersion", &entry.version);
    let mut object = JsonObject::with_capacity(256);
    object.member("status", &status);
    object.raw_member("response", &response.finish());
    object.finish()
}

/// OC's answer to a body that is no batch.
fn not_valid(text: &str) -> HttpResponse {
    let mut body = JsonObject::with_capacity(128);
    body.member("code", "POST_BODY_NOT_VALID");
    body.member("error", &format!("The request body is malformed: {text}"));
    answer::failed(
        StatusCode::BAD_REQUEST.as_u16(),
        body.finish(),
        Vec::new(),
        None,
    )
}

fn parse(body: Option<Value>, entries_max: usize) -> Result<Batch, String> {
    let Some(Value::Object(mut body)) = body else {
        return Err("components property is missing".into());
    };
    let components = match body.remove("components") {
        Some(Value::Array(components)) => components,
        None | Some(Value::Null | Value::Bool(false)) => {
            return Err("components property is missing".into());
        }
        Some(Value::String(text)) if text.is_empty() => {
            return Err("components property is missing".into());
        }
        Some(_) => return Err("components property is not an array".into()),
    };
    if components.len() > entries_max {
        return Err(format!("components has more than {entries_max} entries"));
    }
    let nameless: Vec<String> = components
        .iter()
        .enumerate()
        .filter(|(_, component)| component["name"].as_str().is_none_or(str::is_empty))
        .map(|(index, _)| format!("component {index} must have name property"))
        .collect();
    if !nameless.is_empty() {
        return Err(nameless.join(", "));
    }
    let shared = match body.remove("parameters") {
        Some(Value::Object(shared)) => Parameters::from(shared),
        _ => Parameters::new(),
    };
    Ok(Batch {
        entries: components.into_iter().map(entry).collect(),
        shared,
        omit_href: body.get("omitHref").is_some_and(is_truthy),
    })
}

fn entry(mut component: Value) -> Entry {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let parameters = match component["parameters"].take() {
        Value::Object(own) => Parameters::from(own),
        _ => Parameters::new(),
    };
    Entry {
        name: text(&component["name"]),
        version: text(&component["version"]),
        action: component["action"]
            .as_str()
            .filter(|action| !action.is_empty())
            .map(String::from),
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: Value) -> String {
        parse(Some(body), 3).err().unwrap_or_default()
    }

    #[test]
    fn malformed_batches_are_told_in_the_words_of_oc() {
        let missing = "components property is missing";
        let no_array = "components property is not an array";
        for (body, expected) in [
            (json!(null), missing),
            (json!([1]), missing),
            (json!({}), missing),
            (json!({"components": null}), missing),
            (json!({"components": "x"}), no_array),
            (json!({"components": {}}), no_array),
            (
                json!({"components": [null]}),
                "component 0 must have name property",
            ),
            (
                json!({"components": [{"name": "a"}, {"name": {}}, [[]]]}),
                "component 1 must have name property, component 2 must have name property",
            ),
            (
                json!({"components": [1, 2, 3, 4]}),
                "components has more than 3 entries",
            ),
        ] {
            assert_eq!(problem(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn own_parameters_win_over_shared_ones() {
        let batch = parse(
            Some(json!({
                "components": [{"name": "a", "version": 1, "parameters": {"x": 2, "y": true}}],
                "parameters": {"x": 1, "z": "s"},
            })),
            3,
        )
        .ok()
        .unwrap();
        let mut merged = batch.shared.clone();
        merged.overlay(&batch.entries[0].parameters);
        let (parameters, _) = merged.to_json();

        assert_eq!(batch.entries[0].version, "1");
        assert_eq!(
            Value::Object(parameters),
            json!({"x": 2, "z": "s", "y": true})
        );
    }
}
