//! Copies one release, with repeated attempts.

use std::time::Duration;

use ochre_model::{Chain, ComponentId};
use ochre_store::{CommitError, CopyError, ReadError};
use serde::Serialize;

use super::{Item, Mirror, TargetKind};

/// What became of one release that is in the target now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// So many bytes were written.
    Written(u64),
    /// It was there already.
    Present,
}

/// Why a release is not in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Name and version.
    #[serde(rename = "release", serialize_with = "text")]
    pub id: ComponentId,
    /// What to do about it.
    pub kind: FailureKind,
    /// The error with its causes.
    pub error: String,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The source lists it and does not have it.
    Missing,
    /// The bytes in the source are not the published ones; they are never copied.
    Damaged,
    /// The target has other content under that version, and keeps it.
    Conflict,
    /// A store did not answer as it should; it is tried again.
    Unavailable,
}

// === impl Mirror ===

impl Mirror {
    /// Copies one release; gives up after the last attempt.
    pub(super) async fn copy(&self, item: &Item) -> Result<Copied, Failure> {
        let mut pause = self.retry_after;
        let mut attempt = 1;
        let mut look_first = item.look_first;
        loop {
            let error = match self.copy_once(&item.id, look_first).await {
                Ok(copied) => return Ok(copied),
                Err(error) => error,
            };
            let kind = kind_of(&error);
            if kind != FailureKind::Unavailable || attempt >= self.attempts {
                return Err(Failure {
                    id: item.id.clone(),
                    kind,
                    error: Chain(&error).to_string(),
                });
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
            pause = (pause * 2).min(Duration::from_secs(30));
            attempt += 1;
            // The failed attempt may have written all of it.
            look_first = true;
        }
    }

    async fn copy_once(&self, id: &ComponentId, look_first: bool) -> Result<Copied, CopyError> {
        let is_replica = self.kind == TargetKind::Replica;
        if is_replica && look_first && self.source.has_whole(&self.target, id).await? {
            return Ok(Copied::Present);
        }
        let copy = self.source.read_copy(id).await.map_err(CopyError::Source)?;
        let bytes = if is_replica {
            copy.replica_size()
        } else {
            copy.public_size()
        };
        self.pace.take(bytes).await;
        if is_replica {
            self.target.write_replica(&copy).await?;
        } else {
            self.target.write_public(&copy).await?;
        }
        Ok(Copied::Written(bytes))
    }
}

// === impl FailureKind ===

impl FailureKind {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
        }
    }
}

fn kind_of(error: &CopyError) -> FailureKind {
    match error {
        CopyError::Source(ReadError::NotFound(_)) => FailureKind::Missing,
        CopyError::Source(ReadError::Malformed { .. } | ReadError::Integrity(_)) => {
            FailureKind::Damaged
        }
        CopyError::Conflict | CopyError::Target(CommitError::NameTaken { .. }) => {
            FailureKind::Conflict
        }
        CopyError::Source(ReadError::Unavailable(_)) | CopyError::Target(_) => {
            FailureKind::Unavailable
        }
    }
}

fn text<S: serde::Serializer>(id: &ComponentId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
