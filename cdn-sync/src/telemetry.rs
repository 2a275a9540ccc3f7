//! Logs: one subscriber for the process, in JSON or for people.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// `[telemetry]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// `human` or `json`, one line for each event, on standard error.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as
    /// `info,ochre_store=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a terminal.
    #[default]
    Human,
    /// One JSON object in a line.
    Json,
}

/// The filter or the subscriber cannot be set.
#[derive(Debug, thiserror::Error)]
#[error(
    "`telemetry.level` is {level:?}: give error, warn, info, debug or trace, or directives such as \
     \"info,ochre_store=debug\""
)]
pub struct TelemetryError {
    level: String,
}

/// Starts logging for the whole process.
///
/// # Errors
///
/// [`TelemetryError`] when the level is no filter.
pub fn start(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let filter = filter(&settings.level).ok_or_else(|| TelemetryError {
        level: settings.level.clone(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second subscriber (tests that start several apps) leaves the first in place.
    let _already_set = match settings.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A filter takes a word that is no level for the name of a module, and silences all others:
/// `warning` would log nothing.
fn filter(level: &str) -> Option<EnvFilter> {
    let mut words = level.split(',');
    let is_known = words.all(|word| {
        word.contains(['=', '[']) || (!word.is_empty() && word.parse::<LevelFilter>().is_ok())
    });
    EnvFilter::try_new(level).ok().filter(|_| is_known)
}

// === impl TelemetrySettings ===

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            level: "info,actix_http=off,actix_server=warn".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_taken() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,actix_http=off,actix_server=warn",
            "info,[{request}]=debug",
        ] {
            assert!(filter(level).is_some(), "{level}");
        }
        assert!(filter(&TelemetrySettings::default().level).is_some());
    }

    #[test]
    fn words_that_are_no_level_are_refused() {
        for level in ["warning", "loud", "info,loud", "info,[[=", ""] {
            assert!(filter(level).is_none(), "{level}");
        }
    }
}
