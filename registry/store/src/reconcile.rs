//! Finishing what was begun and finding what is not listed. Idempotent, and safe beside publishes:
//! a late writer can only write what is certain anyway.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use object_store::ObjectMeta;
use ochre_model::{Chain, ComponentId};
use tracing::instrument;

use crate::{
    catalog::{CatalogSnapshot, Components, VersionSummary},
    key::{PACKAGE_JSON, StoreKey},
    pending::Marker,
    source::ReadError,
    store::{ComponentStore, Inner},
};

/// Age after which a marker without a release belongs to nobody any more: more than clocks differ.
const MARKER_AGE: Duration = Duration::from_hours(24);

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileScope {
    /// What the markers of unfinished publishes name.
    Pending,
    /// Every release in the store: lists all of it.
    Everything,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct ReconcileReport {
    /// Releases whose files or listing were missing.
    pub finished: Vec<ComponentId>,
    /// Releases that were found but could not be listed, because writes are held.
    pub unlisted: Vec<(ComponentId, VersionSummary)>,
    /// What could not be mended: where, and why.
    pub problems: Vec<(String, String)>,
}

/// Where a release was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// `package.json` lies where every registry looks.
    pub(crate) package: bool,
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Finishes what is unfinished, lists what is not listed, and writes damaged or missing
    /// manifests again as the union of the store and `known`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store cannot be listed or the index not be written; nothing is ever
    /// rebuilt from a partial listing. What fails for one release is told in the report.
    ///
    /// While writes are held, nothing is finished or listed: what was found is told.
    #[instrument(skip_all)]
    pub async fn reconcile(
        &self,
        scope: ReconcileScope,
        known: Option<&CatalogSnapshot>,
    ) -> Result<ReconcileReport, ReadError> {
        let mut report = ReconcileReport::default();
        if !self.inner.leaves_owed() {
            self.inner.finish_pending(&mut report).await?;
            self.inner.index.export_left_over(&self.inner.board).await;
        }
        if scope == ReconcileScope::Everything {
            let known = known.map(|known| known.components.clone());
            let rebuilt = self.inner.rebuild(known.unwrap_or_default(), &mut report);
            // What was owed before is still owed.
            rebuilt.await.inspect_err(|_| self.inner.owe())?;
        }
        Ok(report)
    }
}

// === impl Inner ===

impl Inner {
    async fn finish_pending(&self, report: &mut ReconcileReport) -> Result<(), ReadError> {
        for (object, marker) in self.markers().await? {
            let place = object.location.to_string();
            let Some((marker, id)) = marker.and_then(|marker| {
                let id = marker.id()?;
                Some((marker, id))
            }) else {
                let why = "marker cannot be understood".to_owned();
                report.problems.push((place, why));
                continue;
            };
            match self.finish_marked(&id, &marker, &object).await {
                Ok(true) => report.finished.push(id),
                Ok(false) => {}
                Err(why) => report.problems.push((id.to_string(), why)),
            }
        }
        Ok(())
    }

    /// Finishes one release; false when it was never claimed.
    async fn finish_marked(
        &self,
        id: &ComponentId,
        marker: &Marker,
        object: &ObjectMeta,
    ) -> Result<bool, String> {
        let archive = self
            .read_archive(id)
            .await
            .map_err(|error| Chain(&error).to_string())?;
        let Some(archive) = archive else {
            let begun = u64::try_from(object.last_modified.timestamp_millis()).unwrap_or_default();
            let age = Duration::from_millis(self.clock.now_ms().saturating_sub(begun));
            if age > MARKER_AGE {
                self.remove_marker(marker).await;
            }
            return Ok(false);
        };
        let finished = self
            .finish(id, &archive)
            .await
            .map_err(|error| Chain(&error).to_string())?;
        if finished.exported {
            self.remove_marker(marker).await;
        }
        Ok(true)
    }

    async fn rebuild(
        &self,
        mut components: Components,
        report: &mut ReconcileReport,
    ) -> Result<(), ReadError> {
        let found = self.list_releases().await?;
        let mut missing: Vec<(ComponentId, Found)> = found.into_iter().collect();
        missing.retain(|(id, found)| !components.contains(id) || !found.package);
        let looks = missing.iter().map(|(id, found)| {
            let look = async move {
                if !found.package && !self.objects.is_held() {
                    let archive = self
                        .read_archive(id)
                        .await
                        .map_err(|error| Chain(&error).to_string())?;
                    if let Some(archive) = archive {
                        let projected = self.project(id, &archive).await;
                        projected.map_err(|error| Chain(&error).to_string())?;
                    }
                }
                self.find(id)
                    .await
                    .map_err(|error| Chain(&error).to_string())
            };
            look.boxed()
        });
        let looks: Vec<BoxFuture<'_, _>> = looks.collect();
        let looks = stream::iter(looks).buffered(self.concurrency);
        let results: Vec<_> = looks.collect().await;
        let mut found = Vec::new();
        for ((id, _), result) in missing.into_iter().zip(results) {
            match result {
                Ok(Some(details)) => {
                    components.insert(&id, &details);
                    found.push((id, details));
                }
                Ok(None) => {}
                Err(why) => report.problems.push((id.to_string(), why)),
            }
        }
        if self.leaves_owed() {
            report.unlisted = found;
            return Ok(());
        }
        report.finished.extend(found.into_iter().map(|(id, _)| id));
        self.index.rebuild(&components).await?;
        self.reserve_names(&report.finished).await;
        Ok(())
    }

    /// Every release that has an object of its own or a `package.json`.
    pub(crate) async fn list_releases(&self) -> Result<BTreeMap<ComponentId, Found>, ReadError> {
        let releases = self.path(StoreKey::Releases)?;
        let components = self.path(StoreKey::Components)?;
        let unavailable = |error| ReadError::Unavailable(Arc::new(error));
        let objects = self
            .objects
            .fold(&releases, |found: &mut BTreeSet<ComponentId>, object| {
                found.extend(release_of(&object, &releases, None));
            });
        let objects = objects.await.map_err(unavailable)?;
        let packages = self
            .objects
            .fold(&components, |found: &mut Vec<ComponentId>, object| {
                found.extend(release_of(&object, &components, Some(PACKAGE_JSON)));
            });
        let packages = packages.await.map_err(unavailable)?;
        let unfinished = objects.into_iter().map(|id| (id, Found::default()));
        let mut found: BTreeMap<ComponentId, Found> = unfinished.collect();
        found.extend(packages.into_iter().map(|id| (id, Found { package: true })));
        Ok(found)
    }
}

/// Reads `prefix/name/version[/file]`.
pub(crate) fn release_of(
    object: &ObjectMeta,
    prefix: &object_store::path::Path,
    file: Option<&str>,
) -> Option<ComponentId> {
    let rest = object.location.as_ref().strip_prefix(prefix.as_ref())?;
    let mut parts = rest.strip_prefix('/')?.split('/');
    let id = ComponentId {
        name: parts.next()?.parse().ok()?,
        version: parts.next()?.parse().ok()?,
    };
    (parts.next() == file && parts.next().is_none()).then_some(id)
}
