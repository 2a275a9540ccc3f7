//! Three nodes behind a load balancer, publishing and reading while everything around them breaks.
//! A checker then says from what clients have seen whether a promise was not kept.

mod load;
mod nodes;
mod recorder;
mod sweep;
mod trouble;

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use ochre_tests::{FaultProxy, RedisServer, S3Server, TestStore};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::{
    load::Load,
    nodes::{Cluster, NodePlan},
    recorder::Recorder,
    trouble::Troubles,
};

/// Nodes of the cluster.
const NODES: usize = 3;

/// The bounds of the store are short, so that what is mended shows soon.
const SETTINGS: &str = "[storage]\nrequest_timeout = \"1s\"\nretry_timeout = \"2s\"\n\
                        answer_timeout = \"8s\"\ncommit_timeout = \"8s\"\n\
                        [tasks]\nreconcile_interval = \"1s\"\n\
                        [engine]\nisolation = \"thread\"\n[engine.quickjs]\nthreads = 1\n";

/// Settings that older releases do not know.
const NEW_SETTINGS: [&str; 1] = ["answer_timeout = \"8s\"\n"];

/// An environment whose clock is an hour ahead for all that a process asks of it but durations.
fn hour_ahead() -> Vec<(&'static str, String)> {
    let places = std::fs::read_dir("/usr/lib").expect("a folder");
    let libraries = places.filter_map(|place| {
        let library = place.ok()?.path().join("faketime/libfaketimeMT.so.1");
        library.exists().then(|| library.display().to_string())
    });
    let library = libraries
        .last()
        .expect("faketime is installed by tests/setup.sh");
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME", "+1h".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// How long the troubles last and which they are: `OCHRE_CHAOS_SECONDS`, `OCHRE_CHAOS_SEED`.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is configured by its environment"
)]
fn plan(seconds: u64) -> (Duration, u64) {
    let number = |name: &str| env::var(name).ok()?.parse().ok();
    let seconds = number("OCHRE_CHAOS_SECONDS").unwrap_or(seconds);
    let seed = number("OCHRE_CHAOS_SEED").unwrap_or_else(rand::random);
    (Duration::from_secs(seconds), seed)
}

/// An older executable that runs two of the three nodes: `OCHRE_CHAOS_OLD`. By hand only, for
/// releases that share a store during an upgrade.
fn older() -> Option<PathBuf> {
    env::var_os("OCHRE_CHAOS_OLD").map(PathBuf::from)
}

/// What a node is started with: all but the last one are old where an old executable is given.
fn node_plan(at: usize, store: TestStore, redis: Option<&RedisServer>) -> NodePlan {
    match older() {
        Some(binary) if at + 1 < NODES => {
            let known = NEW_SETTINGS
                .iter()
                .fold(SETTINGS.to_owned(), |known, new| known.replace(new, ""));
            NodePlan::new(store, &known).run_by(binary)
        }
        _ => {
            let redis = redis.map(RedisServer::settings).unwrap_or_default();
            NodePlan::new(store, &format!("{SETTINGS}{redis}"))
        }
    }
}

/// Publishes, reads and troubles for a while; then everything is mended and asked for once more.
#[expect(clippy::print_stdout, reason = "the seed and the counts of a run")]
async fn torment(cluster: Cluster, (time, seed): (Duration, u64)) {
    println!(
        "OCHRE_CHAOS_SEED={seed} OCHRE_CHAOS_SECONDS={}",
        time.as_secs()
    );
    let cluster = Arc::new(cluster);
    let over = CancellationToken::new();
    let load = Load::start(&cluster, over.clone());
    let mut troubles = Troubles::new(&cluster, StdRng::seed_from_u64(seed));
    troubles.run(time).await;
    over.cancel();
    let published = load.end().await;
    cluster.calm().await;
    sweep::last_reads(&cluster, &published).await;
    sweep::lists_agree(&cluster).await;
    let history = cluster.recorder.history();
    println!("{} over {} troubles", history.counts(), troubles.count());
    assert_eq!(cluster.recorder.surprises(), Vec::<String>::new());
    let violations: Vec<String> = history
        .violations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        violations.is_empty(),
        "seed {seed}, {} violations:\n{}\n{:?}",
        violations.len(),
        violations.join("\n"),
        history.happenings
    );
    assert!(!published.is_empty(), "something was published");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_on_s3_keeps_its_promises_whatever_breaks() {
    let server = S3Server::alone().await;
    let store = TestStore::on(&server).await;
    let mut plans = Vec::new();
    let redis = RedisServer::start_at(ochre_tests::free_port(), &[]).await;
    for at in 0..NODES {
        let (proxy, through) = FaultProxy::before(&store).await;
        plans.push(node_plan(at, through, Some(&redis)).behind(proxy));
    }
    let cluster = Cluster::start(store, plans, Recorder::new(NODES)).await;
    torment(cluster.with_redis(redis), plan(25)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_on_a_folder_keeps_its_promises_with_a_clock_an_hour_ahead() {
    let store = TestStore::folder();
    let mut plans: Vec<NodePlan> = (0..NODES)
        .map(|at| node_plan(at, store.clone(), None))
        .collect();
    let last = plans.pop().expect("there are nodes");
    plans.push(last.with(hour_ahead()));
    let edits = tokio::spawn(edits_grow(store.clone()));
    let cluster = Cluster::start(store, plans, Recorder::new(NODES)).await;
    torment(cluster, plan(12)).await;
    assert!(!edits.is_finished(), "`lastEdit` went back");
    edits.abort();
}

/// Watches the list that all registries read: its time never goes back, whoever writes it.
async fn edits_grow(store: TestStore) {
    let path = store
        .path()
        .expect("a folder")
        .join("components/components.json");
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let mut last = 0;
    loop {
        looks.tick().await;
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let list: Value = serde_json::from_slice(&bytes).expect("the list is whole");
        let edit = list["lastEdit"].as_u64().unwrap_or_default();
        assert!(edit >= last, "{edit} after {last}");
        last = edit;
    }
}
