//! Many nodes that write one index: all of them come to their turn, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "it is a test")]

use std::{sync::Arc, time::Duration};

use ochre_model::{ComponentId, ReleaseState};
use ochre_store::{
    ComponentStore, IndexEdit, StoreChange,
    contract::{Subject, catalog, id, publish},
    faulty::{Fault, FaultyStore},
};
use tokio::{task::JoinSet, time::Instant};

/// How long every request takes.
const LATENCY: Duration = Duration::from_millis(20);

/// What one node lived through.
#[derive(Debug)]
struct Told {
    /// Writes that each of its changes took.
    attempts: Vec<usize>,
    ended: Instant,
}

/// Changes the state of a version of its own, again and again.
async fn change_again_and_again(
    (store, requests): (ComponentStore, Arc<FaultyStore>),
    id: ComponentId,
    times: usize,
) -> Told {
    let mut attempts = Vec::new();
    for time in 0..times {
        let state = [ReleaseState::Deprecated, ReleaseState::Active][time % 2];
        let change = StoreChange::Edit(IndexEdit::SetState {
            id: id.clone(),
            state,
            note: None,
        });
        let before = requests.calls();
        let committed = store.committer().commit(change).await;
        assert!(committed.is_ok(), "{time}: {committed:?}");
        // A read and a write, or a write alone.
        attempts.push((requests.calls() - before).div_ceil(2));
    }
    Told {
        attempts,
        ended: Instant::now(),
    }
}

/// So many nodes, each of which makes so many changes.
async fn contend(nodes: usize, times: usize) -> Vec<Told> {
    let subject = Subject::memory();
    let ids: Vec<_> = (0..nodes).map(|at| id("a", &format!("1.0.{at}"))).collect();
    for id in &ids {
        publish(&subject.store(), id, "x").await.unwrap();
    }
    let before = catalog(&subject.store()).await.revision().generation();
    let mut running = JoinSet::new();
    for id in ids {
        let node = subject.faulty(Fault::Delay(LATENCY));
        running.spawn(change_again_and_again(node, id, times));
    }
    let told = running.join_all().await;
    let writes = catalog(&subject.store()).await.revision().generation() - before;
    assert_eq!(
        writes,
        (nodes * times) as u64,
        "each change was written once"
    );
    told
}

/// Writes of all changes, in ascending order.
fn attempts(told: &[Told]) -> Vec<usize> {
    let mut all: Vec<usize> = told.iter().flat_map(|told| told.attempts.clone()).collect();
    all.sort_unstable();
    all
}

/// How much longer the last one took than the first one. Where each has to wait until the others
/// are done that is 1 for two of them and 7 for eight.
fn unfairness(told: &[Told], begun: Instant) -> f64 {
    let first = told.iter().map(|told| told.ended).min().unwrap();
    let last = told.iter().map(|told| told.ended).max().unwrap();
    (last - first).div_duration_f64(first - begun)
}

#[tokio::test(start_paused = true)]
async fn two_nodes_make_a_thousand_changes() {
    let begun = Instant::now();
    let told = contend(2, 500).await;
    let attempts = attempts(&told);
    assert!(attempts[989] < 10, "{:?}", &attempts[980..]);
    assert!(unfairness(&told, begun) < 0.5, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn eight_nodes_come_to_their_turn() {
    let begun = Instant::now();
    let told = contend(8, 60).await;
    let attempts = attempts(&told);
    // A change is given up after 64.
    assert!(attempts[479] < 40, "{:?}", &attempts[460..]);
    assert!(unfairness(&told, begun) < 2.0, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn publishes_that_wait_together_go_in_one_write() {
    let subject = Subject::memory();
    let (node, _) = subject.faulty(Fault::Delay(LATENCY));
    let mut publishes = JoinSet::new();
    for number in 0..100 {
        let (node, id) = (node.clone(), id("many", &format!("1.0.{number}")));
        publishes.spawn(async move { publish(&node, &id, "x").await });
    }
    for published in publishes.join_all().await {
        published.unwrap();
    }
    let catalog = catalog(&subject.store()).await;
    assert_eq!(catalog.version_count(), 100);
    let writes = catalog.revision().generation();
    assert!(writes <= 10, "{writes} writes of the index");
}

#[tokio::test(start_paused = true)]
async fn two_versions_of_a_new_name_are_published_however_slow_the_store() {
    let subject = Subject::memory();
    let mut publishes = JoinSet::new();
    for version in ["1.0.0", "1.0.1"] {
        // Two requests take longer than after which what failed is not begun again.
        let (node, _) = subject.faulty(Fault::Delay(Duration::from_millis(2_600)));
        publishes.spawn(async move { publish(&node, &id("a", version), "x").await });
    }
    for published in publishes.join_all().await {
        published.unwrap();
    }
    assert_eq!(catalog(&subject.store()).await.version_count(), 2);
}
