//! Checks everything that is published against what was recorded when it was.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use ochre_model::{Chain, ComponentId};
use serde::Serialize;
use tracing::instrument;

use crate::{
    catalog::{CatalogSnapshot, Components},
    compare_swap::BYTES_MAX as MANIFEST_MAX,
    index::blocking,
    key::{PACKAGE_JSON, StoreKey},
    manifest::{Details, List, Manifest},
    poll::CatalogAlert,
    release::ReleaseArchive,
    source::{PACKAGE_MAX, ReadError},
    store::{ComponentStore, Inner},
};

/// Releases that are checked at once: each may be large.
const AT_ONCE: usize = 4;

/// Problems that a report tells one by one.
const PROBLEMS_MAX: usize = 10_000;

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Releases that were looked at.
    pub releases: u64,
    /// Their files that are what was published.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Releases of other registries that nobody has asked this one for yet: nothing was recorded
    /// of them that they could be checked against. No problem.
    pub not_adopted: u64,
    /// Publishes that have begun and not ended, or were interrupted: the next run of any node's
    /// reconcile task, or a repair, finishes them.
    pub pending: u64,
    /// What is wrong, releases in alphabetical order; at most 10,000.
    pub problems: Vec<Problem>,
    /// How many problems there are beyond those.
    pub more_problems: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// The release, if it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ComponentId>,
    /// What it is about: a file of the release, a manifest, an error.
    pub detail: String,
}

/// Kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The index, `components.json` or `components-details.json` is damaged, gone or lacks
    /// something.
    Manifest,
    /// The release is not in the index.
    Unlisted,
    /// A file is not at its place.
    FileMissing,
    /// A file is not what was published.
    FileDiffers,
    /// The release object is damaged: what the files should be is not known any more.
    ObjectDamaged,
    /// The version is listed, and nothing of it is in the store.
    Lost,
    /// The release could not be read.
    Unreadable,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct CheckProgress {
    /// Releases looked at so far.
    pub done: usize,
    /// Releases in all.
    pub total: usize,
}

/// What a look at one release found.
#[derive(Debug, Default)]
struct Look {
    files: u64,
    bytes: u64,
    adopted: bool,
    problems: Vec<Problem>,
}

// === impl ProblemKind ===

impl ProblemKind {
    /// Whether [`ComponentStore::repair`] knows what to do about it.
    pub(crate) fn is_repairable(self) -> bool {
        match self {
            Self::Manifest | Self::Unlisted | Self::FileMissing | Self::FileDiffers => true,
            Self::ObjectDamaged | Self::Lost | Self::Unreadable => false,
        }
    }
}

// === impl CheckReport ===

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn note(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            if self.problems.len() < PROBLEMS_MAX {
                self.problems.push(problem);
            } else {
                self.more_problems += 1;
            }
        }
    }
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Checks every release in the store against its recorded digests and the manifests, and the
    /// manifests against each other. `progress` is told after each release.
    ///
    /// Reads everything that is published once, a few releases at a time. Whatever seems wrong is
    /// looked at twice, so that publishes beside it are not told as problems. Writes nothing if
    /// writes are [held](ComponentStore::hold_writes).
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store or a manifest cannot be read at all. What fails for one release
    /// is a problem in the report.
    #[instrument(skip_all)]
    pub async fn check(
        &self,
        progress: &(dyn Fn(CheckProgress) + Sync),
    ) -> Result<CheckReport, ReadError> {
        let mut ids: BTreeSet<ComponentId> =
            self.inner.list_releases().await?.into_keys().collect();
        // After the listing: what was published before it is in the index by now.
        let catalog = self.read_catalog(None).await?.snapshot.unwrap_or_default();
        ids.extend(catalog.components.ids());
        let mut report = CheckReport {
            releases: ids.len() as u64,
            ..CheckReport::default()
        };
        let suspects = self
            .look_at_all(ids, &catalog.components, &mut report, progress)
            .await;
        let (catalog, problems) = self.look_at_manifests(report.releases > 0).await?;
        report.note(problems);
        let pending = self.pending_ids().await?;
        report.pending = pending.len() as u64;
        for id in suspects.difference(&pending) {
            let look = self.inner.look_at(id, &catalog.components).await;
            report.note(look.problems);
        }
        Ok(report)
    }

    /// Looks at releases; gives those with problems.
    async fn look_at_all(
        &self,
        ids: BTreeSet<ComponentId>,
        listed: &Components,
        report: &mut CheckReport,
        progress: &(dyn Fn(CheckProgress) + Sync),
    ) -> BTreeSet<ComponentId> {
        let (total, mut done) = (ids.len(), 0);
        let mut suspects = BTreeSet::new();
        let mut waiting = ids.into_iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < AT_ONCE
                && let Some(id) = waiting.next()
            {
                running.push(async move {
                    let look = self.inner.look_at(&id, listed).await;
                    (id, look)
                });
            }
            let Some((id, look)) = running.next().await else {
                return suspects;
            };
            report.files += look.files;
            report.bytes += look.bytes;
            report.not_adopted += u64::from(!look.adopted && look.problems.is_empty());
            if !look.problems.is_empty() {
                suspects.insert(id);
            }
            done += 1;
            progress(CheckProgress { done, total });
        }
    }

    /// Reads the catalog as a node would, and compares both of OC's manifests with it. Where
    /// something is published, `all_there` says that each must be there.
    async fn look_at_manifests(
        &self,
        all_there: bool,
    ) -> Result<(CatalogSnapshot, Vec<Problem>), ReadError> {
        let read = self.read_catalog(None).await?;
        let mut problems: Vec<Problem> = read.alerts.into_iter().map(Problem::from).collect();
        if read.needs_rebuild && problems.is_empty() && all_there {
            problems.push(Problem::manifest("the index is not there".to_owned()));
        }
        let catalog = read.snapshot.unwrap_or_default();
        let components = &catalog.components;
        let list = self
            .inner
            .compare_manifest::<List>(StoreKey::Manifest, components);
        let details = self
            .inner
            .compare_manifest::<Details>(StoreKey::Details, components);
        let (list, details) = tokio::join!(list, details);
        for (name, why) in [
            ("components.json", list?),
            ("components-details.json", details?),
        ] {
            if let Some(why) = why {
                problems.push(Problem::manifest(format!("{name} {why}")));
            }
        }
        problems.dedup();
        Ok((catalog, problems))
    }

    /// Releases whose publish has begun and not ended.
    async fn pending_ids(&self) -> Result<BTreeSet<ComponentId>, ReadError> {
        let markers = self.inner.markers().await?;
        let ids = markers.into_iter().filter_map(|(_, marker)| marker?.id());
        Ok(ids.collect())
    }
}

// === impl Inner ===

impl Inner {
    /// What is wrong with one of OC's manifests, seen from the catalog.
    async fn compare_manifest<M: Manifest>(
        &self,
        key: StoreKey<'_>,
        components: &Components,
    ) -> Result<Option<&'static str>, ReadError> {
        let bytes = self.objects.fetch(&self.path(key)?, MANIFEST_MAX).await?;
        let Some(bytes) = bytes else {
            return Ok((components.len() > 0).then_some("is not there"));
        };
        let components = components.clone();
        let compared = blocking(move || {
            Ok(match M::compare(&bytes, &components) {
                Ok(compared) => compared
                    .lacks
                    .then_some("lacks versions that are published"),
                Err(_) => Some("is damaged"),
            })
        });
        Ok(compared.await?)
    }

    /// Compares every file of a release with its release object.
    async fn look_at(&self, id: &ComponentId, listed: &Components) -> Look {
        let mut look = Look::default();
        let problem = |kind, detail: String| Problem {
            kind,
            release: Some(id.clone()),
            detail,
        };
        if !listed.contains(id) {
            let detail = "is not in the index".to_owned();
            look.problems.push(problem(ProblemKind::Unlisted, detail));
        }
        match self.read_archive(id).await {
            Ok(Some(archive)) => {
                look.adopted = true;
                if let Err(error) = self.compare_files(id, &archive, &mut look).await {
                    let detail = Chain(&error).to_string();
                    look.problems.push(problem(ProblemKind::Unreadable, detail));
                }
            }
            Ok(None) => match self.read_package(id).await {
                Ok(Some(_)) => {}
                // Neither does it exist, nor is it listed any more.
                Ok(None) if !listed.contains(id) => look.problems.clear(),
                Ok(None) => look.problems.push(problem(
                    ProblemKind::Lost,
                    "is listed, and nothing of it is in the store".to_owned(),
                )),
                Err(error) => {
                    let detail = Chain(&error).to_string();
                    look.problems.push(problem(ProblemKind::Unreadable, detail));
                }
            },
            Err(error @ ReadError::Malformed { .. }) => {
                let detail = Chain(&error).to_string();
                look.problems
                    .push(problem(ProblemKind::ObjectDamaged, detail));
            }
            Err(error) => {
                let detail = Chain(&error).to_string();
                look.problems.push(problem(ProblemKind::Unreadable, detail));
            }
        }
        look
    }

    async fn compare_files(
        &self,
        id: &ComponentId,
        archive: &ReleaseArchive,
        look: &mut Look,
    ) -> Result<(), ReadError> {
        let package = Bytes::from(archive.release.package.clone());
        let files = archive
            .files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes));
        for (path, bytes) in files.chain([(PACKAGE_JSON, &package)]) {
            let place = self.path(StoreKey::File(id, path))?;
            let limit = PACKAGE_MAX.max(bytes.len() as u64);
            let kind = match self.objects.fetch(&place, limit).await {
                Ok(Some(found)) if found == *bytes => {
                    look.files += 1;
                    look.bytes += bytes.len() as u64;
                    continue;
                }
                Ok(Some(_)) | Err(crate::objects::FetchError::TooLarge { .. }) => {
                    ProblemKind::FileDiffers
                }
                Ok(None) => ProblemKind::FileMissing,
                Err(error) => return Err(error.into()),
            };
            look.problems.push(Problem {
                kind,
                release: Some(id.clone()),
                detail: path.to_owned(),
            });
        }
        Ok(())
    }
}

// === impl Problem ===

impl Problem {
    fn manifest(detail: String) -> Self {
        Self {
            kind: ProblemKind::Manifest,
            release: None,
            detail,
        }
    }
}

impl From<CatalogAlert> for Problem {
    fn from(alert: CatalogAlert) -> Self {
        let detail = alert.to_string();
        match alert {
            CatalogAlert::WithoutFiles(id) => Self {
                kind: ProblemKind::Lost,
                release: Some(id),
                detail,
            },
            _ => Self::manifest(detail),
        }
    }
}
