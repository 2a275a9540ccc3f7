//! Code to paste that uses a component with the given parameters.

use ochre_model::{ParameterValue, Parameters, encode_uri_component};
use serde_json::{Map, Value};

/// A piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    /// What it is for.
    pub(super) title: &'static str,
    /// Names its element.
    pub(super) id: &'static str,
    /// The code.
    pub(super) code: String,
}

/// Every way to use a component; `base_url` ends with `/`.
pub(super) fn all(
    base_url: &str,
    (name, version): (&str, &str),
    parameters: &Parameters,
) -> Vec<Snippet> {
    let href = format!("{base_url}{name}/{}{}", segment(version), query(parameters));
    let html = format!(
        "<oc-component href=\"{}\"></oc-component>\n<script src=\"{base_url}oc-client/client.js\"></script>",
        href.replace('&', "&amp;")
    );
    vec![
        snippet("In a page", "code-html", html),
        snippet(
            "On a Node server, with oc-client",
            "code-node",
            node(base_url, (name, version), parameters),
        ),
        snippet(
            "On a Rust server, with ochre-client",
            "code-rust",
            rust(base_url, (name, version), parameters),
        ),
        snippet("URL", "code-url", href),
    ]
}

/// `?…` of parameters, or nothing.
pub(super) fn query(parameters: &Parameters) -> String {
    let pairs = parameters.iter().map(|(name, value)| {
        let value = encode_uri_component(&value.to_text());
        format!("{}={value}", encode_uri_component(name))
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

/// A requested version as a segment of a path.
pub(super) fn segment(version: &str) -> String {
    encode_uri_component(version)
        .replace("%2B", "+")
        .replace("%5E", "^")
}

fn node(base_url: &str, (name, version): (&str, &str), parameters: &Parameters) -> String {
    let values: Map<String, Value> = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_json()))
        .collect();
    let options = if values.is_empty() {
        "{}".to_owned()
    } else {
        let values = serde_json::to_string_pretty(&values).unwrap_or_default();
        format!("{{\n  parameters: {}\n}}", values.replace('\n', "\n  "))
    };
    format!(
        "const Client = require('oc-client');\n\
         const client = new Client({{\n  \
           registries: {{ clientRendering: {base}, serverRendering: {base} }},\n  \
           components: {{ {name}: {version} }}\n\
         }});\n\n\
         client.renderComponent({name}, {options}, (error, html) => {{\n  \
           console.log(html);\n\
         }});",
        base = quoted(base_url),
        name = quoted(name),
        version = quoted(version),
    )
}

fn rust(base_url: &str, (name, version): (&str, &str), parameters: &Parameters) -> String {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("\n    .parameter({name:?}, {})", literal(value)))
        .collect();
    let parameters = parameters.concat();
    format!(
        "let client = Client::new({base_url:?}, ClientOptions::default())?;\n\
         let page = PageRenderer::new(client);\n\n\
         let request = RenderRequest::new({name:?}.parse()?)\n    \
             .version({version:?}){parameters};\n\
         let fragment = page.render(&request, &RenderOptions::rendered()).await;\n\
         println!(\"{{}}\", fragment.html);"
    )
}

/// A parameter as a Rust literal.
fn literal(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Json(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        other => format!("{:?}", other.to_text()),
    }
}

/// A text as a JavaScript literal, in the quotes that its code is written with.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn snippet(title: &'static str, id: &'static str, code: String) -> Snippet {
    Snippet { title, id, code }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(id: &str) -> String {
        let parameters: Parameters = [("name", json!("A & \"B\"")), ("count", json!(2))]
            .into_iter()
            .collect();
        let all = all("http://localhost:3000/", ("hello", "^1.0.0"), &parameters);
        let found = all.into_iter().find(|snippet| snippet.id == id);
        found.map(|snippet| snippet.code).unwrap_or_default()
    }

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(
            code("code-url"),
            "http://localhost:3000/hello/^1.0.0?name=A%20%26%20%22B%22&count=2"
        );
        assert!(code("code-html").contains("%22B%22&amp;count=2\"></oc-component>"));
    }

    #[test]
    fn literals_are_those_of_the_language() {
        assert!(code("code-node").contains("\"name\": \"A & \\\"B\\\"\""));
        assert!(code("code-rust").contains(".parameter(\"name\", \"A & \\\"B\\\"\")"));
        assert!(code("code-rust").contains(".parameter(\"count\", 2)"));
    }
}
