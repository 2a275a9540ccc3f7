//! `GET /`, `~info` and `~registry/…`.

use ochre_tests::{TestPackage, TestRegistry};
use serde_json::json;

async fn registry(settings: &str) -> TestRegistry {
    let registry = TestRegistry::start_with(settings).await;
    for (name, state) in [
        ("zebra", "deprecated"),
        ("apple", "experimental"),
        ("Mango", ""),
    ] {
        let mut package = TestPackage::new(name, "1.0.0");
        if !state.is_empty() {
            package = package.oc("state", json!(state));
        }
        registry.publish(&package).await;
    }
    registry
}

#[tokio::test]
async fn components_are_listed() {
    let registry = registry("").await;

    let body = registry.get("/").await.expect_status(200).json();

    assert_eq!(body["href"], registry.url);
    assert_eq!(body["type"], "oc-registry");
    assert!(
        body["ocVersion"]
            .as_str()
            .unwrap_or_default()
            .starts_with("0.50."),
        "{body}"
    );
    let listed = body["components"].as_array().expect("a list");
    for name in ["zebra", "apple", "Mango"] {
        assert!(
            listed.contains(&json!(format!("{}{name}", registry.url))),
            "{body}"
        );
    }
}

#[tokio::test]
async fn list_is_filtered_by_state_and_tells_more_on_request() {
    let registry = registry("").await;

    let filtered = registry
        .get("/?state=deprecated")
        .await
        .expect_status(200)
        .json();
    let meta = registry
        .get("/?state=deprecated&meta=true")
        .await
        .expect_status(200)
        .json();

    assert_eq!(
        filtered["components"],
        json!([format!("{}zebra", registry.url)])
    );
    let entry = &meta["components"][0];
    assert_eq!(
        (&entry["name"], &entry["version"], &entry["keywords"]),
        (&json!("zebra"), &json!("1.0.0"), &json!([]))
    );
}

#[tokio::test]
async fn experimental_components_can_be_hidden() {
    let registry = registry("[discovery]\nexperimental = false").await;

    let body = registry.get("/").await.expect_status(200).text();

    assert!(!body.contains("apple") && body.contains("zebra"), "{body}");
    registry.get("/apple").await.expect_status(200);
}

#[tokio::test]
async fn info_is_the_manifest_and_all_versions() {
    let registry = registry("").await;
    registry.publish(&TestPackage::new("zebra", "1.1.0")).await;

    let body = registry
        .get("/zebra/1.0.0/~info")
        .await
        .expect_status(200)
        .json();
    let missing = registry.get("/nope/~info").await.expect_status(404);

    assert_eq!(body["name"], "zebra");
    assert_eq!(body["requestVersion"], "1.0.0");
    assert_eq!(body["allVersions"], json!(["1.0.0", "1.1.0"]));
    assert!(body["oc"]["date"].is_u64(), "{body}");
    assert!(
        missing
            .json()
            .as_str()
            .unwrap_or_default()
            .starts_with("Component \"nope\" not found")
    );
}

#[tokio::test]
async fn registry_routes_answer_lists() {
    let registry = registry("").await;
    assert_eq!(
        registry
            .get("/~registry/plugins")
            .await
            .expect_status(200)
            .json(),
        json!([])
    );
    assert_eq!(
        registry
            .get("/~registry/dependencies")
            .await
            .expect_status(200)
            .json(),
        json!([])
    );
    let history = registry
        .get("/~registry/history")
        .await
        .expect_status(200)
        .json();
    let entries = history["componentsHistory"].as_array().expect("a list");
    let names: Vec<_> = entries.iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["Mango", "apple", "zebra", "oc-client"], "{history}");
}

/// What is switched off is refused at once.
#[tokio::test]
async fn switched_off_discovery_is_refused_at_once() {
    let registry = registry("[discovery]\napi = false\nui = false").await;
    for path in [
        "/zebra/~info",
        "/~registry/plugins",
        "/~registry/dependencies",
        "/~registry/history",
    ] {
        let answer = registry.get(path).await;
        assert!(
            [401, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
}
