//! What changes of one component come to when they are made one after the other: what they may come
//! to when they are made at once.

use std::sync::Arc;

use object_store::{ObjectStore, memory::InMemory};
use ochre_model::ReleaseState;
use ochre_store::{CatalogSnapshot, VersionSummary};

use crate::{
    actors::{CHANNEL, NAME, Outcome},
    stage::{Stage, runtime},
};

/// What everybody heard, and what is so at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// By actor; none for one whose process ended before it heard anything.
    pub(crate) heard: Vec<Option<String>>,
    pub(crate) component: String,
}

/// Every ending of the scenario in which one acts after the other, and those in which one does not
/// act at all.
pub(crate) fn endings(stage: &Stage) -> Vec<Ending> {
    let mut endings = Vec::new();
    let all: Vec<usize> = (0..stage.scenario.actors.len()).collect();
    for missing in all.iter().map(Some).chain([None]) {
        let present = all.iter().filter(|actor| Some(*actor) != missing);
        for order in orders(&present.copied().collect::<Vec<_>>()) {
            endings.push(runtime().block_on(ending(stage, &order)));
        }
    }
    endings
}

fn orders(actors: &[usize]) -> Vec<Vec<usize>> {
    if actors.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in actors.iter().enumerate() {
        let mut others = actors.to_vec();
        others.remove(at);
        for mut order in orders(&others) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}

async fn ending(stage: &Stage, order: &[usize]) -> Ending {
    let memory = Arc::new(stage.seed.fork());
    let mut heard = vec![None; stage.scenario.actors.len()];
    for actor in order {
        let objects: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&memory);
        let store = stage.process(Arc::clone(&objects), 0);
        let outcome = stage.scenario.actors[*actor].run(store, objects).await;
        heard[*actor] = Some(text(&outcome));
    }
    let read = stage.process(memory, 0).read_catalog(None).await.unwrap();
    Ending {
        heard,
        component: component(&read.snapshot.unwrap()),
    }
}

/// What somebody heard.
pub(crate) fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Polled(_) => "polled".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The states of all versions, and the channel with what it pointed to before; without times.
pub(crate) fn component(catalog: &CatalogSnapshot) -> String {
    let Some(component) = catalog.get(NAME) else {
        return String::new();
    };
    let states = component
        .iter()
        .map(|(version, details)| format!("{version} {:?}; ", state(details)));
    let channel = component.channel(CHANNEL).map(|channel| {
        let earlier = channel.earlier().iter();
        let earlier: Vec<&str> = earlier.map(|target| target.version.as_str()).collect();
        format!("{:?} after {earlier:?}", channel.version())
    });
    states.chain(channel).collect()
}

fn state(details: &VersionSummary) -> ReleaseState {
    let status = details.status.as_ref();
    status.map_or(ReleaseState::Active, |status| status.state)
}
