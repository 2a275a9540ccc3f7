//! A bucket that a Node registry has written: every file, every component, every version is served.

use std::{collections::BTreeMap, time::Duration};

use ochre_tests::{
    Answer, Bucket, NodeRegistry, S3Server, TestPackage, TestRegistry, TestStore, eventually,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// Accept header of unrendered answers.
const UNRENDERED: &str = "application/vnd.oc.unrendered+json";

/// Accept header of answers that only say which version was found.
const INFO: &str = "application/vnd.oc.info+json";

/// A view of Handlebars as its compiler leaves it.
const HANDLEBARS: &str = "var oc=oc||{};oc.components=oc.components||{};\
    oc.components['0123456789abcdef0123456789abcdef01234567']={\"compiler\":[8,\">= 4.3.0\"],\
    \"main\":function(container,depth0,helpers,partials,data){\
    return \"<p>bars \"+container.escapeExpression(depth0.name)+\"</p>\\n\";},\"useData\":true};";

/// A view of Jade likewise.
const JADE: &str = "var oc=oc||{};oc.components=oc.components||{};\
    oc.components['0123456789abcdef0123456789abcdef01234567']=function(locals){\
    var buf=[];buf.push(\"<p>jade \"+locals.name+\"</p>\");return buf.join(\"\");};";

fn other_type(name: &str, template: &str, view: &str) -> TestPackage {
    TestPackage::new(name, "1.0.0")
        .manifest(|manifest| {
            let template_of = &mut manifest["oc"]["files"]["template"];
            template_of["type"] = template.into();
            template_of["minOcVersion"] = "0.0.1".into();
        })
        .file("template.js", view.as_bytes().to_vec())
        .provider("callback(null,{name:context.params.name||'none'});")
}

fn hello(version: &str) -> TestPackage {
    TestPackage::new("hello", version)
        .props(&format!("{{name: context.params.name + ' {version}'}}"))
        .oc(
            "parameters",
            json!({ "name": { "type": "string", "default": "World" } }),
        )
        .file("public/a b.svg", b"<svg/>".to_vec())
        .file("public/deep/app.js", vec![b'a'; 4000])
        .file("public/app.css.gz", b"\x1f\x8b no gzip".to_vec())
        .file("public/bytes", (0..=255).collect())
        .file(".env", format!("GREETING={version}").into_bytes())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into())
}

/// Components as they are found in old buckets.
fn packages() -> Vec<TestPackage> {
    vec![
        hello("1.0.0"),
        hello("1.0.1"),
        hello("1.10.0"),
        hello("2.0.0-beta.1"),
        TestPackage::new("built", "1.0.0+build.5").props("{name: context.params.name}"),
        TestPackage::new("plain", "1.0.0"),
        TestPackage::new("Odd_Name-1", "0.0.1")
            .props("{name: 'odd'}")
            .oc("state", "deprecated".into()),
        TestPackage::new("tagged", "1.0.0").props("{name: 'bare'}"),
        TestPackage::new("tagged", "v1.0.1").props("{name: 'tagged'}"),
        other_type("bars", "oc-template-handlebars", HANDLEBARS),
        other_type("old", "oc-template-jade", JADE),
        TestPackage::new("unknown", "1.0.0").manifest(|manifest| {
            manifest["oc"]["files"]["template"]["type"] = "oc-template-none".into();
        }),
    ]
}

/// Answers of both registries to one request, with what must differ made the same.
async fn pair(
    node: &NodeRegistry,
    ochre: &TestRegistry,
    (path, headers): (&str, &[(&str, &str)]),
) -> [(u16, Value); 2] {
    let same = |answer: &Answer, url: &str| {
        let text = answer.text().replace(url, "http://registry/");
        let text = text.replace(url.trim_start_matches("http:"), "//registry/");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (answer.status, without_ids(body))
    };
    let theirs = node.get_with_headers(path, headers).await;
    let ours = ochre.get_with_headers(path, headers).await;
    [same(&theirs, &node.url), same(&ours, &ochre.url)]
}

/// Rendered answers carry a new id each time, and this Node registry turns lists of versions
/// around where it looks for the newest.
fn without_ids(mut body: Value) -> Value {
    if let Some(versions) = body["allVersions"].as_array_mut() {
        versions.sort_by_key(ToString::to_string);
    }
    if let Some(html) = body["html"].as_str() {
        let parts = html.split("data-id=\"").enumerate();
        let parts = parts.map(|(at, part)| match (at, part.split_once('"')) {
            (1.., Some((_, rest))) => rest,
            _ => part,
        });
        body["html"] = parts.collect::<Vec<_>>().join("data-id=\"").into();
    }
    body
}

async fn takes_over(store: &TestStore, settings: &str) -> (NodeRegistry, TestRegistry) {
    let node = NodeRegistry::start(store, &json!({}), true).await;
    for package in packages() {
        node.publish(&package).await;
    }
    let ochre = TestRegistry::start_on(store, settings).await;
    (node, ochre)
}

#[tokio::test]
async fn bucket_of_a_node_registry_is_served_file_by_file() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let (_node, ochre) = takes_over(&store, "").await;
    let mut served = BTreeMap::new();

    for key in bucket.keys("components/").await {
        let Some((release, file)) = split(&key) else {
            continue;
        };
        // Every registry has the client of its own version.
        if release.starts_with("oc-client/") {
            continue;
        }
        let file_url: Vec<String> = file
            .split('/')
            .map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string())
            .collect();
        let answer = ochre
            .get(&format!("/~assets/{release}/{}", file_url.join("/")))
            .await;
        let private = ["server.js", ".env"].contains(&file);
        assert_eq!(answer.status, if private { 404 } else { 200 }, "{key}");
        if !private {
            let stored = bucket.get(&key).await;
            assert_eq!(answer.body, stored.body, "{key}");
        }
        *served.entry(release.to_owned()).or_insert(0) += 1;
    }

    assert_eq!(served.get("hello/1.0.0"), Some(&8), "{served:?}");
    assert_eq!(served.len(), packages().len(), "{served:?}");
}

/// `components/{name}/{version}/{file}` as `name/version` and file.
fn split(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix("components/")?;
    let (at, _) = rest.match_indices('/').nth(1)?;
    Some((&rest[..at], &rest[at + 1..]))
}

#[tokio::test]
async fn components_of_a_node_registry_answer_as_there() {
    let store = TestStore::s3().await;
    let public = format!("[storage]\npublic_url = \"{}\"", Bucket::of(&store).url());
    let (node, ochre) = takes_over(&store, &public).await;
    let accepts: [&[(&str, &str)]; 3] = [&[], &[("accept", UNRENDERED)], &[("accept", INFO)]];
    for path in [
        "/hello",
        "/hello/1.0.0?name=Ada",
        "/hello/~1.0.0",
        "/hello/1.x",
        "/hello/2.0.0-beta.1",
        "/built",
        "/built/1.0.0+build.5",
        "/built/1.0.0",
        "/hello/3.0.0",
        "/plain",
        "/Odd_Name-1/0.0.1",
        "/tagged",
        "/tagged/1.0.1",
        "/tagged/v1.0.1",
        "/tagged/1.x",
        "/bars?name=<Ada>",
        "/old?name=Ada",
    ] {
        // The Node registry cannot render an es6 view without a provider.
        let skipped = usize::from(path == "/plain");
        for headers in &accepts[skipped..] {
            let [theirs, ours] = pair(&node, &ochre, (path, headers)).await;
            assert_eq!(ours, theirs, "{path} {headers:?}");
        }
    }
    for name in ["hello", "plain", "Odd_Name-1", "tagged", "bars", "old"] {
        let path = format!("/{name}/~info");
        let [theirs, ours] = pair(&node, &ochre, (&path, &[])).await;
        assert_eq!(ours, theirs, "{path}");
    }
    let [(_, theirs), (_, ours)] = pair(&node, &ochre, ("/", &[])).await;
    let sorted = |list: &Value| {
        let mut urls: Vec<String> = list["components"]
            .as_array()
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        urls.sort();
        urls
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
}

#[tokio::test]
async fn pieces_that_are_missing_or_damaged_harm_nothing_else() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    drop(takes_over(&store, "").await);
    // Listed, but never finished; finished, but never listed; damaged.
    let lost = "components/hello/1.10.0/package.json";
    bucket.delete(lost).await;
    for file in ["package.json", "template.js"] {
        let copy = bucket.get(&format!("components/plain/1.0.0/{file}")).await;
        let text = copy.text().replace("plain", "unlisted");
        bucket
            .put(&format!("components/unlisted/1.0.0/{file}"), text)
            .await;
    }
    bucket.put("components/bars/1.0.0/package.json", "{").await;
    bucket.put("components/stray.txt", "no component").await;
    for key in bucket.keys("components.ochre/").await {
        bucket.delete(&key).await;
    }

    let ochre = TestRegistry::start_on(&store, "").await;

    let info = ochre.get("/hello/~info").await.expect_status(200).json();
    assert_eq!(
        info["allVersions"],
        json!(["1.0.0", "1.0.1", "2.0.0-beta.1"])
    );
    ochre.get("/hello/1.10.0").await.expect_status(404);
    ochre.get("/unlisted/1.x").await.expect_status(200);
    let damaged = ochre.get("/bars").await;
    assert!(damaged.status >= 400, "{}", damaged.text());
    assert!(damaged.json()["error"].is_string(), "{}", damaged.text());
    ochre.get("/plain").await.expect_status(200);
    let list = ochre.get("/").await.expect_status(200).json();
    assert!(list["components"].to_string().contains("/unlisted"));
}

/// A store that does not know conditional writes is served, and never written.
#[tokio::test]
async fn bucket_on_an_unsafe_store_is_served_and_left_alone() {
    let server = S3Server::without_conditions().await;
    let store = TestStore::on(&server).await;
    let bucket = Bucket::of(&store);
    let node = NodeRegistry::start(&store, &json!({}), true).await;
    node.publish(&hello("1.0.0")).await;
    let before = bucket.keys("").await;

    let ochre = TestRegistry::start_on(&store, "").await;

    ochre.get("/hello/1.x").await.expect_status(200);
    ochre
        .get("/~assets/hello/1.0.0/public/bytes")
        .await
        .expect_status(200);
    let refused = ochre.try_publish(&hello("2.0.0")).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    node.publish(&hello("1.2.0")).await;
    eventually(
        "the other registry's publish",
        Duration::from_mins(1),
        || async {
            let newest = ochre.get("/hello/1.x").await.expect_status(200).json();
            (newest["version"] == "1.2.0").then_some(())
        },
    )
    .await;
    let mut after = bucket.keys("").await;
    after.retain(|key| !key.starts_with("components/hello/1.2.0/"));
    assert_eq!(after, before, "only the other registry has written");
}

/// A Node registry that starts on a bucket of ours finds everything: it reads views as the public
/// does, which the ACLs allow.
#[tokio::test]
async fn node_registry_serves_a_bucket_of_ours() {
    let store = TestStore::s3().await;
    let settings = format!(
        "[storage]\npublic_access = \"acl\"\npublic_url = \"{}\"",
        Bucket::of(&store).url()
    );
    let ochre = TestRegistry::start_on(&store, &settings).await;
    for package in packages() {
        if !package.version().starts_with('v') {
            ochre.publish(&package).await;
        }
    }
    let node = NodeRegistry::start(&store, &json!({}), true).await;
    for path in [
        "/hello",
        "/hello/1.0.0?name=Ada",
        "/tagged",
        "/bars",
        "/old",
    ] {
        let [theirs, ours] = pair(&node, &ochre, (path, &[])).await;
        assert_eq!(theirs, ours, "{path}");
        assert_eq!(theirs.0, 200, "{path}");
    }
}
