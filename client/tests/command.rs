//! The command `ochre` against registries and files that mean no good.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// What a run said, and how it ended.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

async fn ochre(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_ochre"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .await
        .unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn registry(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn hello() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("hello");
    let manifest = json!({
        "name": "hello", "version": "1.0.0",
        "oc": { "files": { "static": ["\u{1b}[2J"], "template": {
            "type": "oc-template-es6", "hashKey": "abc", "src": "template.js"
        } } },
    });
    fs::create_dir(&package).unwrap();
    fs::write(package.join("package.json"), manifest.to_string()).unwrap();
    fs::write(package.join("template.js"), "oc.components={}").unwrap();
    folder
}

#[tokio::test]
async fn page_of_another_server_is_no_success() {
    let page = ResponseTemplate::new(200).set_body_raw("<html>\u{1b}[2J", "text/html");
    let server = registry(page).await;
    let folder = hello();
    for command in [
        &["publish", "hello"][..],
        &["publish", "hello", "--dry-run"],
        &["validate", "hello"],
    ] {
        let uri = server.uri();
        let arguments = [command, &["-r", &uri]].concat();
        let said = ochre(folder.path(), &arguments).await;
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(said.stderr.contains("text/html: <html>"), "{}", said.stderr);
        assert!(!said.stderr.contains('\u{1b}'), "{}", said.stderr);
    }
}

#[tokio::test]
async fn words_of_a_registry_move_no_cursor() {
    let words = "\u{1b}]0;x\u{7}\r\nhttp://r/: published\u{202e}\u{9b}31m";
    let body = json!({ "error": { "code": "not_allowed", "msg": words } });
    let server = registry(ResponseTemplate::new(403).set_body_json(body)).await;
    let folder = hello();
    let arguments = ["publish", "hello", "--json", "-r", &server.uri()];
    let said = ochre(folder.path(), &arguments).await;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    for text in [&said.stdout, &said.stderr] {
        let obeyed = |one: char| one != '\n' && (one.is_control() || one == '\u{202e}');
        assert!(!text.contains(obeyed), "{text:?}");
        assert!(!text.contains("\nhttp://r/"), "{text}");
    }
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    let message = told["results"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with(words),
        "programs get all of it: {message}"
    );
}

/// Its words say where to go, and no other credentials would help.
#[tokio::test]
async fn read_only_node_and_full_store_are_told_as_what_they_are() {
    let folder = hello();
    for (status, code) in [(403, "store_read_only"), (507, "storage_full")] {
        let body = json!({ "code": code, "error": "publish to https://primary/" });
        let server = registry(ResponseTemplate::new(status).set_body_json(body)).await;
        let uri = server.uri();
        for command in [
            &["yank", "hello@1.0.0"][..],
            &["channel", "set", "hello", "stable", "1.0.0"],
        ] {
            let arguments = [command, &["--json", "-r", &uri]].concat();
            let said = ochre(folder.path(), &arguments).await;
            assert_eq!(said.code, Some(1), "{}", said.stderr);
            let told: Value = serde_json::from_str(&said.stdout).unwrap();
            let told = &told["results"][0];
            assert_eq!(told["outcome"], "refused", "{told}");
            assert_eq!(told["code"], code, "{told}");
            assert_eq!(told["message"], "publish to https://primary/");
        }
    }
}

#[tokio::test]
async fn password_in_a_url_is_shown_nowhere() {
    let accepted = ResponseTemplate::new(200).set_body_json(json!({"ok": true}));
    let server = registry(accepted).await;
    let url = server.uri().replace("http://", "http://ada:hunter2@");
    let folder = hello();
    let runs = [
        (0, &["publish", "hello", "--json", "-r", &url][..]),
        (1, &["validate", "hello", "--json", "-r", &url]),
        (1, &["registry", "ls", "--json", &url]),
        (2, &["registry", "info", "ftp://ada:hunter2@r/"]),
        (2, &["publish", "hello", "-r", "ada:hunter2@r"]),
    ];
    for (code, arguments) in runs {
        let said = ochre(folder.path(), arguments).await;
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.stderr);
        let told = said.stdout + &said.stderr;
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_archive_of_a_bearable_size_is_not_read() {
    let folder = hello();
    let sparse = fs::File::create(folder.path().join("sparse.tar.gz")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let pipe = Command::new("mkfifo")
        .arg(folder.path().join("pipe.tar.gz"))
        .status();
    assert!(pipe.await.unwrap().success());
    for (path, told) in [
        ("sparse.tar.gz", "larger than 50.0 MiB"),
        ("pipe.tar.gz", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("/proc/self/maps", "not valid gzip"),
    ] {
        let arguments = ["publish", path, "-r", "http://127.0.0.1:1/"];
        let said = ochre(folder.path(), &arguments).await;
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(said.stderr.contains(told), "{}", said.stderr);
    }
    let sparse = fs::File::create(folder.path().join("hello/film")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let arguments = ["publish", "hello", "-r", "http://127.0.0.1:1/"];
    let said = ochre(folder.path(), &arguments).await;
    assert!(
        said.stderr.contains("together larger than 200.0 MiB"),
        "{}",
        said.stderr
    );
}
