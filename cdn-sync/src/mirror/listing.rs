//! Lists copied releases in a replica, many in one write, and tells who purges caches.

use std::sync::Arc;

use ochre_model::{Chain, ComponentId};
use ochre_store::{CatalogSnapshot, VersionSummary};
use tokio::sync::mpsc;

use super::{Failure, FailureKind, Mirror, TargetKind, progress::Progress};

/// Most releases listed in one write.
const BATCH: usize = 512;

/// Makes copied releases visible.
pub(super) struct Lister<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) catalog: &'a Arc<CatalogSnapshot>,
    pub(super) progress: &'a Progress,
}

// === impl Lister ===

impl Lister<'_> {
    /// Lists what comes, until nothing more can come. What arrives during a write goes in the next.
    pub(super) async fn run(&self, mut copied: mpsc::Receiver<ComponentId>) {
        let mut batch = Vec::new();
        while copied.recv_many(&mut batch, BATCH).await > 0 {
            let ids = std::mem::take(&mut batch);
            if self.mirror.kind == TargetKind::Replica && !self.list(&ids).await {
                continue;
            }
            self.progress.visible(ids.len());
            if let Some(purge) = &self.mirror.purge {
                purge.changed(&ids);
            }
        }
    }

    async fn list(&self, ids: &[ComponentId]) -> bool {
        let copies = ids.iter().map(|id| {
            let component = self.catalog.get(id.name.as_str());
            let summary = component.and_then(|component| component.details(&id.version).cloned());
            (id.clone(), summary.unwrap_or_default())
        });
        let copies: Vec<(ComponentId, VersionSummary)> = copies.collect();
        let Err(error) = self.mirror.target.list_copies(copies).await else {
            return true;
        };
        for id in ids {
            let failure = Failure {
                id: id.clone(),
                kind: FailureKind::Unavailable,
                error: format!("could not be listed: {}", Chain(&error)),
            };
            self.mirror.failed(self.progress, failure);
        }
        false
    }
}
