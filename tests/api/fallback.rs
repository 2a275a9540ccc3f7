//! The registry that is asked for what is not published here.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ochre_tests::{
    NodeRegistry, RawConnection, TestPackage, TestRegistry, TestStore, eventually, free_port,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

fn with_fallback(url: &str) -> String {
    format!("[fallback]\nregistry_url = \"{url}\"\nbody_max = \"100KiB\"\n")
}

/// Where it counts how often the other is asked.
fn remembering(url: &str) -> String {
    with_fallback(url) + "absent_for = \"1m\"\n"
}

/// For servers that are too slow.
fn impatient(url: &str) -> String {
    with_fallback(url) + "timeout = \"500ms\"\n"
}

/// A registry with `here` that falls back to one with `there`.
async fn pair() -> (TestRegistry, TestRegistry) {
    let other = TestRegistry::start().await;
    let provider = "context.setHeader('x-there', 'yes'); context.setCookie('c', 'v');
        callback(null, { component: { props: { action: context.action, name: context.params.name,
          language: (context.acceptLanguage[0] || {}).code, headers: Object.keys(context.requestHeaders) } } });";
    let there = TestPackage::new("there", "1.0.0").provider(provider);
    other.publish(&there).await;
    other.publish(&TestPackage::new("plain", "1.0.0")).await;
    let registry = TestRegistry::start_with(&with_fallback(&other.url)).await;
    registry.publish(&TestPackage::new("here", "1.0.0")).await;
    (registry, other)
}

/// A server that answers each request with the same bytes, and keeps what it was asked.
async fn server(answer: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    server_silent_on(None, answer).await
}

/// A server that never answers a request that holds the text `silent`.
async fn server_silent_on(
    silent: Option<&'static str>,
    answer: Vec<u8>,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let read = socket.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let is_silent = silent.is_some_and(|silent| text.contains(silent));
                seen.lock().expect("not poisoned").push(text);
                if is_silent {
                    // Until the registry goes away.
                    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                    return;
                }
                // The registry may have gone away.
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (url, asked)
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into()
}

#[tokio::test]
async fn components_of_the_other_registry_are_answered() {
    let (registry, other) = pair().await;

    let body = registry
        .get("/plain?name=Ada")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["baseUrl"], other.url);
    assert_eq!(body["requestVersion"], "");
    assert!(
        body["html"]
            .as_str()
            .unwrap_or_default()
            .contains("Hello Ada"),
        "{body}"
    );

    let headers = [
        ("accept", "application/vnd.oc.unrendered+json"),
        ("accept-language", "de"),
        ("authorization", "Basic c2VjcmV0"),
        ("cookie", "session=secret"),
        ("x-own", "own"),
    ];
    let answer = registry
        .get_with_headers("/there/1.x.x?name=B", &headers)
        .await
        .expect_status(200);
    assert_eq!(answer.header("x-there"), "yes");
    assert_eq!(answer.header("set-cookie"), "c=v; Path=/");
    let body = answer.json();
    let props = &body["data"]["component"]["props"];
    assert_eq!(
        (&props["name"], &props["language"]),
        (&json!("B"), &json!("de"))
    );
    let seen = props["headers"].to_string();
    assert!(
        !seen.contains("x-own") && !seen.contains("authorization") && !seen.contains("cookie"),
        "{seen}"
    );

    registry.get("/here").await.expect_status(200);
}

#[tokio::test]
async fn actions_and_batches_are_answered() {
    let (registry, _other) = pair().await;

    let acted = registry
        .post("/~actions/save/there", &json!({"name": "A"}))
        .await
        .expect_status(200)
        .json();
    assert_eq!(acted["data"]["component"]["props"]["action"], "save");
    assert_eq!(acted["data"]["component"]["props"]["name"], "A");

    let names = ["here", "plain", "there", "nowhere"];
    let entries = names.map(|name| json!({"name": name, "parameters": {"name": "A"}}));
    let batch = json!({"components": entries, "omitHref": true});
    let answer = registry.post("/", &batch).await.expect_status(200);
    assert!(answer.headers.get("x-there").is_none());
    let list = answer.json();
    let statuses: Vec<&Value> = (0..4).map(|at| &list[at]["status"]).collect();
    assert_eq!(statuses, [200, 200, 200, 404]);
    assert_eq!(list[2]["headers"], json!({"x-there": "yes"}));
    assert_eq!(list[2]["cookies"][0]["name"], "c");
    assert!(list[1]["response"].get("href").is_none());
    assert_eq!(list[3]["response"]["name"], "nowhere");
}

#[tokio::test]
async fn info_and_preview_are_answered() {
    let (registry, _other) = pair().await;
    for path in [
        "/there/~info",
        "/there/1.x.x/~info",
        "/there/1.x.x/~preview",
    ] {
        let info = registry.get(path).await.expect_status(200).json();
        assert_eq!(info["name"], "there", "{path}");
    }
    let missing = registry
        .get("/nowhere/~info")
        .await
        .expect_status(404)
        .json();
    let told = |key: &str| missing[key].as_str().unwrap_or_default().to_owned();
    assert!(
        told("registryError").contains("\"nowhere\" not found on"),
        "{missing}"
    );
    assert!(told("fallbackError").contains("nowhere"), "{missing}");
}

#[tokio::test]
async fn nested_components_come_from_the_other_registry() {
    let (registry, _other) = pair().await;
    let provider = "context.renderComponent('plain', { parameters: { name: 'nested' } })
        .then((html) => callback(null, { component: { props: { html } } }), callback);";
    registry
        .publish(&TestPackage::new("outer", "1.0.0").provider(provider))
        .await;

    let body = registry
        .get_unrendered("/outer")
        .await
        .expect_status(200)
        .json();
    assert!(body["data"].to_string().contains("Hello nested"), "{body}");
}

#[tokio::test]
async fn what_cannot_be_used_is_told_within_bounds() {
    let html = "<html>".repeat(2_000);
    let huge = format!(
        "[{{\"status\":200,\"response\":{{\"html\":\"{}\"}}}}]",
        "x".repeat(300_000)
    );
    let cases = [
        (http("500 Oops", "broken"), 502, "answered 500"),
        (http("429 Slow Down", "broken"), 502, "answered 429"),
        (http("401 Unauthorized", "who?"), 404, "who?"),
        (http("404 Not Found", &html), 404, "<html>"),
        (http("302 Found", ""), 404, "302"),
        (http("200 OK", &html), 502, "no batch"),
        (http("200 OK", "{\"a\":1}"), 502, "no batch"),
        (http("200 OK", "[]"), 404, "Component not found"),
        (http("200 OK", &huge), 502, "too long"),
        (Vec::new(), 502, "in time"),
        (b"SSH-2.0\r\n".to_vec(), 502, "cannot be reached"),
    ];
    for (answer, status, told) in cases {
        let is_silent = answer.is_empty();
        let (url, _) = server_silent_on(is_silent.then_some(""), answer).await;
        let settings = if is_silent {
            impatient(&url)
        } else {
            with_fallback(&url)
        };
        let registry = TestRegistry::start_with(&settings).await;
        let started = Instant::now();
        let answer = registry.get("/nope/1.0.0").await;

        assert!(started.elapsed() < Duration::from_secs(20));
        assert_eq!(answer.status, status, "{told}: {}", answer.text());
        assert!(answer.body.len() < 4_096, "{}", answer.body.len());
        let body = answer.json();
        assert!(
            body["error"].as_str().unwrap_or_default().contains(told),
            "{told}: {body}"
        );
        assert_eq!(body["name"], "nope");
    }
}

#[tokio::test]
async fn unreachable_registry_is_left_alone_for_a_moment() {
    let registry = TestRegistry::start_with(&with_fallback("http://127.0.0.1:1")).await;
    let first = registry.get("/nope").await.expect_status(502).json();
    assert_eq!(first["code"], "FALLBACK_UNAVAILABLE");
    let told = first["error"].as_str().unwrap_or_default();
    assert!(told.ends_with("it cannot be reached"), "{told}");
    // On a busy machine the moment may have passed before the next request.
    let mut later = String::new();
    for _ in 0..100 {
        later = registry.get("/nope").await.expect_status(502).text();
        if later.contains("a moment ago") {
            return;
        }
    }
    panic!("{later}");
}

#[tokio::test]
async fn a_slow_component_does_not_keep_others_from_being_asked() {
    let answer = http("200 OK", "[]");
    let (url, _) = server_silent_on(Some("sluggish"), answer).await;
    let registry = TestRegistry::start_with(&impatient(&url)).await;
    for round in 0..3 {
        registry.get("/sluggish").await.expect_status(502);
        let other = registry.get(&format!("/other{round}")).await;
        assert_eq!(other.status, 404, "{}", other.text());
    }
}

#[tokio::test]
async fn a_registry_that_is_overloaded_says_when_to_come_back() {
    let busy = http("503 Busy\r\nretry-after: 7", "");
    let (url, _) = server(busy).await;
    let registry = TestRegistry::start_with(&with_fallback(&url)).await;
    for path in ["/nope", "/nope/~info"] {
        let answer = registry.get(path).await.expect_status(502);
        assert_eq!(answer.header("retry-after"), "7", "{path}");
    }
}

#[tokio::test]
async fn what_is_no_component_is_not_asked_for() {
    let (url, asked) = server(http("404 Not Found", "no")).await;
    let registry = TestRegistry::start_with(&remembering(&url)).await;
    for path in [
        "/%2E%2E/~info",
        "/a/%2E%2E/~info",
        "/a/%2E/~preview",
        "/a%20b/~info",
        "/%2E%2E/1.0.0/~preview",
    ] {
        // A client would take the dots for folders.
        let mut raw = RawConnection::open(registry.address()).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(raw.send(request.as_bytes()).await);
        let answer = raw.read_to_end(Duration::from_secs(20)).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    let asked = || asked.lock().expect("not poisoned").clone();
    assert_eq!(asked(), [""; 0]);
    for _ in 0..3 {
        registry.get("/a/~info").await.expect_status(404);
    }
    assert_eq!(asked().len(), 1, "absence is remembered: {:?}", asked());
}

#[tokio::test]
async fn absence_is_remembered_for_a_moment_and_success_is_not() {
    let (url, asked) = server(http("200 OK", "[]")).await;
    let registry = TestRegistry::start_with(&remembering(&url)).await;
    for _ in 0..3 {
        registry.get("/nope/1.0.0").await.expect_status(404);
    }
    let count = || asked.lock().expect("not poisoned").len();
    assert_eq!(count(), 1);
    let request = asked.lock().expect("not poisoned")[0].to_lowercase();
    assert!(request.contains("via: 1.1 ochre-"), "{request}");
    registry.get("/other").await.expect_status(404);
    assert_eq!(count(), 2);
    registry.get("/not%20a%20name").await.expect_status(404);
    assert_eq!(count(), 2);
}

#[tokio::test]
async fn registries_that_name_each_other_do_not_ask_in_a_circle() {
    let ports = [free_port(), free_port(), free_port()];
    let mut nodes = Vec::new();
    // The first two name each other, the third names itself.
    for (port, other) in [
        (ports[0], ports[1]),
        (ports[1], ports[0]),
        (ports[2], ports[2]),
    ] {
        let settings = with_fallback(&format!("http://127.0.0.1:{other}"));
        let node = TestRegistry::spawn_at(port, &TestStore::folder(), &settings);
        nodes.push(node);
    }
    for node in &mut nodes {
        node.ready().await;
    }
    for node in &nodes {
        let started = Instant::now();
        let answer = node.get("/nope").await.expect_status(404);
        assert!(answer.text().contains("not found"), "{}", answer.text());
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn each_entry_of_a_batch_is_asked_of_a_node_registry() {
    let node = NodeRegistry::start(&TestStore::s3().await, &json!({}), true).await;
    for name in ["first", "second"] {
        let package = TestPackage::new(name, "1.0.0").props("{own: context.params.own}");
        node.publish(&package).await;
    }
    let registry = TestRegistry::start_with(&with_fallback(&node.url)).await;
    registry.publish(&TestPackage::new("here", "1.0.0")).await;
    let entry = |name: &str| json!({ "name": name, "parameters": { "own": name } });
    let names = ["second", "here", "nowhere", "first"];
    let batch = json!({ "components": names.map(entry) });
    let asked = || async {
        let answer = registry.post_unrendered("/", &batch).await;
        answer.expect_status(200).json()
    };

    // The Node registry's own polls may put an older list over the newest one for a while.
    let told = eventually("both components", Duration::from_secs(20), || async {
        let told = asked().await;
        let is_there = |at: usize| told[at]["status"] == 200;
        (is_there(0) && is_there(3)).then_some(told)
    })
    .await;

    let statuses: Vec<&Value> = told
        .as_array()
        .expect("a batch")
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(statuses, [200, 200, 404, 200]);
    for (at, name) in [(0, "second"), (3, "first")] {
        let response = &told[at]["response"];
        assert_eq!(response["name"], name);
        assert_eq!(response["baseUrl"], node.url);
        assert_eq!(response["data"]["component"]["props"]["own"], name);
    }
    assert_eq!(told[2]["response"]["code"], "NOT_FOUND");
}
