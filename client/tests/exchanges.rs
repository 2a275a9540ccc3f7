//! The client against answers as registries of the protocol give them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::{net::TcpListener, time::Duration};

use bytes::Bytes;
use ochre_client::{
    Client, ClientOptions, Content, Credentials, ExchangeError, InfoError, PublishError,
    RenderError, RenderOptions, RenderRequest, Rendered,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{basic_auth, body_json, header, method, path, query_param},
};

async fn registry(answer: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    let client = client(&server);
    (server, client)
}

fn client(server: &MockServer) -> Client {
    Client::new(&server.uri(), ClientOptions::default()).unwrap()
}

fn hello() -> RenderRequest {
    RenderRequest::new("hello".parse().unwrap())
}

fn id() -> ochre_model::ComponentId {
    ochre_model::ComponentId {
        name: "hello".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
    }
}

fn rendered_body() -> Value {
    json!({
        "baseUrl": "http://localhost:3000/", "type": "oc-component", "version": "1.0.0",
        "requestVersion": "1.x.x", "name": "hello", "renderMode": "rendered",
        "href": "http://localhost:3000/hello/1.x.x?name=Ada", "html": "<p>Hello, Ada</p>"
    })
}

fn unrendered_body() -> Value {
    json!({
        "baseUrl": "http://localhost:3000/", "type": "oc-component", "version": "1.0.0",
        "requestVersion": "", "name": "hello", "renderMode": "unrendered",
        "data": {"component": {"props": {"name": "Ada"}}},
        "template": {"src": "http://cdn/template.js", "type": "oc-template-es6", "key": "abc"}
    })
}

async fn publish(answer: ResponseTemplate) -> Result<(), PublishError> {
    let (_server, client) = registry(answer).await;
    let published = client.publish(&id(), Bytes::from_static(b"archive")).await;
    published.map(|published| assert_eq!(published.id, id()))
}

async fn render(answer: ResponseTemplate) -> Result<Rendered, RenderError> {
    let (_server, client) = registry(answer).await;
    client.render(&hello(), &RenderOptions::rendered()).await
}

fn answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn archive_is_put_as_the_cli_puts_it() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/hello/1.0.0"))
        .and(basic_auth("ada", "secret"))
        .respond_with(answer(200, json!({"ok": true})))
        .mount(&server)
        .await;
    let options = ClientOptions {
        credentials: Some(Credentials::Basic {
            username: "ada".to_owned(),
            password: "secret".to_owned(),
        }),
        ..ClientOptions::default()
    };
    let client = Client::new(&server.uri(), options).unwrap();

    let published = client
        .publish(&id(), Bytes::from_static(b"the archive"))
        .await
        .unwrap();

    assert_eq!(published.url.path(), "/hello/1.0.0");
    let requests = server.received_requests().await.unwrap();
    let request = requests.first().unwrap();
    let body = String::from_utf8_lossy(&request.body);
    assert!(
        body.contains(r#"name="package.tar.gz"; filename="package.tar.gz""#),
        "{body}"
    );
    assert!(body.contains("Content-Type: application/gzip"), "{body}");
    assert!(body.contains("the archive"), "{body}");
    let agent = request.headers["user-agent"].to_str().unwrap();
    assert!(
        agent.contains("oc-cli-0.") && agent.contains("/v22.0.0-"),
        "{agent}"
    );
}

#[tokio::test]
async fn dry_run_is_asked_for_in_the_query() {
    let (server, client) = registry(answer(200, json!({"ok": true}))).await;

    client.check_publish(&id(), Bytes::new()).await.unwrap();

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.first().unwrap().url.query(), Some("dryRun"));
}

#[tokio::test]
async fn decisions_about_a_publish_are_told_apart() {
    let unauthorized = ResponseTemplate::new(401).set_body_string("Unauthorized");
    assert!(matches!(
        publish(unauthorized).await,
        Err(PublishError::Unauthorized)
    ));

    let exists = json!({"error": {"code": "already_exists", "msg": "there"}, "sameContent": true});
    assert!(matches!(
        publish(answer(403, exists)).await,
        Err(PublishError::AlreadyPublished { message, same_content: Some(true) }) if message == "there"
    ));

    let refused = json!({"error": {"code": "not_allowed", "msg": "name conflict"}});
    assert!(matches!(
        publish(answer(403, refused)).await,
        Err(PublishError::NotAllowed { message }) if message == "name conflict"
    ));

    let rejected =
        json!({"code": "cli_version_not_valid", "error": "old", "details": {"code": "empty"}});
    assert!(matches!(
        publish(answer(409, rejected)).await,
        Err(PublishError::Rejected { code: Some(code), details: Some(_), .. })
            if code == "cli_version_not_valid"
    ));

    let large = json!({"code": "upload_too_large", "error": "larger than 50 MiB"});
    assert!(matches!(
        publish(answer(413, large)).await,
        Err(PublishError::TooLarge { .. })
    ));

    let busy = answer(503, json!({"error": "no store"})).insert_header("retry-after", "7");
    assert!(matches!(
        publish(busy).await,
        Err(PublishError::Unavailable { retry_after: Some(after), .. })
            if after == Duration::from_secs(7)
    ));

    let broken = ResponseTemplate::new(500).set_body_string("<html>");
    assert!(matches!(
        publish(broken).await,
        Err(PublishError::Exchange(ExchangeError::UnexpectedStatus { status: 500, excerpt }))
            if excerpt == "<html>"
    ));
}

#[tokio::test]
async fn answer_that_confirms_nothing_is_no_success() {
    let page = "<html>\u{1b}[2J\n".to_owned() + &"x".repeat(300);
    let bodies = [
        ("text/html", page.as_str()),
        ("application/json", "{}"),
        ("application/json", r#"{"ok":"true","valid":1}"#),
        ("application/json", r#"[{"ok":true,"valid":true}]"#),
        ("application/json", r#"{"ok":false,"valid":false}"#),
        ("application/json", ""),
    ];
    for (content_type, body) in bodies {
        let answer = ResponseTemplate::new(200).set_body_raw(body, content_type);
        let (_server, client) = registry(answer).await;
        let published = client.publish(&id(), Bytes::new()).await.unwrap_err();
        let checked = client.check_publish(&id(), Bytes::new()).await.unwrap_err();
        let validated = client.validate(&json!({})).await.unwrap_err();
        for told in [
            published.to_string(),
            checked.to_string(),
            validated.to_string(),
        ] {
            assert!(told.contains("does not confirm"), "{body}: {told}");
            assert!(told.contains(content_type), "{told}");
            assert!(
                !told.contains(char::is_control) && told.len() < 350,
                "{told}"
            );
        }
    }
    let (_server, client) = registry(answer(200, json!({"valid": true}))).await;
    client.validate(&json!({})).await.unwrap();
}

#[tokio::test]
async fn login_in_the_url_is_sent_and_never_shown() {
    let server = MockServer::start().await;
    Mock::given(basic_auth("ada", "se/cret"))
        .respond_with(answer(200, json!({"ok": true})))
        .mount(&server)
        .await;
    let url = server.uri().replace("http://", "http://ada:se%2Fcret@");
    let client = Client::new(&url, ClientOptions::default()).unwrap();

    let published = client.publish(&id(), Bytes::new()).await.unwrap();

    assert!(client.has_credentials());
    assert_eq!(
        published.url.as_str(),
        format!("{}/hello/1.0.0", server.uri())
    );
    assert!(!format!("{client:?}").contains("cret"));
    for text in [
        "ftp://ada:secret@r/",
        "ada:secret@r",
        "http://ada:sec/secret@r/",
    ] {
        let told = Client::new(text, ClientOptions::default()).unwrap_err();
        assert!(!told.to_string().contains("sec"), "{told}");
    }
    let options = ClientOptions {
        credentials: Some(Credentials::Bearer("token".to_owned())),
        ..ClientOptions::default()
    };
    let client = Client::new(&url, options).unwrap();
    client.publish(&id(), Bytes::new()).await.unwrap_err();
    let requests = server.received_requests().await.unwrap();
    let sent = &requests.last().unwrap().headers;
    assert_eq!(sent.get_all("authorization").iter().count(), 1);
}

#[tokio::test]
async fn rendered_component_is_html() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/hello/1.x.x"))
        .and(query_param("name", "Ada & Co"))
        .and(query_param("waves", "2"))
        .and(header("accept", "application/vnd.oc.rendered+json"))
        .respond_with(answer(200, rendered_body()))
        .mount(&server)
        .await;
    let request = hello()
        .version("1.x.x")
        .parameter("name", "Ada & Co")
        .parameter("waves", 2)
        .parameter("nothing", Value::Null);

    let rendered = client(&server)
        .render(&request, &RenderOptions::rendered())
        .await
        .unwrap();

    assert_eq!(rendered.version, "1.0.0");
    assert_eq!(rendered.request_version, "1.x.x");
    let html = "<p>Hello, Ada</p>".to_owned();
    assert_eq!(rendered.content, Content::Rendered { html });
}

#[tokio::test]
async fn repeated_parameter_repeats_its_key() {
    let (server, client) = registry(answer(200, rendered_body())).await;
    let request = hello()
        .parameter("tag", json!(["a", 1]))
        .parameter("o", json!({"k": 1}));

    client
        .render(&request, &RenderOptions::rendered())
        .await
        .unwrap();

    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        requests.first().unwrap().url.query(),
        Some("tag=a&tag=1&o=%7B%22k%22%3A1%7D")
    );
}

#[tokio::test]
async fn unrendered_component_is_data_and_a_view() {
    let (_server, client) = registry(answer(200, unrendered_body())).await;

    let rendered = client
        .render(&hello(), &RenderOptions::unrendered())
        .await
        .unwrap();

    let Content::Unrendered { data, template } = rendered.content else {
        panic!("not unrendered: {rendered:?}");
    };
    assert_eq!(data["component"]["props"]["name"], "Ada");
    assert_eq!(template.src, "http://cdn/template.js");
    assert_eq!(template.template_type, "oc-template-es6");
}

#[tokio::test]
async fn failures_of_a_render_are_told_apart() {
    let missing = json!({"code": "NOT_FOUND", "error": "not there", "name": "hello"});
    assert!(matches!(
        render(answer(404, missing)).await,
        Err(RenderError::NotFound { message }) if message == "not there"
    ));

    let invalid = json!({"code": "NOT_VALID_REQUEST", "error": "mandatory"});
    assert!(matches!(
        render(answer(400, invalid)).await,
        Err(RenderError::InvalidRequest { .. })
    ));

    let own_status = json!({"code": "GENERIC_ERROR", "error": "Component execution error: no"});
    assert!(matches!(
        render(answer(404, own_status)).await,
        Err(RenderError::Failed { status: 404, code: Some(code), .. }) if code == "GENERIC_ERROR"
    ));

    let busy = answer(503, json!({"code": "overloaded", "error": "busy"}));
    assert!(matches!(
        render(busy).await,
        Err(RenderError::Unavailable {
            retry_after: None,
            ..
        })
    ));

    let moved = ResponseTemplate::new(302).insert_header("location", "/elsewhere");
    assert!(matches!(
        render(moved).await,
        Err(RenderError::Exchange(ExchangeError::UnexpectedStatus {
            status: 302,
            ..
        }))
    ));

    let nonsense = ResponseTemplate::new(200).set_body_string("hello");
    assert!(matches!(
        render(nonsense).await,
        Err(RenderError::Exchange(ExchangeError::Malformed(_)))
    ));
}

#[tokio::test]
async fn batch_answers_each_component_by_itself() {
    let server = MockServer::start().await;
    let body = json!({"components": [
        {"name": "hello", "version": "1.x.x", "parameters": {"waves": 2}},
        {"name": "hello", "parameters": {}}
    ]});
    let entries = json!([
        {"status": 200, "response": rendered_body(), "headers": {}},
        {"status": 404, "response": {"code": "NOT_FOUND", "error": "not there"}}
    ]);
    Mock::given(method("POST"))
        .and(path("/"))
        .and(body_json(body))
        .respond_with(answer(200, entries))
        .mount(&server)
        .await;
    let requests = [hello().version("1.x.x").parameter("waves", 2), hello()];

    let answers = client(&server)
        .render_many(&requests, &RenderOptions::rendered())
        .await
        .unwrap();

    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].as_ref().unwrap().name, "hello");
    assert!(matches!(&answers[1], Err(RenderError::NotFound { .. })));
}

#[tokio::test]
async fn batch_with_another_count_is_an_error() {
    let (_server, client) = registry(answer(200, json!([]))).await;

    let answers = client
        .render_many(&[hello(), hello()], &RenderOptions::rendered())
        .await;

    assert!(matches!(
        answers,
        Err(RenderError::CountMismatch {
            sent: 2,
            received: 0
        })
    ));
}

#[tokio::test]
async fn version_that_a_url_would_lose_is_not_sent() {
    let (server, client) = registry(answer(200, rendered_body())).await;

    let rendered = client
        .render(&hello().version(".."), &RenderOptions::rendered())
        .await;

    assert!(matches!(rendered, Err(RenderError::Version(version)) if version == ".."));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn info_holds_the_package_and_its_versions() {
    let body = json!({
        "name": "hello", "version": "1.1.0", "description": "Greets",
        "oc": {"packaged": true}, "allVersions": ["1.0.0", "1.1.0"], "requestVersion": ""
    });
    let (server, client) = registry(answer(200, body)).await;

    let info = client.info(&"hello".parse().unwrap(), None).await.unwrap();

    assert_eq!(info.all_versions, ["1.0.0", "1.1.0"]);
    assert_eq!(info.package["description"], "Greets");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.first().unwrap().url.path(), "/hello/~info");
}

#[tokio::test]
async fn info_of_an_unknown_component_is_not_found() {
    let (_server, client) = registry(answer(404, json!("Component \"x\" not found"))).await;

    let info = client.info(&"x".parse().unwrap(), Some("1.x.x")).await;

    assert!(matches!(
        info,
        Err(InfoError::NotFound { message }) if message == "Component \"x\" not found"
    ));
}

#[tokio::test]
async fn list_tells_what_the_registry_holds() {
    let body = json!({
        "href": "http://localhost:3000/", "ocVersion": "0.50.44", "type": "oc-registry",
        "components": ["http://localhost:3000/hello"]
    });
    let (_server, client) = registry(answer(200, body)).await;

    let discovery = client.list().await.unwrap();

    assert_eq!(discovery.components, ["http://localhost:3000/hello"]);
    assert_eq!(discovery.oc_version, "0.50.44");
}

#[tokio::test]
async fn answer_is_read_within_its_bound() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 4097]))
        .mount(&server)
        .await;
    let options = ClientOptions {
        answer_bytes_max: 4096,
        ..ClientOptions::default()
    };
    let client = Client::new(&server.uri(), options).unwrap();

    assert!(matches!(
        client.list().await,
        Err(ExchangeError::AnswerTooLarge { limit: 4096 })
    ));
}

#[tokio::test]
async fn registry_that_does_not_answer_is_given_up() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_mins(1)))
        .mount(&server)
        .await;
    let options = ClientOptions {
        timeout: Duration::from_millis(50),
        ..ClientOptions::default()
    };
    let client = Client::new(&server.uri(), options).unwrap();

    assert!(matches!(client.list().await, Err(ExchangeError::TimedOut)));
}

#[tokio::test]
async fn registry_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, ClientOptions::default()).unwrap();

    assert!(matches!(
        client.list().await,
        Err(ExchangeError::Unreachable(_))
    ));
}
