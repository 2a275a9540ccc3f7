//! Who may publish, and what those who may not are answered.

use std::{path::PathBuf, time::Duration};

use ochre_tests::{Answer, RawConnection, TestPackage, TestRegistry, files_below};

const LOGIN: &str = r#"
[auth]
logins = [{ username = "u", password = "p" }]
"#;

/// How soon a refusal must come.
const SOON: Duration = Duration::from_secs(20);

fn hello() -> TestPackage {
    TestPackage::new("hello", "1.0.0")
}

#[tokio::test]
async fn missing_credentials_are_answered_as_the_cli_expects() {
    let registry = TestRegistry::start_with(LOGIN).await;

    let answer = registry.try_publish(&hello()).await.expect_status(401);

    assert_eq!(answer.text(), "Unauthorized");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, "Basic realm=\"Authorization Required\"");
    registry.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn only_the_right_pair_may_publish() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let archive = hello().archive();
    for (user, password) in [("u", "x"), ("x", "p"), ("", ""), ("u", ""), ("U", "p")] {
        let request = registry.put_request("/hello/1.0.0", archive.clone());
        let request = request.basic_auth(user, Some(password));
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 401, "{user}:{password}");
        assert_eq!(answer.text(), "Unauthorized");
    }

    let request = registry.put_request("/hello/1.0.0", archive);
    let request = request.basic_auth("u", Some("p"));
    Answer::of(request).await.expect_status(200);

    let info = registry.get("/hello/~info").await.expect_status(200);
    assert_eq!(info.json()["oc"]["publisher"], "u");
}

#[tokio::test]
async fn malformed_credentials_are_refused() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let long = format!("Basic {}", "A".repeat(30_000));
    for value in [
        "Basic",
        "Basic ???",
        "Basic YWJj",
        "Bearer abc",
        "Basic AAAA AAAA",
        &long,
    ] {
        let request = registry.put_request("/hello/1.0.0", hello().archive());
        let answer = Answer::of(request.header("authorization", value)).await;
        assert!(
            (400..=401).contains(&answer.status),
            "{value}: {}",
            answer.status
        );
    }
    registry.get("/hello").await.expect_status(404);
}

/// A client that waits for `100 Continue` never sends its body.
#[tokio::test]
async fn waiting_client_is_refused_before_it_sends() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(
            b"PUT /hello/1.0.0 HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\n\
              Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000000\r\n\r\n",
        )
        .await;

    let head = connection.read_head(SOON).await;

    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
}

/// An endless body without credentials.
#[tokio::test]
async fn endless_body_without_credentials_is_cut_off() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let mut connection = RawConnection::open(registry.address()).await;
    connection
        .send(
            b"PUT /hello/1.0.0 HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\
              Content-Type: multipart/form-data; boundary=b\r\n\r\n",
        )
        .await;
    let head = connection.read_head(SOON).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");

    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    let flood = async { while connection.send(&chunk).await {} };

    ochre_tests::within("closing the connection", Duration::from_secs(30), flood).await;
    let kept = files_below(registry.store.path().expect("a folder"));
    let is_of_it = |path: &PathBuf| path.to_string_lossy().contains("hello");
    assert!(!kept.iter().any(is_of_it), "{kept:?}");
}
