//! The index: Ochre's own catalog, changed by compare-and-swap of one object.
//!
//! The object holds the last writes (`log`) and names the `snapshot` that they follow, an object
//! that never changes. A publish writes the log; now and then a snapshot takes the place of most of
//! it. Nodes that know the index of a moment ago apply what is new; the others read the snapshot.
//! Older releases keep the index as one text (`whole`), which is read and written as it is found.

mod batch;
mod change;
mod edit;
mod log;
mod reader;
mod snapshot;
mod turn;
mod whole;
mod writer;

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::oneshot;

pub use self::edit::{ChannelAction, EditRefusal, Expected, IndexEdit};
use self::log::Head;
pub(crate) use self::{
    batch::{WriteError, Written},
    change::{IndexChange, apply, facts, marks},
    log::{Log, Position},
    reader::{IndexReader, IndexReading},
    writer::IndexWriter,
};
use crate::{
    catalog::Components,
    compare_swap::{Revision, SwapError},
};

/// The format of an index with a log.
const LOGGED: u32 = 3;

/// One state of the index.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexState {
    /// Number of the write, growing by one.
    pub(crate) generation: u64,
    pub(crate) last_edit: u64,
    pub(crate) components: Components,
    /// None when the index does not exist.
    pub(crate) revision: Option<Revision>,
    /// None where it is written as one text.
    pub(crate) log: Option<Log>,
}

/// The index object, read.
enum Parsed {
    State(IndexState),
    /// The log does not say what has changed: the snapshot must be read first.
    Behind(Head<Log>),
}

/// A failed read or write of the index.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexError {
    /// The index holds something else than an index.
    #[error("index is damaged")]
    Malformed(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A newer Ochre wrote the index.
    #[error("index has the unknown format {0}: run the release of Ochre that wrote it")]
    UnknownFormat(u32),
    /// Too many others wrote at the same time.
    #[error("index is written by too many others at once")]
    Contended,
    /// The store has no room left.
    #[error("store is full")]
    Full,
    /// The store did not answer as it should.
    #[error("index cannot be read or written")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

// === impl IndexState ===

impl IndexState {
    /// The index of a store that never had one.
    pub(crate) fn fresh() -> Self {
        Self {
            log: Some(Log::default()),
            ..Self::default()
        }
    }

    /// The last write, where the index says it.
    pub(crate) fn position(&self) -> Option<Position> {
        self.log.as_ref().map(Log::position)
    }

    /// Reads the index object; what `known` knows is shared.
    fn parse(bytes: &[u8], revision: Revision, known: &Self) -> Result<Parsed, IndexError> {
        let FormatOnly { format } = serde_json::from_slice(bytes).map_err(IndexError::damaged)?;
        match format {
            whole::PLAIN | whole::MARKED => {
                whole::parse(bytes, revision, &known.components).map(Parsed::State)
            }
            LOGGED => {
                let head: Head<Log> = serde_json::from_slice(bytes).map_err(IndexError::damaged)?;
                let changes = known.position().and_then(|at| head.log.changes_after(at));
                let Some(changes) = changes else {
                    return Ok(Parsed::Behind(head));
                };
                let changes = changes.map_err(IndexError::damaged)?;
                let state = Self::after(head, known.components.clone(), &changes);
                Ok(Parsed::State(Self {
                    revision: Some(revision),
                    ..state
                }))
            }
            _ => Err(IndexError::UnknownFormat(format)),
        }
    }

    /// The state that a head describes, from that of its snapshot.
    fn from_snapshot(head: Head<Log>, components: Components) -> Result<Self, IndexError> {
        let at = head
            .log
            .snapshot()
            .map_or(Position::default(), |snapshot| snapshot.at);
        let changes = head.log.changes_after(at);
        let changes =
            changes.ok_or_else(|| IndexError::damaged("log begins after its snapshot"))?;
        let changes = changes.map_err(IndexError::damaged)?;
        Ok(Self::after(head, components, &changes))
    }

    fn after(head: Head<Log>, mut components: Components, changes: &[IndexChange]) -> Self {
        for change in changes {
            apply(&mut components, change);
        }
        Self {
            generation: head.generation,
            last_edit: head.last_edit,
            components,
            revision: None,
            log: Some(head.log),
        }
    }

    /// The index object.
    fn to_bytes(&self) -> Result<Bytes, IndexError> {
        let Some(log) = &self.log else {
            return whole::to_bytes(self);
        };
        let head = Head {
            format: LOGGED,
            generation: self.generation,
            last_edit: self.last_edit,
            log,
        };
        head.to_bytes().map_err(IndexError::unwritable)
    }
}

// === impl IndexError ===

impl IndexError {
    fn damaged(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Malformed(Arc::from(error.into()))
    }

    fn unwritable(error: serde_json::Error) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<oneshot::error::RecvError> for IndexError {
    fn from(ended: oneshot::error::RecvError) -> Self {
        Self::Unavailable(Arc::new(ended))
    }
}

impl From<SwapError> for IndexError {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::Store(source) if crate::retry::is_full(&source) => Self::Full,
            other => Self::Unavailable(Arc::new(other)),
        }
    }
}

/// Runs work that grows with the catalog off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(IndexError::Unavailable(Arc::new(error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Parsed, IndexError> {
        IndexState::parse(text.as_bytes(), Revision::Number(1), &IndexState::fresh())
    }

    #[test]
    fn an_unknown_format_is_refused_and_garbage_is_damage() {
        assert!(matches!(
            parse(r#"{"format":4,"anything":true}"#),
            Err(IndexError::UnknownFormat(4))
        ));
        for text in [
            "",
            "{",
            "[]",
            r#"{"format":1}"#,
            r#"{"format":3,"generation":1,"lastEdit":1}"#,
            "null",
        ] {
            assert!(
                matches!(parse(text), Err(IndexError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_log_is_written_and_read_by_who_knows_nothing() {
        let change = r#"{"add":{"id":"a@1.0.0","details":{}}}"#;
        let change: IndexChange = serde_json::from_str(change).unwrap();
        let mut state = IndexState::fresh();
        state.generation = 1;
        apply(&mut state.components, &change);
        state.log = Some(Log::of(Position::new(1), &[change]).unwrap());
        let bytes = state.to_bytes().unwrap();
        assert!(bytes.starts_with(br#"{"format":3,"#));
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let Ok(Parsed::State(read)) = parse(&text) else {
            panic!("a state");
        };
        assert_eq!(read.components, state.components);
        assert_eq!(read.position(), state.position());
    }
}
