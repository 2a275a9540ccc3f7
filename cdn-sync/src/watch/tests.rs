use ochre_model::Change;
use ochre_store::{
    contract::{Subject, id, publish, reached},
    faulty::{Fault, FaultyStore},
};

use super::*;

struct Node {
    watch: Watch,
    faulty: Arc<FaultyStore>,
    cancellation: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// A node that follows the subject, its catalog loaded.
async fn node(subject: &Subject) -> Node {
    let (store, faulty) = subject.faulty(Fault::None);
    let catalog = Arc::new(Catalog::default());
    let watch = Watch::new(store, catalog, Feed::new(), &WatchSettings::default());
    let cancellation = CancellationToken::new();
    let (runner, token) = (watch.clone(), cancellation.clone());
    let running = tokio::spawn(async move { runner.run(token).await });
    watch.loaded().await.unwrap();
    Node {
        watch,
        faulty,
        cancellation,
        running,
    }
}

/// Waits until a poll has asked the store something since its fault was set.
async fn begun(node: &Node) {
    let asked = async || node.faulty.calls() > 0;
    assert!(reached(Duration::from_secs(5), asked).await);
}

#[tokio::test(start_paused = true)]
async fn a_publish_elsewhere_is_listed_within_an_interval_and_told() {
    let subject = Subject::memory();
    publish(&subject.store(), &id("a", "1.0.0"), "x")
        .await
        .unwrap();
    let node = node(&subject).await;
    assert!(node.watch.catalog().load().contains(&id("a", "1.0.0")));
    let mut subscription = node.watch.feed().subscribe();
    publish(&subject.store(), &id("a", "1.1.0"), "x")
        .await
        .unwrap();
    let event = tokio::time::timeout(Duration::from_secs(6), subscription.next());
    let event = event.await.unwrap().unwrap();
    assert_eq!(event.revision, 1);
    assert_eq!(*event.changes, [Change::Published(id("a", "1.1.0"))]);
    assert!(node.watch.catalog().load().contains(&id("a", "1.1.0")));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_sees_what_was_published_before_it() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    for number in 0..5 {
        let id = id("a", &format!("1.0.{number}"));
        publish(&subject.store(), &id, "x").await.unwrap();
        node.watch.refresh().await.unwrap();
        assert!(node.watch.catalog().load().contains(&id));
    }
}

#[tokio::test(start_paused = true)]
async fn wake_ups_during_a_poll_are_one_more_poll() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    node.faulty.set_fault(Fault::Delay(Duration::from_secs(1)));
    let polls = node.watch.status().polls;
    let first = node.watch.refresh();
    let wakes = async {
        begun(&node).await;
        for _ in 0..10 {
            node.watch.wake();
        }
    };
    let (first, ()) = tokio::join!(first, wakes);
    first.unwrap();
    let third = async || node.watch.status().polls > polls + 2;
    let soon = reached(Duration::from_millis(3500), third).await;
    assert!(!soon, "a third poll");
    assert_eq!(node.watch.status().polls, polls + 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_during_a_poll_waits_for_the_next_one() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    node.faulty.set_fault(Fault::Delay(Duration::from_secs(1)));
    let polls = node.watch.status().polls;
    node.watch.wake();
    begun(&node).await;
    node.watch.refresh().await.unwrap();
    assert_eq!(node.watch.status().polls, polls + 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_leaves_the_catalog_and_is_reported() {
    let subject = Subject::memory();
    publish(&subject.store(), &id("a", "1.0.0"), "x")
        .await
        .unwrap();
    let node = node(&subject).await;
    node.faulty.set_fault(Fault::StopBefore(0));
    let failed = node.watch.refresh().await;
    assert!(matches!(failed, Err(RefreshError::Failed(_))), "{failed:?}");
    let status = node.watch.status();
    assert!(status.loaded && status.failures > 0 && status.last_error.is_some());
    assert!(node.watch.catalog().load().contains(&id("a", "1.0.0")));
    node.faulty.set_fault(Fault::None);
    node.watch.refresh().await.unwrap();
    let status = node.watch.status();
    assert_eq!((status.failures, status.last_error), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_list_is_alerted_and_mended() {
    let subject = Subject::memory();
    publish(&subject.store(), &id("a", "1.0.0"), "x")
        .await
        .unwrap();
    let node = node(&subject).await;
    subject.put("components.json", "{").await;
    node.watch.refresh().await.unwrap();
    assert_eq!(node.watch.status().alerts.len(), 1);
    assert!(node.watch.catalog().load().contains(&id("a", "1.0.0")));
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["a"][0], "1.0.0");
    node.watch.refresh().await.unwrap();
    assert_eq!(node.watch.status().alerts, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_the_node_published_itself_survives_a_read_begun_before() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    let mut subscription = node.watch.feed().subscribe();
    let own = id("own", "1.0.0");
    let committed = publish(&subject.store(), &own, "x").await.unwrap();
    node.watch.apply(&committed);
    node.watch.apply(&committed);
    assert!(node.watch.catalog().load().contains(&own));
    let event = subscription.next().await.unwrap();
    assert_eq!(*event.changes, [Change::Published(own.clone())]);
    node.watch.refresh().await.unwrap();
    assert!(node.watch.catalog().load().contains(&own));
    // It is told once; the read only says that nothing else came before it.
    let place = subscription.next_place().await.unwrap();
    assert!(place.changes.is_empty());
    assert_eq!(place.generation, committed.generation);
    assert_eq!(node.watch.feed().revision(), 2);
    assert_eq!(*node.watch.newest().borrow(), committed.generation);
}

#[tokio::test(start_paused = true)]
async fn what_a_look_up_found_is_told_when_the_index_is_read_with_it() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    let mut subscription = node.watch.feed().subscribe();
    let (early, late) = (id("a", "1.0.0"), id("a", "1.1.0"));
    publish(&subject.store(), &early, "x").await.unwrap();
    let committed = publish(&subject.store(), &late, "x").await.unwrap();
    let details = committed.component.details(&late.version).unwrap();
    node.watch.insert(&late, details);
    node.watch.insert(&late, details);
    assert!(node.watch.catalog().load().contains(&late));
    assert_eq!(node.watch.feed().revision(), 0);
    node.watch.refresh().await.unwrap();
    let event = subscription.next().await.unwrap();
    let changes = [Change::Published(early), Change::Published(late)];
    assert_eq!(*event.changes, changes);
    assert_eq!(event.generation, committed.generation);
    assert_eq!(node.watch.feed().revision(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_has_ended_refreshes_no_more() {
    let subject = Subject::memory();
    let node = node(&subject).await;
    node.cancellation.cancel();
    node.running.await.unwrap();
    assert_eq!(node.watch.refresh().await, Err(RefreshError::Stopped));
}

/// A store whose writes are held, as one without conditional writes is for ever.
#[tokio::test(start_paused = true)]
async fn releases_of_a_held_store_are_listed_without_its_manifests() {
    let subject = Subject::memory();
    let package = r#"{"name":"a","version":"1.0.0","oc":{"files":{}}}"#;
    subject.put("a/1.0.0/package.json", package).await;
    let (store, _) = subject.faulty(Fault::None);
    store.hold_writes();
    let before = subject.list().await;
    let settings = WatchSettings::default();
    let watch = Watch::new(store.clone(), Arc::default(), Feed::new(), &settings);
    let (runner, token) = (watch.clone(), CancellationToken::new());
    let running = tokio::spawn(async move { runner.run(token).await });

    watch.loaded().await.unwrap();
    assert!(watch.catalog().load().contains(&id("a", "1.0.0")));
    watch.refresh().await.unwrap();
    assert_eq!(subject.list().await, before, "nothing is written");

    store.release_writes();
    watch.refresh().await.unwrap();
    let list = subject.get_json("components.json").await;
    assert_eq!(list["components"]["a"][0], "1.0.0");
    running.abort();
}
