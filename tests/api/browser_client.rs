//! `GET /oc-client/client.js`, its companions, and the component `oc-client`.

use ochre_tests::{TestPackage, TestRegistry};
use serde_json::json;

/// The component's path with the version that the registry tells.
async fn versioned(registry: &TestRegistry) -> String {
    let list = registry.get("/").await.expect_status(200).json();
    let version = list["ocVersion"].as_str().expect("a version");
    format!("oc-client/{version}")
}

#[tokio::test]
async fn browser_client_is_compressed_as_the_page_takes_it() {
    let registry = TestRegistry::start().await;
    let plain = registry
        .get("/oc-client/client.js")
        .await
        .expect_status(200);
    assert_eq!(
        plain.header("content-type"),
        "application/javascript; charset=utf-8"
    );
    assert!(
        plain
            .text()
            .ends_with("\n//# sourceMappingURL=oc-client.min.map")
    );
    for (accepted, encoding) in [
        ("gzip, deflate, br", "br"),
        ("gzip, br;q=0", "gzip"),
        ("zstd", "zstd"),
        ("identity", ""),
    ] {
        let answer = registry
            .get_with_headers("/oc-client/client.js", &[("accept-encoding", accepted)])
            .await
            .expect_status(200);
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(answer.header("vary"), "Accept-Encoding", "{accepted}");
        let is_smaller = answer.body.len() < plain.body.len() / 2;
        assert_eq!(is_smaller, !encoding.is_empty(), "{accepted}");
    }
}

#[tokio::test]
async fn browser_client_is_kept_for_a_while_and_then_asked_for_by_its_tag() {
    let registry = TestRegistry::start().await;
    for path in [
        "/oc-client/client.js",
        "/OC-client/Client.dev.js/",
        "/oc-client/oc-client.min.map",
    ] {
        let answer = registry.get(path).await.expect_status(200);
        assert!(
            answer.header("cache-control").contains("max-age=300"),
            "{path}"
        );
        let tag = answer.header("etag");
        let again = registry
            .get_with_headers(path, &[("if-none-match", &tag)])
            .await
            .expect_status(304);
        assert_eq!(again.body.len(), 0, "{path}");
    }
    let map = registry.get("/oc-client/oc-client.min.map").await.json();
    assert_eq!(map["version"], 3);
}

#[tokio::test]
async fn browser_client_holds_what_the_operator_decided() {
    let registry = TestRegistry::start_with(
        r#"
        [client]
        retry_limit = 7
        retry_interval = "250ms"
        imports = { lodash = "https://cdn.example/lodash.js" }
        externals = [{ global = "React", url = "https://cdn.example/react.js" }]
        [client.templates.oc-template-own]
        externals = [{ global = ["Own", "Part"], url = "https://cdn.example/own.js" }]
        "#,
    )
    .await;

    for path in ["/oc-client/client.js", "/oc-client/client.dev.js"] {
        let script = registry.get(path).await.expect_status(200).text();
        for part in [
            r#""retryLimit":7,"retryInterval":250"#,
            r#""imports":{"lodash":"https://cdn.example/lodash.js"}"#,
            r#""externals":[{"global":"React","url":"https://cdn.example/react.js"}]"#,
            r#""oc-template-own":{"externals":[{"global":["Own","Part"],"#,
        ] {
            assert!(script.contains(part), "{part} is not in {path}");
        }
    }
}

#[tokio::test]
async fn client_component_is_described_rendered_and_listed_last() {
    let registry = TestRegistry::start().await;
    registry.publish(&TestPackage::new("zebra", "1.0.0")).await;
    let path = versioned(&registry).await;

    let list = registry.get("/").await.json();
    let names = list["components"].as_array().expect("a list");
    assert_eq!(
        names.last(),
        Some(&json!(format!("{}oc-client", registry.url)))
    );
    let info = registry
        .get("/oc-client/~info")
        .await
        .expect_status(200)
        .json();
    assert_eq!(info["name"], "oc-client");
    assert_eq!(
        format!("oc-client/{}", info["version"]).replace('"', ""),
        path
    );
    let rendered = registry.get("/oc-client").await.expect_status(200).json();
    let script = format!("{}~assets/{path}/src/oc-client.min.js", registry.url);
    let html = rendered["html"].as_str().expect("HTML");
    assert!(html.contains(&script), "{html}");
    registry
        .get(&format!("/~assets/{path}/src/oc-client.min.js"))
        .await
        .expect_status(200);
}

#[tokio::test]
async fn client_component_gives_its_own_view_to_clients_that_render() {
    let registry =
        TestRegistry::start_with("[storage]\npublic_url = \"https://cdn.example/\"").await;
    let path = versioned(&registry).await;
    let batch = json!({ "components": [{ "name": "oc-client" }, { "name": "oc-client", "version": "0.x" }] });

    let answers = registry
        .post_unrendered("/", &batch)
        .await
        .expect_status(200)
        .json();

    for answer in answers.as_array().expect("answers") {
        let template = &answer["response"]["template"];
        let src = template["src"].as_str().expect("a URL");
        assert_eq!(src, format!("{}~assets/{path}/template.js", registry.url));
        let view = registry.get(&src.replace(&registry.url, "/")).await;
        let view = view.expect_status(200);
        assert!(
            view.text()
                .contains(template["key"].as_str().expect("a key"))
        );
        assert!(!view.header("cache-control").contains("immutable"));
    }
}

#[tokio::test]
async fn client_component_is_never_stored_nor_published() {
    let registry = TestRegistry::start().await;
    let path = versioned(&registry).await;
    registry.get("/oc-client").await.expect_status(200);
    registry.publish(&TestPackage::new("hello", "1.0.0")).await;

    let (_, version) = path.split_once('/').expect("a version");
    let refused = registry
        .try_publish(&TestPackage::new("oc-client", version))
        .await;
    assert!(matches!(refused.status, 403 | 409), "{}", refused.status);
    let folder = registry.store.path().expect("a folder").to_owned();
    let listed = std::fs::read_to_string(folder.join("components/components.json"));
    let listed = listed.expect("the shared list");
    assert!(
        listed.contains("hello") && !listed.contains("oc-client"),
        "{listed}"
    );
    assert!(!folder.join("components/oc-client").exists());
}
