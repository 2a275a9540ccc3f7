//! Template packs that are not to be had.

use ochre_tests::{TestPackage, TestRegistry, free_port};
use serde_json::json;

#[tokio::test]
async fn missing_pack_leaves_unrendered_answers_alone_and_is_said_to_be_temporary() {
    let nobody = free_port();
    let settings = format!("[templates]\nnpm_registry = \"http://127.0.0.1:{nobody}/\"");
    let registry = TestRegistry::start_with(&settings).await;
    let package = TestPackage::new("hello", "1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["template"]["type"] = json!("oc-template-handlebars");
    });
    registry.publish(&package).await;

    registry.get_unrendered("/hello").await.expect_status(200);
    let rendered = registry.get("/hello").await.expect_status(503);

    assert_eq!(rendered.json()["code"], "TEMPLATE_UNAVAILABLE");
    assert_eq!(rendered.header("retry-after"), "1");
    registry.get_unrendered("/hello").await.expect_status(200);
}
