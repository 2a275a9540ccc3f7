//! What must be true after every call, and when everybody is done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore as _, ObjectStoreExt as _, memory::InMemory, path::Path};
use ochre_store::{CatalogSnapshot, ComponentStore, ReconcileScope};
use serde_json::Value;

use crate::{
    actors::{Actor, NAME, Outcome, id, key, publish},
    gate::{Access, Call},
    run::Fault,
    serial::{self, Ending},
    stage::{IndexForm, LONG, Stage},
};

/// Longer than a marker without a release is left alone.
const LATER_MS: i64 = 25 * 3_600_000;

type Law = Result<(), String>;

/// The laws, and what they have seen.
pub(crate) struct Laws {
    stage: Arc<Stage>,
    memory: Arc<InMemory>,
    fault: Fault,
    /// Contents that a version can have.
    contents: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// Versions that a Node registry publishes at the same time, which nothing can fence.
    unfenced: BTreeSet<&'static str>,
    acknowledged: BTreeSet<usize>,
    catalog: CatalogSnapshot,
    list: Option<Bytes>,
}

// === impl Laws ===

impl Laws {
    pub(crate) fn new(stage: Arc<Stage>, fault: Fault, memory: Arc<InMemory>) -> Self {
        let mut contents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (version, content) in stage.files.keys() {
            contents.entry(version).or_default().insert(content);
        }
        let actors = &stage.scenario.actors;
        let nodes = actors.iter().filter_map(|actor| match actor {
            Actor::Node { version, .. } => Some(*version),
            _ => None,
        });
        let unfenced = nodes.filter(|version| contents[version].len() > 1);
        let unfenced = unfenced.collect();
        Self {
            unfenced,
            memory,
            fault,
            stage,
            contents,
            acknowledged: BTreeSet::new(),
            catalog: CatalogSnapshot::default(),
            list: None,
        }
    }

    /// Checks what holds at every moment.
    pub(crate) async fn hold_after(
        &mut self,
        call: Option<&Call>,
        outcomes: &[Option<Outcome>],
    ) -> Law {
        if call.is_none_or(|call| call.access == Access::Write) {
            for (version, contents) in &self.contents {
                self.not_torn(version, contents).await?;
            }
            if call.is_none_or(|call| is_manifest(&call.key)) {
                self.nothing_goes_back(call).await?;
            }
        }
        for (at, outcome) in outcomes.iter().enumerate() {
            let published = matches!(outcome, Some(Outcome::Published));
            if published && self.acknowledged.insert(at) {
                self.visible_at_once(self.stage.scenario.actors[at]).await?;
            }
        }
        Ok(())
    }

    /// A version that other registries can see is whole, and of one publisher.
    async fn not_torn(&self, version: &str, contents: &BTreeSet<&str>) -> Law {
        let package = key(&format!("{NAME}/{version}/package.json"));
        if self.unfenced.contains(version) || self.get(&package).await.is_none() {
            return Ok(());
        }
        for content in contents {
            if self.holds(version, content).await {
                return Ok(());
            }
        }
        Err(format!("{version} is torn: package.json is there"))
    }

    async fn holds(&self, version: &str, content: &str) -> bool {
        for (path, bytes) in &self.stage.files[&(version, content)] {
            let place = key(&format!("{NAME}/{version}/{path}"));
            if self.get(&place).await.as_ref() != Some(bytes) {
                return false;
            }
        }
        true
    }

    /// No version leaves the catalog, and neither numbers nor times go back.
    async fn nothing_goes_back(&mut self, call: Option<&Call>) -> Law {
        let reader = self.stage.bystander(self.memory.fork());
        reader.hold_writes();
        let read = reader
            .read_catalog(None)
            .await
            .map_err(|e| format!("{e:?}"))?;
        let now = read.snapshot.ok_or("no catalog")?;
        let before = &self.catalog;
        let lost = CatalogSnapshot::difference(before, &before.union(&now));
        let gone = CatalogSnapshot::difference(&now.union(before), &now);
        if !gone.is_empty() {
            return Err(format!("the catalog lost {gone:?}"));
        }
        let (old, new) = (before.revision().generation(), now.revision().generation());
        if new < old {
            return Err(format!("generation went from {old} back to {new}"));
        }
        if !lost.is_empty() && new > old && now.last_edit() <= before.last_edit() {
            return Err("the index changed and its lastEdit did not grow".to_owned());
        }
        self.catalog = now;
        self.list_grows(call).await
    }

    /// Whoever writes the list gives it a later time, or others do not take it. A Node registry
    /// writes what it likes.
    async fn list_grows(&mut self, call: Option<&Call>) -> Law {
        let list = self.get(&key("components.json")).await;
        if list == self.list {
            return Ok(());
        }
        let edit = |list: &Option<Bytes>| {
            let list: Value = serde_json::from_slice(list.as_ref()?).ok()?;
            list["lastEdit"].as_u64()
        };
        let (old, new) = (edit(&self.list), edit(&list));
        let node = call.is_some_and(|call| self.stage.scenario.actors[call.actor].is_node());
        if !node && new <= old {
            return Err(format!("lastEdit of the list went from {old:?} to {new:?}"));
        }
        self.list = list;
        Ok(())
    }

    /// What has just been acknowledged is found by a node that knows nothing, and is listed.
    async fn visible_at_once(&self, actor: Actor) -> Law {
        let Actor::Publish { version, content } = actor else {
            return Ok(());
        };
        let node = self.stage.bystander(self.memory.fork());
        self.serves(&node, version, content).await?;
        let catalog = read_catalog(&node).await?;
        if catalog.contains(&id(version)) {
            return Ok(());
        }
        Err(format!("{version} was acknowledged and is not listed"))
    }

    async fn serves(&self, node: &ComponentStore, version: &str, content: &str) -> Law {
        let found = served(node, version).await?;
        if found.as_deref() == Some(content) {
            return Ok(());
        }
        Err(format!(
            "{version} is {found:?}, acknowledged was {content}"
        ))
    }

    /// Checks what holds once everybody is done, after one reconcile and one poll by a new node.
    pub(crate) async fn hold_at_the_end(
        &self,
        outcomes: &[Option<Outcome>],
        stores: &[ComponentStore],
    ) -> Law {
        if self.fault == Fault::None {
            self.mended_by_polls(outcomes, stores).await?;
        }
        let node = self.stage.process(Arc::clone(&self.memory) as _, LATER_MS);
        if self.stage.scenario.index == IndexForm::Large {
            self.exported_behind(&node, stores).await?;
        }
        let report = node.reconcile(self.scope(), None).await;
        let report = report.map_err(|error| format!("{error:?}"))?;
        node.committer().drain(LONG).await;
        if !report.problems.is_empty() {
            return Err(format!("{:?}", report.problems));
        }
        let catalog = read_catalog(&node).await?;
        for (version, contents) in &self.contents {
            self.decided(&node, version, contents, outcomes).await?;
            let present = served(&node, version).await?.is_some();
            if present != catalog.contains(&id(version)) {
                return Err(format!("{version}: there {present}, listed the contrary"));
            }
            if present {
                self.listed_for_others(version).await?;
            }
        }
        self.as_if_one_after_the_other(&catalog, outcomes)?;
        self.no_markers().await?;
        self.can_be_repeated(&node, outcomes).await
    }

    /// Whoever lives brings to an end what it began, and a new node learns what is left to it.
    async fn exported_behind(&self, node: &ComponentStore, stores: &[ComponentStore]) -> Law {
        for (at, store) in stores.iter().enumerate() {
            let dead = matches!(self.fault, Fault::Crash { actor, .. } if actor == at);
            if !dead && !store.committer().drain(LONG).await {
                return Err("an export never comes to an end".to_owned());
            }
        }
        read_catalog(node).await.map(drop)
    }

    /// Ochre leaves a mark of what is unfinished. A Node registry leaves none.
    fn scope(&self) -> ReconcileScope {
        let (Fault::Crash { actor, .. } | Fault::Call { actor, .. }) = self.fault else {
            return ReconcileScope::Pending;
        };
        if self.stage.scenario.actors[actor].is_node() {
            ReconcileScope::Everything
        } else {
            ReconcileScope::Pending
        }
    }

    /// Nodes that poll bring back what another registry took out of the list: nobody restarts.
    async fn mended_by_polls(
        &self,
        outcomes: &[Option<Outcome>],
        stores: &[ComponentStore],
    ) -> Law {
        let mut polled = false;
        for (store, outcome) in stores.iter().zip(outcomes) {
            let Some(Outcome::Polled(seen)) = outcome else {
                continue;
            };
            polled = true;
            let mut seen = seen.clone();
            for _ in 0..2 {
                let read = store.read_catalog(Some(&seen)).await;
                let read = read.map_err(|error| format!("{error:?}"))?;
                if let Some(snapshot) = read.snapshot {
                    seen = snapshot.revision().clone();
                }
            }
        }
        for (actor, outcome) in self.stage.scenario.actors.iter().zip(outcomes) {
            if let (true, Some(Outcome::Published), Some((version, _))) =
                (polled, outcome, actor.publishes())
            {
                self.listed_for_others(version).await?;
            }
        }
        Ok(())
    }

    /// At most one publish of a version won, everybody was told the truth, and its bytes are there.
    async fn decided(
        &self,
        node: &ComponentStore,
        version: &str,
        contents: &BTreeSet<&str>,
        outcomes: &[Option<Outcome>],
    ) -> Law {
        let found = served(node, version).await?;
        if found
            .as_deref()
            .is_some_and(|found| !contents.contains(found))
        {
            return Err(format!("{version} is {found:?}, which nobody published"));
        }
        let mut winners = 0;
        for (at, actor) in self.stage.scenario.actors.iter().enumerate() {
            let Actor::Publish {
                version: mine,
                content,
            } = actor
            else {
                continue;
            };
            if *mine != version {
                continue;
            }
            let same = found.as_deref() == Some(content);
            match &outcomes[at] {
                Some(Outcome::Published) if same => winners += 1,
                Some(Outcome::Refused { same_content }) if *same_content == same => {}
                None if matches!(self.fault, Fault::Crash { actor, .. } if actor == at) => {}
                other => return Err(format!("{version} is {found:?}, {actor:?}: {other:?}")),
            }
        }
        let mut publishes = self.stage.scenario.actors.iter();
        let ours = publishes
            .any(|actor| matches!(actor, Actor::Publish { version: mine, .. } if *mine == version));
        let fenced = !self.unfenced.contains(version);
        let alive = !matches!(self.fault, Fault::Crash { .. });
        if winners > 1 || (winners == 0 && ours && fenced && alive) {
            return Err(format!("{winners} publishes of {version} won"));
        }
        Ok(())
    }

    /// Changes of states and channels came to what they come to in some order, each made once.
    fn as_if_one_after_the_other(
        &self,
        catalog: &CatalogSnapshot,
        outcomes: &[Option<Outcome>],
    ) -> Law {
        let component = serial::component(catalog);
        let fits = |ending: &Ending| {
            let mut heard = ending.heard.iter().zip(outcomes);
            ending.component == component
                && heard.all(|(serial, outcome)| match outcome {
                    Some(outcome) => serial.as_ref() == Some(&serial::text(outcome)),
                    None => true,
                })
        };
        let endings = &self.stage.serial;
        if endings.is_empty() || endings.iter().any(fits) {
            return Ok(());
        }
        Err(format!(
            "one after the other they never come to {component} with {outcomes:?}: {endings:#?}"
        ))
    }

    async fn listed_for_others(&self, version: &str) -> Law {
        for file in ["components.json", "components-details.json"] {
            let Some(bytes) = self.get(&key(file)).await else {
                return Err(format!("{file} is not there"));
            };
            let list: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
            let versions = &list["components"][NAME];
            let listed = versions
                .as_array()
                .is_some_and(|versions| versions.iter().any(|listed| listed == version));
            if !listed && versions.get(version).is_none() {
                return Err(format!("{file} lacks {version}: {list}"));
            }
        }
        Ok(())
    }

    async fn no_markers(&self) -> Law {
        let prefix = Path::from("components.ochre/pending");
        let left: Vec<_> = self
            .memory
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(|error| error.to_string())?;
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("{} markers are left", left.len()))
    }

    /// What was not published can be published again: it wins now, or is there already.
    async fn can_be_repeated(&self, node: &ComponentStore, outcomes: &[Option<Outcome>]) -> Law {
        for (at, actor) in self.stage.scenario.actors.iter().enumerate() {
            let (Actor::Publish { version, content }, None) = (actor, &outcomes[at]) else {
                continue;
            };
            let found = served(node, version).await?;
            let again = publish(node, version, content).await;
            match (&found, &again) {
                (None, Outcome::Published) => {}
                (Some(found), Outcome::Refused { same_content })
                    if *same_content == (found == content) => {}
                _ => return Err(format!("{version} is {found:?}, again: {again:?}")),
            }
        }
        Ok(())
    }

    async fn get(&self, place: &Path) -> Option<Bytes> {
        self.memory.get(place).await.ok()?.bytes().await.ok()
    }
}

/// Whether the object tells what is published.
fn is_manifest(place: &str) -> bool {
    place.starts_with("components.ochre/index") || place.ends_with("/components.json")
}

async fn read_catalog(node: &ComponentStore) -> Result<CatalogSnapshot, String> {
    let read = node.read_catalog(None).await;
    let read = read.map_err(|error| format!("{error:?}"))?;
    read.snapshot.ok_or_else(|| "no catalog".to_owned())
}

/// The content that a node serves of a version: all of its files say the same.
async fn served(node: &ComponentStore, version: &str) -> Result<Option<String>, String> {
    let id = id(version);
    let found = node.find_version(&id).await;
    if found.map_err(|error| format!("{error:?}"))?.is_none() {
        return Ok(None);
    }
    let files = node.read_release(&id).await;
    let files = files.map_err(|error| format!("{version}: {error:?}"))?;
    let text = |bytes: &Option<Bytes>| {
        let bytes = bytes.as_ref()?;
        let text = String::from_utf8_lossy(bytes);
        text.split_once(' ').map(|(_, content)| content.to_owned())
    };
    let (template, server) = (text(&files.template), text(&files.server));
    if template.is_none() || template != server {
        return Err(format!("{version} is torn: {template:?}, {server:?}"));
    }
    Ok(template)
}
