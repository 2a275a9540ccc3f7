//! What is asked of a registry.

use std::time::Duration;

use ochre_model::ComponentName;
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

/// Which component is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RenderRequest {
    /// The component.
    pub name: ComponentName,
    /// Exact version or npm range; `None` for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Parameters. In a query an array repeats its key, `null` is left out and an object becomes
    /// JSON text; a batch sends them as they are.
    pub parameters: Map<String, Value>,
}

/// What is asked of a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// HTML.
    #[default]
    Rendered,
    /// The view-model and where its view is.
    Unrendered,
}

/// How components are asked for; the same for all of a batch.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// HTML, or data.
    pub mode: Mode,
    /// Sent as they are; components see them as `context.requestHeaders`.
    pub headers: HeaderMap,
    /// Parameters of every component; those of a request win.
    pub parameters: Map<String, Value>,
    /// Longest time for the exchange, retries included; `None` for that of the client.
    pub timeout: Option<Duration>,
    /// Template types that the caller can render, each with a version. With any, a registry
    /// answers [`Mode::Unrendered`] for these alone and renders the others itself; without, it
    /// answers unrendered for all.
    pub templates: Vec<(String, String)>,
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

    /// Name and version as segments of a URL.
    pub(crate) fn segments(&self) -> Vec<&str> {
        let version = self
            .version
            .as_deref()
            .filter(|version| !version.is_empty());
        [self.name.as_str()].into_iter().chain(version).collect()
    }

    /// The parameters over those of every component.
    pub(crate) fn parameters_over(&self, shared: &Map<String, Value>) -> Map<String, Value> {
        let mut parameters = shared.clone();
        parameters.extend(self.parameters.clone());
        parameters
    }
}

// === impl Mode ===

impl Mode {
    pub(crate) fn accept(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Rendered => "application/vnd.oc.rendered+json",
            Self::Unrendered => "application/vnd.oc.unrendered+json",
        })
    }
}

// === impl RenderOptions ===

impl RenderOptions {
    /// Asks for HTML.
    pub fn rendered() -> Self {
        Self::default()
    }

    /// Asks for data, and where the view is.
    pub fn unrendered() -> Self {
        Self {
            mode: Mode::Unrendered,
            ..Self::default()
        }
    }

    /// Asks in the languages of a visitor's `Accept-Language`; a text that no header can hold is
    /// not sent.
    #[must_use]
    pub fn accept_language(mut self, languages: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(languages) {
            self.headers.insert(ACCEPT_LANGUAGE, value);
        }
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a parameter of every component.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Bounds the exchange, retries included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// Appends `parameters` to the query of `url`, in the grammar that registries read.
pub(crate) fn append_parameters(url: &mut Url, parameters: &Map<String, Value>) {
    if parameters.values().all(Value::is_null) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_parameters_win_over_shared_ones() {
        let request = RenderRequest::new("hello".parse().unwrap()).parameter("a", 1);
        let shared = RenderOptions::rendered()
            .parameter("a", 2)
            .parameter("b", 3);
        let all = request.parameters_over(&shared.parameters);
        assert_eq!(Value::Object(all), json!({ "a": 1, "b": 3 }));
    }

    #[test]
    fn parameters_become_a_query() {
        let mut url = Url::parse("http://localhost/hello").unwrap();
        append_parameters(&mut url, json!({ "a": null }).as_object().unwrap());
        assert_eq!(url.query(), None);
        let parameters = json!({ "a b": "c&d", "list": [1, "x"], "o": { "k": true }, "n": null });
        append_parameters(&mut url, parameters.as_object().unwrap());
        assert_eq!(
            url.query(),
            Some("a+b=c%26d&list=1&list=x&o=%7B%22k%22%3Atrue%7D")
        );
    }

    #[test]
    fn languages_that_no_header_can_hold_are_not_sent() {
        let options = RenderOptions::rendered().accept_language("de\n");
        assert!(options.headers.is_empty());
    }
}
