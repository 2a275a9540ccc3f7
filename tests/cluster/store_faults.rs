//! A store that is slow, silent, gone, or refuses: what is in memory is served, everything else is
//! answered clearly, and nothing has to be restarted afterwards.

use std::time::{Duration, Instant};

use ochre_tests::{
    Answer, Fault, FaultProxy, TestPackage, TestRegistry, TestStore, eventually, within,
};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_mins(1);

/// Every bound of the store is short, but above what a healthy store takes on a busy machine.
const SETTINGS: &str = "[storage]\nrequest_timeout = \"4s\"\nretry_timeout = \"4s\"\n\
                        answer_timeout = \"6s\"\ncommit_timeout = \"6s\"";

/// Less than what waiting for the store would take.
const FROM_MEMORY: Duration = Duration::from_secs(6);

const EXPIRED: Fault = Fault::Answer {
    status: 400,
    body: "<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>",
};
const SKEWED: Fault = Fault::Answer {
    status: 403,
    body: "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request \
           time and the current time is too large.</Message></Error>",
};

/// What a node tells of a catalog that it cannot read, and of releases and files.
const UNREAD: &str = "could not read the catalog";
const UNAVAILABLE: &str = "cannot be had; told once";

struct Scene {
    proxy: FaultProxy,
    node: TestRegistry,
}

/// A node with `warm@1.0.0` in memory and `cold@1.0.0` only in its catalog.
async fn scene() -> Scene {
    let store = TestStore::s3().await;
    let first = TestRegistry::start_on(&store, "").await;
    for name in ["warm", "cold"] {
        let package = TestPackage::new(name, "1.0.0")
            .props("{at: 1}")
            .file("public/file.txt", name.repeat(500).into_bytes());
        first.publish(&package).await;
    }
    drop(first);
    let (proxy, through) = FaultProxy::before(&store).await;
    let node = TestRegistry::start_on(&through, SETTINGS).await;
    node.get("/warm").await.expect_status(200);
    let file = node.get("/~assets/warm/1.0.0/public/file.txt").await;
    file.expect_status(200);
    Scene { proxy, node }
}

async fn state(node: &TestRegistry) -> (u16, Value) {
    let answer = node.get("/~ready").await;
    (answer.status, answer.json())
}

async fn is_up_to_date(node: &TestRegistry) {
    eventually("the node to be up to date", BOUND, || async {
        let (_, told) = state(node).await;
        (told["stale"] == false && told["publishing"] == true).then_some(())
    })
    .await;
}

async fn is_published(node: &TestRegistry, package: &TestPackage) {
    eventually("a publish", BOUND, || async {
        let answer = node.try_publish(package).await;
        // One that was answered as unavailable may have come to its end.
        (answer.status == 200 || answer.json()["sameContent"] == true).then_some(())
    })
    .await;
}

/// What is in memory is answered, and does not wait for the store.
async fn serves_what_is_cached(node: &TestRegistry) {
    let begun = Instant::now();
    for path in [
        "/warm",
        "/warm/1.x.x",
        "/warm/1.0.0",
        "/warm/~info",
        "/~assets/warm/1.0.0/public/file.txt",
        "/~health",
        "/",
    ] {
        node.get(path).await.expect_status(200);
    }
    let text = [("accept-encoding", "br")];
    let path = "/~assets/warm/1.0.0/public/file.txt";
    node.get_with_headers(path, &text).await.expect_status(200);
    let took = begun.elapsed();
    assert!(took < FROM_MEMORY, "eight answers took {took:?}");
}

fn is_told(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text());
    assert!(!answer.header("retry-after").is_empty(), "{what}");
    let code = answer.json()["code"].to_string().to_lowercase();
    assert_eq!(code, "\"storage_unavailable\"", "{what}");
}

/// What only the store has is neither missing nor waited for without end.
async fn answers_for_what_is_not(node: &TestRegistry, number: u32) {
    for path in [
        "/cold",
        "/cold/1.0.0",
        "/warm/9.9.9",
        "/nothing/1.0.0",
        "/~assets/cold/1.0.0/public/file.txt",
    ] {
        let answer = within(path, BOUND, node.get(path)).await;
        is_told(&answer, path);
    }
    let asked = json!({ "components": [{ "name": "warm" }, { "name": "cold" }] });
    let batch = node.post("/", &asked).await.expect_status(200).json();
    assert_eq!(
        (&batch[0]["status"], &batch[1]["status"]),
        (&json!(200), &json!(503))
    );
    let package = TestPackage::new("new", &format!("1.0.{number}"));
    let publish = within("a publish", BOUND, node.try_publish(&package)).await;
    is_told(&publish, "publish");
}

/// Lines of a node's log with a text, from the line with that number on.
fn lines_with(node: &TestRegistry, from: usize, text: &str) -> usize {
    let log = node.process.log();
    let lines = log.lines().skip(from);
    lines.filter(|line| line.contains(text)).count()
}

async fn survives(fault: Fault, kind: &str) {
    let Scene { proxy, node } = scene().await;
    is_up_to_date(&node).await;
    let before = node.process.log().lines().count();
    proxy.set(fault);
    let told = eventually("the node to say that it is stale", BOUND, || async {
        let (status, told) = state(&node).await;
        assert_eq!(status, 200, "it serves what it has: {told}");
        let is_told = told["stale"] == true && told["pollFailures"] != 0;
        (is_told && told["storeFailure"] == kind).then_some(told)
    })
    .await;
    assert_eq!(told["publishing"], false, "{told}");
    assert!(
        told["reasons"]
            .to_string()
            .contains("what is in memory is served"),
        "{told}"
    );
    serves_what_is_cached(&node).await;
    answers_for_what_is_not(&node, 0).await;
    serves_what_is_cached(&node).await;
    assert!(node.metric("ochre_catalog_poll_failures").await > 0);
    assert_eq!(node.metric("ochre_ready").await, 1);
    assert_eq!(node.metric("ochre_writable").await, 0);
    let by_kind = format!("ochre_store_requests_total{{operation=\"get\",outcome=\"{kind}\"");
    assert!(node.metric(&by_kind).await > 0, "{by_kind}");
    for text in [UNREAD, UNAVAILABLE] {
        eventually(text, BOUND, || async {
            (lines_with(&node, before, text) > 0).then_some(())
        })
        .await;
        assert_eq!(
            lines_with(&node, before, text),
            1,
            "one line for one outage"
        );
    }

    let before = node.process.log().lines().count();
    proxy.set(Fault::None);
    is_up_to_date(&node).await;
    for (path, status) in [
        ("/cold", 200),
        ("/cold/1.0.0", 200),
        ("/~assets/cold/1.0.0/public/file.txt", 200),
        ("/warm/9.9.9", 404),
    ] {
        eventually(path, BOUND, || async {
            (node.get(path).await.status == status).then_some(())
        })
        .await;
    }
    is_published(&node, &TestPackage::new("new", "2.0.0")).await;
    assert!(lines_with(&node, before, "read the catalog again") > 0);
}

#[tokio::test]
async fn a_store_that_takes_ten_seconds_holds_up_nobody() {
    survives(Fault::Latency(Duration::from_secs(10)), "timeout").await;
}

#[tokio::test]
async fn a_store_that_says_nothing_holds_up_nobody() {
    survives(Fault::Blackhole, "timeout").await;
}

#[tokio::test]
async fn a_store_that_resets_connections_is_survived() {
    survives(Fault::Reset, "unreachable").await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_survived() {
    survives(Fault::Refuse, "unreachable").await;
}

#[tokio::test]
async fn expired_credentials_are_told_and_survived() {
    survives(EXPIRED, "denied").await;
}

#[tokio::test]
async fn credentials_that_are_taken_away_are_told_and_survived() {
    survives(Fault::DENIED, "denied").await;
}

#[tokio::test]
async fn a_store_that_refuses_the_clock_is_told_and_survived() {
    survives(SKEWED, "clock").await;
}

#[tokio::test]
async fn a_store_that_asks_for_less_is_survived() {
    survives(Fault::SLOW_DOWN, "throttled").await;
}

#[tokio::test]
async fn a_slow_line_to_the_store_is_waited_for() {
    let Scene { proxy, node } = scene().await;
    proxy.set(Fault::Bandwidth(20_000));
    eventually("/cold/1.0.0", BOUND, || async {
        (node.get("/cold/1.0.0").await.status == 200).then_some(())
    })
    .await;
    serves_what_is_cached(&node).await;
}

/// A node that never reached its store knows nothing, and says so.
#[tokio::test]
async fn a_node_that_never_read_a_catalog_is_not_ready_and_answers_nothing_as_missing() {
    let store = TestStore::s3().await;
    let (proxy, through) = FaultProxy::before(&store).await;
    proxy.set(Fault::Blackhole);
    let mut node = TestRegistry::spawn_on(&through, SETTINGS);
    eventually("the node to start without its store", BOUND, || async {
        node.process.log().contains("listening on").then_some(())
    })
    .await;
    let (status, told) = state(&node).await;
    assert_eq!(
        (status, &told["catalogAgeSeconds"]),
        (503, &Value::Null),
        "{told}"
    );
    node.get("/~health").await.expect_status(200);
    for path in ["/any", "/any/1.0.0", "/any/1.x.x"] {
        is_told(&node.get(path).await, path);
    }
    is_told(
        &node.try_publish(&TestPackage::new("any", "1.0.0")).await,
        "publish",
    );
    assert_eq!(node.metric("ochre_ready").await, 0);
    eventually("an age of the catalog that grows", BOUND, || async {
        (node.metric("ochre_catalog_age_seconds").await > 0).then_some(())
    })
    .await;

    proxy.set(Fault::None);
    node.ready().await;
    is_published(&node, &TestPackage::new("any", "1.0.0")).await;
}
