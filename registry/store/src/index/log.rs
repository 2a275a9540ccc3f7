//! The log: the last writes of the index and the snapshot that they follow. It is what the index
//! object holds, so a write costs as much as the log is long, and a node that knows the index of a
//! moment ago learns what has changed since from it alone.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::IndexChange;
use crate::digest::Digest;

/// Bytes of writes that are kept beside a new snapshot, for nodes that know the index of then.
const BYTES_KEPT: usize = 128 * 1024;

/// One write in the history of the index. Two writes with one number, as after the loss of an
/// index, differ in their token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) generation: u64,
    pub(crate) token: u64,
}

/// Where the index of one moment lies whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotRef {
    /// The write that it holds as the last one.
    pub(crate) at: Position,
    /// Last part of its key.
    pub(crate) name: String,
    pub(crate) sha256: Digest,
}

/// One write.
#[derive(Debug, Serialize, Deserialize)]
struct Write {
    at: Position,
    /// A list of [`IndexChange`]s, which is read by those who do not know it yet.
    changes: Box<RawValue>,
}

/// What the index object holds of the past.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    /// None when the log goes back to the very beginning.
    snapshot: Option<SnapshotRef>,
    /// The last write that it does not hold any more: of the first one this is what came before.
    since: Position,
    writes: Vec<Arc<Write>>,
}

/// The index object.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head<L> {
    pub(super) format: u32,
    pub(super) generation: u64,
    pub(super) last_edit: u64,
    pub(super) log: L,
}

// === impl Position ===

impl Position {
    /// The position of a new write.
    pub(crate) fn new(generation: u64) -> Self {
        Self {
            generation,
            token: rand::random(),
        }
    }

    #[cfg(test)]
    pub(crate) fn next(self) -> Self {
        Self::new(self.generation + 1)
    }
}

// === impl Log ===

impl Log {
    /// Bytes of all writes from which on a snapshot takes their place.
    pub(crate) const BYTES_MAX: usize = 256 * 1024;

    /// The last write.
    pub(crate) fn position(&self) -> Position {
        self.writes.last().map_or(self.since, |write| write.at)
    }

    /// Whether it tells of this write. One of long ago it may have forgotten.
    pub(crate) fn holds(&self, at: Position) -> bool {
        self.since == at || self.writes.iter().any(|write| write.at == at)
    }

    /// Where the index lies whole.
    pub(crate) fn snapshot(&self) -> Option<&SnapshotRef> {
        self.snapshot.as_ref()
    }

    /// Adds a write; it must be the one after the last.
    pub(crate) fn push(
        &mut self,
        at: Position,
        changes: &[IndexChange],
    ) -> Result<(), serde_json::Error> {
        let changes = to_raw_value(changes)?;
        self.writes.push(Arc::new(Write { at, changes }));
        Ok(())
    }

    /// Whether a snapshot should take the place of the writes.
    pub(crate) fn is_long(&self) -> bool {
        self.writes.iter().map(|write| write.size()).sum::<usize>() > Self::BYTES_MAX
    }

    /// Begins anew after a snapshot, keeping the last writes before it.
    pub(crate) fn fold(&mut self, snapshot: SnapshotRef) {
        self.snapshot = Some(snapshot);
        let mut kept = 0;
        let sizes = self.writes.iter().rev().map(|write| write.size());
        let count = sizes
            .take_while(|size| {
                kept += size;
                kept <= BYTES_KEPT
            })
            .count();
        let dropped = self.writes.len() - count;
        for write in self.writes.drain(..dropped) {
            self.since = write.at;
        }
    }

    /// A log of one write that says all there is.
    pub(crate) fn of(at: Position, all: &[IndexChange]) -> Result<Self, serde_json::Error> {
        let mut log = Self::default();
        log.push(at, all)?;
        Ok(log)
    }

    /// A log that knows nothing of what came before a snapshot.
    pub(crate) fn after(snapshot: SnapshotRef) -> Self {
        Self {
            since: snapshot.at,
            snapshot: Some(snapshot),
            writes: Vec::new(),
        }
    }

    /// Whether the write is in the history, as far as the log goes back.
    pub(crate) fn knows(&self, position: Position) -> bool {
        self.place_after(position).is_some()
    }

    /// Everything that was changed after a write, or none when that is not known.
    pub(crate) fn changes_after(
        &self,
        position: Position,
    ) -> Option<Result<Vec<IndexChange>, serde_json::Error>> {
        let writes = self.writes.get(self.place_after(position)?..)?;
        let changes: Result<Vec<_>, _> = writes.iter().map(|write| write.changes()).collect();
        Some(changes.map(|all| all.into_iter().flatten().collect()))
    }

    fn place_after(&self, position: Position) -> Option<usize> {
        if position == self.since {
            return Some(0);
        }
        let place = self.writes.iter().rposition(|write| write.at == position);
        place.map(|place| place + 1)
    }
}

// === impl Write ===

impl Write {
    fn size(&self) -> usize {
        self.changes.get().len()
    }

    fn changes(&self) -> Result<Vec<IndexChange>, serde_json::Error> {
        serde_json::from_str(self.changes.get())
    }
}

// === impl Head ===

impl Head<&Log> {
    pub(super) fn to_bytes(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u64) -> IndexChange {
        let text = format!(r#"{{"add":{{"id":"a@1.0.{number}","details":{{"publishDate":0}}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    /// A log of writes of one change each, and their positions, the one before them first.
    fn log(writes: u64) -> (Log, Vec<Position>) {
        let mut log = Log::default();
        let mut positions = vec![log.position()];
        for number in 0..writes {
            let at = log.position().next();
            log.push(at, &[change(number)]).unwrap();
            positions.push(at);
        }
        (log, positions)
    }

    fn snapshot(at: Position) -> SnapshotRef {
        SnapshotRef {
            at,
            name: "name".into(),
            sha256: Digest::of(b"x"),
        }
    }

    #[test]
    fn who_knows_a_write_learns_what_came_after_it() {
        let (log, positions) = log(5);
        for (number, position) in positions.iter().enumerate() {
            let changes = log.changes_after(*position).unwrap().unwrap();
            let expected: Vec<_> = (number as u64..5).map(change).collect();
            assert_eq!(changes, expected);
        }
        let other = Position {
            token: 7,
            ..positions[3]
        };
        assert!(log.changes_after(other).is_none(), "another history");
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let (mut log, positions) = log(3);
        log.fold(snapshot(positions[3]));
        let bytes = serde_json::to_vec(&log).unwrap();
        let read: Log = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read.position(), positions[3]);
        assert_eq!(read.snapshot(), log.snapshot());
        assert_eq!(read.changes_after(positions[1]).unwrap().unwrap().len(), 2);
    }

    #[test]
    fn a_long_log_keeps_the_last_writes_beside_a_snapshot() {
        let (mut log, positions) = log(6_000);
        assert!(log.is_long());
        let last = *positions.last().unwrap();
        log.fold(snapshot(last));
        assert!(!log.is_long() && log.position() == last);
        let known = positions
            .iter()
            .filter(|at| log.place_after(**at).is_some())
            .count();
        assert!((1_000..5_000).contains(&known), "{known}");
        assert!(
            log.place_after(positions[5_500]).is_some() && log.place_after(positions[10]).is_none()
        );
        let after = Log::after(snapshot(last));
        assert!(after.place_after(last).is_some() && after.place_after(positions[5_999]).is_none());
    }
}
