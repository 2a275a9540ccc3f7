//! Deletes from a CDN target what the source does not list. Only ever by an operator's command.

use std::sync::Arc;

use futures::TryStreamExt as _;
use ochre_model::ComponentId;
use ochre_store::{CatalogSnapshot, ReadError};

use super::{Mirror, TargetKind};

/// Nothing, or not all, was deleted.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A replica keeps what it has.
    #[error(
        "`{0}` is a replica, whose index never forgets a version: mirror into an empty place \
         instead"
    )]
    Replica(String),
    /// An empty catalog is more likely a mistake than the truth.
    #[error("the source lists nothing, so everything would be deleted: check [source]")]
    EmptySource,
    /// More releases than one command deletes.
    #[error(
        "more than {0} releases would be deleted: check [source], or delete the folder by hand"
    )]
    TooMany(usize),
    /// A store failed.
    #[error("target cannot be listed or deleted from")]
    Store(#[from] ReadError),
}

/// Most releases that one command deletes.
const RELEASES_MAX: usize = 100_000;

// === impl Mirror ===

impl Mirror {
    /// Lists what the target has and `catalog` does not; private paths are never touched.
    ///
    /// # Errors
    ///
    /// [`PruneError`].
    pub async fn surplus(
        &self,
        catalog: &Arc<CatalogSnapshot>,
    ) -> Result<Vec<ComponentId>, PruneError> {
        if self.kind == TargetKind::Replica {
            return Err(PruneError::Replica(self.name.to_string()));
        }
        if catalog.is_empty() {
            return Err(PruneError::EmptySource);
        }
        let mut surplus = Vec::new();
        let mut released = self.target.list_released()?;
        while let Some(id) = released.try_next().await? {
            if !catalog.contains(&id) {
                if surplus.len() == RELEASES_MAX {
                    return Err(PruneError::TooMany(RELEASES_MAX));
                }
                surplus.push(id);
            }
        }
        surplus.sort_unstable();
        Ok(surplus)
    }

    /// Deletes releases from the target, each with its `package.json` first; gives how many files
    /// that were.
    ///
    /// # Errors
    ///
    /// [`PruneError`]; the command can be repeated.
    pub async fn remove(&self, releases: &[ComponentId]) -> Result<usize, PruneError> {
        if self.kind == TargetKind::Replica {
            return Err(PruneError::Replica(self.name.to_string()));
        }
        let mut files = 0;
        for id in releases {
            files += self.target.remove_files(id).await?;
            if let Some(purge) = &self.purge {
                purge.changed(std::slice::from_ref(id));
            }
        }
        Ok(files)
    }
}
