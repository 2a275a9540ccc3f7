//! Archives that no one should accept.

use ochre_tests::{EntryType, RawEntry, TestPackage, TestRegistry, archive_of};

fn manifest() -> RawEntry {
    let archive = r#"{"name":"hello","version":"1.0.0","oc":{"files":{"template":{"type":"oc-template-es6","hashKey":"k","src":"template.js"}}}}"#;
    RawEntry::file("_package/package.json", archive)
}

fn view() -> RawEntry {
    RawEntry::file(
        "_package/template.js",
        "var oc=oc||{};oc.components={k:function(){}};",
    )
}

async fn refused(registry: &TestRegistry, what: &str, archive: Vec<u8>, status: u16) {
    let answer = registry.put_archive("/hello/1.0.0", archive).await;
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert!(answer.json().is_object(), "{what}");
    registry.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let registry = TestRegistry::start().await;
    let whole = TestPackage::new("hello", "1.0.0").archive();
    let half = whole[..whole.len() / 2].to_vec();
    let trailing = [whole.as_slice(), b"garbage"].concat();
    let twice = [whole.as_slice(), whole.as_slice()].concat();
    for (what, archive) in [
        ("empty", Vec::new()),
        ("text", b"not gzip".to_vec()),
        ("zip", b"PK\x03\x04".to_vec()),
        ("truncated", half),
        ("trailing garbage", trailing),
        ("two members", twice),
        ("empty tar", archive_of([])),
        ("no manifest", archive_of([view()])),
        ("no view", archive_of([manifest()])),
        (
            "manifest twice",
            archive_of([manifest(), manifest(), view()]),
        ),
    ] {
        refused(&registry, what, archive, 409).await;
    }
}

#[tokio::test]
async fn paths_out_of_the_package_are_refused() {
    let registry = TestRegistry::start().await;
    let deep = format!("_package/{}x", "d/".repeat(40));
    for path in [
        "_package/../../x",
        "../x",
        "/etc/x",
        "_package\\..\\x",
        "_package/a\u{1}b",
        "_package/con",
        &deep,
    ] {
        let entry = RawEntry::file(path, "x");
        refused(
            &registry,
            path,
            archive_of([manifest(), view(), entry]),
            409,
        )
        .await;
    }
}

#[tokio::test]
async fn entries_that_are_no_files_are_refused() {
    let registry = TestRegistry::start().await;
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::new(b'Z'),
    ] {
        let entry = RawEntry {
            path: b"_package/link".to_vec(),
            kind,
            link: Some("/etc/passwd".to_owned()),
            bytes: Vec::new(),
        };
        let archive = archive_of([manifest(), view(), entry]);
        refused(&registry, &format!("{kind:?}"), archive, 409).await;
    }
}

#[tokio::test]
async fn archives_that_unpack_to_too_much_are_refused() {
    let registry = TestRegistry::start().await;
    let zeros = RawEntry::file("_package/zeros.bin", vec![0; 230 * 1024 * 1024]);
    refused(
        &registry,
        "bomb",
        archive_of([manifest(), view(), zeros]),
        413,
    )
    .await;

    let many = (0..6_000).map(|at| RawEntry::file(&format!("_package/{at}.txt"), ""));
    let many = archive_of([manifest(), view()].into_iter().chain(many));
    refused(&registry, "many entries", many, 413).await;
}

#[tokio::test]
async fn manifests_that_say_too_little_are_refused() {
    let registry = TestRegistry::start().await;
    let nested = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    for text in [
        "",
        "{",
        "[]",
        "null",
        "5",
        r#"{"name":"hello","version":"1.0.0"}"#,
        r#"{"name":"hello","version":"1.0.0","oc":"x"}"#,
        &nested,
    ] {
        let entry = RawEntry::file("_package/package.json", text);
        let what = text.get(..40).unwrap_or(text);
        refused(&registry, what, archive_of([entry, view()]), 409).await;
    }
    let missing = TestPackage::new("hello", "1.0.0")
        .provider("")
        .without("server.js");
    refused(&registry, "provider without a file", missing.archive(), 409).await;
}
