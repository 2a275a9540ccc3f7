//! Template packs: installed, listed, removed, shared by nodes, not to be had.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Output,
    time::Duration,
};

use ochre_tests::{TestPackage, TestRegistry, TestStore, eventually, free_port};
use serde_json::json;

const REACT: &str = "oc-template-react";

/// A script that browsers load for React.
const SCRIPT: &str = "/~externals/react@18.3.1/umd/react.production.min.js";

/// Settings with an npm registry that is not there.
fn offline() -> String {
    format!(
        "[templates]\nnpm_registry = \"http://127.0.0.1:{}/\"\n",
        free_port()
    )
}

fn text(output: &Output) -> String {
    [output.stdout.as_slice(), &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// Runs a `templates` subcommand that succeeds, and gives what it says.
fn templates(store: &TestStore, settings: &str, arguments: &[&str]) -> String {
    let arguments: Vec<_> = std::iter::once("templates")
        .chain(arguments.iter().copied())
        .collect();
    let output = store.operate(settings, &arguments);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn typed(template_type: &'static str) -> TestPackage {
    TestPackage::new("hello", "1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["template"]["type"] = json!(template_type);
    })
}

/// A React component that says `Hello` and the parameter `name`.
fn react() -> TestPackage {
    let package = typed(REACT);
    let key = "KEY";
    let view = format!(
        "var oc=oc||{{}};oc.components=oc.components||{{}};oc.components['{key}']=function(model){{\
         oc.reactComponents=oc.reactComponents||{{}};\
         oc.reactComponents['{key}']={{component:function(props){{\
         return React.createElement('p',null,'Hello '+props.name);}}}};\
         if(!model)return;\
         return '<div>'+(model.__html||'')+'</div>https://unpkg.com/react@18.3.1/umd/react.production.min.js';}};"
    );
    package
        .file("template.js", view.into_bytes())
        .manifest(|manifest| manifest["oc"]["files"]["template"]["hashKey"] = json!(key))
}

#[tokio::test]
async fn missing_pack_leaves_unrendered_answers_alone_and_is_said_to_be_temporary() {
    let registry = TestRegistry::start_with(&offline()).await;
    registry.publish(&typed("oc-template-handlebars")).await;

    registry.get_unrendered("/hello").await.expect_status(200);
    let rendered = registry.get("/hello").await.expect_status(503);

    assert_eq!(rendered.json()["code"], "TEMPLATE_UNAVAILABLE");
    assert_eq!(rendered.header("retry-after"), "1");
    registry.get_unrendered("/hello").await.expect_status(200);
}

#[tokio::test]
async fn packs_are_added_listed_and_removed_while_nodes_run() {
    let store = TestStore::folder();
    let registry = TestRegistry::start_on(&store, &offline()).await;
    registry.publish(&react()).await;
    let refused = registry.get("/hello").await.expect_status(400);
    assert_eq!(refused.json()["code"], "TEMPLATE_NOT_SUPPORTED");

    let said = templates(
        &store,
        "",
        &["add", "oc-template-react@4.2.0", "oc-template-jade"],
    );
    assert!(said.contains("fetching react-dom@18.3.1"), "{said}");
    assert_eq!(said.matches("kept in the store").count(), 2, "{said}");
    let said = templates(&store, &offline(), &["list"]);
    assert_eq!(
        said,
        "oc-template-jade 7.0.6 (oc-jade-legacy@1.11.1)\n\
         oc-template-react 4.2.0 (react@18.3.1, react-dom@18.3.1)\n"
    );

    let found = eventually("the pack to be noticed", Duration::from_mins(1), || async {
        let answer = registry.get("/hello?name=Ada").await;
        (answer.status == 200).then_some(answer)
    });
    let html = found.await.json()["html"].to_string();
    assert!(html.contains("<div><p>Hello Ada</p></div>"), "{html}");
    // A node that starts without npm has it from the store.
    let second = TestRegistry::start_on(&store, &offline()).await;
    second.get("/hello").await.expect_status(200);

    templates(&store, "", &["remove", REACT]);
    eventually(
        "the removal to be noticed",
        Duration::from_mins(1),
        || async {
            let answer = registry.get("/hello").await;
            (answer.status == 400).then_some(())
        },
    )
    .await;
    let again = store.operate("", &["templates", "remove", REACT]);
    assert!(!again.status.success());
    assert!(text(&again).contains("no pack of `oc-template-react`"));
}

#[tokio::test]
async fn types_of_the_settings_are_served_and_installed_when_needed() {
    let settings = format!("[templates]\ntypes = [\"{REACT}\"]\n");
    let registry = TestRegistry::start_with(&settings).await;
    registry.publish(&react()).await;
    let answer = registry.get("/hello?name=Ada").await.expect_status(200);
    let html = answer.json()["html"].to_string();
    assert!(html.contains("Hello Ada"), "{html}");
    assert!(html.contains("https://unpkg.com/react@18.3.1"), "{html}");
    registry.get(SCRIPT).await.expect_status(404);
}

#[tokio::test]
async fn externals_are_served_from_the_packs_by_option() {
    let settings = format!("[templates]\ntypes = [\"{REACT}\"]\nserve_externals = true\n");
    let registry = TestRegistry::start_with(&settings).await;
    registry.publish(&react()).await;
    let answer = registry.get("/hello").await.expect_status(200);
    let html = answer.json()["html"].to_string();
    assert!(html.contains(&registry.at(SCRIPT)), "{html}");
    assert!(!html.contains("unpkg.com"), "{html}");

    let script = registry.get(SCRIPT).await.expect_status(200);
    assert_eq!(
        script.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(script.header("content-type").contains("javascript"));
    assert!(script.text().contains("react.production.min.js"));
    let compressed = registry
        .get_with_headers(SCRIPT, &[("accept-encoding", "br")])
        .await;
    assert_eq!(compressed.header("content-encoding"), "br");
    let same = [("if-none-match", script.header("etag"))];
    let same = same.each_ref().map(|(name, value)| (*name, &**value));
    registry
        .get_with_headers(SCRIPT, &same)
        .await
        .expect_status(304);
    for path in [
        "/~externals/react@18.3.1/package.json",
        "/~externals/react@1.0.0/x.js",
    ] {
        registry.get(path).await.expect_status(404);
    }
}

#[tokio::test]
async fn package_without_the_pinned_hash_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let port = listener.local_addr().expect("a bound address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _read = stream.read(&mut [0; 1024]);
            let _written = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
        }
    });
    let store = TestStore::folder();
    let settings = format!("[templates]\nnpm_registry = \"http://127.0.0.1:{port}/\"\n");
    let output = store.operate(&settings, &["templates", "add", REACT]);
    assert!(!output.status.success());
    let said = text(&output);
    assert!(
        said.contains("react@18.3.1` does not have the pinned integrity hash"),
        "{said}"
    );
    assert_eq!(store.objects().await, 0);
}

#[tokio::test]
async fn unknown_types_and_versions_are_refused_before_anything_is_fetched() {
    let store = TestStore::folder();
    for (wanted, reason) in [
        (
            "oc-template-none",
            "no template pack is known for `oc-template-none`",
        ),
        ("oc-template-react@1.0.0", "has version 4.2.0, not 1.0.0"),
    ] {
        let output = store.operate(&offline(), &["templates", "add", REACT, wanted]);
        assert!(!output.status.success());
        let said = text(&output);
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains("fetching"), "{said}");
    }
}
