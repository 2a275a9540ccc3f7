//! Health, metrics, and how a node stops.

use std::time::Duration;

use ochre_tests::{RawConnection, TestPackage, TestRegistry, TestStore};

#[tokio::test]
async fn health_readiness_and_metrics_are_served() {
    let registry = TestRegistry::start().await;
    registry.publish(&TestPackage::new("hello", "1.0.0")).await;
    registry.get("/hello").await.expect_status(200);

    registry.get("/~health").await.expect_status(200);
    registry.get("/~ready").await.expect_status(200);
    let metrics = registry.get("/~metrics").await.expect_status(200).text();

    assert!(metrics.contains("ochre_http_requests_total"), "{metrics}");
    assert!(metrics.contains("ochre_build_info"), "{metrics}");
    assert!(
        !metrics.contains("hello"),
        "a component's name is never a label"
    );
}

#[tokio::test]
async fn request_in_flight_is_finished_on_sigterm() {
    let mut registry = TestRegistry::start().await;
    let slow = "setTimeout(function(){callback(null,{slow:true})},700)";
    registry
        .publish(&TestPackage::new("slow", "1.0.0").provider(slow))
        .await;
    registry
        .publish(&TestPackage::new("ready", "1.0.0").provider("callback(null,{})"))
        .await;
    registry.get_unrendered("/ready").await.expect_status(200);
    let mut connection = RawConnection::open(registry.address()).await;
    let request =
        b"GET /slow HTTP/1.1\r\nHost: r\r\nAccept: application/vnd.oc.unrendered+json\r\n\r\n";
    connection.send(request).await;
    // What is sent after it on other connections is answered: it was read before.
    for _ in 0..5 {
        registry.get("/~health").await.expect_status(200);
    }

    registry.process.terminate();

    let answer = connection.read_to_end(Duration::from_secs(30)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"slow\":true"), "{answer}");
    let status = registry.process.ended(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_was_published_is_there_after_a_restart() {
    let store = TestStore::folder();
    let mut first = TestRegistry::start_on(&store, "").await;
    first.publish(&TestPackage::new("hello", "1.0.0")).await;
    first.process.kill();

    let second = TestRegistry::start_on(&store, "").await;

    second.get("/hello").await.expect_status(200);
    second
        .try_publish(&TestPackage::new("hello", "1.0.0"))
        .await
        .expect_status(403);
}

#[tokio::test]
async fn samples_are_published_into_an_empty_store() {
    let registry = TestRegistry::start_with("[samples]\npublish = true").await;

    let body = registry.get("/").await.expect_status(200).json();

    let listed = body["components"].as_array().expect("a list").clone();
    assert!(listed.len() >= 3, "{body}");
    for url in listed {
        let path = url.as_str().unwrap_or_default().replace(&registry.url, "/");
        let sample = registry
            .get(&format!("{path}?name=Ada"))
            .await
            .expect_status(200)
            .json();
        assert!(
            sample["html"].as_str().is_some_and(|html| html.len() > 20),
            "{sample}"
        );
    }
}
