//! The nodes, their balancer, and what can be done to them.

use std::{path::PathBuf, time::Duration};

use ochre_tests::{
    Answer, Event, Fault, FaultProxy, LoadBalancer, RedisServer, Surroundings, TestRegistry,
    TestStore, eventually, free_port, http_client, pass,
};
use tokio::sync::Mutex;

use super::recorder::Recorder;

/// How long a node may take to be ready, or to have caught up.
const BOUND: Duration = Duration::from_mins(2);

/// How a node is started.
#[derive(Debug)]
pub(super) struct NodePlan {
    store: TestStore,
    settings: String,
    surroundings: Surroundings,
    proxy: Option<FaultProxy>,
}

/// One node of the cluster.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it listens.
    pub(super) port: u16,
    plan: NodePlan,
    running: Mutex<Option<TestRegistry>>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Cluster {
    /// What the nodes share.
    pub(super) store: TestStore,
    /// Every node.
    pub(super) nodes: Vec<Node>,
    /// What is before them.
    pub(super) balancer: LoadBalancer,
    /// What is written down.
    pub(super) recorder: Recorder,
    redis: Option<Mutex<RedisServer>>,
}

// === impl NodePlan ===

impl NodePlan {
    pub(super) fn new(store: TestStore, settings: &str) -> Self {
        Self {
            store,
            settings: settings.to_owned(),
            surroundings: Surroundings::default(),
            proxy: None,
        }
    }

    /// With a way to the store that can be disturbed.
    pub(super) fn behind(mut self, proxy: FaultProxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// With variables of the environment.
    pub(super) fn with(mut self, environment: Vec<(&'static str, String)>) -> Self {
        self.surroundings.environment = environment;
        self
    }

    /// By another executable.
    pub(super) fn run_by(mut self, binary: PathBuf) -> Self {
        self.surroundings.binary = Some(binary);
        self
    }

    fn spawn(&self, port: u16) -> TestRegistry {
        TestRegistry::spawn_in(port, &self.store, &self.settings, &self.surroundings)
    }
}

// === impl Node ===

impl Node {
    /// URL of a path that starts with a slash.
    pub(super) fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Whether its way to the store can be disturbed.
    pub(super) fn has_proxy(&self) -> bool {
        self.plan.proxy.is_some()
    }
}

// === impl Cluster ===

impl Cluster {
    /// Starts every node, and the balancer once they are ready.
    pub(super) async fn start(store: TestStore, plans: Vec<NodePlan>, recorder: Recorder) -> Self {
        let mut nodes = Vec::new();
        for (at, plan) in plans.into_iter().enumerate() {
            let port = free_port();
            let mut running = plan.spawn(port);
            running.ready().await;
            recorder.happened(at, Event::Ready);
            nodes.push(Node {
                port,
                plan,
                running: Mutex::new(Some(running)),
            });
        }
        let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
        Self {
            store,
            nodes,
            balancer: LoadBalancer::start(&ports).await,
            recorder,
            redis: None,
        }
    }

    /// With the Redis that its nodes know.
    pub(super) fn with_redis(mut self, redis: RedisServer) -> Self {
        self.redis = Some(Mutex::new(redis));
        self
    }

    /// Whether its nodes wake each other.
    pub(super) fn has_redis(&self) -> bool {
        self.redis.is_some()
    }

    /// Takes Redis away for a while: ended, stopped, or emptied.
    pub(super) async fn trouble_redis(&self, kind: usize, time: Duration) {
        let Some(redis) = &self.redis else {
            return;
        };
        let mut redis = redis.lock().await;
        match kind {
            0 => {
                redis.kill();
                pass(time).await;
                redis.restart().await;
            }
            1 => {
                redis.pause();
                pass(time).await;
                redis.resume();
            }
            _ => drop(redis.command(&[b"FLUSHALL"]).await),
        }
    }

    /// Ends a node as a crash would, and starts it again after a while.
    pub(super) async fn kill(&self, at: usize, down: Duration) {
        let node = &self.nodes[at];
        let mut running = node.running.lock().await;
        self.recorder.happened(at, Event::Killed);
        if let Some(mut process) = running.take() {
            process.process.kill();
        }
        pass(down).await;
        let mut started = node.plan.spawn(node.port);
        started.ready().await;
        *running = Some(started);
        self.recorder.happened(at, Event::Ready);
    }

    /// Stops a node for a while without ending it.
    pub(super) async fn pause(&self, at: usize, time: Duration) {
        let running = self.nodes[at].running.lock().await;
        self.recorder.happened(at, Event::Paused);
        if let Some(node) = &*running {
            node.process.signal("-STOP");
            pass(time).await;
            node.process.signal("-CONT");
        }
        self.recorder.happened(at, Event::Resumed);
    }

    /// Disturbs a node's way to the store for a while.
    pub(super) async fn disturb(&self, at: usize, fault: Fault, time: Duration) {
        if let Some(proxy) = &self.nodes[at].plan.proxy {
            self.recorder.happened(at, Event::StoreBroken);
            proxy.set(fault);
            pass(time).await;
            proxy.set(Fault::None);
            self.recorder.happened(at, Event::StoreMended);
        }
    }

    /// Waits until every node has caught up.
    pub(super) async fn calm(&self) {
        let client = http_client();
        for node in &self.nodes {
            eventually("a node that has caught up", BOUND, || {
                let asked = client.get(node.at("/~ready"));
                async move {
                    let told = Answer::try_of(asked).await.ok()?;
                    let caught_up = told.status == 200
                        && told.json()["stale"] != true
                        && told.json()["publishing"] == true;
                    caught_up.then_some(())
                }
            })
            .await;
        }
    }
}
