//! Which of a driver's lanes (a thread or worker process each) executes a program.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::driver::Program;

/// How many waiting calls a lane counts for whose script has not paused for long, or that has
/// nobody to work on it.
pub(crate) const BLOCKED: usize = 1_000_000;

/// Spreads programs over lanes, another way in each process.
#[derive(Debug, Default)]
pub(crate) struct Affinity(RandomState);

impl Affinity {
    /// The less loaded of the two lanes that a program may use: two, so that it is not loaded in
    /// every one. A program that never ended by itself, or had to be stopped, has only one, so
    /// that it cannot block both. There is at least one lane.
    pub(crate) fn choose<'a, L>(
        &self,
        program: &Program,
        lanes: &'a [L],
        load: impl Fn(&L) -> usize,
    ) -> &'a L {
        let mut hasher = self.0.build_hasher();
        hasher.write(program.digest.as_bytes());
        let hash = usize::try_from(hasher.finish() >> 1).unwrap_or(0);
        let first = &lanes[hash % lanes.len()];
        let second = &lanes[(hash + 1) % lanes.len()];
        if program.conduct.is_trusted() && load(second) < load(first) {
            second
        } else {
            first
        }
    }
}
