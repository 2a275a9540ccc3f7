//! `[events]`: the stream of changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[events]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventSettings {
    /// Streams at once; more are answered 503. 0 means that nobody gets one.
    pub streams_max: usize,
    /// Changes kept for those who come back; who missed more is told to read everything again.
    pub history: usize,
    /// Time between two signs of life in a stream where nothing happens.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How long a reader may take no byte; then its stream ends.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
}

// === impl EventSettings ===

impl EventSettings {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.history == 0 || self.history > 1_000_000 {
            problems.push(format!(
                "`events.history` is {}: give 1 to 1000000",
                self.history
            ));
        }
        for (key, value) in [
            ("events.heartbeat", self.heartbeat),
            ("events.patience", self.patience),
        ] {
            if value < Duration::from_millis(100) || value > Duration::from_hours(1) {
                problems.push(format!("`{key}` is {value:?}: give 100ms to 1h"));
            }
        }
        problems
    }
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            streams_max: 1024,
            history: 4096,
            heartbeat: Duration::from_secs(20),
            patience: Duration::from_secs(30),
        }
    }
}
