//! What breaks, when: chosen by a seed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{join, join_all};
use ochre_tests::{Fault, pass};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{NODES, nodes::Cluster};

/// Time after which another node is left alone.
const PHASE: Duration = Duration::from_secs(8);

/// Takes Redis away now and then; gives how often.
async fn trouble_redis(cluster: Arc<Cluster>, mut rng: StdRng, time: Duration) -> usize {
    let begun = Instant::now();
    let mut count = 0;
    while cluster.has_redis() && begun.elapsed() < time {
        let rest = Duration::from_millis(rng.random_range(300..2500));
        pass(rest).await;
        let away = Duration::from_millis(rng.random_range(200..2500));
        cluster.trouble_redis(rng.random_range(0..3), away).await;
        count += 1;
    }
    count
}

/// One node's trouble.
enum Trouble {
    Kill,
    Pause,
    Store(Fault),
}

/// Breaks and mends, until its time is over.
pub(super) struct Troubles {
    cluster: Arc<Cluster>,
    rng: StdRng,
    count: usize,
}

impl Troubles {
    pub(super) fn new(cluster: &Arc<Cluster>, rng: StdRng) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            rng,
            count: 0,
        }
    }

    /// How often something broke.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Troubles nodes and Redis for a time.
    pub(super) async fn run(&mut self, time: Duration) {
        let seed = self.rng.random();
        let redis = trouble_redis(Arc::clone(&self.cluster), StdRng::seed_from_u64(seed), time);
        let redis = tokio::spawn(redis);
        self.trouble_nodes(time).await;
        self.count += redis.await.unwrap_or_default();
    }

    /// For a time; one node is left alone for a while, then another.
    async fn trouble_nodes(&mut self, time: Duration) {
        let begun = Instant::now();
        let mut alone = self.rng.random_range(0..NODES);
        while begun.elapsed() < time {
            let phase = Instant::now();
            while phase.elapsed() < PHASE && begun.elapsed() < time {
                self.round(alone).await;
                self.rest((300, 1200)).await;
            }
            if self.cluster.nodes[alone].has_proxy() {
                // What is in memory is served although nobody reaches the store.
                let fault = self.fault();
                let time = self.time();
                let nodes = (0..NODES).map(|at| self.cluster.disturb(at, fault.clone(), time));
                join_all(nodes).await;
                self.count += 1;
            }
            alone = (alone + self.rng.random_range(1..NODES)) % NODES;
            self.rest((1500, 2500)).await;
        }
    }

    /// Troubles one or both of the other nodes.
    async fn round(&mut self, alone: usize) {
        let others: Vec<usize> = (0..NODES).filter(|at| *at != alone).collect();
        let first = others[self.rng.random_range(0..others.len())];
        let one = (first, self.trouble(first), self.time());
        self.count += 1;
        if self.rng.random_bool(0.4) {
            let second = others.iter().copied().find(|at| *at != first);
            let second = second.unwrap_or(first);
            let other = (second, self.trouble(second), self.time());
            self.count += 1;
            join(self.apply(one), self.apply(other)).await;
        } else {
            self.apply(one).await;
        }
    }

    async fn apply(&self, (at, trouble, time): (usize, Trouble, Duration)) {
        match trouble {
            Trouble::Kill => self.cluster.kill(at, time / 4).await,
            Trouble::Pause => self.cluster.pause(at, time).await,
            Trouble::Store(fault) => self.cluster.disturb(at, fault, time).await,
        }
    }

    fn trouble(&mut self, at: usize) -> Trouble {
        let kinds = if self.cluster.nodes[at].has_proxy() {
            5
        } else {
            2
        };
        match self.rng.random_range(0..kinds) {
            0 => Trouble::Kill,
            1 => Trouble::Pause,
            _ => Trouble::Store(self.fault()),
        }
    }

    fn fault(&mut self) -> Fault {
        match self.rng.random_range(0..7) {
            0 => Fault::Latency(Duration::from_millis(self.rng.random_range(300..4000))),
            1 => Fault::Bandwidth(self.rng.random_range(2_000..50_000)),
            2 => Fault::Blackhole,
            3 => Fault::Reset,
            4 => Fault::Refuse,
            5 => Fault::SLOW_DOWN,
            _ => Fault::DENIED,
        }
    }

    fn time(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(400..3000))
    }

    async fn rest(&mut self, (least, most): (u64, u64)) {
        let rest = Duration::from_millis(self.rng.random_range(least..most));
        pass(rest).await;
    }
}
