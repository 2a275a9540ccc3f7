//! Components in pages: negotiation, retries, actions, failover.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use ochre_client::{
    Client, ClientOptions, ExchangeError, Failover, FragmentError, PageRenderer, RenderError,
    RenderOptions, RenderRequest, RetryPolicy, TemplateRenderer, View,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

/// Shows which view and data it was given.
#[derive(Debug)]
struct Upper;

impl TemplateRenderer for Upper {
    fn template_type(&self) -> &'static str {
        "oc-template-handlebars"
    }

    fn version(&self) -> &'static str {
        "7.0.0"
    }

    fn render(&self, view: &View<'_>) -> Result<String, Box<dyn Error + Send + Sync>> {
        let name = view.data["name"].as_str().ok_or("no name")?;
        Ok(format!("{} {} {name}", view.key, view.script))
    }
}

fn hello() -> RenderRequest {
    RenderRequest::new("hello".parse().unwrap())
}

fn answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn rendered() -> Value {
    json!({
        "baseUrl": "http://r/", "type": "oc-component", "version": "1.0.0", "requestVersion": "",
        "name": "hello", "renderMode": "rendered", "html": "<p>Hello</p>"
    })
}

fn unrendered(server: &MockServer, template_type: &str) -> Value {
    json!({
        "baseUrl": "http://r/", "type": "oc-component", "version": "1.0.0", "requestVersion": "",
        "name": "hello", "renderMode": "unrendered", "href": "http://r/hello?a=1&b=2",
        "data": { "name": "Ada" },
        "template": {
            "src": format!("{}/view.js", server.uri()), "type": template_type, "key": "abc"
        }
    })
}

async fn mount(server: &MockServer, mock: wiremock::MockBuilder, answer: ResponseTemplate) {
    mock.respond_with(answer).mount(server).await;
}

fn page(server: &MockServer) -> PageRenderer {
    page_with(server, ClientOptions::default())
}

fn page_with(server: &MockServer, options: ClientOptions) -> PageRenderer {
    PageRenderer::new(Client::new(&server.uri(), options).unwrap())
}

async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

#[tokio::test]
async fn registry_renders_what_nothing_renders_here() {
    let server = MockServer::start().await;
    let asked = Mock::given(header("accept", "application/vnd.oc.rendered+json"));
    let answer = answer(200, rendered()).insert_header("cache-control", "max-age=5");
    mount(&server, asked, answer).await;
    let options = RenderOptions::rendered().accept_language("de");

    let fragment = page(&server).render(&hello(), &options).await;

    assert_eq!(fragment.html, "<p>Hello</p>");
    assert_eq!(fragment.headers["cache-control"], "max-age=5");
    let request = &received(&server).await[0];
    assert_eq!(request.headers["accept-language"], "de");
    assert!(!request.headers.contains_key("templates"));
    let agent = request.headers["user-agent"].to_str().unwrap();
    assert!(!agent.contains("oc-client-"), "{agent}");
}

#[tokio::test]
async fn views_of_known_types_are_fetched_once_and_rendered_here() {
    let server = MockServer::start().await;
    let body = unrendered(&server, "handlebars");
    let view = Mock::given(path("/view.js"));
    mount(
        &server,
        view,
        ResponseTemplate::new(200).set_body_string("V"),
    )
    .await;
    let asked = Mock::given(header("accept", "application/vnd.oc.unrendered+json"));
    mount(&server, asked, answer(200, body)).await;
    let page = page(&server).template(Arc::new(Upper));

    let first = page.render(&hello(), &RenderOptions::rendered()).await;
    let second = page
        .clone()
        .container(true)
        .render_info(false)
        .render(&hello(), &RenderOptions::rendered())
        .await;

    assert_eq!(
        first.html,
        "abc V Ada<script>window.oc=window.oc||{};\
         oc.renderedComponents=oc.renderedComponents||{};\
         oc.renderedComponents[\"hello\"]=\"1.0.0\";</script>"
    );
    assert_eq!(
        second.html,
        "<oc-component href=\"http://r/hello?a=1&amp;b=2\" data-hash=\"abc\" data-name=\"hello\" \
         data-rendered=\"true\" data-version=\"1.0.0\">abc V Ada</oc-component>"
    );
    let requests = received(&server).await;
    assert_eq!(requests.len(), 3);
    let templates = &requests[0].headers["templates"];
    assert_eq!(templates, "oc-template-handlebars,7.0.0");
    let agent = requests[0].headers["user-agent"].to_str().unwrap();
    assert!(agent.contains("oc-client-"), "{agent}");
}

#[tokio::test]
async fn unrendered_answer_that_nothing_renders_is_asked_for_as_html() {
    let server = MockServer::start().await;
    let body = unrendered(&server, "jade");
    let unrendered = Mock::given(header("accept", "application/vnd.oc.unrendered+json"));
    mount(&server, unrendered, answer(200, body)).await;
    let html = Mock::given(header("accept", "application/vnd.oc.rendered+json"));
    mount(&server, html, answer(200, rendered())).await;

    let page = page(&server).template(Arc::new(Upper));
    let fragment = page.render(&hello(), &RenderOptions::rendered()).await;

    assert_eq!(fragment.html, "<p>Hello</p>");
}

#[tokio::test]
async fn view_that_cannot_be_had_or_rendered_fails_its_component_alone() {
    let server = MockServer::start().await;
    let mut nameless = unrendered(&server, "oc-template-handlebars");
    nameless["data"] = json!({});
    let mut missing = unrendered(&server, "oc-template-handlebars");
    missing["template"] = json!({
        "src": "/gone.js", "type": "oc-template-handlebars", "key": "gone"
    });
    let entry = |response: Value| json!({ "status": 200, "response": response, "headers": {} });
    let entries = json!([entry(nameless), entry(missing), entry(rendered())]);
    mount(&server, Mock::given(method("POST")), answer(200, entries)).await;
    let view = Mock::given(path("/view.js"));
    mount(
        &server,
        view,
        ResponseTemplate::new(200).set_body_string("V"),
    )
    .await;
    let page = page(&server)
        .template(Arc::new(Upper))
        .failover(Failover::Html("later".to_owned()));

    let fragments = page
        .render_many(&[hello(), hello(), hello()], &RenderOptions::rendered())
        .await;

    let html: Vec<_> = fragments.iter().map(|fragment| &*fragment.html).collect();
    assert_eq!(html, ["later", "later", "<p>Hello</p>"]);
    assert!(matches!(
        fragments[0].failure,
        Some(FragmentError::Template { .. })
    ));
    assert!(matches!(
        fragments[1].failure,
        Some(FragmentError::View { .. })
    ));
}

#[tokio::test]
async fn batch_shares_parameters_and_tells_headers() {
    let server = MockServer::start().await;
    let body = json!({
        "components": [{"name": "hello", "parameters": {}}, {"name": "hello", "parameters": {}}],
        "parameters": {"lang": "de"},
    });
    let headers = json!({"cache-control": "max-age=1", "x-list": ["a", "b"], "bad name": "x"});
    let entry = json!({"status": 200, "response": rendered(), "headers": headers});
    let asked = Mock::given(method("POST")).and(body_json(body));
    mount(&server, asked, answer(200, json!([entry, entry]))).await;
    let options = RenderOptions::rendered().parameter("lang", "de");

    let fragments = page(&server)
        .render_many(&[hello(), hello()], &options)
        .await;

    assert_eq!(fragments[1].headers["cache-control"], "max-age=1");
    assert_eq!(fragments[1].headers.get_all("x-list").iter().count(), 2);
}

#[tokio::test]
async fn one_component_is_a_get_and_none_is_no_exchange() {
    let server = MockServer::start().await;
    mount(&server, Mock::given(method("GET")), answer(200, rendered())).await;
    let page = page(&server);

    let none = page.render_many(&[], &RenderOptions::rendered()).await;
    let one = page
        .render_many(&[hello()], &RenderOptions::rendered())
        .await;

    assert!(none.is_empty());
    assert_eq!(one[0].html, "<p>Hello</p>");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn busy_registry_is_asked_again_when_it_says() {
    for status in [502, 503, 504] {
        let server = MockServer::start().await;
        let busy = answer(status, json!({"error": "busy"})).insert_header("retry-after", "0");
        let first = Mock::given(method("GET")).respond_with(busy);
        first.up_to_n_times(2).mount(&server).await;
        mount(&server, Mock::given(method("GET")), answer(200, rendered())).await;

        let fragment = page(&server)
            .render(&hello(), &RenderOptions::rendered())
            .await;

        assert_eq!(fragment.html, "<p>Hello</p>", "{status}");
        assert_eq!(received(&server).await.len(), 3);
    }
}

#[tokio::test]
async fn registry_that_asks_for_patience_is_left_alone() {
    let server = MockServer::start().await;
    let busy = answer(503, json!({"error": "busy"})).insert_header("retry-after", "60");
    mount(&server, Mock::given(method("GET")), busy).await;

    let fragment = page(&server)
        .render(&hello(), &RenderOptions::rendered())
        .await;

    let Some(FragmentError::Render(error)) = fragment.failure else {
        panic!("no failure");
    };
    let minute = Duration::from_mins(1);
    assert!(
        matches!(&*error, RenderError::Unavailable { retry_after: Some(after), .. } if *after == minute)
    );
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn retries_end_with_the_budget() {
    let server = MockServer::start().await;
    mount(&server, Mock::given(method("GET")), answer(503, json!({}))).await;
    let options = ClientOptions {
        retry: RetryPolicy {
            budget: 3,
            wait: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    let page = page_with(&server, options);

    for _ in 0..5 {
        page.render(&hello(), &RenderOptions::rendered()).await;
    }

    assert_eq!(received(&server).await.len(), 5 + 3);
}

#[tokio::test]
async fn exchange_ends_in_time_retries_included() {
    let server = MockServer::start().await;
    let slow = answer(200, rendered()).set_delay(Duration::from_secs(20));
    mount(&server, Mock::given(method("GET")), slow).await;
    let options = RenderOptions::rendered().timeout(Duration::from_millis(200));

    let fragment = page(&server).render(&hello(), &options).await;

    let Some(FragmentError::Render(error)) = fragment.failure else {
        panic!("no failure");
    };
    assert!(matches!(
        &*error,
        RenderError::Exchange(ExchangeError::TimedOut)
    ));
}

#[tokio::test]
async fn action_answers_its_props_and_is_never_sent_twice() {
    let server = MockServer::start().await;
    let mut body = unrendered(&server, "oc-template-es6");
    body["data"] = json!({ "component": { "props": { "n": 5, "_baseUrl": "http://r/" } } });
    let add = Mock::given(method("POST"))
        .and(path("/~actions/add/hello/1.0.0"))
        .and(body_json(json!({ "n": 4 })));
    mount(&server, add, answer(200, body)).await;
    mount(&server, Mock::given(method("POST")), answer(503, json!({}))).await;
    let client = Client::new(&server.uri(), ClientOptions::default()).unwrap();
    let options = RenderOptions::rendered();

    let request = hello().version("1.0.0").parameter("n", 4);
    let props = client.action(&request, "add", &options).await.unwrap();
    let busy = client.action(&hello(), "add", &options).await;

    assert_eq!(props, json!({ "n": 5 }));
    assert!(matches!(busy, Err(RenderError::Unavailable { .. })));
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn page_goes_on_without_its_registry() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let client = Client::new(&url, ClientOptions::default()).unwrap();
    let failover = Failover::client_side("https://components.example.com/".parse().unwrap());
    let page = PageRenderer::new(client).failover(failover);

    let fragments = page
        .render_many(&[hello(), hello()], &RenderOptions::rendered())
        .await;

    for fragment in fragments {
        assert!(matches!(fragment.failure, Some(FragmentError::Render(_))));
        assert_eq!(
            fragment.html,
            "<script class=\"ocClientScript\" \
             src=\"https://components.example.com/oc-client/client.js\"></script>\
             <oc-component href=\"https://components.example.com/hello\"></oc-component>"
        );
    }
}
