//! HTTP itself: methods, conditional requests, caching, CORS, limits.

use std::time::Duration;

use ochre_tests::{Answer, RawConnection, TestPackage, TestRegistry};

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    registry.publish(&TestPackage::new("hello", "1.0.0")).await;
    registry
}

#[tokio::test]
async fn options_tell_the_methods() {
    let registry = registry().await;
    for (path, allow) in [
        ("/hello", "GET, HEAD"),
        ("/hello/1.0.0", "GET, HEAD, PUT"),
        ("/", "GET, HEAD, POST"),
        ("/~actions/a/hello", "POST"),
    ] {
        let answer = Answer::of(registry.request("OPTIONS", path))
            .await
            .expect_status(200);
        assert_eq!(answer.header("allow"), allow, "{path}");
        assert_eq!(answer.text(), allow, "{path}");
    }
}

#[tokio::test]
async fn preflight_is_allowed() {
    let registry = registry().await;
    let request = registry
        .request("OPTIONS", "/hello")
        .header("origin", "http://site.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "content-type");

    let answer = Answer::of(request).await;

    assert!([200, 204].contains(&answer.status), "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(
        answer
            .header("access-control-allow-headers")
            .contains("Content-Type")
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("GET")
    );
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let registry = registry().await;
    for path in [
        "/hello/1.0.0",
        "/nope",
        "/",
        "/hello/~info",
        "/~assets/hello/1.0.0/template.js",
    ] {
        let get = registry.get(path).await;
        let head = Answer::of(registry.request("HEAD", path)).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn answers_are_tagged_and_known_ones_are_not_sent_again() {
    let registry = registry().await;
    let unrendered = ("accept", "application/vnd.oc.unrendered+json");
    for (path, headers) in [
        ("/hello/1.0.0", vec![unrendered]),
        ("/hello/1.0.0", vec![]),
        ("/", vec![]),
        ("/hello/~info", vec![]),
    ] {
        let first = registry
            .get_with_headers(path, &headers)
            .await
            .expect_status(200);
        let tag = first.header("etag");
        assert!(!tag.is_empty(), "{path}");
        let known = [headers.as_slice(), &[("if-none-match", tag.as_str())]].concat();
        let again = registry.get_with_headers(path, &known).await;
        assert_eq!(
            (again.status, again.body.len()),
            (304, 0),
            "{path} {headers:?} {tag}"
        );
    }
}

/// A cache must keep the modes apart.
#[tokio::test]
async fn answers_vary_by_what_chooses_the_mode() {
    let registry = registry().await;

    let vary = registry
        .get("/hello/1.0.0")
        .await
        .expect_status(200)
        .header("vary")
        .to_lowercase();

    for header in ["accept", "user-agent", "templates"] {
        assert!(vary.contains(header), "{vary}");
    }
}

#[tokio::test]
async fn unknown_methods_and_paths_are_refused_as_json() {
    let registry = registry().await;
    for (method, path, status) in [
        ("DELETE", "/hello", 405),
        ("PATCH", "/hello/1.0.0", 405),
        ("GET", "/a/b/c/d", 404),
        ("GET", "/%zz", 400),
        ("GET", "/hello/1.0.0/x", 404),
        ("POST", "/hello", 405),
    ] {
        let answer = Answer::of(registry.request(method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let body = answer.json();
        assert!(
            body["code"].is_string() && body["error"].is_string() && body["requestId"].is_string(),
            "{body}"
        );
    }
}

#[tokio::test]
async fn trailing_slashes_and_case_are_tolerated() {
    let registry = registry().await;
    for path in [
        "/hello/",
        "/hello/1.0.0/",
        "/hello/~info/",
        "/hello/~INFO",
        "/~REGISTRY/plugins",
        "/hel%6Co",
    ] {
        registry.get(path).await.expect_status(200);
    }
    registry.get("/Hello").await.expect_status(404);
}

#[tokio::test]
async fn overlong_urls_and_headers_are_refused() {
    let registry = registry().await;

    let url = registry
        .get(&format!("/hello?a={}", "x".repeat(40_000)))
        .await;
    let mut connection = RawConnection::open(registry.address()).await;
    let head = format!(
        "GET /hello HTTP/1.1\r\nHost: r\r\nX-Long: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    connection.send(head.as_bytes()).await;
    let answer = connection.read_to_end(Duration::from_secs(20)).await;

    assert!([414, 431].contains(&url.status), "{}", url.status);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    registry.get("/hello").await.expect_status(200);
}

#[tokio::test]
async fn registry_lives_under_a_prefix() {
    let registry = TestRegistry::start_with("[http]\nprefix = \"/components/\"").await;
    registry
        .put_archive(
            "/components/hello/1.0.0",
            TestPackage::new("hello", "1.0.0").archive(),
        )
        .await
        .expect_status(200);

    let body = registry
        .get("/components/hello")
        .await
        .expect_status(200)
        .json();

    assert_eq!(body["href"], format!("{}components/hello", registry.url));
    registry.get("/components").await.expect_status(200);
    registry.get("/components/").await.expect_status(200);
    registry.get("/hello").await.expect_status(404);
    let redirect = registry.get("/").await.expect_status(302);
    assert_eq!(redirect.header("location"), "/components/");
}
