//! Consuming components: one, or many in one exchange.

use std::time::Duration;

use ochre_model::ComponentName;
use reqwest::{Method, StatusCode, header::ACCEPT};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    Client, ExchangeError,
    exchange::{self, ErrorBody},
};

/// Which component is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RenderRequest {
    /// The component.
    pub name: ComponentName,
    /// Exact version or npm range; `None` for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Parameters. [`Client::render`] sends them in the query, where an array repeats its key,
    /// `null` is left out and an object becomes JSON text; [`Client::render_many`] sends them as
    /// they are.
    pub parameters: Map<String, Value>,
}

/// What is asked of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// HTML.
    Rendered,
    /// The view-model and where its view is.
    Unrendered,
}

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
}

#[derive(Deserialize)]
struct BatchEntry {
    status: u16,
    response: Value,
}

// === impl RenderRequest ===

impl RenderRequest {
    /// Asks for the newest version of `name`, without parameters.
    pub fn new(name: ComponentName) -> Self {
        Self {
            name,
            version: None,
            parameters: Map::new(),
        }
    }

    /// Asks for `version`: exact, or an npm range.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }
}

// === impl Mode ===

impl Mode {
    fn accept(self) -> &'static str {
        match self {
            Self::Rendered => "application/vnd.oc.rendered+json",
            Self::Unrendered => "application/vnd.oc.unrendered+json",
        }
    }
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
        mode: Mode,
    ) -> Result<Rendered, RenderError> {
        let mut segments = vec![request.name.as_str()];
        segments.extend(request.version.as_deref());
        let mut url = self
            .url(&segments)
            .ok_or_else(|| RenderError::Version(request.version.clone().unwrap_or_default()))?;
        append_parameters(&mut url, &request.parameters);

        let request = self.request(Method::GET, url).header(ACCEPT, mode.accept());
        let answer = exchange::send(request, self.options().answer_bytes_max).await?;

        if answer.status == StatusCode::OK {
            return Ok(answer.json()?);
        }
        if answer.status.is_redirection() {
            return Err(answer.unexpected().into());
        }
        let body = answer.error_body();
        Err(failure(answer.status.as_u16(), body, answer.retry_after))
    }

    /// Asks for many components in one exchange; the answers stand in the order of `requests`.
    ///
    /// One component that fails does not fail the others.
    ///
    /// # Errors
    ///
    /// [`RenderError`] when the batch as a whole was not answered.
    pub async fn render_many(
        &self,
        requests: &[RenderRequest],
        mode: Mode,
    ) -> Result<Vec<Result<Rendered, RenderError>>, RenderError> {
        let request = self
            .request(Method::POST, self.root().clone())
            .header(ACCEPT, mode.accept())
            .json(&Batch {
                components: requests,
            });
        let answer = exchange::send(request, self.options().answer_bytes_max).await?;

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
}

// === impl BatchEntry ===

impl BatchEntry {
    fn into_result(self) -> Result<Rendered, RenderError> {
        if self.status == StatusCode::OK.as_u16() {
            let rendered = serde_json::from_value(self.response);
            return Ok(rendered.map_err(ExchangeError::Malformed)?);
        }
        Err(failure(
            self.status,
            ErrorBody::from_json(&self.response),
            None,
        ))
    }
}

fn append_parameters(url: &mut Url, parameters: &Map<String, Value>) {
    if parameters.is_empty() {
        return;
    }
    let mut query = url.query_pairs_mut();
    for (name, value) in parameters {
        match value {
            Value::Null => {}
            Value::String(text) => {
                query.append_pair(name, text);
            }
            Value::Array(items) => {
                for item in items {
                    let text = item
                        .as_str()
                        .map_or_else(|| item.to_string(), str::to_owned);
                    query.append_pair(name, &text);
                }
            }
            other => {
                query.append_pair(name, &other.to_string());
            }
        }
    }
}

fn failure(status: u16, body: ErrorBody, retry_after: Option<Duration>) -> RenderError {
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
