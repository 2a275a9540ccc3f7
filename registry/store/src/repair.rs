//! Mends what a check has found, as far as the release objects tell how.

use std::collections::BTreeSet;

use ochre_model::{Chain, ComponentId};
use serde::Serialize;
use tracing::instrument;

use crate::{
    check::{CheckReport, Problem, ProblemKind},
    reconcile::ReconcileScope,
    source::ReadError,
    store::{ComponentStore, Inner},
};

/// What a repair is going to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairPlan {
    /// Releases whose files are written again from their release objects.
    pub rewrite: BTreeSet<ComponentId>,
    /// Whether interrupted publishes are finished, and the index and OC's manifests written again
    /// as the union of what they and the store hold.
    pub reconcile: bool,
    /// What nothing can be done about.
    pub beyond_repair: Vec<Problem>,
}

/// What a repair has done.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairReport {
    /// Releases whose files were written again.
    pub rewritten: BTreeSet<ComponentId>,
    /// Releases that were finished or listed.
    pub finished: BTreeSet<ComponentId>,
    /// What could not be mended: where, and why.
    pub failed: Vec<(String, String)>,
}

// === impl RepairPlan ===

impl RepairPlan {
    /// What is to be done about the problems of a report.
    pub fn new(report: &CheckReport) -> Self {
        let mut plan = Self {
            reconcile: report.pending > 0,
            ..Self::default()
        };
        for problem in &report.problems {
            match (problem.kind, &problem.release) {
                (ProblemKind::FileMissing | ProblemKind::FileDiffers, Some(id)) => {
                    plan.rewrite.insert(id.clone());
                }
                (kind, _) if kind.is_repairable() => plan.reconcile = true,
                _ => plan.beyond_repair.push(problem.clone()),
            }
        }
        plan
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rewrite.is_empty() && !self.reconcile
    }
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Carries a plan out. Safe beside publishes and other nodes, and as often as one likes: only
    /// what the release objects hold is ever written, and nothing is taken away.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store cannot be read, or the index not be written. What fails for one
    /// release is told in the report.
    #[instrument(skip_all)]
    pub async fn repair(&self, plan: &RepairPlan) -> Result<RepairReport, ReadError> {
        let mut report = RepairReport::default();
        for id in &plan.rewrite {
            match self.inner.rewrite(id).await {
                Ok(()) => drop(report.rewritten.insert(id.clone())),
                Err(why) => report.failed.push((id.to_string(), why)),
            }
        }
        if plan.reconcile {
            let known = self.read_catalog(None).await?.snapshot;
            let everything = ReconcileScope::Everything;
            let done = self.reconcile(everything, known.as_ref()).await?;
            report.finished.extend(done.finished);
            report.failed.extend(done.problems);
        }
        Ok(report)
    }
}

// === impl Inner ===

impl Inner {
    /// Writes the files of a release again from its release object.
    async fn rewrite(&self, id: &ComponentId) -> Result<(), String> {
        let archive = self
            .read_archive(id)
            .await
            .map_err(|error| Chain(&error).to_string())?;
        let archive = archive.ok_or_else(|| "its release object is gone".to_owned())?;
        let written = self.project(id, &archive).await;
        written.map_err(|error| Chain(&error).to_string())
    }
}
