//! `GET /~assets/{name}/{version}/{path}`.

use ochre_tests::{TestPackage, TestRegistry};

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let style = "body { color: teal; } ".repeat(100);
    let package = TestPackage::new("hello", "1.0.0")
        .provider("callback(null, {})")
        .file("public/site.css", style.into_bytes())
        .file(
            "public/mark.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
        )
        .file("public/page.html", b"<script>1</script>".to_vec())
        .file("public/data.bin", (0..=255).collect())
        .file(".env", b"SECRET=1".to_vec())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into());
    registry.publish(&package).await;
    registry
}

#[tokio::test]
async fn files_are_immutable_and_typed() {
    let registry = registry().await;
    for (path, kind) in [
        ("public/site.css", "text/css"),
        ("public/mark.svg", "image/svg+xml"),
        ("template.js", "application/javascript"),
    ] {
        let answer = registry
            .get(&format!("/~assets/hello/1.0.0/{path}"))
            .await
            .expect_status(200);
        assert!(
            answer.header("content-type").starts_with(kind),
            "{path}: {}",
            answer.header("content-type")
        );
        assert!(
            answer.header("cache-control").contains("immutable"),
            "{path}"
        );
        assert!(answer.header("etag").starts_with('"'), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn private_files_are_not_found() {
    let registry = registry().await;
    for path in [
        ".env",
        "server.js",
        "%2eenv",
        "public/../server.js",
        "public/%2e%2e/server.js",
        "nope.js",
        "public",
        "public/",
        "..%2f..%2fserver.js",
    ] {
        let answer = registry.get(&format!("/~assets/hello/1.0.0/{path}")).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("SECRET"), "{path}");
    }
    registry
        .get("/~assets/hello/9.9.9/template.js")
        .await
        .expect_status(404);
}

#[tokio::test]
async fn known_files_are_not_sent_again() {
    let registry = registry().await;
    let path = "/~assets/hello/1.0.0/public/site.css";
    let tag = registry.get(path).await.header("etag");

    let again = registry
        .get_with_headers(path, &[("if-none-match", &tag)])
        .await;

    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn ranges_are_served() {
    let registry = registry().await;
    let path = "/~assets/hello/1.0.0/public/data.bin";

    let part = registry
        .get_with_headers(path, &[("range", "bytes=10-19")])
        .await
        .expect_status(206);
    let beyond = registry
        .get_with_headers(path, &[("range", "bytes=900-")])
        .await;

    assert_eq!(part.body.as_ref(), (10..20).collect::<Vec<u8>>());
    assert_eq!(part.header("content-range"), "bytes 10-19/256");
    assert_eq!(beyond.status, 416);
}

/// Every encoding holds the same bytes, and `q=0` is honoured.
#[tokio::test]
async fn encodings_are_negotiated() {
    let registry = registry().await;
    let path = "/~assets/hello/1.0.0/public/site.css";
    let identity = registry
        .get_with_headers(path, &[("accept-encoding", "identity")])
        .await;
    for (accepted, expected) in [
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0", ""),
        ("", ""),
    ] {
        let answer = registry
            .get_with_headers(path, &[("accept-encoding", accepted)])
            .await
            .expect_status(200);
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        assert!(
            answer
                .header("vary")
                .to_lowercase()
                .contains("accept-encoding"),
            "{accepted}"
        );
        if expected.is_empty() {
            assert_eq!(answer.body, identity.body, "{accepted}");
        } else {
            assert!(answer.body.len() < identity.body.len(), "{accepted}");
            assert_ne!(answer.header("etag"), identity.header("etag"), "{accepted}");
        }
    }
}

/// A published page runs no script on the registry's origin.
#[tokio::test]
async fn pages_are_sandboxed() {
    let registry = registry().await;
    for path in ["public/page.html", "public/mark.svg"] {
        let answer = registry
            .get(&format!("/~assets/hello/1.0.0/{path}"))
            .await
            .expect_status(200);
        assert!(
            answer.header("content-security-policy").contains("sandbox"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_file_that_many_ask_for_at_once_is_read_once() {
    let registry = TestRegistry::start().await;
    let bytes: Vec<u8> = (0..3 * 1024 * 1024).map(|_| rand::random()).collect();
    let package = TestPackage::new("large", "1.0.0").file("public/large.png", bytes.clone());
    registry.publish(&package).await;
    let reads = "ochre_store_requests_total{operation=\"get\",outcome=\"ok\"}";
    let before = registry.metric(reads).await;
    let asked = (0..30).map(|_| registry.get("/~assets/large/1.0.0/public/large.png"));
    for answer in futures::future::join_all(asked).await {
        assert!(answer.expect_status(200).body == bytes);
    }
    // The node reads other things beside.
    let read = registry.metric(reads).await - before;
    assert!(read < 20, "{read} reads of the store for 30 requests");
}
