//! What is said of a release after it was published.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::text::checked_text;

/// Longest accepted note, in bytes.
const NOTE_MAX: usize = 512;

/// The state that somebody gave a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    /// In use: takes back the other states, and what `oc.state` says.
    Active,
    /// Not to be relied on yet.
    Experimental,
    /// Resolved as before; answers tell that it should not be used any more.
    Deprecated,
    /// Out of ranges and of what is highest; the exact version is still answered.
    Yanked,
}

/// The text is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state is none of active, experimental, deprecated and yanked")]
pub struct StateError;

/// Why a release has its state: one line of 1 to 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateNote(Arc<str>);

/// The text is no note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("note is empty, longer than {NOTE_MAX} bytes, or more than one line")]
pub struct NoteError;

/// A state, why, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReleaseStatus {
    /// The state.
    pub state: ReleaseState,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<StateNote>,
    /// When it was set: milliseconds since 1970, growing with each change of a catalog. Of two
    /// statuses of one release the later counts.
    pub at: u64,
}

// === impl ReleaseState ===

impl ReleaseState {
    /// The state as OC and the pages write it; `active` is written as no state at all.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
            Self::Yanked => "yanked",
        }
    }
}

impl FromStr for ReleaseState {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        Ok(match text {
            "active" => Self::Active,
            "experimental" => Self::Experimental,
            "deprecated" => Self::Deprecated,
            "yanked" => Self::Yanked,
            _ => return Err(StateError),
        })
    }
}

impl fmt::Display for ReleaseState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

// === impl StateNote ===

checked_text!(StateNote);

impl FromStr for StateNote {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let text = text.trim();
        if text.is_empty() || text.len() > NOTE_MAX || text.contains(char::is_control) {
            return Err(NoteError);
        }
        Ok(Self(Arc::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_they_are_written() {
        for text in ["active", "experimental", "deprecated", "yanked"] {
            assert_eq!(text.parse::<ReleaseState>().unwrap().as_str(), text);
            let json = serde_json::to_string(&text.parse::<ReleaseState>().unwrap()).unwrap();
            assert_eq!(json, format!("\"{text}\""));
        }
        assert_eq!("Yanked".parse::<ReleaseState>(), Err(StateError));
    }

    #[test]
    fn a_note_is_one_short_line() {
        assert_eq!(
            " broken é ".parse::<StateNote>().unwrap().as_str(),
            "broken é"
        );
        let long = "a".repeat(NOTE_MAX + 1);
        for text in ["", "  ", "a\nb", "a\u{7f}", "a\u{85}b", &long] {
            assert_eq!(text.parse::<StateNote>(), Err(NoteError), "{text:?}");
        }
    }
}
