//! The requests that OpenComponents' clients for PHP and Ruby make, byte for byte where it counts.

use ochre_tests::{Answer, TestPackage, TestRegistry};
use serde_json::json;

/// What the HTTP library of the PHP client sends by itself.
const PHP: [(&str, &str); 1] = [("user-agent", "GuzzleHttp/7")];

/// What the HTTP library of the Ruby client sends by itself.
const RUBY: [(&str, &str); 3] = [
    ("accept", "*/*"),
    (
        "user-agent",
        "rest-client/2.1.0 (linux x86_64) ruby/3.1.2p20",
    ),
    ("accept-encoding", "identity"),
];

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let hello = TestPackage::new("hello", "1.0.0")
        .props("{name: context.params.name}")
        .oc("parameters", json!({ "name": { "type": "string" } }));
    registry.publish(&hello).await;
    registry
}

#[tokio::test]
async fn php_client_reads_the_html_of_one_component() {
    let registry = registry().await;
    for path in ["/hello?name=Ada", "/hello/1.0.0?name=Ada"] {
        let answer = registry.get_with_headers(path, &PHP).await;
        let body = answer.expect_status(200).json();
        let html = body["html"].as_str().unwrap_or_default();
        assert!(html.contains("<p>Hello Ada</p>"), "{body}");
    }
    registry
        .get_with_headers("/missing", &PHP)
        .await
        .expect_status(404);
}

#[tokio::test]
async fn php_client_reads_the_response_of_each_of_many() {
    let registry = registry().await;
    let body = json!({ "components": [
        { "name": "hello", "version": "", "parameters": { "name": "Ada" } },
        { "name": "hello", "version": "~1.0.0", "parameters": { "name": "Bob" } },
        { "name": "missing", "version": "", "parameters": {} },
    ] });
    let request = registry.request("POST", "/").json(&body);

    let answer = Answer::of(request.header(PHP[0].0, PHP[0].1)).await;

    let answers = answer.expect_status(200).json();
    for (at, name) in [(0, "Ada"), (1, "Bob")] {
        let html = answers[at]["response"]["html"].as_str().unwrap_or_default();
        assert!(html.contains(&format!("<p>Hello {name}</p>")), "{answers}");
    }
    assert_eq!(answers[2]["status"], 404);
    assert!(answers[2]["response"].is_object(), "{answers}");
}

#[tokio::test]
async fn ruby_client_reads_a_rendered_component() {
    let registry = registry().await;
    // An empty version leaves its slash.
    for (path, requested) in [
        ("/hello/?name=Ada", ""),
        ("/hello/1.0.0?name=Ada", "1.0.0"),
        ("/hello/1.x?name=Ada", "1.x"),
    ] {
        let answer = registry.get_with_headers(path, &RUBY).await;
        let body = answer.expect_status(200).json();
        let html = body["html"].as_str().unwrap_or_default();
        assert!(html.contains("<p>Hello Ada</p>"), "{path}: {body}");
        assert_eq!(body["requestVersion"], requested, "{path}");
        assert_eq!(body["version"], "1.0.0", "{path}");
        assert_eq!(body["type"], "oc-component", "{path}");
        assert_eq!(body["renderMode"], "rendered", "{path}");
        assert!(body["href"].is_string(), "{path}");
    }
    let missing = registry.get_with_headers("/missing/", &RUBY).await;
    missing.expect_status(404);
}

#[tokio::test]
async fn ruby_client_reads_an_unrendered_component() {
    let registry = registry().await;
    let mut headers = RUBY;
    headers[0].1 = "application/vnd.oc.unrendered+json";

    let answer = registry
        .get_with_headers("/hello/?name=Ada", &headers)
        .await;

    let body = answer.expect_status(200).json();
    assert_eq!(body["data"]["component"]["props"]["name"], "Ada");
    for key in ["src", "type", "key"] {
        assert!(body["template"][key].is_string(), "{key}: {body}");
    }
    let view = body["template"]["src"].as_str().unwrap_or_default();
    assert!(view.starts_with("http"), "{view}");
}
