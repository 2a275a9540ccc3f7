//! Those who publish and read all the while.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use ochre_tests::{Action, Answer, Asked, LoadBalancer, Outcome, TestPackage, http_client, pass};
use rand::RngExt as _;
use reqwest::{Client, RequestBuilder};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{NODES, nodes::Cluster};

const PUBLISHERS: usize = 3;
const READERS: usize = 4;
const NAMES: usize = 6;

/// How often a publisher tries what is unclear.
const ATTEMPTS: usize = 8;

/// How long clients wait.
const READ_TIME: Duration = Duration::from_secs(20);
const DIRECT_TIME: Duration = Duration::from_secs(15);
const PUBLISH_TIME: Duration = Duration::from_secs(20);

/// The tasks that load a cluster.
pub(super) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    cluster: Arc<Cluster>,
    client: Client,
    over: CancellationToken,
    next: AtomicUsize,
    /// Everything that somebody tried to publish: name, version, contents.
    tried: Mutex<Vec<Tried>>,
    /// What readers may expect.
    acknowledged: Mutex<Vec<Release>>,
}

/// A version.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) name: String,
    pub(super) version: String,
}

/// A version and the contents that were to be it.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) release: Release,
    pub(super) contents: Vec<String>,
}

// === impl Release ===

impl Release {
    /// `name@version`.
    pub(super) fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// A package whose every file tells its content.
pub(super) fn package(release: &Release, content: &str) -> TestPackage {
    TestPackage::new(&release.name, &release.version)
        .view(&format!("'<p>{content}</p>'"))
        .props(&format!("{{content: '{content}'}}"))
        .file("public/one.txt", format!("one {content}").into_bytes())
        .file("public/two.txt", format!("two {content}").into_bytes())
}

/// What an answer to a read means.
pub(super) fn read_outcome(answer: Result<Answer, reqwest::Error>) -> Outcome {
    match answer {
        Ok(answer) if answer.status == 200 => {
            match answer.json()["data"]["component"]["props"]["content"].as_str() {
                Some(content) => Outcome::Found(content.to_owned()),
                None => Outcome::Torn(answer.text()),
            }
        }
        Ok(answer) if answer.status == 404 => Outcome::Missing,
        Ok(answer) if answer.status >= 500 => Outcome::Unavailable(answer.status),
        Ok(answer) => Outcome::Lost(format!("{}: {}", answer.status, answer.text())),
        Err(error) => Outcome::Lost(format!("{error:?}")),
    }
}

/// Asks for unrendered data.
pub(super) fn unrendered(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", "application/vnd.oc.unrendered+json")
}

// === impl Load ===

impl Load {
    /// Begins to publish and to read.
    pub(super) fn start(cluster: &Arc<Cluster>, over: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            cluster: Arc::clone(cluster),
            client: http_client(),
            over,
            next: AtomicUsize::new(0),
            tried: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..PUBLISHERS {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                while !shared.over.is_cancelled() {
                    shared.publish_one().await;
                    shared.rest((50, 300)).await;
                }
            });
        }
        for _ in 0..READERS {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                while !shared.over.is_cancelled() {
                    shared.read_one().await;
                    shared.rest((5, 40)).await;
                }
            });
        }
        Self { shared, tasks }
    }

    /// Waits for the last requests; gives all that somebody tried to publish.
    pub(super) async fn end(self) -> Vec<Tried> {
        self.tasks.join_all().await;
        let tried = self.shared.tried.lock();
        tried.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// === impl Shared ===

impl Shared {
    /// One version, by one publisher or by several at once with different contents; then every
    /// node is asked for it.
    async fn publish_one(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let release = Release {
            name: format!("c{}", number % NAMES),
            version: format!("1.{number}.0"),
        };
        let racers = if rand::rng().random_bool(0.3) { 3 } else { 1 };
        let contents: Vec<String> = (0..racers)
            .map(|racer| format!("{}-{racer}", release.id()))
            .collect();
        lock(&self.tried).push(Tried {
            release: release.clone(),
            contents: contents.clone(),
        });
        let attempts = contents
            .iter()
            .map(|content| self.attempt(&release, content));
        let won = join_all(attempts).await;
        if won.contains(&true) {
            lock(&self.acknowledged).push(release);
        }
    }

    /// Publishes until the answer is clear; true when it was acknowledged.
    async fn attempt(&self, release: &Release, content: &str) -> bool {
        let archive = package(release, content).archive();
        for _ in 0..ATTEMPTS {
            let target = rand::rng().random_range(0..=NODES);
            match self.publish(release, (content, &archive), target).await {
                Outcome::Acknowledged => {
                    self.ask_every_node(release).await;
                    return true;
                }
                Outcome::Refused => return false,
                _ => self.rest((300, 900)).await,
            }
        }
        false
    }

    /// One upload, to a node or through the balancer.
    async fn publish(
        &self,
        release: &Release,
        (content, archive): (&str, &[u8]),
        target: usize,
    ) -> Outcome {
        let cluster = &self.cluster;
        let path = format!("/{}/{}", release.name, release.version);
        let url = match cluster.nodes.get(target) {
            Some(node) => node.at(&path),
            None => format!("{}{}", cluster.balancer.url.trim_end_matches('/'), path),
        };
        let request = self.client.put(url).timeout(PUBLISH_TIME);
        let request = ochre_tests::put_request(request, archive.to_vec());
        let start = cluster.recorder.now();
        let answer = Answer::try_of(request).await;
        let asked = match &answer {
            _ if target < NODES => Asked::Node(target),
            Ok(answer) => Asked::Balancer(LoadBalancer::node_of(answer)),
            Err(_) => Asked::Balancer(None),
        };
        let outcome = self.publish_outcome(answer);
        let action = Action::Publish(content.to_owned());
        let done = (start, outcome.clone());
        cluster.recorder.asked(&release.id(), (asked, action), done);
        outcome
    }

    fn publish_outcome(&self, answer: Result<Answer, reqwest::Error>) -> Outcome {
        match answer {
            Ok(answer) if answer.status == 200 => Outcome::Acknowledged,
            Ok(answer) if answer.status == 403 => {
                if answer.json()["details"]["sameContent"] == true {
                    Outcome::Acknowledged
                } else {
                    Outcome::Refused
                }
            }
            Ok(answer) if answer.status >= 502 => Outcome::Unavailable(answer.status),
            Ok(answer) => {
                let what = format!("publish: {}: {}", answer.status, answer.text());
                self.cluster.recorder.surprised(what.clone());
                Outcome::Lost(what)
            }
            Err(error) => Outcome::Lost(format!("{error:?}")),
        }
    }

    async fn ask_every_node(&self, release: &Release) {
        let asks = self.cluster.nodes.iter().enumerate().map(|(at, node)| {
            let url = node.at(&format!("/{}/{}", release.name, release.version));
            let request = unrendered(self.client.get(url)).timeout(DIRECT_TIME);
            async move {
                let start = self.cluster.recorder.now();
                let outcome = read_outcome(Answer::try_of(request).await);
                let asked = (Asked::Node(at), Action::Read);
                self.cluster
                    .recorder
                    .asked(&release.id(), asked, (start, outcome));
            }
        });
        join_all(asks).await;
    }

    /// One of the versions that were acknowledged, through the balancer.
    async fn read_one(&self) {
        let release = {
            let known = lock(&self.acknowledged);
            if known.is_empty() {
                return;
            }
            known[rand::rng().random_range(0..known.len())].clone()
        };
        let url = format!(
            "{}{}/{}",
            self.cluster.balancer.url, release.name, release.version
        );
        let request = unrendered(self.client.get(url)).timeout(READ_TIME);
        let start = self.cluster.recorder.now();
        let answer = Answer::try_of(request).await;
        let node = answer.as_ref().ok().and_then(LoadBalancer::node_of);
        let outcome = read_outcome(answer);
        let asked = (Asked::Balancer(node), Action::Read);
        self.cluster
            .recorder
            .asked(&release.id(), asked, (start, outcome));
    }

    async fn rest(&self, (least, most): (u64, u64)) {
        let rest = Duration::from_millis(rand::rng().random_range(least..most));
        pass(rest).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
