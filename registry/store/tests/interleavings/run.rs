//! One run: all actors over one store, call by call, in the order that somebody chooses.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use object_store::{ObjectStore, memory::InMemory};
use ochre_store::ComponentStore;
use tokio::time::{Instant, interval_at};

use crate::{
    actors::Outcome,
    content_tags::ContentTags,
    gate::{Arrival, Call, Fate, Gate, GatedStore},
    laws::Laws,
    stage::{Ground, Stage, runtime},
};

/// Longer than the first pauses between two attempts: whoever waits for less has gone on when it is
/// over.
const SETTLED: Duration = Duration::from_millis(70);

/// How often somebody is waited for who neither calls the store nor is done.
const WAITS_MAX: usize = 50;

/// More calls than any run makes.
const STEPS_MAX: usize = 400;

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

/// Everything that lives during a run.
struct World {
    fault: Fault,
    ground: Ground,
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

// === impl Fault ===

impl Fault {
    fn dead(self, id: Id) -> bool {
        matches!(self, Self::Crash { actor, call } if actor == id.actor && id.call >= call)
    }

    /// How a call goes; `struck` counts the actor's calls that could have gone so.
    fn fate(self, ground: Ground, call: &Call, struck: &mut usize) -> Fate {
        let Self::Call {
            actor,
            call: number,
            fate,
        } = self
        else {
            return Fate::Work;
        };
        if call.actor != actor || !fate.applies(ground, call) {
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
    pub(crate) fn applies(self, ground: Ground, call: &Call) -> bool {
        match self {
            Self::Work | Self::Fail => true,
            // What a file system has answered is done or never will be, and it lists what is there.
            Self::DoLater | Self::ListThePast if ground == Ground::Folder => false,
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

// === impl World ===

impl World {
    fn new(stage: &Stage, fault: Fault) -> Self {
        let (scenario, seed) = (&stage.scenario, &stage.seed);
        let memory = Arc::new(seed.fork());
        let objects: Arc<dyn ObjectStore> = match scenario.ground {
            Ground::ContentTags => Arc::new(ContentTags::new(Arc::clone(&memory))),
            Ground::Bucket | Ground::Folder => Arc::clone(&memory) as _,
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
            let store = stage.process(Arc::clone(&gated), skew);
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
            ground: scenario.ground,
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
                let outcomes = self.heard();
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
        let outcomes = self.heard();
        self.gate.open();
        laws.hold_at_the_end(&outcomes, &self.stores).await
    }

    /// What everybody heard who lives.
    fn heard(&self) -> Vec<Option<Outcome>> {
        let mut outcomes = lock(&self.outcomes).clone();
        for actor in &self.dead {
            outcomes[*actor] = None;
        }
        outcomes
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
                arrival.die();
                continue;
            }
            let fate = if arrival.is_effect() {
                Fate::Work
            } else {
                self.fault.fate(self.ground, &arrival.call, struck)
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
