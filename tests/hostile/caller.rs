//! Callers who send what no client sends.

use std::time::Duration;

use ochre_tests::{RawConnection, TestPackage, TestRegistry, within};

const BOUND: Duration = Duration::from_secs(30);

async fn registry(settings: &str) -> TestRegistry {
    let registry = TestRegistry::start_with(settings).await;
    registry.publish(&TestPackage::new("good", "1.0.0")).await;
    registry
}

/// Fault H137: requests whose end two parsers could see in two places.
#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let registry = registry("").await;
    let requests = [
        "POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: r\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: r\r\nContent-Length: +5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET /good\r\n\r\n",
        "GET /good HTTP/9.9\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
    ];
    for request in requests {
        let mut connection = RawConnection::open(registry.address()).await;
        connection.send(request.as_bytes()).await;
        let head = connection.read_head(BOUND).await;
        assert!(
            head.is_empty() || head.starts_with("HTTP/1.1 4"),
            "{request:?}: {head}"
        );
        registry.get("/good").await.expect_status(200);
    }
}

/// Fault H139: a client that never finishes its head.
#[tokio::test]
async fn unfinished_heads_are_ended() {
    let registry = registry("[http]\nheader_timeout = \"1s\"").await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(b"GET /good HTTP/1.1\r\nHost: r\r\nX-")
        .await;

    let answer = connection.read_to_end(BOUND).await;

    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

/// A client that asks for much and reads nothing.
#[tokio::test]
async fn answers_that_nobody_reads_are_dropped() {
    let registry = registry("[http]\nwrite_timeout = \"1s\"").await;
    // What packs well is refused.
    let noise =
        (0u32..8 << 20).flat_map(|at| at.wrapping_mul(0x9E37_79B1).rotate_left(at).to_le_bytes());
    let large = TestPackage::new("large", "1.0.0").file("large.bin", noise.collect());
    registry.publish(&large).await;
    let mut connection = RawConnection::open(registry.address()).await;
    let asked = "GET /~assets/large/1.0.0/large.bin HTTP/1.1\r\nHost: r\r\n\r\n";
    connection.send(asked.as_bytes()).await;
    let head = connection.read_head(BOUND).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");

    // What is sent to a connection that was closed is answered with its end.
    let closed = async { while connection.send(b"\r\n").await {} };
    within("the connection to be closed", BOUND, closed).await;

    registry.get("/good").await.expect_status(200);
}

/// Fault A7: half-open uploads do not keep readers out.
#[tokio::test]
async fn idle_uploads_do_not_stop_reads() {
    let registry = registry("").await;
    let mut open = Vec::new();
    for _ in 0..200 {
        let mut connection = RawConnection::open(registry.address()).await;
        connection
            .send(
                b"PUT /x/1.0.0 HTTP/1.1\r\nHost: r\r\nContent-Length: 1000\r\n\
                  Content-Type: multipart/form-data; boundary=b\r\n\r\n--b",
            )
            .await;
        open.push(connection);
    }

    within("a read", Duration::from_secs(20), registry.get("/good"))
        .await
        .expect_status(200);
    assert_eq!(open.len(), 200);
}

/// Fault F107: a small body that decodes to a large one.
#[tokio::test]
async fn compressed_bodies_have_the_same_limit() {
    let registry = registry("").await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![b' '; 64 * 1024 * 1024])
        .expect("memory can be written");
    let request = registry
        .request("POST", "/")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(encoder.finish().expect("memory can be written"));

    let answer = within("the answer", BOUND, ochre_tests::Answer::of(request)).await;

    assert_eq!(answer.status, 413, "{}", answer.text());
}

/// Fault E85: a range that is long, and ranges that are many.
#[tokio::test]
async fn long_ranges_are_refused_quickly() {
    let registry = registry("").await;
    for requested in [
        "%7C%7C".repeat(3_000),
        "1.0.0%20".repeat(2_000),
        "x.".repeat(5_000),
    ] {
        let answer = within(
            "the answer",
            BOUND,
            registry.get(&format!("/good/{requested}")),
        )
        .await;
        assert!(
            [400, 404, 414].contains(&answer.status),
            "{}",
            answer.status
        );
    }
    registry.get("/good").await.expect_status(200);
}

/// Fault E81 and E82, over every route that takes a name.
#[tokio::test]
async fn odd_names_are_refused_cleanly() {
    let registry = registry("").await;
    let names = [
        "__proto__",
        "constructor",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e",
        "%00",
        "%2500",
        "%zz",
        "%ff",
        "%c0%ae",
        "a%0d%0ab",
        "%F0%9F%98%80",
    ];
    for name in names {
        for path in [
            format!("/{name}"),
            format!("/{name}/1.0.0"),
            format!("/{name}/~info"),
            format!("/good/{name}"),
            format!("/~assets/{name}/1.0.0/x"),
            format!("/~assets/good/1.0.0/{name}"),
        ] {
            let answer = registry.get(&path).await;
            assert!(
                [400, 404].contains(&answer.status),
                "{path}: {}",
                answer.status
            );
            let text = answer.text();
            assert!(
                !text.contains("/src/") && !text.contains("<html"),
                "{path}: {text}"
            );
        }
    }
}
