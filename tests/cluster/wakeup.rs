//! Nodes that wake each other through Redis.

use std::time::{Duration, Instant};

use futures::future::join_all;
use ochre_tests::{RedisServer, TestPackage, TestRegistry, TestStore, eventually, free_port};

/// Nobody waits for a poll of this node in any test.
const SLOW_POLLS: &str = "[sync]\npoll_interval = \"1h\"\n";

/// Far above what a wake-up takes, far below a poll.
const SOON: Duration = Duration::from_mins(1);

/// What a publish or a read may take on a loaded machine, without anyone to wait for.
const PROMPT: Duration = Duration::from_secs(20);

fn package(at: u32) -> TestPackage {
    TestPackage::new("woken", &format!("1.0.{at}"))
}

async fn nodes(store: &TestStore, redis: &RedisServer, count: usize) -> Vec<TestRegistry> {
    let settings = format!("{SLOW_POLLS}{}", redis.settings());
    let nodes = (0..count).map(|_| TestRegistry::start_on(store, &settings));
    join_all(nodes).await
}

/// The version that a range resolves to on a node.
async fn newest(node: &TestRegistry) -> String {
    let answer = node.get_unrendered("/woken/1.x.x").await;
    match answer.status {
        200 => answer.json()["version"].as_str().unwrap_or_default().into(),
        _ => String::new(),
    }
}

/// Waits until a range resolves to a version on every node.
async fn is_seen(nodes: &[TestRegistry], at: u32) {
    let wanted = format!("1.0.{at}");
    for node in nodes {
        let what = format!("{wanted} to be seen by {}", node.url);
        eventually(&what, SOON, || async {
            (newest(node).await == wanted).then_some(())
        })
        .await;
    }
}

async fn is_connected(node: &TestRegistry, connected: bool) {
    let what = format!("Redis to be connected: {connected}");
    eventually(&what, SOON, || async {
        let is = node.metric("ochre_wakeup_connected").await == 1;
        (is == connected).then_some(())
    })
    .await;
}

async fn all_connected(nodes: &[TestRegistry]) {
    for node in nodes {
        is_connected(node, true).await;
    }
}

async fn a_publish_wakes_everyone(store: TestStore) {
    let redis = RedisServer::start().await;
    let nodes = nodes(&store, &redis, 3).await;
    all_connected(&nodes).await;
    for at in 0..6 {
        nodes[at as usize % 3].publish(&package(at)).await;
        is_seen(&nodes, at).await;
    }
    assert!(nodes[0].metric("ochre_wakeup_sent_total").await >= 2);
    let received = "ochre_wakeup_messages_total{outcome=\"received\"}";
    assert!(nodes[0].metric(received).await >= 4);
}

#[tokio::test]
async fn a_publish_is_seen_by_every_node_long_before_a_poll_on_a_folder() {
    a_publish_wakes_everyone(TestStore::folder()).await;
}

#[tokio::test]
async fn a_publish_is_seen_by_every_node_long_before_a_poll_on_s3() {
    a_publish_wakes_everyone(TestStore::s3().await).await;
}

/// What Redis missed while it was away is read when it comes back, not at the next poll.
#[tokio::test]
async fn a_publish_while_redis_was_away_is_seen_when_it_is_back() {
    let store = TestStore::folder();
    let mut redis = RedisServer::start().await;
    let nodes = nodes(&store, &redis, 2).await;
    all_connected(&nodes).await;
    nodes[0].publish(&package(0)).await;
    is_seen(&nodes, 0).await;

    redis.kill();
    is_connected(&nodes[1], false).await;
    is_connected(&nodes[0], false).await;
    nodes[0].publish(&package(1)).await;
    assert_eq!(newest(&nodes[1]).await, "1.0.0");
    nodes[1].get("/~ready").await.expect_status(200);
    // The exact version is found at once all the same.
    nodes[1].get("/woken/1.0.1").await.expect_status(200);

    nodes[0].publish(&package(2)).await;
    redis.restart().await;
    is_seen(&nodes, 2).await;
    all_connected(&nodes).await;
    nodes[1].publish(&package(3)).await;
    is_seen(&nodes, 3).await;
    let log = nodes[1].process.log();
    assert_eq!(log.matches("Redis is not connected").count(), 1, "{log}");
    assert_eq!(log.matches("Redis is connected").count(), 2, "{log}");
}

/// A server that takes connections and never answers.
#[tokio::test]
async fn nobody_waits_for_a_redis_that_hangs() {
    let redis = RedisServer::start().await;
    let nodes = nodes(&TestStore::folder(), &redis, 2).await;
    all_connected(&nodes).await;
    nodes[0].publish(&package(0)).await;
    is_seen(&nodes, 0).await;

    redis.pause();
    for at in 1..6 {
        let started = Instant::now();
        nodes[0].publish(&package(at)).await;
        nodes[1]
            .get(&format!("/woken/1.0.{at}"))
            .await
            .expect_status(200);
        assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
    }
    is_connected(&nodes[1], false).await;
    nodes[1].get("/~ready").await.expect_status(200);
    redis.resume();
    is_seen(&nodes, 5).await;
}

#[tokio::test]
async fn nodes_start_without_redis_and_find_it_when_it_comes() {
    let port = free_port();
    let store = TestStore::folder();
    let settings = format!("{SLOW_POLLS}[redis]\nurl = \"redis://127.0.0.1:{port}\"\n");
    let nodes = [
        TestRegistry::start_on(&store, &settings).await,
        TestRegistry::start_on(&store, &settings).await,
    ];
    nodes[0].publish(&package(0)).await;
    let _redis = RedisServer::start_at(port, &[]).await;
    is_seen(&nodes, 0).await;
    all_connected(&nodes).await;
}

/// What is no number is counted and forgotten; numbers of others only make a node look.
#[tokio::test]
async fn foreign_and_flooding_messages_harm_nobody() {
    // It has no room left either.
    let full = ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"];
    let redis = RedisServer::start_with(&full).await;
    let settings = format!("{SLOW_POLLS}{}", redis.settings());
    let store = TestStore::s3().await;
    let node = TestRegistry::start_on(&store, &settings).await;
    let other = TestRegistry::start_on(&store, &settings).await;
    is_connected(&node, true).await;
    is_connected(&other, true).await;
    let channel = redis.channel().await;
    let huge = vec![b'7'; 4 << 20];
    for message in [&b"poison"[..], b"", b"-1", b"1e9", b"\xff\xfe", &huge] {
        redis
            .command(&[b"PUBLISH", channel.as_bytes(), message])
            .await;
    }
    let ignored = "ochre_wakeup_messages_total{outcome=\"ignored\"}";
    eventually("every message to be ignored", SOON, || async {
        (node.metric(ignored).await == 6).then_some(())
    })
    .await;

    let reads = "ochre_store_requests_total{operation=\"get\",outcome=\"not_modified\"}";
    let before = node.metric(reads).await;
    let flood = (0..2000_u32).map(|at| {
        let number = (u64::MAX - u64::from(at)).to_string();
        let (redis, channel) = (&redis, &channel);
        async move {
            let parts = [b"PUBLISH", channel.as_bytes(), number.as_bytes()];
            redis.command(&parts).await;
        }
    });
    for sent in flood {
        sent.await;
    }
    let received = "ochre_wakeup_messages_total{outcome=\"received\"}";
    eventually("the flood to arrive", SOON, || async {
        (node.metric(received).await >= 2000).then_some(())
    })
    .await;
    let polls = node.metric(reads).await - before;
    assert!(polls < 200, "2000 messages were {polls} reads of the store");

    redis.command(&[b"FLUSHALL"]).await;
    node.publish(&package(0)).await;
    is_connected(&other, true).await;
    other.get("/woken/1.0.0").await.expect_status(200);
}

/// Nodes of another store share the Redis, and hear nothing.
#[tokio::test]
async fn stores_that_share_a_redis_do_not_wake_each_other() {
    let redis = RedisServer::start().await;
    let settings = format!("{SLOW_POLLS}{}", redis.settings());
    let one = TestRegistry::start_with(&settings).await;
    let another = TestRegistry::start_with(&settings).await;
    is_connected(&one, true).await;
    is_connected(&another, true).await;
    // Each has a channel that it listens to alone.
    let channels = redis.command(&[b"PUBSUB", b"CHANNELS"]).await;
    let channels: Vec<_> = channels
        .lines()
        .filter(|line| line.starts_with("ochre:"))
        .collect();
    assert_eq!(channels.len(), 2, "{channels:?}");
    one.publish(&package(0)).await;
    let received = "ochre_wakeup_messages_total{outcome=\"received\"}";
    // A node hears itself, and a store that is new has been written once by its first node.
    eventually("the message to arrive", SOON, || async {
        (one.metric(received).await > 1).then_some(())
    })
    .await;
    assert!(another.metric(received).await < 2);
}

#[tokio::test]
async fn a_redis_that_refuses_the_password_is_as_good_as_none() {
    let redis = RedisServer::start_with(&["--requirepass", "right"]).await;
    let at = redis.port();
    let settings = |password: &str| {
        format!("{SLOW_POLLS}[redis]\nurl = \"redis://:{password}@127.0.0.1:{at}\"\n")
    };
    let store = TestStore::folder();
    let refused = TestRegistry::start_on(&store, &settings("wrong-one")).await;
    let taken = TestRegistry::start_on(&store, &settings("right")).await;
    is_connected(&taken, true).await;
    eventually("the refusal to be told", SOON, || async {
        let log = refused.process.log();
        log.contains("Redis is not connected").then_some(())
    })
    .await;
    refused.publish(&package(0)).await;
    taken.get("/woken/1.0.0").await.expect_status(200);
    refused.get("/~ready").await.expect_status(200);
    assert!(!refused.process.log().contains("wrong-one"));
}

/// With a certificate of an authority of its own, and a user who may do no more than is needed.
#[tokio::test]
async fn tls_and_a_user_with_few_rights_are_enough() {
    let user = [
        "--user",
        "waker",
        "on",
        ">secret",
        "resetchannels",
        "&ochre:*",
    ];
    let rights = ["-@all", "+publish", "+subscribe", "+ping"];
    let options: Vec<&str> = user.into_iter().chain(rights).collect();
    let (redis, authority) = RedisServer::start_with_tls(&options).await;
    let at = redis.port();
    let settings = |ca_file: &str| {
        let url = format!("rediss://waker:secret@127.0.0.1:{at}");
        format!("{SLOW_POLLS}[redis]\nurl = \"{url}\"\n{ca_file}")
    };
    let ca_file = format!("ca_file = \"{}\"\n", authority.display());
    let store = TestStore::folder();
    let nodes = [
        TestRegistry::start_on(&store, &settings(&ca_file)).await,
        TestRegistry::start_on(&store, &settings(&ca_file)).await,
    ];
    all_connected(&nodes).await;
    nodes[0].publish(&package(0)).await;
    is_seen(&nodes, 0).await;

    // A server that nobody vouches for is no Redis of ours.
    let careful = TestRegistry::start_on(&store, &settings("")).await;
    eventually("the refusal to be told", SOON, || async {
        let log = careful.process.log();
        log.contains("Redis is not connected").then_some(())
    })
    .await;
    assert_eq!(careful.metric("ochre_wakeup_connected").await, 0);
}

/// A registry is no Redis either.
#[tokio::test]
async fn another_kind_of_server_is_as_good_as_none() {
    let store = TestStore::folder();
    let other = TestRegistry::start_on(&store, "").await;
    let settings = format!("[redis]\nurl = \"redis://{}\"\n", other.address());
    let node = TestRegistry::start_on(&store, &settings).await;
    eventually("it to be told", SOON, || async {
        let log = node.process.log();
        log.contains("Redis is not connected").then_some(())
    })
    .await;
    node.publish(&package(0)).await;
    other.get("/woken/1.0.0").await.expect_status(200);
}

/// Without Redis ranges follow with the polls.
#[tokio::test]
async fn without_redis_ranges_follow_with_the_polls() {
    let store = TestStore::folder();
    let settings = "[sync]\npoll_interval = \"500ms\"\n";
    let nodes = [
        TestRegistry::start_on(&store, settings).await,
        TestRegistry::start_on(&store, settings).await,
    ];
    nodes[0].publish(&package(0)).await;
    nodes[1].get("/woken/1.0.0").await.expect_status(200);
    nodes[0].publish(&package(1)).await;
    is_seen(&nodes, 1).await;
}
