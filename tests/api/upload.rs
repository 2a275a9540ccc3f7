//! Bodies of `PUT /{name}/{version}`: too long, too slow, broken, none.

use std::time::Duration;

use ochre_tests::{Answer, RawConnection, TestPackage, TestRegistry};
use sha2::{Digest as _, Sha256};

/// How soon a refusal must come.
const SOON: Duration = Duration::from_secs(20);

fn hello() -> TestPackage {
    TestPackage::new("hello", "1.0.0")
}

#[tokio::test]
async fn announced_upload_over_the_limit_is_refused_at_once() {
    let registry = TestRegistry::start_with("[publish]\nupload_max = \"64KiB\"").await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(
            b"PUT /hello/1.0.0 HTTP/1.1\r\nHost: r\r\n\
              Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n",
        )
        .await;

    let head = connection.read_head(SOON).await;

    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[tokio::test]
async fn upload_that_grows_over_the_limit_is_refused() {
    let registry = TestRegistry::start_with("[publish]\nupload_max = \"64KiB\"").await;
    let noise: Vec<u8> = (0..300_000_u32)
        .flat_map(|at| Sha256::digest(at.to_le_bytes())[..1].to_vec())
        .collect();
    let package = hello().file("noise.bin", noise);

    let answer = registry.try_publish(&package).await;

    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.json()["error"].is_string());
    registry.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn bodies_that_are_no_single_archive_are_refused() {
    let registry = TestRegistry::start().await;
    let part = |kind: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.tar.gz\"\r\nContent-Type: {kind}\r\n\r\nx\r\n"
        )
    };
    let gzip = part("application/gzip");
    let form = "multipart/form-data; boundary=b";
    let cases = [
        (form, "--b--\r\n".to_owned(), 409),
        (form, format!("{gzip}{gzip}--b--\r\n"), 409),
        (form, format!("{}--b--\r\n", part("text/plain")), 409),
        (form, "no boundary".to_owned(), 400),
        ("multipart/form-data", "--b--\r\n".to_owned(), 400),
        ("application/json", "{}".to_owned(), 409),
        ("text/plain", String::new(), 409),
    ];
    for (kind, body, status) in cases {
        let request = registry
            .request("PUT", "/hello/1.0.0")
            .header("content-type", kind);
        let answer = Answer::of(request.body(body.clone())).await;
        assert_eq!(answer.status, status, "{kind} {body:?}: {}", answer.text());
        if status == 409 {
            assert_eq!(
                answer.json()["error"],
                "package is not valid",
                "{kind} {body:?}"
            );
        }
    }
}

/// A slow upload ends, and nobody else waits for it.
#[tokio::test]
async fn slow_upload_is_ended() {
    let registry = TestRegistry::start_with("[http]\nbody_timeout = \"1s\"").await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(
            b"PUT /hello/1.0.0 HTTP/1.1\r\nHost: r\r\n\
              Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b",
        )
        .await;
    registry.get("/~health").await.expect_status(200);

    let head = connection.read_head(Duration::from_secs(30)).await;

    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408"),
        "{head}"
    );
}

/// A client that goes away leaves nothing behind.
#[tokio::test]
async fn broken_upload_leaves_nothing() {
    let registry = TestRegistry::start().await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(
            b"PUT /hello/1.0.0 HTTP/1.1\r\nHost: r\r\n\
              Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n\
              --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.tar.gz\"\r\n\
              Content-Type: application/gzip\r\n\r\nabc",
        )
        .await;
    drop(connection);

    registry.publish(&hello()).await;

    registry.get("/hello").await.expect_status(200);
}

/// What is answered before the body is read ends the connection, however long the body is.
#[tokio::test]
async fn endless_bodies_that_nobody_wants_are_cut_off() {
    let registry = TestRegistry::start().await;
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    for (path, kind, status) in [
        ("/a/1.0.0", "text/plain", "409"),
        ("/a/b/c/d", "text/plain", "404"),
        ("/a", "application/json", "405"),
    ] {
        let mut connection = RawConnection::open(registry.address()).await;
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\nContent-Type: {kind}\r\n\r\n"
        );
        connection.send(head.as_bytes()).await;
        let head = connection.read_head(SOON).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");

        let flood = async { while connection.send(&chunk).await {} };
        ochre_tests::within("closing the connection", Duration::from_secs(30), flood).await;
    }
}
