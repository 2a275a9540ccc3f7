//! What operators decide: hosts, which components are served, which routes answer.

use ochre_tests::{Answer, TestPackage, TestRegistry, TestStore};
use serde_json::{Value, json};

const UNRENDERED: &str = "application/vnd.oc.unrendered+json";

/// The answer to an unrendered GET that names a host.
async fn at_host(registry: &TestRegistry, host: &str, path: &str) -> Value {
    let request = registry.request("GET", path).header("host", host);
    let answer = Answer::of(request.header("accept", UNRENDERED)).await;
    answer.expect_status(200).json()
}

#[tokio::test]
async fn public_url_follows_the_host() {
    let settings = "[http]\nprefix = \"/oc/\"\nbase_url = \"https://default.example\"\n\
        base_urls = { \"a.example\" = \"https://a.example\", \"b.example:81\" = \"http://b.example:81/oc/\" }";
    let registry = TestRegistry::start_with(settings).await;
    let nested = TestPackage::new("inner", "1.0.0").props("{base: context.baseUrl}");
    let hello = TestPackage::new("hello", "1.0.0")
        .props("{base: context.baseUrl, files: context.staticPath}");
    for package in [nested, hello] {
        let path = format!("/oc/{}/{}", package.name(), package.version());
        registry
            .put_archive(&path, package.archive())
            .await
            .expect_status(200);
    }
    let hosts = [
        ("a.example", "https://a.example/oc/"),
        ("A.EXAMPLE:8080", "https://a.example/oc/"),
        ("b.example:81", "http://b.example:81/oc/"),
        ("b.example", "https://default.example/oc/"),
        ("evil.example", "https://default.example/oc/"),
    ];
    // All at once, again and again: no request sees another one's URL.
    let asked = (0..10).flat_map(|_| hosts).map(|(host, expected)| {
        let registry = &registry;
        async move { (at_host(registry, host, "/oc/hello").await, host, expected) }
    });
    for (body, host, expected) in futures::future::join_all(asked).await {
        assert_eq!(body["baseUrl"], expected, "{host}");
        assert_eq!(body["href"], format!("{expected}hello"), "{host}");
        let files = format!("{expected}~assets/hello/1.0.0/");
        assert_eq!(body["template"]["src"], format!("{files}template.js"));
        let props = &body["data"]["component"]["props"];
        assert_eq!(props["base"], expected, "{host}");
        assert_eq!(props["files"], files.trim_start_matches("https:"), "{host}");
    }
    let list = at_host(&registry, "a.example", "/oc/").await;
    assert_eq!(list["href"], "https://a.example/oc/");
    let names = ["hello", "inner", "oc-client"].map(|name| format!("https://a.example/oc/{name}"));
    assert_eq!(list["components"], json!(names));
}

#[tokio::test]
async fn only_chosen_components_are_served() {
    let store = TestStore::folder();
    let all = TestRegistry::start_on(&store, "").await;
    for name in ["one", "two"] {
        all.publish(&TestPackage::new(name, "1.0.0")).await;
    }
    let chosen = TestRegistry::start_on(&store, "[render]\ncomponents = [\"one\"]").await;

    chosen.get("/one").await.expect_status(200);
    for path in ["/two", "/two/1.0.0", "/two/~info", "/two/1.0.0/~preview"] {
        let answer = chosen.get(path).await.expect_status(404);
        let expected = "not found on";
        assert!(answer.text().contains(expected), "{}", answer.text());
    }
    chosen
        .get("/~assets/two/1.0.0/template.js")
        .await
        .expect_status(404);
    chosen
        .get("/~assets/one/1.0.0/template.js")
        .await
        .expect_status(200);
    let list = chosen.get("/").await.json();
    assert_eq!(
        list["components"],
        json!(["one", "oc-client"].map(|name| format!("{}{name}", chosen.url)))
    );
    let history = chosen.get("/~registry/history").await.text();
    assert!(
        history.contains("\"one\"") && !history.contains("\"two\""),
        "{history}"
    );
    let page = chosen
        .get_with_headers("/", &[("accept", "text/html")])
        .await
        .text();
    assert!(page.contains("component-one") && !page.contains("component-two"));
    all.get("/two").await.expect_status(200);
}

#[tokio::test]
async fn what_is_switched_off_answers_at_once() {
    let settings = "[discovery]\napi = false\nui = false\nexperimental = true\nvalidate = true";
    let registry = TestRegistry::start_with(settings).await;
    registry.publish(&TestPackage::new("hello", "1.0.0")).await;
    let experimental = TestPackage::new("new", "1.0.0").oc("state", json!("experimental"));
    registry.publish(&experimental).await;

    for path in [
        "/~registry/plugins",
        "/~registry/dependencies",
        "/~registry/history",
        "/hello/~info",
    ] {
        for accept in ["*/*", "text/html"] {
            let answer = registry.get_with_headers(path, &[("accept", accept)]).await;
            assert_eq!(
                (answer.status, answer.body.len()),
                (401, 0),
                "{path} {accept}"
            );
        }
    }
    registry.get("/hello/~preview").await.expect_status(200);
    registry.get("/nope/~info").await.expect_status(404);
    let list = registry
        .get_with_headers("/?meta=true", &[("accept", "text/html")])
        .await;
    assert!(list.header("content-type").starts_with("application/json"));
    assert_eq!(
        list.json()["components"],
        json!(["hello", "oc-client"].map(|name| format!("{}{name}", registry.url)))
    );
    let validate = registry.post("/~registry/validate", &json!({})).await;
    assert_eq!(validate.status, 404, "{}", validate.text());
}

#[test]
fn options_that_cannot_be_used_are_named() {
    for (settings, named) in [
        (
            "[http]\nbase_urls = { \"a.example\" = \"nowhere\" }",
            "http.base_urls.a.example",
        ),
        (
            "[http]\nbase_urls = { \"a/b\" = \"https://a.example\" }",
            "a/b",
        ),
        (
            "[fallback]\nregistry_url = \"ftp://x\"",
            "fallback.registry_url",
        ),
        ("[fallback]\nheaders = [\"Cookie\"]", "Cookie"),
        ("[fallback]\nconcurrency = 0", "fallback.concurrency"),
        ("[plugins.x]\ndescription = \"no module\"", "module"),
    ] {
        let told = crate::settings::refused(settings);
        assert!(told.contains(named), "{settings}: {told}");
    }
}
