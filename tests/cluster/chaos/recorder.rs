//! Writes down what clients see and what is done to nodes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use ochre_tests::{Action, Asked, Event, Happening, History, Millis, Operation, Outcome};

/// One recording.
#[derive(Debug)]
pub(super) struct Recorder {
    begun: Instant,
    history: Mutex<History>,
    surprises: Mutex<Vec<String>>,
}

impl Recorder {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            begun: Instant::now(),
            history: Mutex::new(History {
                nodes,
                ..History::default()
            }),
            surprises: Mutex::default(),
        }
    }

    /// The time now.
    pub(super) fn now(&self) -> Millis {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes a request that has ended; it was sent at `start`.
    pub(super) fn asked(
        &self,
        release: &str,
        (asked, action): (Asked, Action),
        (start, outcome): (Millis, Outcome),
    ) {
        let end = self.now();
        self.lock().operations.push(Operation {
            release: release.to_owned(),
            asked,
            action,
            start,
            end,
            outcome,
        });
    }

    /// Notes what happens to a node.
    pub(super) fn happened(&self, node: usize, event: Event) {
        let at = self.now();
        self.lock().happenings.push(Happening { node, at, event });
    }

    /// Notes an answer that nobody should get.
    pub(super) fn surprised(&self, what: String) {
        let mut surprises = self
            .surprises
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        surprises.push(what);
    }

    /// Answers that nobody should have got.
    pub(super) fn surprises(&self) -> Vec<String> {
        self.surprises
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything so far.
    pub(super) fn history(&self) -> History {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
