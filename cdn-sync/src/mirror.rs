//! Copies published releases from one store to a target.
//!
//! What is copied is decided by the state of the target alone, so a mirror that was stopped at any
//! point goes on where it was: a release counts as there once its `package.json` is, which is
//! written last; in a replica, once the index there lists it, too.

mod copy;
mod daemon;
mod listing;
mod metrics;
mod monitor;
mod pace;
mod plan;
mod progress;
mod prune;
mod purge;
mod settings;
mod setup;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use ochre_model::{ComponentId, ComponentName};
use ochre_store::{CatalogSnapshot, CommitError, ComponentStore, ReadError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::{
    copy::{Failure, FailureKind},
    daemon::{Daemon, DaemonParts},
    metrics::MirrorMetrics,
    monitor::{Monitor, MonitorError},
    plan::{Item, Plan},
    progress::Outcome,
    prune::PruneError,
    purge::{Purge, PurgeError},
    settings::{
        CopySettings, MetricsSettings, MirrorSettings, PurgeSettings, TargetKind, TargetSettings,
    },
    setup::{Setup, SetupError},
};
use self::{listing::Lister, pace::Pace, progress::Progress};

/// Releases that wait to be listed in a replica.
const UNLISTED_MAX: usize = 1024;

/// Copies releases from the source to one target.
#[derive(Debug)]
pub struct Mirror {
    pub(crate) name: Arc<str>,
    pub(crate) kind: TargetKind,
    pub(crate) source: ComponentStore,
    pub(crate) target: ComponentStore,
    concurrency: usize,
    attempts: u32,
    retry_after: Duration,
    pace: Pace,
    purge: Option<Arc<Purge>>,
    metrics: Arc<MirrorMetrics>,
}

/// What a mirror works with.
#[derive(Debug)]
pub struct MirrorParts {
    /// Name of the target.
    pub name: String,
    /// Where releases are read; nothing is written there.
    pub source: ComponentStore,
    /// Where they are copied to.
    pub target: ComponentStore,
    /// Who is told of what was copied.
    pub purge: Option<Arc<Purge>>,
    /// Where copies are counted.
    pub metrics: Arc<MirrorMetrics>,
}

/// What of a catalog is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All that the target lacks, as its listing tells.
    Everything,
    /// This, whatever the listing says.
    Only(News),
}

/// What has changed in the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Releases to be copied.
    pub releases: BTreeSet<ComponentId>,
    /// Components whose states or channels have changed.
    pub marked: BTreeSet<ComponentName>,
}

/// The target cannot be compared with the source.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The target cannot be listed or its catalog not be read.
    #[error("target `{target}` cannot be listed")]
    Target {
        /// Name of the target.
        target: String,
        /// Why.
        #[source]
        source: ReadError,
    },
}

// === impl Mirror ===

impl Mirror {
    /// Puts the parts together.
    pub fn new(parts: MirrorParts, target: &TargetSettings, copying: &CopySettings) -> Self {
        Self {
            name: parts.name.into(),
            kind: target.kind,
            source: parts.source,
            target: parts.target,
            concurrency: target.concurrency,
            attempts: copying.attempts,
            retry_after: copying.retry_after.min(Duration::from_secs(1)),
            pace: Pace::new(target.bandwidth.as_u64()),
            purge: parts.purge,
            metrics: parts.metrics,
        }
    }

    /// Name of the target.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compares a catalog of the source with the target. Nothing is written.
    ///
    /// Costs one listing of the target, and for a replica one read of its catalog. Memory: two bits
    /// for each release, and a replica's catalog until it is compared.
    ///
    /// # Errors
    ///
    /// [`PlanError`].
    pub async fn plan(&self, catalog: &Arc<CatalogSnapshot>) -> Result<Plan, PlanError> {
        let failed = |source| PlanError::Target {
            target: self.name.to_string(),
            source,
        };
        let mut plan = Plan::of(catalog);
        let listed = match self.kind {
            TargetKind::Cdn => None,
            TargetKind::Replica => {
                let read = self.target.read_catalog(None).await.map_err(failed)?;
                Some(read.snapshot.unwrap_or_default())
            }
        };
        let released = self.target.list_released().map_err(failed)?;
        released
            .try_for_each(|id| {
                // A replica's catalog forgets no version: what it lists may be lost all the same.
                let is_there = listed.as_ref().is_none_or(|listed| listed.contains(&id));
                let marks = if is_there {
                    &mut plan.done
                } else {
                    &mut plan.found
                };
                marks.mark(&id);
                std::future::ready(Ok(()))
            })
            .await
            .map_err(failed)?;
        Ok(plan)
    }

    /// Copies what is selected; what fails does not stop the rest.
    ///
    /// Once `stop` is cancelled, copies in progress are finished and no more are begun.
    ///
    /// # Errors
    ///
    /// [`PlanError`], before anything is copied.
    pub async fn run(
        &self,
        catalog: &Arc<CatalogSnapshot>,
        selection: Selection,
        stop: &CancellationToken,
    ) -> Result<Outcome, PlanError> {
        match selection {
            Selection::Only(News { releases, marked }) => {
                let total = releases.len();
                let items = releases.into_iter().map(|id| Item {
                    id,
                    look_first: true,
                });
                let mut outcome = self.copy_all((items, total), catalog, stop).await;
                outcome.marks = self.copy_marks(catalog, Some(&marked), &outcome).await;
                if let Some(purge) = &self.purge {
                    purge.changed_names(&marked);
                }
                Ok(outcome)
            }
            Selection::Everything => {
                let plan = self.plan(catalog).await?;
                self.metrics.planned(&self.name, plan.len());
                let work = (plan.items(), plan.len());
                let mut outcome = self.copy_all(work, catalog, stop).await;
                outcome.marks = self.copy_marks(catalog, None, &outcome).await;
                if self.kind == TargetKind::Replica {
                    outcome.packs = self.copy_packs().await;
                }
                Ok(outcome)
            }
        }
    }

    async fn copy_all(
        &self,
        (items, total): (impl Iterator<Item = Item>, usize),
        catalog: &Arc<CatalogSnapshot>,
        stop: &CancellationToken,
    ) -> Outcome {
        let progress = Progress::new(Arc::clone(&self.name), total);
        let (sender, receiver) = mpsc::channel(UNLISTED_MAX);
        let copying = async {
            let sender = sender;
            let wanted = items.take_while(|_| !stop.is_cancelled());
            let copies = futures::stream::iter(wanted).map(|item| async {
                let result = self.copy(&item).await;
                (item.id, result)
            });
            let mut copies = std::pin::pin!(copies.buffer_unordered(self.concurrency));
            while let Some((id, result)) = copies.next().await {
                match result {
                    Ok(copied) => {
                        self.metrics.copied(&self.name, copied);
                        progress.copied(copied);
                        // The lister lives as long as this.
                        let _ = sender.send(id).await;
                    }
                    Err(failure) => self.failed(&progress, failure),
                }
            }
        };
        let lister = Lister {
            mirror: self,
            catalog,
            progress: &progress,
        };
        let work = async { tokio::join!(copying, lister.run(receiver)) };
        progress.tell_until(work).await;
        progress.finish(stop.is_cancelled())
    }

    pub(crate) fn failed(&self, progress: &Progress, failure: Failure) {
        self.metrics.failed(&self.name, failure.kind);
        if let Some(observed) = progress.failed(failure) {
            tracing::warn!(
                component.name = %observed.id.name,
                component.version = %observed.id.version,
                target_name = %self.name,
                error = %observed.error,
                "could not copy {}",
                observed.id
            );
        }
    }

    /// Brings states and channels to a replica, once the releases that they speak of are there.
    async fn copy_marks(
        &self,
        catalog: &CatalogSnapshot,
        names: Option<&BTreeSet<ComponentName>>,
        outcome: &Outcome,
    ) -> Result<(), CommitError> {
        let is_known = outcome.knows_failures() && !outcome.interrupted;
        if self.kind == TargetKind::Cdn || !is_known {
            return Ok(());
        }
        let lacking = outcome.failures.iter().map(|failure| failure.id.clone());
        let lacking = lacking.collect();
        let copied = self.target.copy_marks(catalog, names, &lacking).await;
        copied.map(drop)
    }

    /// Copies the template packs that the replica lacks; gives how many objects were written.
    async fn copy_packs(&self) -> Result<usize, ReadError> {
        let mut written = 0;
        let mut keys = self.source.list_packs().await?;
        // A pack is there once its description is: the files go first.
        keys.sort_by_key(|key| key.ends_with("/pack.json"));
        for key in keys {
            let Some(bytes) = self.source.read_pack(&key).await? else {
                continue;
            };
            if self.target.read_pack(&key).await?.as_ref() != Some(&bytes) {
                self.pace.take(bytes.len() as u64).await;
                self.target.write_pack(&key, &bytes).await?;
                written += 1;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests;
