//! What is there once everything is mended: asked of every node and of the store, file by file.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt as _, stream};
use ochre_tests::{
    Action, Answer, Asked, Bucket, Outcome, TestStore, eventually, files_below, http_client,
};
use reqwest::Client;

use super::{
    load::{Release, Tried, read_outcome, unrendered},
    nodes::Cluster,
};

/// Releases asked for at once.
const CONCURRENCY: usize = 6;

/// How long lists may take to agree.
const BOUND: Duration = Duration::from_mins(1);

/// Public files of a release that tell its content.
const FILES: [&str; 3] = ["template.js", "public/one.txt", "public/two.txt"];

/// Asks every node, and the store, for everything that somebody tried to publish.
pub(super) async fn last_reads(cluster: &Cluster, tried: &[Tried]) {
    let client = http_client();
    let stored = Stored::list(&cluster.store).await;
    let asks = tried.iter().flat_map(|tried| {
        let nodes = (0..cluster.nodes.len()).map(Some);
        nodes.chain([None]).map(move |node| (tried, node))
    });
    stream::iter(asks)
        .map(|(tried, node)| {
            let (client, stored) = (&client, &stored);
            async move {
                let start = cluster.recorder.now();
                let (asked, outcome) = match node {
                    Some(at) => (Asked::Node(at), served(cluster, client, (at, tried)).await),
                    None => (Asked::Store, stored.holds(tried).await),
                };
                let asked = (asked, Action::LastRead);
                cluster
                    .recorder
                    .asked(&tried.release.id(), asked, (start, outcome));
            }
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<()>()
        .await;
}

/// What a node serves of a version: its data and its files, which must be of one content.
async fn served(cluster: &Cluster, client: &Client, (at, tried): (usize, &Tried)) -> Outcome {
    let node = &cluster.nodes[at];
    let Release { name, version } = &tried.release;
    let url = node.at(&format!("/{name}/{version}"));
    let asked = || async { read_outcome(Answer::try_of(unrendered(client.get(&url))).await) };
    // Everything is mended, but a busy store may still be asked once more.
    let outcome = match asked().await {
        Outcome::Unavailable(_) => asked().await,
        outcome => outcome,
    };
    let Outcome::Found(content) = &outcome else {
        return outcome;
    };
    for file in FILES {
        let url = node.at(&format!("/~assets/{name}/{version}/{file}"));
        match Answer::try_of(client.get(url)).await {
            Ok(answer) if answer.status == 200 && tells(file, &answer.body, content) => {}
            other => return Outcome::Torn(format!("{file} of {content}: {other:?}")),
        }
    }
    outcome
}

/// Whether the bytes of a file are those of a content.
fn tells(file: &str, bytes: &[u8], content: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match file {
        "public/one.txt" => text == format!("one {content}"),
        "public/two.txt" => text == format!("two {content}"),
        _ => text.contains(&format!("{content}<")) || text.contains(&format!("'{content}'")),
    }
}

/// What the store holds.
struct Stored<'a> {
    store: &'a TestStore,
    keys: BTreeSet<String>,
}

impl<'a> Stored<'a> {
    async fn list(store: &'a TestStore) -> Self {
        let keys = match store.path() {
            Some(root) => {
                let files = files_below(root).into_iter();
                let keys = files.filter_map(|path| {
                    let key = path.strip_prefix(root).ok()?;
                    Some(key.to_string_lossy().into_owned())
                });
                keys.collect()
            }
            None => Bucket::of(store)
                .keys("components/")
                .await
                .into_iter()
                .collect(),
        };
        Self { store, keys }
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        match self.store.path() {
            Some(root) => std::fs::read(root.join(key)).unwrap_or_default(),
            None => Bucket::of(self.store).get(key).await.body.to_vec(),
        }
    }

    /// The content of a version, as the files that every registry reads have it.
    async fn holds(&self, tried: &Tried) -> Outcome {
        let Release { name, version } = &tried.release;
        let key = |file: &str| format!("components/{name}/{version}/{file}");
        if !self.keys.contains(&key("package.json")) {
            return Outcome::Missing;
        }
        let one = self.get(&key("public/one.txt")).await;
        let one = String::from_utf8_lossy(&one).into_owned();
        let content = one.strip_prefix("one ").unwrap_or_default();
        if !tried.contents.iter().any(|known| known == content) {
            return Outcome::Torn(format!("public/one.txt is {one}"));
        }
        for file in FILES.into_iter().chain(["server.js"]) {
            if !self.keys.contains(&key(file)) || !tells(file, &self.get(&key(file)).await, content)
            {
                return Outcome::Torn(format!("{file} is not of {content}"));
            }
        }
        Outcome::Found(content.to_owned())
    }
}

/// Every node lists the same versions, and the list that all registries read has them too.
pub(super) async fn lists_agree(cluster: &Cluster) {
    let client = http_client();
    eventually("all lists to agree", BOUND, || async {
        let mut lists = BTreeSet::new();
        for node in &cluster.nodes {
            let asked = client
                .get(node.at("/"))
                .header("accept", "application/json");
            let listed = Answer::try_of(asked).await.ok()?.json();
            let mut all = Vec::new();
            for url in listed["components"].as_array()? {
                let name = url.as_str()?.rsplit('/').next()?.to_owned();
                if name != "oc-client" {
                    let info = client.get(node.at(&format!("/{name}/~info")));
                    let info = Answer::try_of(info).await.ok()?.json();
                    all.push(format!("{name}: {}", info["allVersions"]));
                }
            }
            lists.insert(all);
        }
        (lists.len() == 1).then_some(())
    })
    .await;
}
