//! The mirror program: CDNs and replicas, interruptions, damage, the purge webhook.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ochre_tests::{
    Answer, Bucket, TestMirror, TestPackage, TestRegistry, TestStore, eventually, files_below,
};
use ring::hmac;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// How long a mirror may take until it is level.
const LEVEL_WITHIN: Duration = Duration::from_mins(2);

fn package(number: usize) -> TestPackage {
    let name = format!("mirrored-{}", number % 4);
    TestPackage::new(&name, &format!("1.0.{number}"))
        .props(&format!("{{number: {number}}}"))
        .file(
            "public/text.txt",
            format!("text {number} ").repeat(300).into_bytes(),
        )
        .file(".env", format!("NUMBER={number}\n").into_bytes())
}

async fn published(store: &TestStore, count: usize) -> TestRegistry {
    let registry = TestRegistry::start_on(store, "").await;
    for number in 0..count {
        registry.publish(&package(number)).await;
    }
    registry
}

/// Every file below a folder, by its path.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(folder).into_iter().map(|path| {
        let name = path.strip_prefix(folder).expect("below the folder");
        let bytes = std::fs::read(&path).expect("a file can be read");
        (name.to_string_lossy().into_owned(), bytes)
    });
    files.collect()
}

/// What the target must hold of a store, as the source holds it.
fn releases(store: &TestStore) -> BTreeMap<String, Vec<u8>> {
    let mut files = contents(store.path().expect("a folder"));
    files.retain(|path, _| {
        let is_release = path.starts_with("components.ochre/releases/");
        is_release || (path.starts_with("components/") && path.matches('/').count() > 2)
    });
    files
}

/// How many releases can be seen in a folder.
fn visible(store: &TestStore) -> usize {
    let files = files_below(store.path().expect("a folder"));
    let packages = files.iter().filter(|path| path.ends_with("package.json"));
    packages.count()
}

async fn assert_served(registry: &TestRegistry, count: usize) {
    for number in 0..count {
        let package = package(number);
        let path = format!("/{}/{}", package.name(), package.version());
        let answer = registry.get_unrendered(&path).await.expect_status(200);
        let data = answer.json();
        assert_eq!(data["data"]["component"]["props"]["number"], number);
        let text = registry
            .get(&format!("/~assets{path}/public/text.txt"))
            .await;
        let expected = format!("text {number} ").repeat(300);
        assert_eq!(text.expect_status(200).text(), expected);
    }
}

#[tokio::test]
async fn a_registry_serves_from_a_replica_what_the_source_has() {
    let (source, target) = (TestStore::folder(), TestStore::folder());
    let _publisher = published(&source, 8).await;
    let mirror = TestMirror::of(&source, "").to("copy", "replica", &target);

    let planned = mirror.run(&["--dry-run"]).await;
    assert_eq!(planned.complete()["missing"], 8);
    assert_eq!(target.objects().await, 0);
    let first = mirror.run(&["--once"]).await;
    let again = mirror.run(&["--once"]).await;

    assert_eq!(first.complete()["copied"], 8);
    assert_eq!(again.complete()["planned"], 0);
    assert_eq!(releases(&source), releases(&target));
    let replica = TestRegistry::start_on(&target, "").await;
    assert_served(&replica, 8).await;
    let newest = replica.get_unrendered("/mirrored-3").await;
    assert_eq!(newest.expect_status(200).json()["version"], "1.0.7");
}

#[tokio::test]
async fn private_files_never_reach_a_cdn() {
    let (source, target) = (TestStore::s3().await, TestStore::s3().await);
    let _publisher = published(&source, 4).await;
    let mirror = TestMirror::of(&source, "").to("edge", "cdn", &target);

    let run = mirror.run(&["--once"]).await;

    assert_eq!(run.complete()["copied"], 4);
    let (from, to) = (Bucket::of(&source), Bucket::of(&target));
    let keys = to.keys("").await;
    let mut expected = from.keys("components/").await;
    expected.retain(|key| {
        key.ends_with("template.js") || key.contains("/public/") || key.ends_with("package.json")
    });
    assert_eq!(keys, expected);
    for key in &keys {
        let (original, copy) = (from.get(key).await, to.get(key).await);
        assert_eq!(original.body, copy.body, "{key}");
        for header in ["content-type", "cache-control"] {
            assert_eq!(original.header(header), copy.header(header), "{key}");
        }
    }
}

#[tokio::test]
async fn a_killed_mirror_copies_only_the_rest() {
    let (source, target) = (TestStore::s3().await, TestStore::folder());
    let publisher = published(&source, 24).await;
    let slow = TestMirror::of(&source, "")
        .to("copy", "replica", &target)
        .with("copy", "concurrency", 1)
        .with("copy", "bandwidth", "10KiB");
    let mut process = slow.spawn(&[]);
    eventually("some releases to be copied", LEVEL_WITHIN, || {
        process.assert_running();
        let count = visible(&target);
        async move { (count >= 5).then_some(()) }
    })
    .await;
    process.kill();
    let before = visible(&target);
    assert!(before < 24, "{before} were copied already");

    let rest = TestMirror::of(&source, "").to("copy", "replica", &target);
    let run = rest.run(&["--once"]).await;

    let copied = run.complete()["copied"].as_u64().expect("a number");
    assert!(copied <= 24 - before as u64, "{copied} after {before}");
    assert_eq!(rest.run(&["--once"]).await.complete()["planned"], 0);
    let replica = TestRegistry::start_on(&target, "").await;
    assert_served(&replica, 24).await;
    drop(publisher);
}

#[tokio::test]
async fn what_is_published_while_mirroring_is_mirrored_too() {
    let (source, target) = (TestStore::folder(), TestStore::folder());
    let publisher = published(&source, 3).await;
    let mirror = TestMirror::of(&source, "").to("copy", "replica", &target);
    let mut process = mirror.spawn(&[]);
    for number in 3..9 {
        publisher.publish(&package(number)).await;
    }
    let replica = TestRegistry::start_on(&target, "").await;
    eventually("the replica to list everything", LEVEL_WITHIN, || {
        process.assert_running();
        let newest = replica.get_unrendered("/mirrored-0");
        async move {
            let answer = newest.await;
            (answer.status == 200 && answer.json()["version"] == "1.0.8").then_some(())
        }
    })
    .await;
    assert_served(&replica, 9).await;
    process.terminate();
    assert!(process.ended(LEVEL_WITHIN).await.success());
}

#[tokio::test]
async fn damaged_releases_are_reported_and_not_copied() {
    let (source, target) = (TestStore::folder(), TestStore::folder());
    let _publisher = published(&source, 4).await;
    let path = source.path().expect("a folder");
    let object = path.join("components.ochre/releases/mirrored-2/1.0.2");
    let mut bytes = std::fs::read(&object).expect("the release object");
    *bytes.last_mut().expect("it is not empty") ^= 1;
    std::fs::write(&object, bytes).expect("it can be written");
    let mirror = TestMirror::of(&source, "").to("edge", "cdn", &target);

    let run = mirror.run(&["--once"]).await;

    assert_eq!(run.code, Some(1));
    let report = &run.reports[0];
    assert_eq!(
        (&report["copied"], &report["failed"]),
        (&3.into(), &1.into())
    );
    assert_eq!(report["failures"][0]["release"], "mirrored-2@1.0.2");
    assert_eq!(report["failures"][0]["kind"], "damaged");
    assert_eq!(visible(&target), 3);
    assert!(run.log.contains("mirrored-2"), "{}", run.log);
}

#[tokio::test]
async fn prune_deletes_only_when_told_to() {
    let (old, source, target) = (
        TestStore::folder(),
        TestStore::folder(),
        TestStore::folder(),
    );
    let _old_publisher = published(&old, 6).await;
    let _publisher = published(&source, 4).await;
    let from_old = TestMirror::of(&old, "").to("edge", "cdn", &target);
    from_old.run(&["--once"]).await.complete();
    let mirror = TestMirror::of(&source, "").to("edge", "cdn", &target);
    let prune = ["prune", "--target", "edge"];

    assert_eq!(mirror.run(&["--once"]).await.complete()["planned"], 0);
    let refused = mirror.run(&prune).await;
    let looked = mirror.run(&[&prune[..], &["--dry-run"]].concat()).await;
    assert_eq!((refused.code, visible(&target)), (Some(1), 6));
    let surplus = serde_json::json!(["mirrored-0@1.0.4", "mirrored-1@1.0.5"]);
    assert_eq!(looked.complete()["releases"], surplus);
    let done = mirror.run(&[&prune[..], &["--yes"]].concat()).await;

    assert_eq!(done.complete()["releases"], surplus);
    assert_eq!(visible(&target), 4);
}

/// Checks a message as `docs/mirroring.md` says.
fn keys_of(request: &wiremock::Request, secret: &str) -> Vec<String> {
    let header = |name: &str| {
        let value = request.headers[name].to_str();
        value.expect("a text").to_owned()
    };
    let body = std::str::from_utf8(&request.body).expect("a text");
    let signed = format!("{}.{body}", header("ochre-timestamp"));
    let tag = header("ochre-signature");
    let tag = hex::decode(tag.strip_prefix("v1=").expect("a version")).expect("digits");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &tag).expect("the signature is right");
    let message: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let keys = message["keys"].as_array().expect("an array");
    keys.iter()
        .map(|key| key.as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn changed_keys_are_the_tags_of_answers_and_are_posted_with_a_signature() {
    let (source, target) = (TestStore::folder(), TestStore::folder());
    let settings = "[http]\ncache_tags = [\"surrogate-key\", \"cache-tag\"]\n";
    let registry = TestRegistry::start_on(&source, settings).await;
    registry.publish(&package(0)).await;
    let webhook = MockServer::start().await;
    let answer = Mock::given(wiremock::matchers::any());
    answer
        .respond_with(ResponseTemplate::new(202))
        .mount(&webhook)
        .await;
    let secret = "only for this test";
    let purge = format!("[purge]\nurl = {:?}\nsecret = {secret:?}\n", webhook.uri());
    let mirror = TestMirror::of(&source, &purge).to("edge", "cdn", &target);

    mirror.run(&["--once"]).await.complete();

    let requests = webhook.received_requests().await.expect("recorded");
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    let keys = keys_of(request, secret);
    assert_eq!(keys, ["mirrored-0", "mirrored-0@1.0.0"]);
    for path in [
        "/mirrored-0",
        "/mirrored-0/1.0.0",
        "/~assets/mirrored-0/1.0.0/public/text.txt",
    ] {
        let answer = registry.get(path).await.expect_status(200);
        assert_eq!(answer.header("surrogate-key"), keys.join(" "), "{path}");
        assert_eq!(answer.header("cache-tag"), keys.join(","), "{path}");
    }
}

#[tokio::test]
async fn metrics_tell_how_far_a_target_is() {
    let (source, target) = (TestStore::folder(), TestStore::folder());
    let _publisher = published(&source, 3).await;
    let port = ochre_tests::free_port();
    let mirror = TestMirror::of(&source, "").to("edge", "cdn", &target);
    let address = format!("127.0.0.1:{port}");
    let mut process = mirror.spawn(&["--metrics-listen", &address]);
    let client = ochre_tests::http_client();
    let at = |path: &str| client.get(format!("http://{address}{path}"));

    eventually("the mirror to be level", LEVEL_WITHIN, || {
        process.assert_running();
        let ready = at("/ready");
        async move {
            let answer = Answer::try_of(ready).await.ok()?;
            (answer.status == 200).then_some(())
        }
    })
    .await;

    let text = Answer::of(at("/metrics")).await.expect_status(200).text();
    for line in [
        "cdn_sync_releases_total{outcome=\"copied\",target=\"edge\"} 3",
        "cdn_sync_lag_generations{target=\"edge\"} 0",
        "cdn_sync_missing_releases{target=\"edge\"} 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("mirrored-"), "{text}");
}
