//! The operator's subcommands: `ochre-registry store …`.

use std::{fs, process::Output};

use ochre_tests::{Bucket, S3Server, TestPackage, TestRegistry, TestStore};
use serde_json::Value;

fn package(version: &str) -> TestPackage {
    TestPackage::new("hello", version).file("public/a.svg", b"<svg/>".to_vec())
}

/// What a subcommand printed, which must have ended with this code.
fn printed(output: &Output, code: i32) -> String {
    let (out, error) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8_lossy(out).into_owned();
    assert_eq!(output.status.code(), Some(code), "{out}\n{error}");
    out
}

/// What a subcommand printed as JSON, which must have ended with this code.
fn json(output: &Output, code: i32) -> Value {
    let text = printed(output, code);
    serde_json::from_str(&text).expect("JSON alone on standard output")
}

/// What ended a subcommand.
fn complaint(output: &Output) -> String {
    printed(output, 1);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn damage_is_told_and_mended_beside_a_running_node() {
    let store = TestStore::folder();
    let node = TestRegistry::start_on(&store, "").await;
    for version in ["1.0.0", "1.1.0"] {
        node.publish(&package(version)).await;
    }
    let report = json(&store.operate("", &["store", "check", "--json"]), 0);
    assert_eq!(report["releases"], 2);
    assert_eq!(report["problems"], serde_json::json!([]));
    let stats = json(&store.operate("", &["store", "stats", "--json"]), 0);
    assert_eq!(
        (&stats["components"], &stats["releases"]),
        (&1.into(), &2.into())
    );

    let folder = store.path().expect("a folder").join("components");
    let (damaged, gone) = (
        folder.join("hello/1.0.0/public/a.svg"),
        folder.join("hello/1.1.0/template.js"),
    );
    let was = fs::read(&gone).expect("the view");
    // A node that runs mends the manifest by itself, perhaps before it is checked.
    node.process.signal("-STOP");
    fs::write(&damaged, "damaged").expect("written");
    fs::remove_file(&gone).expect("removed");
    fs::write(folder.join("components.json"), "").expect("written");

    let report = json(&store.operate("", &["store", "check", "--json"]), 1);
    let kinds = report["problems"].to_string();
    for kind in ["manifest", "file_differs", "file_missing"] {
        assert!(kinds.contains(kind), "{kind}: {kinds}");
    }
    node.process.signal("-CONT");
    let plan = store.operate("", &["store", "repair", "--dry-run"]);
    assert!(printed(&plan, 0).contains("would rewrite the files of hello@1.0.0"));
    assert_eq!(fs::read(&damaged).expect("a file"), b"damaged");
    printed(&store.operate("", &["store", "repair"]), 0);
    let again = json(&store.operate("", &["store", "repair", "--json"]), 0);
    assert_eq!(again["plan"]["rewrite"], serde_json::json!([]));
    assert_eq!(again["report"]["failed"], serde_json::json!([]));

    json(&store.operate("", &["store", "check", "--json"]), 0);
    assert_eq!(fs::read(&damaged).expect("a file"), b"<svg/>");
    assert_eq!(fs::read(&gone).expect("a file"), was);
    node.publish(&package("2.0.0")).await;
    node.get("/hello/2.x").await.expect_status(200);
}

#[tokio::test]
async fn backup_brings_a_lost_manifest_back() {
    let store = TestStore::folder();
    let mut node = TestRegistry::start_on(&store, "").await;
    for version in ["1.0.0", "1.1.0"] {
        node.publish(&package(version)).await;
    }
    let kept = tempfile::tempdir().expect("a folder");
    let file = kept.path().join("manifest.backup");
    let file = file.to_str().expect("a path");
    let taken = printed(&store.operate("", &["store", "backup", file]), 0);
    assert!(taken.contains("2 versions of 1 components"), "{taken}");
    let again = complaint(&store.operate("", &["store", "backup", file]));
    assert!(again.contains("cannot be written"), "{again}");

    node.process.kill();
    let root = store.path().expect("a folder");
    fs::remove_dir_all(root.join("components.ochre/index")).expect("removed");
    fs::remove_file(root.join("components/components.json")).expect("removed");
    let plan = printed(
        &store.operate("", &["store", "restore", "--dry-run", file]),
        0,
    );
    assert!(plan.contains("would list hello@1.1.0"), "{plan}");
    assert!(!root.join("components/components.json").exists());
    printed(&store.operate("", &["store", "restore", file]), 0);

    let list = fs::read(root.join("components/components.json")).expect("the list");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(
        list["components"]["hello"],
        serde_json::json!(["1.0.0", "1.1.0"])
    );
    let fresh = TestRegistry::start_on(&store, "").await;
    fresh.get("/hello/1.x").await.expect_status(200);

    fs::write(file, "something else").expect("written");
    let refused = complaint(&store.operate("", &["store", "restore", file]));
    assert!(refused.contains("no backup"), "{refused}");
}

#[tokio::test]
async fn store_without_conditional_writes_is_checked_and_never_mended() {
    let server = S3Server::without_conditions().await;
    let store = TestStore::on(&server).await;
    let bucket = Bucket::of(&store);
    // As another registry publishes, without a list.
    bucket.put("components/hello/1.0.0/template.js", "x").await;
    let manifest = r#"{"name":"hello","version":"1.0.0","oc":{"files":{"template":{}}}}"#;
    bucket
        .put("components/hello/1.0.0/package.json", manifest)
        .await;
    let before = bucket.keys("").await;

    let report = json(&store.operate("", &["store", "check", "--json"]), 1);
    assert!(
        report["problems"].to_string().contains("unlisted"),
        "{report}"
    );
    let refused = complaint(&store.operate("", &["store", "repair"]));

    assert!(refused.contains("conditional writes"), "{refused}");
    assert_eq!(bucket.keys("").await, before);
}

#[tokio::test]
async fn private_file_that_everybody_can_read_is_told() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let settings = format!(
        "[storage]\npublic_access = \"acl\"\npublic_url = \"{}\"",
        bucket.url()
    );
    let node = TestRegistry::start_on(&store, &settings).await;
    node.publish(&package("1.0.0").props("{name: 'World'}"))
        .await;
    let check = ["store", "check", "--json"];
    let report = json(&store.operate(&settings, &check), 0);
    assert_eq!(report["publicPrivateFiles"], serde_json::json!([]));

    let key = "components/hello/1.0.0/server.js";
    let provider = bucket.get(key).await.body;
    bucket.put_public(key, provider).await;

    let report = json(&store.operate(&settings, &check), 1);
    let told = &report["publicPrivateFiles"];
    assert_eq!(told, &serde_json::json!([format!("{}{key}", bucket.url())]));
}
