//! What operators have previews run, and where the browser client comes from: as the Node registry
//! does it, beside it.

use ochre_tests::{NodeRegistry, TestPackage, TestRegistry, TestStore};
use serde_json::{Value, json};

/// What a browser sends.
const ACCEPT: (&str, &str) = ("accept", "text/html");

const PRELOAD: &str = "window.first = 1;";

fn greeting() -> TestPackage {
    TestPackage::new("greeting", "1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["imports"] = json!({ "own": "https://cdn.example/own.js" });
    })
}

async fn node(options: &Value) -> NodeRegistry {
    let registry = NodeRegistry::start(&TestStore::s3().await, options, false).await;
    registry.publish(&greeting()).await;
    registry
}

async fn ochre(settings: &str) -> TestRegistry {
    let registry = TestRegistry::start_with(settings).await;
    registry.publish(&greeting()).await;
    registry
}

/// The first script, the client and the import map of a preview.
fn told(html: &str) -> (String, String, Value) {
    let part = |start: &str, end: &str| {
        let (_, rest) = html.split_once(start).expect(start);
        rest.split(end).next().unwrap_or_default().to_owned()
    };
    let head = part("<head>", "<style")
        .split("<meta")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let imports = part("<script type=\"importmap\">", "</script>");
    let imports = serde_json::from_str(&imports).expect("an import map");
    (head, part("<script src=\"", "\""), imports)
}

#[tokio::test]
async fn previews_run_what_the_operator_has_them_run_as_the_node_registry_does() {
    let other = "http://other.example/registry/";
    let node = node(&json!({
        "preload": PRELOAD,
        "fallbackRegistryUrl": other,
        "fallbackClient": true,
        "compileClient": { "imports": { "vue": "https://cdn.example/vue.js" } },
    }))
    .await;
    let ochre = ochre(&format!(
        "[preview]\npreload = \"{PRELOAD}\"\n\
         [fallback]\nregistry_url = \"{other}\"\nclient = true\n\
         [client]\nimports = {{ vue = \"https://cdn.example/vue.js\" }}"
    ))
    .await;

    let path = "/greeting/~preview/";
    let expected = told(&node.get_with_headers(path, &[ACCEPT]).await.text());
    let found = told(&ochre.get_with_headers(path, &[ACCEPT]).await.text());

    assert_eq!(found, expected);
    let (first, client, imports) = found;
    assert_eq!(first, format!("<script>{PRELOAD}</script>"));
    assert_eq!(client, format!("{other}oc-client/client.dev.js"));
    assert_eq!(
        imports,
        json!({ "imports": { "vue": "https://cdn.example/vue.js" } })
    );
}

#[tokio::test]
async fn a_previews_own_import_map_stands_before_all_others() {
    let settings = "[preview]\nimports = { vue = \"/preview.js\" }\n\
                    [client]\nimports = { vue = \"/client.js\" }";
    let preview = ochre(settings)
        .await
        .get_with_headers("/greeting/~preview", &[ACCEPT])
        .await;
    let (first, _, imports) = told(&preview.text());
    assert_eq!(imports, json!({ "imports": { "vue": "/preview.js" } }));
    assert!(!first.contains("<script"), "{first}");
}

#[tokio::test]
async fn a_client_that_is_not_compiled_is_a_file_of_the_component() {
    let node = node(&json!({ "compileClient": false })).await;
    let ochre = ochre("[client]\ncompile = false\nimports = { vue = \"/vue.js\" }").await;
    for path in ["client.js", "client.dev.js", "oc-client.min.map"] {
        let path = format!("/oc-client/{path}");
        let expected = node.get_with_headers(&path, &[]).await;
        let found = ochre.get(&path).await;

        assert_eq!((found.status, expected.status), (302, 302), "{path}");
        let (found, expected) = (found.header("location"), expected.header("location"));
        let file = |url: &str| {
            url.split_once("oc-client/")
                .map(|(_, file)| file.to_owned())
        };
        assert_eq!(file(&found), file(&expected), "{path}");
        let own = found.strip_prefix(ochre.url.trim_end_matches('/'));
        let script = ochre.get(own.expect("an URL of its own")).await;
        let text = script.expect_status(200).text();
        assert!(!text.contains("/vue.js"), "{path}: {text}");
    }
}
