//! Streams of events of several nodes.

use std::time::Duration;

use futures::future::join_all;
use ochre_tests::{EventReader, TestPackage, TestRegistry, TestStore, eventually};

const BOUND: Duration = Duration::from_mins(1);

fn package(name: &str, at: usize) -> TestPackage {
    TestPackage::new(name, &format!("1.0.{at}"))
}

fn told(name: &str, at: usize) -> String {
    format!("published {name}@1.0.{at}")
}

#[tokio::test]
async fn a_publish_is_told_on_every_node() {
    let store = TestStore::folder();
    let nodes = [
        TestRegistry::start_on(&store, "").await,
        TestRegistry::start_on(&store, "").await,
    ];
    let mut readers = [
        EventReader::open(&nodes[0], "/~events").await,
        EventReader::open(&nodes[1], "/~events").await,
    ];
    for at in 0..3 {
        nodes[at % 2].publish(&package("told", at)).await;
        for reader in &mut readers {
            assert_eq!(reader.next_release().await, told("told", at));
        }
    }
}

/// What was missed comes first, also from another node.
#[tokio::test]
async fn who_comes_back_to_another_node_misses_nothing() {
    let store = TestStore::folder();
    let nodes = [
        TestRegistry::start_on(&store, "").await,
        TestRegistry::start_on(&store, "").await,
    ];
    let mut reader = EventReader::open(&nodes[0], "/~events").await;
    nodes[1].publish(&package("told", 0)).await;
    assert_eq!(reader.next_release().await, told("told", 0));
    let last_id = reader.last_id.clone();
    drop(reader);

    for at in 1..5 {
        nodes[at % 2].publish(&package("told", at)).await;
    }
    for node in [&nodes[0], &nodes[1], &nodes[1]] {
        let mut reader = EventReader::open_after(node, "/~events", &last_id).await;
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 4 {
            seen.insert(reader.next_release().await);
        }
        // On another node the last one that is known may come once more, and nothing else.
        seen.remove(&told("told", 0));
        while seen.len() < 4 {
            seen.insert(reader.next_release().await);
        }
        let all = (1..5).map(|at| told("told", at)).collect();
        assert_eq!(seen, all);
    }
}

#[tokio::test]
async fn who_missed_too_much_is_told_to_read_again() {
    let store = TestStore::folder();
    let settings = "[events]\nhistory = 3\n";
    let node = TestRegistry::start_on(&store, settings).await;
    let reader = EventReader::open(&node, "/~events").await;
    let last_id = reader.last_id.clone();
    drop(reader);
    for at in 0..5 {
        node.publish(&package("told", at)).await;
    }
    for id in [&last_id, "nobody's", "999999.00000000.1"] {
        let mut reader = EventReader::open_after(&node, "/~events", id).await;
        let event = reader.next().await.expect("the stream goes on");
        assert_eq!(event.kind, "resync", "{id}");
        assert_ne!(reader.last_id, *id);
    }
    // A node that starts has told nothing of what was before.
    let next = TestRegistry::start_on(&store, settings).await;
    let mut reader = EventReader::open_after(&next, "/~events", &last_id).await;
    assert_eq!(reader.next().await.expect("an event").kind, "resync");
    node.publish(&package("told", 5)).await;
    assert_eq!(reader.next_release().await, told("told", 5));
}

#[tokio::test]
async fn a_reader_sees_only_the_components_that_it_asked_for() {
    let node = TestRegistry::start_with("[render]\ncomponents = [\"a\", \"b\", \"c\"]\n").await;
    let mut some = EventReader::open(&node, "/~events?component=a,c").await;
    let mut all = EventReader::open(&node, "/~events").await;
    for name in ["b", "d", "a", "c"] {
        node.publish(&package(name, 0)).await;
    }
    for name in ["a", "c"] {
        assert_eq!(some.next_release().await, told(name, 0));
    }
    for name in ["b", "a", "c"] {
        assert_eq!(all.next_release().await, told(name, 0));
    }
    let many: Vec<String> = (0..101).map(|at| format!("c{at}")).collect();
    let path = format!("/~events?component={}", many.join(","));
    let answer = node.get(&path).await.expect_status(400);
    assert_eq!(answer.json()["code"], "too_many_components");
}

#[tokio::test]
async fn streams_are_counted_and_end_with_their_readers() {
    let settings = "[events]\nstreams_max = 2\nheartbeat = \"200ms\"\n";
    let node = TestRegistry::start_with(settings).await;
    let first = EventReader::open(&node, "/~events").await;
    let _second = EventReader::open(&node, "/~events").await;
    let refused = node.get("/~events").await.expect_status(503);
    assert_eq!(refused.json()["code"], "too_many_streams");
    assert_eq!(refused.header("retry-after"), "1");
    drop(first);
    eventually("a place to be free", BOUND, || async {
        (node.metric("ochre_event_streams").await == 1).then_some(())
    })
    .await;
    EventReader::open(&node, "/~events").await;
}

#[tokio::test]
async fn streams_show_signs_of_life_and_end_when_the_node_stops() {
    let settings = "[events]\nheartbeat = \"100ms\"\n[http]\ndrain_delay = \"2s\"\n";
    let mut node = TestRegistry::start_with(settings).await;
    let mut reader = EventReader::open(&node, "/~events").await;
    node.publish(&package("told", 0)).await;
    let head = node.request("HEAD", "/~events");
    let head = ochre_tests::Answer::of(head).await.expect_status(200);
    assert_eq!(head.header("cache-control"), "no-store");
    assert_eq!(head.header("x-accel-buffering"), "no");
    assert_eq!(head.header("access-control-allow-origin"), "*");
    assert_eq!(reader.next_release().await, told("told", 0));
    reader.sign_of_life().await;
    node.process.terminate();
    assert_eq!(reader.next().await, None);
    let status = node.process.ended(BOUND).await;
    assert!(status.success());
}

#[tokio::test]
async fn without_discovery_there_is_no_stream() {
    let node = TestRegistry::start_with("[discovery]\napi = false\n").await;
    node.get("/~events").await.expect_status(401);
}

/// A thousand readers who only wait cost little, and all of them are told.
#[tokio::test]
async fn a_thousand_readers_are_told_at_once() {
    let node = TestRegistry::start().await;
    let before = resident_kib(&node);
    let readers = (0..1000).map(|_| EventReader::open(&node, "/~events"));
    let mut readers: Vec<EventReader> = join_all(readers).await;
    let idle = resident_kib(&node);
    assert!(idle < before + 100 * 1024, "{before} KiB, then {idle} KiB");
    node.publish(&package("told", 0)).await;
    let events = readers.iter_mut().map(EventReader::next_release);
    for event in join_all(events).await {
        assert_eq!(event, told("told", 0));
    }
}

/// Memory of the process that is not on disk, in KiB.
fn resident_kib(node: &TestRegistry) -> u64 {
    let path = format!("/proc/{}/status", node.process.id());
    let status = std::fs::read_to_string(path).expect("a process that runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a size")
}
