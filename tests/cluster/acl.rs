//! Buckets whose files are public by their ACLs, as Node registries write them.

use ochre_tests::{Bucket, NodeRegistry, TestPackage, TestRegistry, TestStore};
use serde_json::json;

/// Settings of a registry that writes ACLs.
const ACL: &str = "[storage]\npublic_access = \"acl\"\nserver_side_encryption = true";

/// In an ACL: everybody may read.
const EVERYBODY: &str = "global/AllUsers";

/// In an ACL: every AWS account may read.
const ANY_ACCOUNT: &str = "global/AuthenticatedUsers";

fn package(version: &str) -> TestPackage {
    TestPackage::new("hello", version)
        .props("{name: 'World'}")
        .file("public/a b.svg", b"<svg/>".to_vec())
        .file("public/server.json", b"{}".to_vec())
        .file("public/app.css.gz", vec![0x1f, 0x8b])
        .file(".env", b"A=1".to_vec())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into())
}

/// A bucket with `hello@1.0.0` of a Node registry and `hello@1.0.1` of ours.
async fn written_by_both() -> Bucket {
    let store = TestStore::s3().await;
    let node = NodeRegistry::start(&store, &json!({}), false).await;
    let ochre = TestRegistry::start_on(&store, ACL).await;
    node.publish(&package("1.0.0")).await;
    ochre.publish(&package("1.0.1")).await;
    Bucket::of(&store)
}

/// Files of a release, and whether everybody may read them.
const FILES: [(&str, bool); 7] = [
    ("template.js", true),
    ("package.json", true),
    ("public/a b.svg", true),
    ("public/app.css.gz", true),
    ("public/server.json", false),
    ("server.js", false),
    (".env", false),
];

#[tokio::test]
async fn files_are_as_public_as_a_node_registry_makes_them() {
    let bucket = written_by_both().await;

    for (file, public) in FILES {
        let theirs = bucket.acl(&format!("components/hello/1.0.0/{file}")).await;
        let ours = bucket.acl(&format!("components/hello/1.0.1/{file}")).await;
        assert_eq!(theirs.contains(EVERYBODY), public, "{file}: {theirs}");
        assert_eq!(ours.contains(EVERYBODY), public, "{file}: {ours}");
        assert!(!ours.contains(ANY_ACCOUNT), "{file}: {ours}");
        let answer = bucket
            .get_as_public(&format!("components/hello/1.0.1/{file}"))
            .await;
        assert_eq!(answer.status, if public { 200 } else { 403 }, "{file}");
    }
    let shared = bucket.keys("components/components").await;
    let own = bucket.keys("components.ochre/").await;
    assert!(shared.len() == 2 && !own.is_empty());
    for key in shared.iter().chain(&own) {
        let acl = bucket.acl(key).await;
        assert!(!acl.contains(EVERYBODY), "{key}: {acl}");
    }
}

#[tokio::test]
async fn labels_of_public_files_are_those_of_a_node_registry() {
    let bucket = written_by_both().await;

    for file in ["template.js", "public/a b.svg", "public/app.css.gz"] {
        let theirs = bucket.get(&format!("components/hello/1.0.0/{file}")).await;
        let ours = bucket.get(&format!("components/hello/1.0.1/{file}")).await;
        for header in [
            "content-type",
            "content-encoding",
            "x-amz-server-side-encryption",
        ] {
            assert_eq!(
                ours.header(header),
                theirs.header(header),
                "{file} {header}"
            );
        }
        assert_eq!(
            ours.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
    }
}

#[tokio::test]
async fn repaired_file_is_public_again() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let ochre = TestRegistry::start_on(&store, ACL).await;
    ochre.publish(&package("1.0.0")).await;
    let key = "components/hello/1.0.0/public/a b.svg";
    bucket.put(key, "damaged").await;
    assert!(!bucket.acl(key).await.contains(EVERYBODY));

    let fresh = TestRegistry::start_on(&store, ACL).await;
    let served = fresh.get("/~assets/hello/1.0.0/public/a%20b.svg").await;

    assert_eq!(served.expect_status(200).text(), "<svg/>");
    assert_eq!(bucket.get(key).await.text(), "<svg/>");
    assert!(bucket.acl(key).await.contains(EVERYBODY));
}

#[tokio::test]
async fn bucket_policy_leaves_acls_alone() {
    let store = TestStore::s3().await;
    let bucket = Bucket::of(&store);
    let ochre = TestRegistry::start_on(&store, "").await;
    ochre.publish(&package("1.0.0")).await;
    let acl = bucket.acl("components/hello/1.0.0/template.js").await;
    assert!(!acl.contains(EVERYBODY), "{acl}");
}
