//! `POST /`.

use ochre_tests::{Answer, TestPackage, TestRegistry};
use serde_json::{Value, json};

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    registry
        .publish(&TestPackage::new("hello", "1.0.0").props("context.params"))
        .await;
    let failing = TestPackage::new("failing", "1.0.0").provider("throw new Error('boom')");
    registry.publish(&failing).await;
    registry
}

async fn post_text(registry: &TestRegistry, kind: &str, body: &str) -> Answer {
    let request = registry.request("POST", "/").header("content-type", kind);
    Answer::of(request.body(body.to_owned())).await
}

#[tokio::test]
async fn entries_are_answered_in_order_whatever_happens_to_others() {
    let registry = registry().await;
    let body = json!({ "components": [{ "name": "hello" }, { "name": "nope" }, { "name": "failing" }, { "name": "hello", "version": "1.x" }] });

    let answer = registry.post("/", &body).await.expect_status(200).json();

    let statuses: Vec<&Value> = (0..4).map(|at| &answer[at]["status"]).collect();
    assert_eq!(statuses, [200, 404, 500, 200]);
    assert_eq!(answer[3]["response"]["requestVersion"], "1.x");
}

#[tokio::test]
async fn own_parameters_win_over_shared_ones_and_keep_their_types() {
    let registry = registry().await;
    let body = json!({
        "components": [{ "name": "hello", "parameters": { "a": 1, "l": [1, "x"] } }],
        "parameters": { "a": 0, "g": true },
        "omitHref": true,
    });

    let answer = registry.post_unrendered("/", &body).await;
    let answer = answer.expect_status(200).json();

    let props = &answer[0]["response"]["data"]["component"]["props"];
    assert_eq!(
        (&props["a"], &props["g"], &props["l"]),
        (&json!(1), &json!(true), &json!([1, "x"]))
    );
    assert!(answer[0]["response"]["href"].is_null(), "{answer}");
}

#[tokio::test]
async fn forms_are_read_as_qs_reads_them() {
    let registry = registry().await;
    let form = "components[0][name]=hello&components[0][parameters][a]=1&components[1][name]=nope";

    let answer = post_text(&registry, "application/x-www-form-urlencoded", form).await;

    let body = answer.expect_status(200).json();
    assert_eq!(
        (&body[0]["status"], &body[1]["status"]),
        (&json!(200), &json!(404))
    );
}

#[tokio::test]
async fn malformed_bodies_are_refused_as_json() {
    let registry = registry().await;
    let json = "application/json";
    let cases = [
        (json, "", ""),
        (json, "null", ""),
        (
            json,
            "[1]",
            "The request body is malformed: components property is missing",
        ),
        (
            json,
            "{}",
            "The request body is malformed: components property is missing",
        ),
        (
            json,
            r#"{"components":"x"}"#,
            "The request body is malformed: components property is not an array",
        ),
        (
            json,
            r#"{"components":[{}]}"#,
            "The request body is malformed: component 0 must have name property",
        ),
        (json, r#"{"components":[null]}"#, ""),
        (json, r#"{"components":[1]}"#, ""),
        (json, r#"{"components":[[]]}"#, ""),
        (json, "{", ""),
        ("text/plain", r#"{"components":[]}"#, ""),
    ];
    for (kind, body, text) in cases {
        let answer = post_text(&registry, kind, body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let answered = answer.json();
        if !text.is_empty() {
            assert_eq!(answered["error"], text, "{body}");
            assert_eq!(answered["code"], "POST_BODY_NOT_VALID", "{body}");
        }
    }
}

#[tokio::test]
async fn batches_have_limits() {
    let registry = TestRegistry::start_with("[http]\nbatch_max = 3\nbody_max = \"1KiB\"").await;
    let entries = vec![json!({ "name": "nope" }); 4];

    let many = registry.post("/", &json!({ "components": entries })).await;
    let large = registry
        .post(
            "/",
            &json!({ "components": [{ "name": "x".repeat(2_000) }] }),
        )
        .await;

    assert_eq!(many.status, 400, "{}", many.text());
    assert!(many.text().contains('3'), "{}", many.text());
    assert_eq!(large.status, 413, "{}", large.text());
    assert!(large.json().is_object());
}

#[tokio::test]
async fn headers_are_real_only_for_a_single_entry() {
    let registry = TestRegistry::start().await;
    let provider = "context.setHeader('x-own', 'yes');context.setCookie('a', 'b');callback(null, {component: {props: {}}})";
    registry
        .publish(&TestPackage::new("setting", "1.0.0").provider(provider))
        .await;
    let entry = json!({ "name": "setting" });

    let one = registry
        .post("/", &json!({ "components": [entry] }))
        .await
        .expect_status(200);
    let two = registry
        .post("/", &json!({ "components": [entry, entry] }))
        .await
        .expect_status(200);

    assert_eq!(
        (
            one.header("x-own").as_str(),
            one.header("set-cookie").as_str()
        ),
        ("yes", "a=b; Path=/")
    );
    assert_eq!(
        (
            two.header("x-own").as_str(),
            two.header("set-cookie").as_str()
        ),
        ("", "")
    );
    assert_eq!(two.json()[1]["headers"]["x-own"], "yes");
    assert_eq!(
        one.json()[0]["cookies"],
        json!([{ "name": "a", "value": "b" }])
    );
}

#[tokio::test]
async fn nested_renders_are_counted_for_each_entry() {
    let registry = TestRegistry::start_with("[render]\nnested_renders_max = 1").await;
    registry.publish(&TestPackage::new("inner", "1.0.0")).await;
    let outer = TestPackage::new("outer", "1.0.0").provider(
        "context.renderComponent('inner').then(html => callback(null, { html }), callback)",
    );
    registry.publish(&outer).await;
    let body = json!({ "components": [{ "name": "outer" }, { "name": "outer" }] });

    let answer = registry.post_unrendered("/", &body).await;
    let answer = answer.expect_status(200).json();

    assert_eq!(
        (&answer[0]["status"], &answer[1]["status"]),
        (&json!(200), &json!(200)),
        "{answer}"
    );
}

#[tokio::test]
async fn answer_has_a_limit_and_entries_past_it_are_refused_in_place() {
    let registry = TestRegistry::start_with("[http]\nbatch_output_max = \"64KiB\"").await;
    registry
        .publish(&TestPackage::new("hello", "1.0.0").props("context.params"))
        .await;
    let entries: Vec<Value> = (0..10).map(|_| json!({ "name": "hello" })).collect();
    let body = json!({ "components": entries, "parameters": { "long": "x".repeat(20_000) } });

    let answer = registry.post_unrendered("/", &body).await;
    let answer = answer.expect_status(200).json();

    assert_eq!(answer[0]["status"], 200);
    assert_eq!(answer[9]["response"]["code"], "BATCH_TOO_LARGE");
}
