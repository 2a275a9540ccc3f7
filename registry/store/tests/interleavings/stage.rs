//! What a run begins with.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{ObjectStore, memory::InMemory};
use ochre_model::{Clock, SystemClock};
use ochre_store::{ComponentStore, Medium, StoreSettings};
use tempfile::TempDir;

use crate::{
    actors::{Actor, Edit, Outcome, fold, publish, release},
    index_forms,
    serial::{self, Ending},
};

/// Content of what is published before a run.
const SEED: &str = "old";

/// Longer than anything takes: the clock is paused.
pub(crate) const LONG: Duration = Duration::from_hours(24);

/// A small case.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Versions that are published already; the channel has pointed to one after the other.
    pub(crate) seed: &'static [&'static str],
    pub(crate) ground: Ground,
    pub(crate) index: IndexForm,
    pub(crate) actors: Vec<Actor>,
}

/// How the store keeps objects, and how they are changed by compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Conditional puts, with a new tag for each write.
    Bucket,
    /// Conditional puts; equal content has equal tags.
    ContentTags,
    /// Revisions, and locks, which are real files.
    Folder,
}

/// How the index lies there before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexForm {
    /// A short log.
    Log,
    /// A log so long that the next write puts a snapshot in its place.
    LongLog,
    /// A snapshot and a short log.
    Snapshot,
    /// One text, as older releases write it.
    OneText,
    /// So many versions that the manifests are written behind the publishes.
    Large,
}

/// A scenario with what is there before every run.
pub(crate) struct Stage {
    pub(crate) scenario: Scenario,
    pub(crate) seed: InMemory,
    /// Files of each version with each content.
    pub(crate) files: BTreeMap<(&'static str, &'static str), Files>,
    /// How it can end when one acts after the other.
    pub(crate) serial: Vec<Ending>,
    /// Where the locks of a folder lie: those of the actors, and those of who looks at copies.
    locks: [TempDir; 2],
}

pub(crate) type Files = Vec<(String, Bytes)>;

/// A clock that goes wrong by some milliseconds.
#[derive(Debug)]
struct SkewedClock(i64);

// === impl Scenario ===

impl Scenario {
    /// Whether an actor may have to wait for another one.
    pub(crate) fn has_locks(&self) -> bool {
        self.ground == Ground::Folder
    }
}

// === impl Stage ===

impl Stage {
    pub(crate) fn new(scenario: &Scenario) -> Arc<Self> {
        let mut versions: Vec<_> = scenario
            .actors
            .iter()
            .filter_map(Actor::publishes)
            .collect();
        versions.extend(scenario.seed.iter().map(|version| (*version, SEED)));
        let files = |(version, content)| ((version, content), release(version, content).files);
        let mut stage = Self {
            scenario: scenario.clone(),
            seed: InMemory::new(),
            files: versions.into_iter().map(files).collect(),
            serial: Vec::new(),
            locks: [(); 2].map(|()| tempfile::tempdir().unwrap()),
        };
        stage.seed = runtime().block_on(stage.seeded());
        let edits = |actor: &Actor| matches!(actor, Actor::Edit(_));
        if scenario.actors.iter().any(edits) {
            stage.serial = serial::endings(&stage);
        }
        Arc::new(stage)
    }

    async fn seeded(&self) -> InMemory {
        let memory = Arc::new(InMemory::new());
        let store = self.process(Arc::clone(&memory) as _, 0);
        for version in self.scenario.seed {
            let outcome = publish(&store, version, SEED).await;
            assert!(matches!(outcome, Outcome::Published), "{outcome:?}");
            if self.scenario.seed.len() > 1 {
                let outcome = Edit::MoveTo(version).make(&store).await;
                assert!(matches!(outcome, Outcome::Changed), "{outcome:?}");
            }
        }
        match self.scenario.index {
            IndexForm::Log => {}
            IndexForm::LongLog => index_forms::lengthen(memory.as_ref()).await.unwrap(),
            IndexForm::Snapshot => {
                let outcome = fold(&store, memory.as_ref(), 2).await;
                assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
            }
            IndexForm::Large => {
                let read = store.read_catalog(None).await.unwrap();
                index_forms::enlarge(memory.as_ref(), &read.snapshot.unwrap()).await;
                let store = self.process(Arc::clone(&memory) as _, 0);
                assert!(store.upgrade_index().await.unwrap());
                assert!(store.committer().drain(LONG).await);
            }
            IndexForm::OneText => {
                let read = store.read_catalog(None).await.unwrap();
                index_forms::flatten(memory.as_ref(), &read.snapshot.unwrap()).await;
            }
        }
        memory.fork()
    }

    /// A store handle, as one more process has it.
    pub(crate) fn process(&self, objects: Arc<dyn ObjectStore>, skew_ms: i64) -> ComponentStore {
        self.handle(objects, skew_ms, &self.locks[0])
    }

    /// A process of its own on a copy of everything.
    pub(crate) fn bystander(&self, copy: InMemory) -> ComponentStore {
        self.handle(Arc::new(copy), 0, &self.locks[1])
    }

    fn handle(
        &self,
        objects: Arc<dyn ObjectStore>,
        skew_ms: i64,
        locks: &TempDir,
    ) -> ComponentStore {
        let settings = StoreSettings {
            commit_timeout: LONG,
            lock_timeout: LONG,
            ..StoreSettings::default()
        };
        let medium = match self.scenario.ground {
            Ground::Bucket | Ground::ContentTags => Medium::Memory,
            Ground::Folder => Medium::Folder(locks.path().to_owned()),
        };
        let clock = Arc::new(SkewedClock(skew_ms));
        ComponentStore::from_objects(objects, medium, &settings, clock).unwrap()
    }
}

impl Clock for SkewedClock {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms().saturating_add_signed(self.0)
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap()
}
