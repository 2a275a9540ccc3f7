//! The list of tests that fail on purpose: `failures.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Outcome;

const LIST: &str = include_str!("failures.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    failure: Vec<Failure>,
}

/// One reason, with every test that it explains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    reason: String,
    tests: Vec<String>,
}

/// Tests that fail on purpose, and which of them were seen to fail.
#[derive(Debug)]
pub(crate) struct Failures {
    listed: BTreeMap<String, String>,
    seen: BTreeSet<String>,
}

impl Failures {
    /// Reads the list; fails the run when an entry has no reason.
    pub(crate) fn read() -> Self {
        let list: List = toml::from_str(LIST).expect("failures.toml is valid");
        let mut listed = BTreeMap::new();
        for failure in list.failure {
            assert!(!failure.reason.trim().is_empty(), "{:?}", failure.tests);
            for test in failure.tests {
                listed.insert(test, failure.reason.clone());
            }
        }
        Self {
            listed,
            seen: BTreeSet::new(),
        }
    }

    /// Whether a test ended as it should: without an error, or listed.
    pub(crate) fn judge(&mut self, outcome: &Outcome) -> Result<(), String> {
        match &outcome.error {
            Some(_) if self.listed.contains_key(&outcome.name) => {
                self.seen.insert(outcome.name.clone());
                Ok(())
            }
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Entries that did not fail.
    pub(crate) fn stale(&self) -> Vec<String> {
        let listed = self.listed.keys();
        listed
            .filter(|test| !self.seen.contains(*test))
            .cloned()
            .collect()
    }
}
