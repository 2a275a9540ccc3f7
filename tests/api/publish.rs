//! `PUT /{name}/{version}`: what is checked, what is kept.

use std::path::PathBuf;

use ochre_tests::{Answer, TestPackage, TestRegistry, files_below};
use serde_json::json;

fn hello() -> TestPackage {
    TestPackage::new("hello", "1.0.0")
}

#[tokio::test]
async fn published_version_is_served_at_once() {
    let registry = TestRegistry::start().await;

    let answer = registry.try_publish(&hello()).await.expect_status(200);

    assert_eq!(answer.json(), json!({ "ok": true }));
    let served = registry.get("/hello/1.0.0").await.expect_status(200);
    assert_eq!(served.json()["version"], "1.0.0");
    registry.get("/hello").await.expect_status(200);
}

#[tokio::test]
async fn dry_run_keeps_nothing() {
    let registry = TestRegistry::start().await;
    for query in ["dryRun", "dryRun=true", "dryRun=false"] {
        let path = format!("/hello/1.0.0?{query}");
        let answer = registry.put_archive(&path, hello().archive()).await;
        assert_eq!(answer.expect_status(200).json(), json!({ "ok": true }));
    }
    registry.get("/hello").await.expect_status(404);
    let kept = files_below(registry.store.path().expect("a folder"));
    let is_of_it = |path: &PathBuf| path.to_string_lossy().contains("hello");
    assert!(!kept.iter().any(is_of_it), "{kept:?}");
}

#[tokio::test]
async fn second_publish_of_a_version_is_refused() {
    let registry = TestRegistry::start().await;
    registry.publish(&hello()).await;
    let other = hello().view("'<p>other</p>'");

    for (package, path) in [(hello(), ""), (other.clone(), ""), (other, "?dryRun")] {
        let path = format!("/hello/1.0.0{path}");
        let answer = registry.put_archive(&path, package.archive()).await;
        let error = answer.expect_status(403).json()["error"].clone();
        assert_eq!(error["code"], "already_exists");
        let text = error["msg"].as_str().unwrap_or_default();
        assert!(
            text.starts_with("Component \"hello\" with version \"1.0.0\" can't be published to "),
            "{text}"
        );
        assert!(
            text.ends_with(" because a component with the same name and version already exists"),
            "{text}"
        );
    }
    let html = registry.get("/hello").await.json()["html"].to_string();
    assert!(!html.contains("other"), "{html}");
}

/// Whoever retries learns that the content is the same.
#[tokio::test]
async fn retry_of_the_same_content_is_told_so() {
    let registry = TestRegistry::start().await;
    registry.publish(&hello()).await;

    let same = registry
        .try_publish(&hello())
        .await
        .expect_status(403)
        .json();
    let other = registry
        .try_publish(&hello().view("'x'"))
        .await
        .expect_status(403)
        .json();

    assert_eq!(same["details"]["sameContent"], true, "{same}");
    assert_ne!(other["details"]["sameContent"], true, "{other}");
}

#[tokio::test]
async fn names_and_versions_are_checked_in_ocs_words() {
    let registry = TestRegistry::start().await;
    let cases = [
        (
            "/a.b/1.0.0",
            TestPackage::new("a.b", "1.0.0"),
            409,
            "name_not_valid",
        ),
        (
            "/_package/1.0.0",
            TestPackage::new("_package", "1.0.0"),
            409,
            "name_not_valid",
        ),
        (
            "/%C3%A9/1.0.0",
            TestPackage::new("é", "1.0.0"),
            409,
            "name_not_valid",
        ),
        (
            "/hello/1.0",
            TestPackage::new("hello", "1.0"),
            409,
            "version_not_valid",
        ),
        (
            "/hello/latest",
            TestPackage::new("hello", "latest"),
            409,
            "version_not_valid",
        ),
        (
            "/hello/01.0.0",
            TestPackage::new("hello", "01.0.0"),
            409,
            "version_not_valid",
        ),
        (
            "/other/1.0.0",
            TestPackage::new("hello", "1.0.0"),
            403,
            "not_allowed",
        ),
    ];
    for (path, package, status, code) in cases {
        let answer = registry.put_archive(path, package.archive()).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["error"]["code"], code, "{path}");
    }
}

#[tokio::test]
async fn version_in_the_url_must_be_the_packages() {
    let registry = TestRegistry::start().await;

    let answer = registry
        .put_archive("/hello/2.0.0", hello().archive())
        .await;

    let body = answer.expect_status(409).text();
    assert!(body.contains("version_mismatch"), "{body}");
    registry.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn template_that_wants_a_newer_registry_is_refused() {
    let registry = TestRegistry::start().await;
    let wanting = |version: &str| {
        hello().manifest(|manifest| {
            manifest["oc"]["files"]["template"]["minOcVersion"] = version.into();
        })
    };

    let newer = registry
        .try_publish(&wanting("99.0.0"))
        .await
        .expect_status(409)
        .json();
    let word = registry.try_publish(&wanting("new")).await;

    assert_eq!(newer["code"], "template_oc_version_not_valid");
    assert_eq!(newer["details"]["minOcVersion"], "99.0.0");
    assert_eq!(newer["details"]["code"], "old_version");
    assert_eq!(word.status, 409, "{}", word.text());
}

/// By default any client may publish; strict registries ask for the CLI.
#[tokio::test]
async fn user_agents_are_gated_only_when_strict() {
    let lenient = TestRegistry::start().await;
    let strict = TestRegistry::start_with("[publish]\nstrict_cli_version = true").await;
    let long = "x".repeat(8_000);
    for agent in [
        "",
        "curl/8.0",
        "oc-cli-abc/v20.0.0-linux-x64",
        "oc-cli-0.1.0/v20.0.0-linux-x64",
        &long,
    ] {
        let put = |registry: &TestRegistry| {
            let request = registry.put_request("/hello/1.0.0?dryRun", hello().archive());
            let mut request = request.build().expect("a request");
            let value = agent.parse().expect("a header value");
            request.headers_mut().insert("user-agent", value);
            request
        };
        let client = ochre_tests::http_client();
        let answer = client.execute(put(&lenient)).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{agent}");
        let answer = client.execute(put(&strict)).await.expect("an answer");
        assert_eq!(answer.status(), 409, "{agent}");
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["code"], "cli_version_not_valid", "{agent}");
    }
    strict.publish(&hello()).await;
}

#[tokio::test]
async fn conditional_publish_is_answered_like_any_other() {
    let registry = TestRegistry::start().await;
    let request = registry.put_request("/hello/1.0.0", hello().archive());

    let answer = Answer::of(request.header("if-none-match", "*")).await;

    assert_eq!(answer.expect_status(200).text(), r#"{"ok":true}"#);
}

#[tokio::test]
async fn view_that_nobody_can_use_is_refused_unless_the_operator_wants_it() {
    let html = || hello().file("template.js", b"<p>hello</p>".to_vec());
    let other = hello().file("template.js", b"oc.components['x']=function(){}".to_vec());
    let module = TestPackage::new("module", "1.0.0").file(
        "template.js",
        b"import React from 'react'; export const mount = () => {};".to_vec(),
    );
    let strict = TestRegistry::start().await;

    let syntax = strict.try_publish(&html()).await.expect_status(409).json();
    let key = strict.try_publish(&other).await.expect_status(409).json();
    strict.publish(&module).await;

    assert_eq!(syntax["error"], "package is not valid");
    let cause = syntax["details"]["cause"].as_str().expect("a cause");
    assert!(
        cause.starts_with("`template.js` is not JavaScript: "),
        "{cause}"
    );
    let cause = key["details"]["cause"].as_str().expect("a cause");
    assert!(cause.contains("does not define `oc.components["), "{cause}");
    strict.get("/hello").await.expect_status(404);
    let lenient = TestRegistry::start_with("[publish]\ncheck_views = false").await;
    lenient.publish(&html()).await;
}

#[tokio::test]
async fn what_looks_like_a_secret_is_told() {
    let registry = TestRegistry::start().await;
    let key = format!("const key = 'AKIA{}';", "A1".repeat(8));
    let package = hello().file("public/app.js", key.into_bytes());

    let answer = registry.try_publish(&package).await.expect_status(200);

    let body = answer.json();
    assert_eq!(body["ok"], true);
    let warning = body["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("public/app.js"), "{warning}");
}

#[tokio::test]
async fn types_that_are_not_served_are_told() {
    let registry = TestRegistry::start().await;
    for (template_type, expected) in [
        (
            "oc-template-solid",
            "run `ochre-registry templates add oc-template-solid`",
        ),
        ("oc-template-nobody", "no template pack is known for it"),
    ] {
        let package = TestPackage::new(&template_type[12..], "1.0.0").manifest(|manifest| {
            manifest["oc"]["files"]["template"]["type"] = json!(template_type);
        });
        let answer = registry.try_publish(&package).await.expect_status(200);
        let body = answer.json();
        let warning = body["warnings"][0].as_str().expect("a warning");
        assert!(warning.contains(expected), "{warning}");
    }
    let known = registry.try_publish(&hello()).await.expect_status(200);
    assert_eq!(known.json(), json!({ "ok": true }));
}
