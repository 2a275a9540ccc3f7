//! `POST /~registry/validate`.

use ochre_tests::TestRegistry;
use serde_json::json;

const ON: &str = "[discovery]\nvalidate = true";

#[tokio::test]
async fn validation_is_no_path_unless_it_is_switched_on() {
    let registry = TestRegistry::start().await;
    let body = json!({ "packageJson": { "name": "hello", "version": "1.0.0" } });

    let answer = registry.post("/~registry/validate", &body).await;
    let read = registry.get("/~registry/validate").await;

    assert_eq!(answer.expect_status(404).json()["code"], "not_found");
    assert_eq!(read.expect_status(404).json()["code"], "NOT_FOUND");
}

#[tokio::test]
async fn validation_lives_under_the_prefix() {
    let registry = TestRegistry::start_with(&format!("{ON}\n[http]\nprefix = \"/oc/\"")).await;
    let answer = registry.post("/oc/~registry/validate", &json!({})).await;
    assert_eq!(
        answer.expect_status(400).json(),
        json!({ "error": "Invalid request: packageJson is required in request body" })
    );
    let outside = registry.post("/~registry/validate", &json!({})).await;
    outside.expect_status(404);
}

#[tokio::test]
async fn body_of_a_validation_is_bounded() {
    let registry = TestRegistry::start_with(ON).await;
    let body = json!({ "packageJson": { "name": "x".repeat(2 * 1024 * 1024) } });
    let answer = registry.post("/~registry/validate", &body).await;
    assert_eq!(
        answer.expect_status(413).json()["code"],
        "payload_too_large"
    );
}
