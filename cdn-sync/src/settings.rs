//! What an operator says of following the store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The `[sync]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchSettings {
    /// Time between two looks at the shared manifest, give or take a tenth. Default `5s`.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// Exact versions looked up in the store at once; above it requests are answered as busy.
    /// Default 64.
    pub lookups: usize,
}

// === impl WatchSettings ===

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(5),
            lookups: 64,
        }
    }
}

impl WatchSettings {
    /// Lists everything that is wrong; each text names the key, the value and the fix.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.poll_interval < Duration::from_millis(100)
            || self.poll_interval > Duration::from_hours(1)
        {
            problems.push(format!(
                "sync.poll_interval = \"{:?}\": use 100ms to 1h",
                self.poll_interval
            ));
        }
        if self.lookups == 0 || self.lookups > 10_000 {
            problems.push(format!("sync.lookups = {}: use 1 to 10000", self.lookups));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_its_key() {
        let settings: WatchSettings =
            serde_json::from_str(r#"{"poll_interval":"1ms","lookups":0}"#).unwrap();
        let problems = settings.validate().join("\n");
        assert!(problems.contains("sync.poll_interval") && problems.contains("sync.lookups"));
        assert_eq!(WatchSettings::default().validate(), Vec::<String>::new());
    }
}
