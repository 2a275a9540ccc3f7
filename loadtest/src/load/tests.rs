use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, method, path, query_param},
};

use super::*;
use crate::{arguments::ScenarioName, scenario::Components};

const COMPONENTS: Components<'_> = Components {
    es6: "e/1.x.x",
    handlebars: "h",
    react: "r",
    query: "name=Ada",
    marker: "Hello, Ada",
};

const SHORT: Load = Load {
    connections: 4,
    warmup: Duration::from_millis(20),
    duration: Duration::from_secs(2),
};

fn registry(server: &MockServer) -> Registry {
    let own = std::process::id();
    format!("a={},pid={own}", server.uri()).parse().unwrap()
}

fn scenario(name: ScenarioName) -> Scenario {
    COMPONENTS.scenario(name).unwrap()
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/e/1.x.x"))
        .and(query_param("name", "Ada"))
        .and(header("accept", "application/vnd.oc.unrendered+json"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn correct_answers_are_counted_with_their_latency_and_cpu() {
    let server = server(ResponseTemplate::new(200).set_body_string("<p>Hello, Ada</p>")).await;

    let sample = run(
        &registry(&server),
        &scenario(ScenarioName::Unrendered),
        SHORT,
    )
    .await
    .unwrap();

    assert_eq!(sample.errors, 0);
    assert!(sample.requests > 0);
    assert_eq!(sample.latency_us.len(), sample.requests);
    assert!(sample.elapsed >= SHORT.duration);
    assert!(sample.cpu.is_some());
}

#[tokio::test]
async fn answer_without_the_marker_is_an_error() {
    let server = server(ResponseTemplate::new(200).set_body_string("<p>Hello, World</p>")).await;

    let sample = run(
        &registry(&server),
        &scenario(ScenarioName::Unrendered),
        SHORT,
    )
    .await
    .unwrap();

    assert_eq!(sample.requests, 0);
    assert!(sample.errors > 0);
}

#[tokio::test]
async fn probe_shows_the_wrong_answer() {
    let server = server(ResponseTemplate::new(500).set_body_string("Hello, Ada: broken")).await;

    let probed = probe(&registry(&server), &scenario(ScenarioName::Unrendered)).await;

    assert!(matches!(
        probed,
        Err(AnswerError::Wrong { status: 500, found: 1, excerpt }) if excerpt.ends_with("broken")
    ));
}

#[tokio::test]
async fn batch_needs_the_marker_of_every_component() {
    let server = MockServer::start().await;
    let batch = scenario(ScenarioName::Batch);
    let body: serde_json::Value = serde_json::from_slice(&batch.body).unwrap();
    let four = json!([
        "Hello, Ada",
        "Hello, Ada",
        "Hello, Ada",
        "Hello, Ada",
        "failed"
    ]);
    Mock::given(method("POST"))
        .and(path("/"))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(200).set_body_json(four))
        .mount(&server)
        .await;

    let probed = probe(&registry(&server), &batch).await;

    assert!(matches!(
        probed,
        Err(AnswerError::Wrong {
            status: 200,
            found: 4,
            ..
        })
    ));
}

#[tokio::test]
async fn server_that_is_gone_is_counted_not_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("a=http://{}", listener.local_addr().unwrap());
    drop(listener);

    let sample = run(
        &url.parse().unwrap(),
        &scenario(ScenarioName::Unrendered),
        SHORT,
    )
    .await
    .unwrap();

    assert_eq!(sample.requests, 0);
    assert!(sample.errors > 0);
    assert_eq!(sample.cpu, None);
}

#[tokio::test]
async fn server_that_closes_each_connection_is_asked_again() {
    let answer = ResponseTemplate::new(200)
        .set_body_string("Hello, Ada")
        .insert_header("connection", "close");
    let server = server(answer).await;

    let sample = run(
        &registry(&server),
        &scenario(ScenarioName::Unrendered),
        SHORT,
    )
    .await
    .unwrap();

    assert_eq!(sample.errors, 0);
    assert!(sample.requests > 1);
}
