//! Consuming components: one, or many in one exchange.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Client, ExchangeError, RenderOptions, RenderRequest, exchange::ErrorBody,
    request::append_parameters,
};

/// By this name registries know a client whose `templates` header counts.
const NEGOTIATING: &str = "oc-client-4.0.3/ochre";

/// A component as a registry answered it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendered {
    /// The registry's own URL.
    pub base_url: String,
    /// The component.
    pub name: String,
    /// The version that was chosen.
    pub version: String,
    /// The version that was asked for, as sent; empty for the newest.
    pub request_version: String,
    /// URL of this very answer.
    pub href: Option<String>,
    /// `oc-component`, or `oc-component-local` when a developer may change it any moment.
    #[serde(rename = "type", default)]
    pub component_type: String,
    /// Headers of the answer; in a batch those that the component set.
    #[serde(skip)]
    pub headers: HeaderMap,
    /// The answer itself. A registry may render although data was asked for.
    #[serde(flatten)]
    pub content: Content,
}

/// What a component answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "renderMode", rename_all = "lowercase")]
pub enum Content {
    /// HTML, to be put into a page as it is.
    Rendered {
        /// The HTML; empty when the component has nothing to show.
        html: String,
    },
    /// Data, and the view that makes HTML of it.
    Unrendered {
        /// The view-model.
        data: Value,
        /// The view.
        template: TemplateReference,
    },
}

/// Where a compiled view is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TemplateReference {
    /// URL of the script.
    pub src: String,
    /// Template type (`oc-template-es6`).
    #[serde(rename = "type")]
    pub template_type: String,
    /// The view's key in `oc.components`.
    pub key: String,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The version can be no part of a URL.
    #[error("`{0}` is no version")]
    Version(String),
    /// 404: no such component, or no version that satisfies the request.
    #[error("component was not found: {message}")]
    NotFound {
        /// The registry's words.
        message: String,
    },
    /// 400: the parameters do not fit what the component declares.
    #[error("request is not valid: {message}")]
    InvalidRequest {
        /// The registry's words.
        message: String,
    },
    /// 503: too many requests in flight, or the component store cannot be reached.
    #[error("registry cannot answer now: {message}")]
    Unavailable {
        /// The registry's words.
        message: String,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// The component or its execution failed; the component chooses the status.
    #[error("component failed with status {status}: {message}")]
    Failed {
        /// HTTP status.
        status: u16,
        /// What kind of failure (`GENERIC_ERROR`, `DATA_RESOLVING_ERROR`, …).
        code: Option<String>,
        /// The registry's words.
        message: String,
        /// More about it, when the registry exposes it.
        details: Option<Value>,
    },
    /// The registry answered a batch with another number of components.
    #[error("{received} answers to {sent} requests")]
    CountMismatch {
        /// Components asked for.
        sent: usize,
        /// Components answered.
        received: usize,
    },
    /// The exchange itself failed.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

#[derive(Serialize)]
struct Batch<'a> {
    components: &'a [RenderRequest],
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: &'a Map<String, Value>,
}

#[derive(Deserialize)]
struct BatchEntry {
    status: u16,
    response: Value,
    #[serde(default)]
    headers: Map<String, Value>,
}

// === impl Client ===

impl Client {
    /// Asks for one component.
    ///
    /// # Errors
    ///
    /// [`RenderError`], one variant for each thing a caller can do about it.
    pub async fn render(
        &self,
        request: &RenderRequest,
        options: &RenderOptions,
    ) -> Result<Rendered, RenderError> {
        let mut url = self
            .url(&request.segments())
            .ok_or_else(|| RenderError::Version(request.version.clone().unwrap_or_default()))?;
        let parameters = request.parameters_over(&options.parameters);
        append_parameters(&mut url, &parameters);

        let asked = self.asking(self.request(Method::GET, url), options);
        let answer = self.attempts(options.timeout).send(asked).await?;

        if answer.status == StatusCode::OK {
            let mut rendered: Rendered = answer.json()?;
            rendered.headers = answer.headers;
            return Ok(rendered);
        }
        if answer.status.is_redirection() {
            return Err(answer.unexpected().into());
        }
        let body = answer.error_body();
        Err(failure(answer.status.as_u16(), body, answer.retry_after))
    }

    /// Asks for many components in one exchange; the answers stand in the order of `requests`.
    ///
    /// One component that fails does not fail the others. A single one is asked for as
    /// [`Client::render`] does, and none is no exchange.
    ///
    /// # Errors
    ///
    /// [`RenderError`] when the batch as a whole was not answered.
    pub async fn render_many(
        &self,
        requests: &[RenderRequest],
        options: &RenderOptions,
    ) -> Result<Vec<Result<Rendered, RenderError>>, RenderError> {
        match requests {
            [] => return Ok(Vec::new()),
            [single] => return Ok(vec![self.render(single, options).await]),
            _ => {}
        }
        let batch = Batch {
            components: requests,
            parameters: &options.parameters,
        };
        let asked = self
            .asking(self.request(Method::POST, self.root().clone()), options)
            .json(&batch);
        let answer = self.attempts(options.timeout).send(asked).await?;

        if answer.status != StatusCode::OK {
            let body = answer.error_body();
            return Err(failure(answer.status.as_u16(), body, answer.retry_after));
        }
        let entries: Vec<BatchEntry> = answer.json()?;
        if entries.len() != requests.len() {
            return Err(RenderError::CountMismatch {
                sent: requests.len(),
                received: entries.len(),
            });
        }
        Ok(entries.into_iter().map(BatchEntry::into_result).collect())
    }

    /// Adds the headers by which a registry decides how to answer.
    pub(crate) fn asking(
        &self,
        request: RequestBuilder,
        options: &RenderOptions,
    ) -> RequestBuilder {
        let mut headers = options.headers.clone();
        headers.insert(ACCEPT, options.mode.accept());
        let templates: Vec<String> = options
            .templates
            .iter()
            .map(|(name, version)| format!("{name},{version}"))
            .collect();
        if let Ok(templates) = HeaderValue::from_str(&templates.join(";"))
            && !templates.is_empty()
        {
            headers.insert("templates", templates);
            let agent = format!("{} {NEGOTIATING}", self.options().user_agent);
            headers.extend(HeaderValue::from_str(&agent).map(|agent| (USER_AGENT, agent)));
        }
        request.headers(headers)
    }
}

// === impl BatchEntry ===

impl BatchEntry {
    fn into_result(self) -> Result<Rendered, RenderError> {
        if self.status == StatusCode::OK.as_u16() {
            let mut rendered: Rendered =
                serde_json::from_value(self.response).map_err(ExchangeError::Malformed)?;
            rendered.headers = header_map(&self.headers);
            return Ok(rendered);
        }
        Err(failure(
            self.status,
            ErrorBody::from_json(&self.response),
            None,
        ))
    }
}

/// Headers as a batch tells them: a text, or a list of them. What is no header is left out.
fn header_map(told: &Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in told {
        let Ok(name) = name.parse::<HeaderName>() else {
            continue;
        };
        let one = std::slice::from_ref(value);
        for value in value.as_array().map_or(one, Vec::as_slice) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}

pub(crate) fn failure(status: u16, body: ErrorBody, retry_after: Option<Duration>) -> RenderError {
    let ErrorBody {
        code,
        message,
        details,
        ..
    } = body;
    match (status, code.as_deref()) {
        (404, Some("NOT_FOUND")) => RenderError::NotFound { message },
        (400, Some("NOT_VALID_REQUEST" | "POST_BODY_NOT_VALID")) => {
            RenderError::InvalidRequest { message }
        }
        (503, _) => RenderError::Unavailable {
            message,
            retry_after,
        },
        _ => RenderError::Failed {
            status,
            code,
            message,
            details,
        },
    }
}
