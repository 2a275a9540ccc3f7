//! The Rust client against a running registry.

use ochre_client::{
    Client, ClientOptions, Content, Failover, FragmentError, PageRenderer, RenderError,
    RenderOptions, RenderRequest, RetryPolicy,
};
use ochre_tests::{TestPackage, TestRegistry};
use serde_json::json;

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let greeting = TestPackage::new("hello", "1.0.0")
        .props("{name:context.params.name,lang:(context.acceptLanguage[0]||{}).code}")
        .view("'<p>Hello ' + props.name + ' ' + props.lang + '</p>'");
    registry.publish(&greeting).await;
    let adding = TestPackage::new("adding", "1.0.0").server(
        "module.exports.data=function(context,callback){callback(null,{component:{props:\
         context.action==='add'?{sum:context.params.a+context.params.b}:{},key:'x',\
         src:'x',esm:false}});};",
    );
    registry.publish(&adding).await;
    registry
}

fn request(name: &str) -> RenderRequest {
    RenderRequest::new(name.parse().expect("a name"))
}

fn client(registry: &TestRegistry) -> Client {
    let options = ClientOptions {
        retry: RetryPolicy::never(),
        ..ClientOptions::default()
    };
    Client::new(&registry.url, options).expect("a client")
}

#[tokio::test]
async fn components_are_rendered_into_a_page() {
    let registry = registry().await;
    let page =
        PageRenderer::new(client(&registry)).failover(Failover::Html("<p>later</p>".to_owned()));
    let options = RenderOptions::rendered()
        .accept_language("de-CH")
        .parameter("name", "everybody");
    let requests = [
        request("hello").version("1.x.x").parameter("name", "Ada"),
        request("hello"),
        request("missing"),
    ];

    let fragments = page.render_many(&requests, &options).await;

    assert!(
        fragments[0].html.contains("<p>Hello Ada de</p>"),
        "{fragments:?}"
    );
    assert!(
        fragments[1].html.contains("Hello everybody"),
        "{fragments:?}"
    );
    assert_eq!(fragments[2].html, "<p>later</p>");
    let Some(FragmentError::Render(error)) = &fragments[2].failure else {
        panic!("no failure: {fragments:?}");
    };
    assert!(matches!(&**error, RenderError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn data_is_given_to_those_who_render_it() {
    let registry = registry().await;
    let client = client(&registry);
    let asked = request("hello").parameter("name", "Ada");

    let all = client.render(&asked, &RenderOptions::unrendered()).await;
    let mut options = RenderOptions::unrendered();
    options.templates = vec![("oc-template-none".to_owned(), "1.0.0".to_owned())];
    let other = client.render(&asked, &options).await;

    let Content::Unrendered { data, template } = all.expect("an answer").content else {
        panic!("not unrendered");
    };
    assert_eq!(data["component"]["props"]["name"], "Ada");
    assert_eq!(template.template_type, "oc-template-es6");
    let other = other.expect("an answer").content;
    assert!(matches!(other, Content::Rendered { .. }), "{other:?}");
}

#[tokio::test]
async fn action_is_answered_by_its_component() {
    let registry = registry().await;
    let asked = request("adding").parameter("a", 2).parameter("b", 3);

    let sum = client(&registry)
        .action(&asked, "add", &RenderOptions::rendered())
        .await;

    assert_eq!(sum.expect("an answer"), json!({ "sum": 5 }));
}

#[tokio::test]
async fn page_outlives_its_registry() {
    let mut registry = registry().await;
    let url = registry.url.parse().expect("a URL");
    let page = PageRenderer::new(client(&registry)).failover(Failover::client_side(url));
    let asked = request("hello").version("1.0.0").parameter("name", "Ada");
    let before = page.render(&asked, &RenderOptions::rendered()).await;
    registry.process.kill();

    let after = page.render(&asked, &RenderOptions::rendered()).await;

    assert!(before.failure.is_none(), "{before:?}");
    assert!(after.failure.is_some());
    let tag = format!(
        "<oc-component href=\"{}hello/1.0.0?name=Ada\">",
        registry.url
    );
    assert!(after.html.contains(&tag), "{after:?}");
}
