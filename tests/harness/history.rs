//! What clients of a cluster have seen, and what was done to its nodes meanwhile.
//!
//! A test records everything; [`History::violations`] then says which promises were not kept. It
//! knows nothing of how the cluster works: only what was asked, what was answered, and when.

mod check;

use std::fmt;

/// Milliseconds since the recording began.
pub type Millis = u64;

/// Who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The load balancer; the node that answered, when it is known.
    Balancer(Option<usize>),
    /// A node itself.
    Node(usize),
    /// The store, after everything was over.
    Store,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To publish this content under a version.
    Publish(String),
    /// To read an exact version.
    Read,
    /// To read an exact version after everything was over and mended.
    LastRead,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The publish was acknowledged: 200, or that the very same content is there.
    Acknowledged,
    /// Other content has the version.
    Refused,
    /// The content of the version, whole.
    Found(String),
    /// Parts of several contents, or not all of one.
    Torn(String),
    /// 404.
    Missing,
    /// The registry says that it cannot: a status of 5xx.
    Unavailable(u16),
    /// No answer, or none that can be understood.
    Lost(String),
}

/// One request from its first byte to its answer.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `name@version`.
    pub release: String,
    /// Who was asked.
    pub asked: Asked,
    /// What for.
    pub action: Action,
    /// When the request was sent.
    pub start: Millis,
    /// When its answer was there.
    pub end: Millis,
    /// What it was.
    pub outcome: Outcome,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It said that it is ready.
    Ready,
    /// It was killed: its memory is gone.
    Killed,
    /// It was stopped, its memory stays.
    Paused,
    /// It goes on.
    Resumed,
    /// Its way to the store was disturbed.
    StoreBroken,
    /// Its way to the store was mended.
    StoreMended,
}

/// Something that happened to a node.
#[derive(Clone, Copy, Debug)]
pub struct Happening {
    /// Which node.
    pub node: usize,
    /// When; for what breaks the moment before, for what mends the moment after.
    pub at: Millis,
    /// What.
    pub event: Event,
}

/// Everything that was recorded.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How many nodes there are, numbered from 0.
    pub nodes: usize,
    /// Every request.
    pub operations: Vec<Operation>,
    /// Everything that happened to nodes.
    pub happenings: Vec<Happening>,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Of the publishes of one version with different contents exactly one is acknowledged.
    OneWinner,
    /// What was acknowledged is there, on every node and in the store.
    NothingLost,
    /// A version is whole wherever it is read.
    NothingTorn,
    /// A version has one content, wherever and whenever it is read.
    OneTruth,
    /// A read fails only when no node could have answered it.
    ReadsAnswered,
    /// A node asked itself finds an exact version from its acknowledgement on; 503 only while it is
    /// not healthy, 404 never.
    FoundAtOnce,
}

// === impl History ===

impl History {
    /// Counts what was asked, for reports: publishes, acknowledged ones, reads, and those that
    /// found something.
    pub fn counts(&self) -> String {
        let count = |wanted: &dyn Fn(&Operation) -> bool| {
            self.operations.iter().filter(|seen| wanted(seen)).count()
        };
        let is_publish = |seen: &Operation| matches!(seen.action, Action::Publish(_));
        let through = |seen: &Operation| matches!(seen.asked, Asked::Balancer(_));
        let found = |seen: &Operation| matches!(seen.outcome, Outcome::Found(_));
        format!(
            "{} publishes ({} acknowledged, {} refused), {} reads through the balancer ({} found), \
             {} reads of nodes ({} found, {} unavailable), {} happenings",
            count(&is_publish),
            count(&|seen| is_publish(seen) && seen.outcome == Outcome::Acknowledged),
            count(&|seen| is_publish(seen) && seen.outcome == Outcome::Refused),
            count(&|seen| !is_publish(seen) && through(seen)),
            count(&|seen| through(seen) && found(seen)),
            count(&|seen| !is_publish(seen) && !through(seen)),
            count(&|seen| !through(seen) && found(seen)),
            count(&|seen| !through(seen) && matches!(seen.outcome, Outcome::Unavailable(_))),
            self.happenings.len(),
        )
    }

    /// Every promise that was not kept.
    pub fn violations(&self) -> Vec<Violation> {
        check::check(self)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.rule, self.seen)
    }
}
