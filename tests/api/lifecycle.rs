//! `~components/…`: states of releases, and channels.

use ochre_tests::{Answer, TestPackage, TestRegistry};
use serde_json::{Value, json};

const LOGIN: &str = r#"
[auth]
logins = [{ username = "u", password = "p" }]
"#;

async fn with_versions(versions: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start().await;
    for version in versions {
        registry.publish(&TestPackage::new("hello", version)).await;
    }
    registry
}

async fn send(registry: &TestRegistry, method: &str, path: &str, body: &Value) -> Answer {
    let request = registry.request(method, &format!("/~components/hello{path}"));
    Answer::of(request.json(body)).await
}

async fn put(registry: &TestRegistry, path: &str, body: &Value) -> Answer {
    send(registry, "PUT", path, body).await
}

async fn set_state(registry: &TestRegistry, version: &str, state: &str) {
    let path = format!("/{version}/state");
    let body = json!({ "state": state, "reason": "loses clicks" });
    put(registry, &path, &body).await.expect_status(200);
}

async fn point(registry: &TestRegistry, channel: &str, version: &str) -> Answer {
    let path = format!("/channels/{channel}");
    put(registry, &path, &json!({ "version": version })).await
}

async fn resolved(registry: &TestRegistry, requested: &str) -> Option<String> {
    let answer = registry.get(&format!("/hello/{requested}")).await;
    let version = answer.json()["version"].as_str().map(String::from);
    (answer.status == 200).then_some(version).flatten()
}

#[tokio::test]
async fn yanked_version_is_in_no_range_and_is_served_exactly_with_a_warning() {
    let registry = with_versions(&["1.0.0", "1.1.0"]).await;
    set_state(&registry, "1.1.0", "yanked").await;

    for requested in ["", "1", "^1.0.0", "1.x.x", ">=1.0.0"] {
        let version = resolved(&registry, requested).await;
        assert_eq!(version.as_deref(), Some("1.0.0"), "{requested}");
    }
    assert_eq!(resolved(&registry, "~1.1").await, None);
    let exact = registry.get("/hello/1.1.0").await.expect_status(200);
    let told = exact.header("deprecation");
    let since: u64 = told.trim_start_matches('@').parse().expect("a date");
    assert!(told.starts_with('@') && since > 1_700_000_000, "{told}");
    let link = exact.header("link");
    assert!(
        link.contains("/hello/1.1.0/~info>; rel=\"deprecation\""),
        "{link}"
    );
    let fine = registry.get("/hello/1.0.0").await.expect_status(200);
    assert_eq!(fine.header("deprecation"), "");

    let batch =
        json!({ "components": [{ "name": "hello" }, { "name": "hello", "version": "1.1.0" }] });
    let batch = registry.post("/", &batch).await.expect_status(200).json();
    assert_eq!(batch[0]["response"]["version"], "1.0.0");
    assert_eq!(batch[0]["headers"], json!({}));
    assert_eq!(batch[1]["response"]["version"], "1.1.0");
    assert_eq!(batch[1]["headers"]["deprecation"], told);

    let info = registry.get("/hello/~info").await.expect_status(200).json();
    assert_eq!(
        (&info["version"], &info["allVersions"]),
        (&json!("1.0.0"), &json!(["1.0.0"]))
    );
    let info = registry.get("/hello/1.1.0/~info").await.expect_status(200);
    assert_eq!(info.json()["oc"]["state"], "yanked");

    set_state(&registry, "1.1.0", "active").await;
    assert_eq!(resolved(&registry, "1").await.as_deref(), Some("1.1.0"));
    let info = registry.get("/hello/1.1.0/~info").await.expect_status(200);
    assert_eq!(info.json()["oc"]["state"], Value::Null);
}

#[tokio::test]
async fn component_whose_versions_are_all_yanked_is_as_none() {
    let registry = with_versions(&["1.0.0"]).await;
    set_state(&registry, "1.0.0", "yanked").await;

    registry.get("/hello").await.expect_status(404);
    registry.get("/hello/1").await.expect_status(404);
    registry.get("/hello/1.0.0").await.expect_status(200);
    let list = registry.get("/").await.json()["components"].to_string();
    assert!(!list.contains("/hello"), "{list}");
}

#[tokio::test]
async fn deprecated_version_is_resolved_and_listed_so() {
    let registry = with_versions(&["1.0.0", "1.1.0"]).await;
    set_state(&registry, "1.1.0", "deprecated").await;

    let newest = registry.get("/hello").await.expect_status(200);
    assert_eq!(newest.json()["version"], "1.1.0");
    assert!(newest.header("deprecation").starts_with('@'));
    let listed = async |state: &str| {
        let answer = registry.get(&format!("/?state={state}")).await;
        answer.json()["components"].to_string().contains("/hello")
    };
    assert!(listed("deprecated").await && !listed("experimental").await);
    set_state(&registry, "1.1.0", "experimental").await;
    assert!(listed("experimental").await && !listed("deprecated").await);
    let newest = registry.get("/hello").await.expect_status(200);
    assert_eq!(newest.header("deprecation"), "");
}

#[tokio::test]
async fn channel_stands_wherever_a_version_may() {
    let registry = with_versions(&["1.0.0", "2.0.0"]).await;
    let moved = point(&registry, "stable", "1.0.0").await;
    let moved = moved.expect_status(200).json();
    assert_eq!(moved["version"], "1.0.0");
    assert_eq!(moved["earlier"], json!([]));

    let answer = registry
        .get("/hello/stable")
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&answer["version"], &answer["requestVersion"]),
        (&json!("1.0.0"), &json!("stable"))
    );
    let batch = json!({ "components": [{ "name": "hello", "version": "stable" }] });
    let batch = registry.post("/", &batch).await.expect_status(200).json();
    assert_eq!(batch[0]["response"]["version"], "1.0.0");
    assert_eq!(batch[0]["response"]["requestVersion"], "stable");
    let info = registry
        .get("/hello/stable/~info")
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&info["version"], &info["requestVersion"]),
        (&json!("1.0.0"), &json!("stable"))
    );
    registry
        .get("/hello/stable/~preview")
        .await
        .expect_status(200);

    registry.get("/hello/next").await.expect_status(404);
    registry.get("/hello/latest").await.expect_status(404);
}

#[tokio::test]
async fn channel_is_moved_only_from_where_it_was_expected() {
    let registry = with_versions(&["1.0.0", "1.1.0", "2.0.0"]).await;
    let move_to = async |body: Value| put(&registry, "/channels/stable", &body).await;
    move_to(json!({ "version": "1.0.0", "ifCurrent": null }))
        .await
        .expect_status(200);
    let refused = move_to(json!({ "version": "2.0.0", "ifCurrent": null })).await;
    let refused = refused.expect_status(412).json();
    assert_eq!(refused["code"], "channel_moved");
    assert_eq!(refused["details"], json!({ "current": "1.0.0" }));
    move_to(json!({ "version": "2.0.0", "ifCurrent": "1.1.0" }))
        .await
        .expect_status(412);
    for _ in 0..2 {
        // Asked again, as after a lost answer.
        move_to(json!({ "version": "2.0.0", "ifCurrent": "1.0.0" }))
            .await
            .expect_status(200);
    }
    assert_eq!(
        resolved(&registry, "stable").await.as_deref(),
        Some("2.0.0")
    );
}

#[tokio::test]
async fn channel_goes_back_past_yanked_versions_and_away() {
    let registry = with_versions(&["1.0.0", "1.1.0", "2.0.0"]).await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        point(&registry, "stable", version).await.expect_status(200);
    }
    set_state(&registry, "1.1.0", "yanked").await;
    set_state(&registry, "2.0.0", "yanked").await;
    let stale = registry.get("/hello/stable").await.expect_status(200);
    assert_eq!(stale.json()["version"], "2.0.0", "until it is moved");
    assert!(stale.header("deprecation").starts_with('@'));

    let back = Answer::of(registry.request("POST", "/~components/hello/channels/stable/rollback"));
    assert_eq!(back.await.expect_status(200).json()["version"], "1.0.0");
    assert_eq!(
        resolved(&registry, "stable").await.as_deref(),
        Some("1.0.0")
    );
    let back = send(&registry, "POST", "/channels/stable/rollback", &json!({})).await;
    assert_eq!(back.expect_status(409).json()["code"], "no_earlier_version");
    let yanked = point(&registry, "stable", "2.0.0").await;
    assert_eq!(yanked.expect_status(409).json()["code"], "version_yanked");

    let path = "/~components/hello/channels/stable";
    let refused = Answer::of(registry.request("DELETE", &format!("{path}?ifCurrent=2.0.0"))).await;
    refused.expect_status(412);
    for _ in 0..2 {
        let gone = Answer::of(registry.request("DELETE", path)).await;
        assert_eq!(gone.expect_status(200).json()["version"], Value::Null);
    }
    registry.get("/hello/stable").await.expect_status(404);
    let never = Answer::of(registry.request("DELETE", "/~components/hello/channels/next")).await;
    assert_eq!(never.expect_status(404).json()["code"], "channel_not_found");
}

#[tokio::test]
async fn component_is_described_with_its_states_and_channels() {
    let registry = with_versions(&["1.0.0", "1.1.0"]).await;
    point(&registry, "stable", "1.0.0").await.expect_status(200);
    set_state(&registry, "1.1.0", "deprecated").await;

    let told = registry.get("/~components/hello").await.expect_status(200);
    assert!(!told.header("etag").is_empty());
    let told = told.json();
    assert_eq!(told["newest"], "1.1.0");
    assert_eq!(told["versions"][0]["version"], "1.1.0");
    assert_eq!(told["versions"][0]["state"], "deprecated");
    assert_eq!(told["versions"][0]["reason"], "loses clicks");
    assert_eq!(told["versions"][1]["state"], "active");
    assert_eq!(told["channels"]["stable"]["version"], "1.0.0");
    let unknown = registry.get("/~components/none").await.expect_status(404);
    assert_eq!(unknown.json()["code"], "component_not_found");
}

/// Path, body, status and code.
const NOT_UNDERSTOOD: [(&str, &str, u16, &str); 15] = [
    (
        "/1.0.0/state",
        r#"{"state":"gone"}"#,
        400,
        "state_not_valid",
    ),
    ("/1.0.0/state", "{}", 400, "body_not_valid"),
    ("/1.0.0/state", "[]", 400, "body_not_valid"),
    (
        "/1.0.0/state",
        r#"{"state":"yanked","why":1}"#,
        400,
        "body_not_valid",
    ),
    (
        "/1.0.0/state",
        r#"{"state":"yanked","reason":"a\nb"}"#,
        400,
        "reason_not_valid",
    ),
    (
        "/1.x/state",
        r#"{"state":"yanked"}"#,
        400,
        "version_not_valid",
    ),
    (
        "/9.9.9/state",
        r#"{"state":"yanked"}"#,
        404,
        "version_not_found",
    ),
    (
        "/channels/latest",
        r#"{"version":"1.0.0"}"#,
        400,
        "channel_not_valid",
    ),
    (
        "/channels/v1",
        r#"{"version":"1.0.0"}"#,
        400,
        "channel_not_valid",
    ),
    ("/channels/stable", "{}", 400, "body_not_valid"),
    (
        "/channels/stable",
        r#"{"version":"^1"}"#,
        400,
        "version_not_valid",
    ),
    (
        "/channels/stable",
        r#"{"version":1}"#,
        400,
        "body_not_valid",
    ),
    (
        "/channels/stable",
        r#"{"version":"9.9.9"}"#,
        404,
        "version_not_found",
    ),
    (
        "/channels/stable",
        r#"{"version":"1.0.0","ifCurrent":"x"}"#,
        400,
        "version_not_valid",
    ),
    ("/channels/stable", "{", 400, "POST_BODY_NOT_VALID"),
];

#[tokio::test]
async fn what_cannot_be_understood_is_told() {
    let registry = with_versions(&["1.0.0"]).await;
    for (path, body, status, code) in NOT_UNDERSTOOD {
        let request = registry.request("PUT", &format!("/~components/hello{path}"));
        let request = request.header("content-type", "application/json");
        let answer = Answer::of(request.body(body)).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, told["code"].as_str()),
            (status, Some(code)),
            "{path} {body}"
        );
    }
    let long = json!({ "state": "yanked", "reason": "a".repeat(600) });
    let refused = put(&registry, "/1.0.0/state", &long).await;
    assert_eq!(
        refused.expect_status(400).json()["code"],
        "reason_not_valid"
    );
    registry.get("/hello").await.expect_status(200);
}

#[tokio::test]
async fn only_who_may_publish_changes_states_and_channels() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let package = TestPackage::new("hello", "1.0.0");
    let upload = registry.put_request("/hello/1.0.0", package.archive());
    let upload = upload.basic_auth("u", Some("p"));
    Answer::of(upload).await.expect_status(200);
    let requests = [
        ("PUT", "/1.0.0/state", json!({ "state": "yanked" })),
        ("PUT", "/channels/stable", json!({ "version": "1.0.0" })),
        ("POST", "/channels/stable/rollback", json!({})),
        ("DELETE", "/channels/stable", json!({})),
    ];
    for (method, path, body) in &requests {
        let refused = send(&registry, method, path, body).await.expect_status(401);
        assert_eq!(refused.text(), "Unauthorized");
    }
    registry.get("/hello").await.expect_status(200);
    let (method, path, body) = &requests[1];
    let request = registry.request(method, &format!("/~components/hello{path}"));
    let request = request.basic_auth("u", Some("p")).json(body);
    Answer::of(request).await.expect_status(200);
    registry.get("/hello/stable").await.expect_status(200);
}

#[tokio::test]
async fn pages_tell_states_and_channels() {
    let registry = with_versions(&["1.0.0", "2.0.0"]).await;
    point(&registry, "stable", "1.0.0").await.expect_status(200);
    set_state(&registry, "2.0.0", "yanked").await;
    set_state(&registry, "1.0.0", "deprecated").await;
    let page = async |path: &str| {
        let answer = registry
            .get_with_headers(path, &[("accept", "text/html")])
            .await;
        answer.expect_status(200).text()
    };
    let exact = page("/hello/2.0.0/~info").await;
    assert!(exact.contains("Yanked: only who asks"), "{exact}");
    assert!(exact.contains("Reason: loses clicks"), "{exact}");
    assert!(
        exact.contains("/hello/stable/~info\">stable</a> <code>1.0.0</code>"),
        "{exact}"
    );
    let by_channel = page("/hello/stable/~info").await;
    assert!(
        by_channel.contains("<code>stable</code> is <code>1.0.0</code>"),
        "{by_channel}"
    );
    assert!(
        by_channel.contains("data-state=\"yanked\">yanked"),
        "{by_channel}"
    );
    let list = page("/?state=deprecated").await;
    assert!(list.contains("id=\"component-hello\""), "{list}");
    let history = page("/?view=history").await;
    assert!(history.contains("data-state=\"yanked\""), "{history}");
}
