//! Nodes on stores that are not S3 of Amazon's kind: what one publishes, the other serves.

use std::time::Duration;

use ochre_tests::{Azurite, Ceph, GcsFake, TestPackage, TestRegistry, TestStore, eventually};

fn package() -> TestPackage {
    TestPackage::new("hello", "1.0.0")
        .props("{name: 'World'}")
        .file("public/a b.svg", b"<svg/>".to_vec())
        .file("public/server.json", b"{}".to_vec())
        .file(".env", b"A=1".to_vec())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into())
}

/// Files of the package, and whether everybody may read them.
const FILES: [(&str, bool); 6] = [
    ("template.js", true),
    ("package.json", true),
    ("public/a%20b.svg", true),
    ("public/server.json", false),
    ("server.js", false),
    (".env", false),
];

/// Publishes on one node and reads from the other.
async fn one_publishes_and_the_other_serves(stores: [&TestStore; 2], settings: &str) {
    let first = TestRegistry::start_on(stores[0], settings).await;
    let second = TestRegistry::start_on(stores[1], settings).await;

    first.publish(&package()).await;

    for path in ["/hello/1.0.0", "/~assets/hello/1.0.0/public/a%20b.svg"] {
        second.get(path).await.expect_status(200);
    }
    let data = second.get_unrendered("/hello/1.0.0").await.json();
    assert_eq!(data["data"]["component"]["props"]["name"], "World");
    eventually(
        "the range on the other node",
        Duration::from_secs(30),
        || async { (second.get("/hello/1.x").await.status == 200).then_some(()) },
    )
    .await;
    // On a slow machine its self-test may still go on: 503 until then.
    let refused = eventually(
        "the other node to know its store",
        Duration::from_mins(1),
        || async {
            let again = second.try_publish(&package()).await;
            (again.status != 503).then_some(again)
        },
    )
    .await;
    assert_eq!(refused.status, 403, "{}", refused.text());
}

fn prefix(store: &TestStore) -> String {
    let settings = store.settings();
    let prefix = settings.get("components_dir").and_then(|dir| dir.as_str());
    prefix.unwrap_or("components").to_owned()
}

#[tokio::test]
async fn nodes_on_azure_share_releases_and_copy_public_files_alone() {
    let azurite = Azurite::shared().await;
    let store = azurite.store();

    one_publishes_and_the_other_serves([&store, &store], "").await;

    let prefix = prefix(&store);
    for (file, public) in FILES {
        let key = format!("{prefix}/hello/1.0.0/{file}");
        let private = azurite.get_as_public("private", &key).await;
        assert!(private.status >= 400, "{file}: {}", private.status);
        let copy = azurite.get_as_public("public", &key).await;
        assert_eq!(copy.status, if public { 200 } else { 404 }, "{file}");
    }
    for key in [
        format!("{prefix}/components.json"),
        format!("{prefix}.ochre/index"),
        format!("{prefix}.ochre/releases/hello/1.0.0"),
    ] {
        let copy = azurite.get_as_public("public", &key).await;
        assert_eq!(copy.status, 404, "{key}");
    }
}

#[tokio::test]
async fn nodes_on_gcs_share_releases() {
    let store = GcsFake::shared().await.store();
    one_publishes_and_the_other_serves([&store, &store], "").await;
}

#[tokio::test]
async fn nodes_on_two_gateways_of_ceph_share_releases_and_write_acls() {
    let (ceph, _peace) = Ceph::shared().await;
    let stores = ceph.new_bucket();

    let acl = "[storage]\npublic_access = \"acl\"";
    one_publishes_and_the_other_serves(stores.each_ref(), acl).await;

    for (file, public) in FILES {
        let key = format!("components/hello/1.0.0/{file}");
        for store in &stores {
            let answer = ceph.get_as_public(store, &key).await;
            assert_eq!(answer.status, if public { 200 } else { 403 }, "{file}");
        }
        let acl = ceph.acl(&stores[0], &key);
        assert_eq!(acl.contains("global/AllUsers"), public, "{file}: {acl}");
    }
    for key in ["components/components.json", "components.ochre/index"] {
        let answer = ceph.get_as_public(&stores[0], key).await;
        assert_eq!(answer.status, 403, "{key}");
    }
}
