//! `kill -9` in the middle of a publish, at many moments.

use ochre_tests::{TestPackage, TestRegistry, TestStore};

use crate::upload::{Upload, publish_again, upload};

/// How many objects a publish has written when its node is killed. Whole, it writes about 30.
const MOMENTS: [usize; 12] = [0, 1, 2, 3, 5, 9, 14, 20, 23, 25, 26, 27];

fn package(at: u32) -> TestPackage {
    let mut package = TestPackage::new("torn", &format!("1.0.{at}")).props("{whole: true}");
    for file in 0..20 {
        let content = format!("{at} {file} ").repeat(500);
        package = package.file(&format!("public/{file}.txt"), content.into_bytes());
    }
    package
}

/// Kills the node once the store holds `more` objects more than before, or the upload is over.
async fn kill_after(registry: &mut TestRegistry, more: usize, before: usize, upload: &Upload) {
    let store = registry.store.clone();
    while !upload.is_finished() && store.objects().await < before + more {
        tokio::task::yield_now().await;
    }
    registry.process.kill();
}

/// The version is absent, or all of it is there.
async fn absent_or_whole(registry: &TestRegistry, at: u32) -> bool {
    let answer = registry.get_unrendered(&format!("/torn/1.0.{at}")).await;
    if answer.status == 404 {
        return false;
    }
    let data = answer.expect_status(200).json();
    assert_eq!(data["data"]["component"]["props"]["whole"], true);
    for file in 0..20 {
        let path = format!("/~assets/torn/1.0.{at}/public/{file}.txt");
        let text = registry.get(&path).await.expect_status(200).text();
        assert_eq!(text, format!("{at} {file} ").repeat(500), "{path}");
    }
    true
}

async fn survives_kills(store: TestStore) {
    for (at, more) in (0..).zip(MOMENTS) {
        let mut registry = TestRegistry::start_on(&store, "").await;
        let before = store.objects().await;
        let upload = upload(&registry, &package(at));
        kill_after(&mut registry, more, before, &upload).await;
        let answered = upload
            .await
            .expect("the task ends")
            .is_ok_and(|answer| answer.status == 200);

        let next = TestRegistry::start_on(&store, "").await;
        let found = absent_or_whole(&next, at).await;
        assert!(
            found || !answered,
            "version {at} was acknowledged and is lost"
        );

        // The same content can be published at once, and is there then.
        publish_again(&next, &package(at)).await;
        assert!(
            absent_or_whole(&next, at).await,
            "version {at} is not there after a retry"
        );
    }
}

#[tokio::test]
async fn kill_in_a_publish_tears_nothing_on_a_folder() {
    survives_kills(TestStore::folder()).await;
}

#[tokio::test]
async fn kill_in_a_publish_tears_nothing_on_s3() {
    survives_kills(TestStore::s3().await).await;
}

/// Different content may not take the place of what a crash left.
#[tokio::test]
async fn kill_after_the_commit_leaves_the_version_to_its_first_content() {
    let store = TestStore::folder();
    let mut registry = TestRegistry::start_on(&store, "").await;
    registry.publish(&package(0)).await;
    registry.process.kill();
    let next = TestRegistry::start_on(&store, "").await;

    let other = package(0).file("public/0.txt", b"other".to_vec());
    let answer = next.try_publish(&other).await.expect_status(403);

    assert_ne!(answer.json()["details"]["sameContent"], true);
    assert!(absent_or_whole(&next, 0).await);
}
