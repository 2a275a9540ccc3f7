//! `GET /{name}[/{version}]` and `POST /~actions/…`.

use ochre_tests::{Answer, TestPackage, TestRegistry};
use serde_json::json;

async fn with(packages: &[TestPackage]) -> TestRegistry {
    let registry = TestRegistry::start().await;
    for package in packages {
        registry.publish(package).await;
    }
    registry
}

#[tokio::test]
async fn rendered_answer_is_ocs() {
    let registry = with(&[TestPackage::new("hello", "1.0.0")]).await;

    let body = registry
        .get("/hello/1.x.x?name=Ada")
        .await
        .expect_status(200)
        .json();

    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "baseUrl",
            "type",
            "version",
            "requestVersion",
            "name",
            "renderMode",
            "href",
            "html"
        ]
    );
    assert_eq!(body["type"], "oc-component");
    assert_eq!(body["renderMode"], "rendered");
    assert_eq!(body["requestVersion"], "1.x.x");
    assert_eq!(
        body["href"],
        format!("{}hello/1.x.x?name=Ada", registry.url)
    );
    let html = body["html"].as_str().unwrap_or_default();
    assert!(html.contains("<p>Hello Ada</p>"), "{html}");
    assert!(html.starts_with("<oc-component href=\""), "{html}");
    assert!(
        html.contains("oc.renderedComponents[\"hello\"]=\"1.0.0\""),
        "{html}"
    );
}

#[tokio::test]
async fn unrendered_answer_points_to_a_view_that_can_be_fetched() {
    let registry =
        with(&[TestPackage::new("hello", "1.0.0").props("{who: context.params.name}")]).await;

    let body = registry
        .get_unrendered("/hello?name=Ada")
        .await
        .expect_status(200)
        .json();

    assert_eq!(body["renderMode"], "unrendered");
    assert_eq!(body["data"]["component"]["props"]["who"], "Ada");
    assert_eq!(body["template"]["type"], "oc-template-es6");
    let view = body["template"]["src"].as_str().unwrap_or_default();
    let answer = Answer::of(ochre_tests::http_client().get(view))
        .await
        .expect_status(200);
    assert!(answer.text().contains("oc.components"), "{}", answer.text());
    assert!(
        answer
            .header("content-type")
            .starts_with("application/javascript")
    );
}

#[tokio::test]
async fn info_answer_runs_nothing() {
    let registry =
        with(&[TestPackage::new("hello", "1.0.0").provider("throw new Error('ran')")]).await;

    let info = [("accept", "application/vnd.oc.info+json")];
    let answer = registry
        .get_with_headers("/hello/1", &info)
        .await
        .expect_status(200);

    let expected = json!({ "type": "oc-component", "version": "1.0.0", "requestVersion": "1", "name": "hello" });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn what_is_not_published_is_not_found() {
    let registry = with(&[TestPackage::new("hello", "1.0.0")]).await;
    let cases = [
        ("/nope", "Component \"nope\" not found on "),
        ("/nope/1.0.0", "Component \"nope\" not found on "),
        (
            "/hello/2.0.0",
            "Component \"hello\" with version \"2.0.0\" not found on ",
        ),
        (
            "/hello/~2",
            "Component \"hello\" with version \"~2\" not found on ",
        ),
        ("/__proto__", "Component \"__proto__\" not found on "),
        ("/constructor", "Component \"constructor\" not found on "),
        ("/..%2f..%2fetc", "Component \"../../etc\" not found on "),
    ];
    for (path, text) in cases {
        let answer = registry.get(path).await.expect_status(404);
        let body = answer.json();
        assert_eq!(body["code"], "NOT_FOUND", "{path}");
        assert!(
            body["error"].as_str().unwrap_or_default().starts_with(text),
            "{path}: {body}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn versions_resolve_as_npm_does() {
    let registry = TestRegistry::start().await;
    for version in ["1.0.0", "1.0.1", "1.2.0", "2.0.0", "2.1.0-beta.1"] {
        registry.publish(&TestPackage::new("hello", version)).await;
    }
    for (requested, found) in [
        ("", "2.0.0"),
        ("/1", "1.2.0"),
        ("/1.0.x", "1.0.1"),
        ("/~1.0.0", "1.0.1"),
        ("/^1.0.0", "1.2.0"),
        ("/*", "2.0.0"),
        ("/2.1.0-beta.1", "2.1.0-beta.1"),
    ] {
        let body = registry
            .get(&format!("/hello{requested}"))
            .await
            .expect_status(200)
            .json();
        assert_eq!(body["version"], found, "{requested}");
    }
    registry.get("/hello/latest").await.expect_status(404);
}

#[tokio::test]
async fn parameters_are_checked_in_ocs_words() {
    let parameters = json!({
        "s": { "type": "string", "mandatory": true },
        "n": { "type": "number" },
        "b": { "type": "boolean" },
        "e": { "type": "string", "enum": ["a", "b"] },
        "d": { "type": "number", "default": 7 },
    });
    let registry = with(&[TestPackage::new("hello", "1.0.0")
        .oc("parameters", parameters)
        .props("context.params")])
    .await;
    let cases = [
        ("", "Expected mandatory parameters are missing: s"),
        ("?s=1&b=yes", "Parameters are not correctly formatted: b"),
        ("?s=1&e=c", "Parameters are not correctly formatted: e"),
        (
            "?b=1",
            "Expected mandatory parameters are missing: s; Parameters are not correctly formatted: b",
        ),
        ("?s=a&s=b", "Parameters are not correctly formatted: s"),
    ];
    for (query, text) in cases {
        let body = registry
            .get(&format!("/hello{query}"))
            .await
            .expect_status(400)
            .json();
        assert_eq!(body["code"], "NOT_VALID_REQUEST", "{query}");
        assert_eq!(body["error"], text, "{query}");
    }
    let body = registry
        .get_unrendered("/hello?s=1&n=abc&b=true")
        .await
        .expect_status(200)
        .json();
    let props = &body["data"]["component"]["props"];
    assert_eq!(
        (&props["n"], &props["b"], &props["d"]),
        (&json!(null), &json!(true), &json!(7))
    );
    let href = body["href"].as_str().unwrap_or_default();
    assert!(href.ends_with("?s=1&n=NaN&b=true&d=7"), "{href}");
}

#[tokio::test]
async fn query_keys_cannot_inject_markup() {
    let registry = with(&[TestPackage::new("hello", "1.0.0")]).await;

    let body = registry
        .get("/hello?%22%3E%3Cscript%3E=1")
        .await
        .expect_status(200)
        .json();

    assert!(
        !body["html"].to_string().contains("\\\"><script>=1"),
        "{body}"
    );
    assert!(!body["href"].to_string().contains('<'), "{body}");
}

#[tokio::test]
async fn failing_providers_answer_as_oc_without_stacks() {
    let cases = [
        (
            "throw new Error('boom')",
            500,
            "Component execution error: boom",
        ),
        (
            "callback({status: 410, message: 'gone'})",
            410,
            "Component execution error: gone",
        ),
        ("callback('text')", 500, "Component execution error: "),
        (
            "callback()",
            500,
            "Component execution error: data object is undefined",
        ),
        (
            "callback(Object.assign(new Error('x'), {status: 200}))",
            500,
            "Component execution error: x",
        ),
        (
            "callback(Object.assign(new Error('x'), {status: 99999}))",
            500,
            "Component execution error: x",
        ),
    ];
    let registry = TestRegistry::start().await;
    for (at, (provider, status, text)) in cases.into_iter().enumerate() {
        let name = format!("failing-{at}");
        registry
            .publish(&TestPackage::new(&name, "1.0.0").provider(provider))
            .await;
        let answer = registry.get(&format!("/{name}")).await;
        assert_eq!(answer.status, status, "{provider}: {}", answer.text());
        let body = answer.json();
        assert_eq!(body["code"], "GENERIC_ERROR", "{provider}");
        assert_eq!(body["error"], text, "{provider}");
        assert!(body["details"]["stack"].is_null(), "{provider}: {body}");
    }
}

#[tokio::test]
async fn components_set_headers_and_cookies() {
    let provider = "context.setHeader('X-Own', 'yes');context.setHeader('Cache-Control', 'max-age=60');\
        context.setCookie('a', 'b c', {httpOnly: true});callback(null, {})";
    let settings = "[render]\nskip_headers_on_weak_version = [\"Cache-Control\"]";
    let registry = TestRegistry::start_with(settings).await;
    registry
        .publish(&TestPackage::new("hello", "1.0.0").provider(provider))
        .await;

    let strong = registry
        .get_unrendered("/hello/1.0.0")
        .await
        .expect_status(200);
    let weak = registry
        .get_unrendered("/hello/1.x.x")
        .await
        .expect_status(200);

    assert_eq!(strong.header("x-own"), "yes");
    assert_eq!(strong.header("cache-control"), "max-age=60");
    assert_eq!(strong.header("set-cookie"), "a=b%20c; Path=/; HttpOnly");
    assert_eq!(weak.header("x-own"), "yes");
    assert_ne!(weak.header("cache-control"), "max-age=60");
}

#[tokio::test]
async fn components_render_components() {
    let outer = TestPackage::new("outer", "1.0.0")
        .provider("context.renderComponent('hello', {parameters: {name: 'Nested'}}).then(html => callback(null, {html}), callback)");
    let registry = with(&[TestPackage::new("hello", "1.0.0"), outer]).await;

    let body = registry
        .get_unrendered("/outer")
        .await
        .expect_status(200)
        .json();

    let html = body["data"]["html"].as_str().unwrap_or_default();
    assert!(html.contains("<p>Hello Nested</p>"), "{html}");
}

#[tokio::test]
async fn environment_comes_from_settings_and_the_component() {
    let package = TestPackage::new("hello", "1.0.0")
        .provider("callback(null, {env: context.env, node: process.env.NODE_ENV})")
        .file(".env", b"OWN=1\nname=over\n".to_vec())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into());
    let registry =
        TestRegistry::start_with("[render]\nenv = { name = \"local\", other = \"x\" }").await;
    registry.publish(&package).await;

    let body = registry
        .get_unrendered("/hello")
        .await
        .expect_status(200)
        .json();

    assert_eq!(
        body["data"]["env"],
        json!({ "name": "over", "other": "x", "OWN": "1" })
    );
    assert_eq!(body["data"]["node"], "production");
    registry
        .get("/~assets/hello/1.0.0/.env")
        .await
        .expect_status(404);
    let info = registry.get("/hello/~info").await.text();
    assert!(!info.contains("OWN"), "{info}");
}

/// Credentials of a caller are not the component's business unless the operator says so.
#[tokio::test]
async fn credentials_are_withheld_from_components() {
    let registry = with(&[
        TestPackage::new("hello", "1.0.0").provider("callback(null, context.requestHeaders)")
    ])
    .await;
    let headers = [
        ("authorization", "Basic eDp5"),
        ("cookie", "a=b"),
        ("x-own", "1"),
        ("accept", "application/vnd.oc.unrendered+json"),
    ];

    let data = registry
        .get_with_headers("/hello", &headers)
        .await
        .expect_status(200)
        .json()["data"]
        .clone();

    assert_eq!(data["x-own"], "1");
    assert!(
        data["authorization"].is_null() && data["cookie"].is_null(),
        "{data}"
    );
}

#[tokio::test]
async fn actions_run_unrendered() {
    let registry =
        with(&[TestPackage::new("hello", "1.0.0")
            .props("{action: context.action, n: context.params.n}")])
        .await;
    for path in [
        "/~actions/add/hello/1.0.0?n=1",
        "/~actions/add/hello?n=1",
        "/~actions/add/hello/1.x.x/",
    ] {
        let answer = registry
            .post(path, &json!({ "n": 5 }))
            .await
            .expect_status(200);
        let body = answer.json();
        assert_eq!(body["renderMode"], "unrendered", "{path}");
        let props = &body["data"]["component"]["props"];
        assert_eq!(
            (&props["action"], &props["n"]),
            (&json!("add"), &json!(5)),
            "{path}"
        );
    }
    registry
        .post("/~actions/add/nope", &json!({}))
        .await
        .expect_status(404);
}

#[tokio::test]
async fn requirements_that_are_not_met_are_told() {
    let plugged = TestPackage::new("plugged", "1.0.0").oc("plugins", json!(["a", "b"]));
    let unknown = TestPackage::new("unknown", "1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["template"]["type"] = "oc-template-none".into();
    });
    let requiring = TestPackage::new("requiring", "1.0.0")
        .server("require('fs');module.exports.data=function(){}");
    let registry = with(&[plugged, unknown, requiring]).await;
    for (name, status, code) in [
        ("plugged", 501, "PLUGIN_MISSING_FROM_REGISTRY"),
        ("unknown", 400, "TEMPLATE_NOT_SUPPORTED"),
        ("requiring", 501, "DEPENDENCY_MISSING_FROM_REGISTRY"),
    ] {
        let answer = registry.get(&format!("/{name}")).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(answer.json()["code"], code);
    }
}
