//! One run: all actors over one store, call by call, in the order that somebody chooses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use object_store::{ObjectStore, memory::InMemory};
use ochre_model::{Clock, SystemClock};
use ochre_store::{ComponentStore, Medium, StoreSettings};
use tokio::time::{Instant, interval_at};

use crate::{
    actors::{Actor, Edit, Outcome, publish, release},
    content_tags::ContentTags,
    gate::{Arrival, Call, Fate, Gate, GatedStore},
    laws::Laws,
    serial::{self, Ending},
};

/// Longer than the first pauses between two attempts: whoever waits for less has gone on when it is
/// over.
const SETTLED: Duration = Duration::from_millis(70);

/// How often somebody is waited for who neither calls the store nor is done.
const WAITS_MAX: usize = 50;

/// Content of what is published before a run.
const SEED: &str = "old";

/// More calls than any run makes.
const STEPS_MAX: usize = 400;

/// A small case.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Versions that are published already; the channel has pointed to one after the other.
    pub(crate) seed: &'static [&'static str],
    /// Whether equal content has equal entity tags.
    pub(crate) content_tags: bool,
    pub(crate) actors: Vec<Actor>,
}

/// A scenario with what is there before every run.
pub(crate) struct Stage {
    pub(crate) scenario: Scenario,
    pub(crate) seed: InMemory,
    /// Files of each version with each content.
    pub(crate) files: BTreeMap<(&'static str, &'static str), Files>,
    /// How it can end when one acts after the other.
    pub(crate) serial: Vec<Ending>,
}

pub(crate) type Files = Vec<(String, Bytes)>;

/// What goes wrong: at most one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The actor's process ends before its call of that number.
    Crash {
        actor: usize,
        call: usize,
    },
    /// The actor's call of that number, among those that can go so, goes otherwise.
    Call {
        actor: usize,
        call: usize,
        fate: Fate,
    },
}

/// Names a call: the actor, and the how many-th of its calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) actor: usize,
    pub(crate) call: usize,
}

/// A call that may happen next.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) id: Id,
    pub(crate) call: Call,
    /// How many calls had happened when it arrived.
    pub(crate) issued: usize,
    pub(crate) fate: Fate,
}

/// A finished run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Execution {
    /// The calls in the order in which they happened.
    pub(crate) events: Vec<Pending>,
    /// Whether the fault struck.
    pub(crate) struck: bool,
    /// A law that was broken.
    pub(crate) broken: Option<String>,
}

/// Chooses a call out of those that may happen; none ends the run early.
pub(crate) type Choose<'a> = dyn FnMut(usize, &[Pending]) -> Option<usize> + 'a;

/// A clock that goes wrong by some milliseconds.
#[derive(Debug)]
pub(crate) struct SkewedClock(pub i64);

/// Everything that lives during a run.
struct World {
    fault: Fault,
    memory: Arc<InMemory>,
    gate: Arc<Gate>,
    stores: Vec<ComponentStore>,
    outcomes: Arc<Mutex<Vec<Option<Outcome>>>>,
    waiting: Vec<(Pending, Arrival)>,
    /// Calls that each actor has made, and how many of them the fault could have struck.
    issued: Vec<(usize, usize)>,
    /// Actors whose process has ended.
    dead: BTreeSet<usize>,
}

// === impl Stage ===

impl Stage {
    pub(crate) fn new(scenario: &Scenario) -> Arc<Self> {
        let memory = Arc::new(InMemory::new());
        let mut versions: Vec<_> = scenario
            .actors
            .iter()
            .filter_map(Actor::publishes)
            .collect();
        versions.extend(scenario.seed.iter().map(|version| (*version, SEED)));
        runtime().block_on(async {
            let store = handle(Arc::clone(&memory) as _, 0);
            for version in scenario.seed {
                let outcome = publish(&store, version, SEED).await;
                assert!(matches!(outcome, Outcome::Published), "{outcome:?}");
                if scenario.seed.len() > 1 {
                    let outcome = Edit::MoveTo(version).make(&store).await;
                    assert!(matches!(outcome, Outcome::Changed), "{outcome:?}");
                }
            }
        });
        let files = |(version, content)| ((version, content), release(version, content).files);
        let mut stage = Self {
            scenario: scenario.clone(),
            seed: memory.fork(),
            files: versions.into_iter().map(files).collect(),
            serial: Vec::new(),
        };
        let edits = |actor: &Actor| matches!(actor, Actor::Edit(_));
        if scenario.actors.iter().any(edits) {
            stage.serial = serial::endings(&stage);
        }
        Arc::new(stage)
    }
}

// === impl Fault ===

impl Fault {
    fn dead(self, id: Id) -> bool {
        matches!(self, Self::Crash { actor, call } if actor == id.actor && id.call >= call)
    }

    /// How a call goes; `struck` counts the actor's calls that could have gone so.
    fn fate(self, call: &Call, struck: &mut usize) -> Fate {
        let Self::Call {
            actor,
            call: number,
            fate,
        } = self
        else {
            return Fate::Work;
        };
        if call.actor != actor || !fate.applies(call) {
            return Fate::Work;
        }
        *struck += 1;
        if *struck == number + 1 {
            fate
        } else {
            Fate::Work
        }
    }
}

// === impl Fate ===

impl Fate {
    /// Whether a call can go so, and differently than with another fate.
    pub(crate) fn applies(self, call: &Call) -> bool {
        match self {
            Self::Work | Self::Fail => true,
            Self::LoseAnswer | Self::Repeat | Self::DoLater => {
                matches!(call.operation, "put" | "create" | "update" | "delete")
            }
            Self::Refuse => matches!(call.operation, "create" | "update"),
            Self::Miss => call.operation == "get",
            Self::ListThePast => call.operation == "list",
        }
    }
}

// === impl Execution ===

impl Execution {
    /// The order of actors, to run it again.
    pub(crate) fn schedule(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let _ = write!(text, "{}.{} ", event.id.actor, event.id.call);
        }
        text.trim_end().to_owned()
    }

    /// Every call, one on a line.
    pub(crate) fn story(&self) -> String {
        let mut text = String::new();
        for (at, event) in self.events.iter().enumerate() {
            let _ = write!(text, "{at:3}  {}", event.call);
            if event.fate != Fate::Work {
                let _ = write!(text, "  <- {:?}", event.fate);
            }
            text.push('\n');
        }
        text
    }
}

impl Clock for SkewedClock {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms().saturating_add_signed(self.0)
    }
}

/// A store handle, as one more process has it.
pub(crate) fn handle(objects: Arc<dyn ObjectStore>, skew_ms: i64) -> ComponentStore {
    let settings = StoreSettings {
        commit_timeout: Duration::from_hours(24),
        ..StoreSettings::default()
    };
    let clock = Arc::new(SkewedClock(skew_ms));
    ComponentStore::from_objects(objects, Medium::Memory, &settings, clock).unwrap()
}

/// Runs the scenario; laws are checked from call `checked` on, those before were seen earlier.
pub(crate) fn execute(
    stage: &Arc<Stage>,
    fault: Fault,
    checked: usize,
    choose: &mut Choose<'_>,
) -> Execution {
    runtime().block_on(async {
        let mut world = World::new(stage, fault);
        let mut laws = Laws::new(Arc::clone(stage), fault, Arc::clone(&world.memory));
        let mut execution = Execution::default();
        let result = world.go(checked, (&mut laws, &mut execution), choose).await;
        execution.broken = result.err();
        execution
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap()
}

// === impl World ===

impl World {
    fn new(stage: &Stage, fault: Fault) -> Self {
        let (scenario, seed) = (&stage.scenario, &stage.seed);
        let memory = Arc::new(seed.fork());
        let objects: Arc<dyn ObjectStore> = if scenario.content_tags {
            Arc::new(ContentTags::new(Arc::clone(&memory)))
        } else {
            Arc::clone(&memory) as _
        };
        let past: Arc<dyn ObjectStore> = Arc::new(seed.fork());
        let gate = Arc::new(Gate::default());
        let outcomes = Arc::new(Mutex::new(vec![None; scenario.actors.len()]));
        let mut stores = Vec::new();
        for (at, actor) in scenario.actors.iter().enumerate() {
            let gated = GatedStore::new(
                at,
                Arc::clone(&gate),
                Arc::clone(&objects),
                Arc::clone(&past),
            );
            let gated: Arc<dyn ObjectStore> = Arc::new(gated);
            // The second one's clock is an hour behind.
            let skew = if at == 1 { -3_600_000 } else { 0 };
            let store = handle(Arc::clone(&gated), skew);
            stores.push(store.clone());
            let (actor, outcomes) = (*actor, Arc::clone(&outcomes));
            tokio::spawn(async move {
                let outcome = actor.run(store, gated).await;
                lock(&outcomes)[at] = Some(outcome);
            });
        }
        let issued = vec![(0, 0); stores.len()];
        Self {
            fault,
            memory,
            gate,
            stores,
            outcomes,
            waiting: Vec::new(),
            issued,
            dead: BTreeSet::new(),
        }
    }

    async fn go(
        &mut self,
        checked: usize,
        (laws, execution): (&mut Laws, &mut Execution),
        choose: &mut Choose<'_>,
    ) -> Result<(), String> {
        loop {
            let step = execution.events.len();
            self.settle(step, execution).await;
            if step >= checked {
                let written = execution.events.last().map(|event| &event.call);
                let outcomes = lock(&self.outcomes).clone();
                laws.hold_after(written, &outcomes).await?;
            }
            let pending: Vec<Pending> = self.waiting.iter().map(|(p, _)| p.clone()).collect();
            if pending.is_empty() {
                break;
            }
            if step >= STEPS_MAX {
                return Err("the actors never come to an end".to_owned());
            }
            let Some(chosen) = choose(step, &pending) else {
                return Ok(());
            };
            let (event, arrival) = self.waiting.remove(chosen);
            let fate = event.fate;
            execution.events.push(event);
            arrival.proceed(fate).await;
        }
        let outcomes = lock(&self.outcomes).clone();
        self.gate.open();
        laws.hold_at_the_end(&outcomes, &self.stores).await
    }

    /// Lets everybody go on until nobody can without a call of the store.
    async fn settle(&mut self, step: usize, execution: &mut Execution) {
        // The clock is paused: it moves on only when there is nothing else to do.
        let mut quiet = interval_at(Instant::now() + SETTLED, SETTLED);
        for _ in 0..WAITS_MAX {
            quiet.tick().await;
            self.admit(step, execution);
            let outcomes = lock(&self.outcomes);
            let mut busy = outcomes.iter().enumerate().filter(|(actor, outcome)| {
                let waits = |(one, _): &(Pending, Arrival)| one.id.actor == *actor;
                outcome.is_none() && !self.dead.contains(actor) && !self.waiting.iter().any(waits)
            });
            if busy.next().is_none() {
                return;
            }
        }
    }

    /// Takes the calls that have arrived.
    fn admit(&mut self, step: usize, execution: &mut Execution) {
        self.waiting.retain(|(_, arrival)| !arrival.is_abandoned());
        let mut arrivals = self.gate.take();
        arrivals.sort_by(|left, right| left.call.cmp(&right.call));
        for arrival in arrivals {
            let actor = arrival.call.actor;
            let (issued, struck) = &mut self.issued[actor];
            let id = Id {
                actor,
                call: *issued,
            };
            *issued += 1;
            if self.fault.dead(id) {
                execution.struck = true;
                self.dead.insert(actor);
                continue;
            }
            let fate = if arrival.is_effect() {
                Fate::Work
            } else {
                self.fault.fate(&arrival.call, struck)
            };
            execution.struck |= fate != Fate::Work;
            let pending = Pending {
                id,
                call: arrival.call.clone(),
                issued: step,
                fate,
            };
            self.waiting.push((pending, arrival));
        }
        self.waiting.sort_by_key(|(pending, _)| pending.id);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
