//! Query strings and urlencoded bodies as OpenComponents' Node server reads them, and `href`.

mod form;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

pub use form::{FormError, parse_form};

use crate::{ParameterValue, Parameters};

/// Most parameters of a query; the rest is not read (`maxKeys` of Node's `querystring`).
const KEYS_MAX: usize = 1_000;

/// What `encodeURIComponent` encodes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Reads a query (without `?`) as Node's `querystring.parse`: `+` is a space, repeated names make
/// a list, brackets mean nothing, what cannot be decoded stays. At most 1,000 parameters are read.
pub fn parse(query: &str) -> Parameters {
    let mut parameters = Parameters::new();
    for pair in query
        .split('&')
        .take(KEYS_MAX)
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), Value::String(decode(value)));
        let value = match parameters.get(&name) {
            None => value,
            Some(ParameterValue::Json(Value::Array(values))) => {
                let mut values = values.clone();
                values.push(value);
                Value::Array(values)
            }
            Some(first) => Value::Array(vec![first.to_json(), value]),
        };
        parameters.insert(name, value);
    }
    parameters
}

/// `encodeURIComponent`.
pub fn encode_uri_component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// Address of a component as its answer tells it.
///
/// `requested_version`: as requested, empty when none was. Names are encoded like values:
/// OpenComponents leaves them as they came, which lets a caller inject into the page.
///
/// Source: `packages/oc/src/registry/domain/url-builder.ts`.
pub fn href(
    base_url: &str,
    name: &str,
    requested_version: &str,
    parameters: &Parameters,
) -> String {
    let mut href = directory(base_url);
    href.push_str(name);
    if !requested_version.is_empty() {
        href.push('/');
        href.push_str(requested_version);
    }
    for (index, (name, value)) in parameters.iter().enumerate() {
        href.push(if index == 0 { '?' } else { '&' });
        href.push_str(&encode_uri_component(name));
        href.push('=');
        href.push_str(&encode_uri_component(&value.to_text()));
    }
    href
}

/// `url` up to its last `/`, with a `/` after a bare host.
fn directory(url: &str) -> String {
    let path = url.find("://").map_or(0, |scheme| scheme + 3);
    match url[path..].rfind('/') {
        Some(slash) => url[..=path + slash].to_owned(),
        None => format!("{url}/"),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn href_is_as_recorded_from_open_components() {
        let parameters: Parameters = [
            ("list", json!(["a", "b"])),
            ("object", json!({"a": 1})),
            ("nothing", json!(null)),
            ("text", json!("a b&c/é")),
            ("number", json!(1.50)),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            href("http://localhost:3000/", "hello", "^1.0.0", &parameters),
            "http://localhost:3000/hello/^1.0.0?list=a%2Cb&object=%5Bobject%20Object%5D\
             &nothing=null&text=a%20b%26c%2F%C3%A9&number=1.5"
        );
    }

    #[test]
    fn names_of_parameters_are_encoded() {
        let parameters: Parameters = [("\"><script>", json!("x"))].into_iter().collect();
        assert_eq!(
            href("http://host", "a", "", &parameters),
            "http://host/a?%22%3E%3Cscript%3E=x"
        );
    }

    #[test]
    fn prefix_is_kept() {
        assert_eq!(
            href("https://host/registry/", "a", "", &Parameters::new()),
            "https://host/registry/a"
        );
    }
}
