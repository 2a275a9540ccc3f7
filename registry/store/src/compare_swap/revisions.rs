//! Numbered revisions below one prefix: the highest number is the truth.

use bytes::Bytes;
use object_store::{Error, PutMode, path::Path};

use super::{BYTES_MAX, Reading, Revision, SwapError, Swapped};
use crate::{key::Labels, objects::Objects};

/// Revisions kept beside the newest one, for readers that listed before they read.
const KEPT: u64 = 16;

/// Reads that may find their revision pruned under them.
const READS: usize = 8;

pub(super) async fn read(
    objects: &Objects,
    prefix: &Path,
    seen: Option<&Revision>,
) -> Result<Reading, SwapError> {
    for _ in 0..READS {
        let Some(newest) = numbers(objects, prefix).await?.last().copied() else {
            return Ok(Reading::Missing);
        };
        let revision = Revision::Number(newest);
        if seen == Some(&revision) {
            return Ok(Reading::Unchanged);
        }
        if let Some(bytes) = objects.fetch(&path(prefix, newest), BYTES_MAX).await? {
            return Ok(Reading::Found { bytes, revision });
        }
    }
    Err(SwapError::Store(Error::NotFound {
        path: prefix.to_string(),
        source: "revisions vanish while they are read".into(),
    }))
}

pub(super) async fn swap(
    objects: &Objects,
    prefix: &Path,
    expected: Option<&Revision>,
    bytes: &Bytes,
) -> Result<Swapped, SwapError> {
    let number = match expected {
        Some(Revision::Number(number)) => number + 1,
        _ => 1,
    };
    let place = path(prefix, number);
    let created = objects.put(&place, bytes, PutMode::Create, Labels::default());
    match created.await {
        Ok(_) => {}
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            return Ok(Swapped::Conflict);
        }
        Err(error) => return Err(SwapError::Store(error)),
    }
    let present = numbers(objects, prefix).await?;
    if present.last() != Some(&number) {
        // Either somebody built on this revision, or it fell into a gap that pruning left behind
        // a much newer one. Reading again tells which.
        return Ok(Swapped::Conflict);
    }
    for old in present.iter().filter(|old| **old + KEPT < number) {
        if let Err(error) = objects.delete(&path(prefix, *old)).await {
            tracing::debug!(error = %error, "did not prune index revision {old}");
        }
    }
    Ok(Swapped::Done(Some(Revision::Number(number))))
}

/// Numbers of all revisions, ascending.
async fn numbers(objects: &Objects, prefix: &Path) -> Result<Vec<u64>, SwapError> {
    let listing = objects.list(prefix).await.map_err(SwapError::Store)?;
    let mut numbers: Vec<u64> = listing
        .iter()
        .filter_map(|object| object.location.filename()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn path(prefix: &Path, number: u64) -> Path {
    prefix.clone().join(format!("{number:020}"))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use object_store::local::LocalFileSystem;

    use super::*;
    use crate::objects::Medium;

    fn objects(folder: &std::path::Path) -> Objects {
        let inner = LocalFileSystem::new_with_prefix(folder).unwrap();
        let medium = Medium::Folder(folder.to_owned());
        Objects::new(Arc::new(inner), medium, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_writer_far_behind_does_not_win_in_a_pruned_gap() {
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(folder.path());
        let prefix = Path::from("index");
        let mut revision = None;
        for _ in 0..40 {
            let Swapped::Done(next) = swap(&objects, &prefix, revision.as_ref(), &Bytes::from("x"))
                .await
                .unwrap()
            else {
                panic!("no conflict was expected");
            };
            revision = next;
        }
        let kept = numbers(&objects, &prefix).await.unwrap();
        assert_eq!(kept, (24..=40).collect::<Vec<u64>>());
        let stale = Revision::Number(2);
        let late = swap(&objects, &prefix, Some(&stale), &Bytes::from("late"))
            .await
            .unwrap();
        assert!(matches!(late, Swapped::Conflict));
        let Reading::Found { bytes, revision } = read(&objects, &prefix, None).await.unwrap()
        else {
            panic!("the index is there");
        };
        assert_eq!((bytes, revision), (Bytes::from("x"), Revision::Number(40)));
    }
}
