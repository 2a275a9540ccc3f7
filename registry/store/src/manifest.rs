//! `components.json` and `components-details.json`, which every registry of the bucket shares.
//!
//! Ochre adds to them what its index holds and never takes anything away.

use std::{collections::HashSet, fmt::Debug, sync::Arc, time::Duration};

use crate::{
    catalog::{ComponentVersions, Components},
    compare_swap::{Reading, Revision, SwapError, SwapObject, Swapped},
    retry::Backoff,
};
use bytes::Bytes;
use ochre_model::{
    Clock, ComponentName, ComponentsDetails, ComponentsJson, Version, VersionDetails, WireError,
    json::JsonError,
};

/// Writes that may be lost to others in a row.
const CONFLICTS_MAX: usize = 64;

/// Errors of the store in a row.
const ERRORS_MAX: usize = 4;

/// Writes both manifests.
#[derive(Debug)]
pub(crate) struct Exporter {
    list: Shared<ComponentsJson>,
    details: Shared<ComponentsDetails>,
    clock: Arc<dyn Clock>,
}

/// One manifest, and what is believed of it.
#[derive(Debug)]
struct Shared<F> {
    object: SwapObject,
    known: Option<Known<F>>,
}

#[derive(Debug)]
struct Known<F> {
    file: F,
    revision: Option<Revision>,
    /// What of the index the file holds.
    holds: Components,
    /// The store has no readable file: it is written even when nothing is added.
    lost: bool,
}

/// A manifest that grows by union.
trait Manifest: Debug + Default + Send + 'static {
    fn read(bytes: &[u8]) -> Result<Self, WireError>;

    fn write(&self) -> Result<Vec<u8>, JsonError>;

    /// Adds what is missing; false when nothing is.
    fn add(&mut self, name: &ComponentName, versions: &ComponentVersions) -> bool;

    /// Moves the time of the last edit past every time seen.
    fn touch(&mut self, now_ms: u64);
}

/// A failed export.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("manifest is written by too many others at once")]
    Contended,
    #[error("manifest cannot be written as JSON")]
    Malformed(#[source] JsonError),
    #[error("worker ended")]
    Worker(#[source] tokio::task::JoinError),
    #[error("manifest cannot be read or written")]
    Unavailable(#[from] SwapError),
}

// === impl ComponentsJson ===

impl Manifest for ComponentsJson {
    fn read(bytes: &[u8]) -> Result<Self, WireError> {
        Self::parse(bytes)
    }

    fn write(&self) -> Result<Vec<u8>, JsonError> {
        self.to_bytes()
    }

    fn add(&mut self, name: &ComponentName, versions: &ComponentVersions) -> bool {
        let listed = self.components.entry(name.as_str().to_owned()).or_default();
        let added: Vec<String> = missing(listed, versions).map(ToString::to_string).collect();
        if added.is_empty() {
            return false;
        }
        listed.extend(added);
        listed.sort_by_cached_key(|text| {
            let version = text.parse::<Version>().ok();
            (version.is_none(), version, text.clone())
        });
        true
    }

    fn touch(&mut self, now_ms: u64) {
        self.last_edit = now_ms.max(self.last_edit.saturating_add(1));
    }
}

// === impl ComponentsDetails ===

impl Manifest for ComponentsDetails {
    fn read(bytes: &[u8]) -> Result<Self, WireError> {
        Self::parse(bytes)
    }

    fn write(&self) -> Result<Vec<u8>, JsonError> {
        self.to_bytes()
    }

    fn add(&mut self, name: &ComponentName, versions: &ComponentVersions) -> bool {
        let listed = self.components.entry(name.as_str().to_owned()).or_default();
        let before = listed.len();
        for (version, details) in versions.iter() {
            listed
                .entry(version.as_str().to_owned())
                .or_insert_with(|| VersionDetails {
                    publish_date: details.publish_date,
                    template_size: details.template_size,
                });
        }
        listed.len() > before
    }

    fn touch(&mut self, now_ms: u64) {
        self.last_edit = now_ms.max(self.last_edit.saturating_add(1));
    }
}

// === impl Exporter ===

impl Exporter {
    pub(crate) fn new(list: SwapObject, details: SwapObject, clock: Arc<dyn Clock>) -> Self {
        Self {
            list: Shared {
                object: list,
                known: None,
            },
            details: Shared {
                object: details,
                known: None,
            },
            clock,
        }
    }

    /// Forgets what the manifests are believed to hold.
    pub(crate) fn forget(&mut self) {
        self.list.known = None;
        self.details.known = None;
    }

    /// Makes both manifests hold everything that is published; false when one of them does not,
    /// which the next export mends.
    pub(crate) async fn export(&mut self, components: &Components) -> bool {
        let (list, details) = tokio::join!(
            self.list.export(components, &self.clock),
            self.details.export(components, &self.clock)
        );
        let list = report(self.list.object.path(), list);
        let details = report(self.details.object.path(), details);
        list && details
    }
}

// === impl Shared ===

impl<F: Manifest> Shared<F> {
    async fn export(
        &mut self,
        components: &Components,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), ExportError> {
        let mut backoff = Backoff::between(Duration::from_millis(4), Duration::from_millis(500));
        let (mut conflicts, mut errors) = (0, 0);
        loop {
            match self.attempt(components, clock.now_ms()).await {
                Ok(true) => return Ok(()),
                Ok(false) => conflicts += 1,
                Err(ExportError::Unavailable(SwapError::Store(error)))
                    if errors + 1 < ERRORS_MAX && !crate::retry::is_full(&error) =>
                {
                    errors += 1;
                }
                Err(error) => return Err(error),
            }
            if conflicts >= CONFLICTS_MAX {
                return Err(ExportError::Contended);
            }
            backoff.contended().await;
        }
    }

    /// Adds what is missing; false when somebody else wrote first.
    async fn attempt(&mut self, components: &Components, now_ms: u64) -> Result<bool, ExportError> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => self.read().await?,
        };
        let wanted = components.clone();
        let (mut known, bytes) = blocking(move || {
            let bytes = known.add(&wanted, now_ms)?;
            Ok((known, bytes))
        })
        .await?;
        if let Some(bytes) = bytes {
            match self.object.swap(known.revision.as_ref(), bytes).await? {
                Swapped::Conflict => return Ok(false),
                Swapped::Done(None) => return Ok(true),
                Swapped::Done(revision) => known.revision = revision,
            }
        }
        self.known = Some(known);
        Ok(true)
    }

    async fn read(&self) -> Result<Known<F>, ExportError> {
        let path = self.object.path().clone();
        let (bytes, revision) = match self.object.read(None).await? {
            Reading::Found { bytes, revision } => (Some(bytes), Some(revision)),
            Reading::Missing | Reading::Unchanged => (None, None),
        };
        blocking(move || {
            let parsed = bytes.map(|bytes| F::read(&bytes));
            let file = match parsed {
                Some(Ok(file)) => Some(file),
                Some(Err(error)) => {
                    tracing::error!(store.path = %path, error = %error,
                        "found a damaged manifest; wrote it again from the index");
                    None
                }
                None => None,
            };
            Ok(Known {
                lost: file.is_none(),
                file: file.unwrap_or_default(),
                revision,
                holds: Components::default(),
            })
        })
        .await
    }
}

// === impl Known ===

impl<F: Manifest> Known<F> {
    /// Adds what is missing; the bytes to write, or none when nothing is.
    fn add(&mut self, components: &Components, now_ms: u64) -> Result<Option<Bytes>, ExportError> {
        let mut changed = self.lost;
        for (name, versions) in components.iter() {
            let held = self.holds.get(name);
            if !held.is_some_and(|held| Arc::ptr_eq(held, versions)) {
                changed |= self.file.add(name, versions);
            }
        }
        self.holds = components.clone();
        self.lost = false;
        if !changed {
            return Ok(None);
        }
        self.file.touch(now_ms);
        let bytes = self.file.write().map_err(ExportError::Malformed)?;
        Ok(Some(bytes.into()))
    }
}

/// Whether some version of the index is not listed.
pub(crate) fn lacks(list: &ComponentsJson, components: &Components) -> bool {
    components.iter().any(|(name, versions)| {
        let listed = list.components.get(name.as_str()).map(Vec::as_slice);
        missing(listed.unwrap_or_default(), versions)
            .next()
            .is_some()
    })
}

fn missing<'a>(
    listed: &[String],
    versions: &'a ComponentVersions,
) -> impl Iterator<Item = &'a Version> {
    let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
    let missing: Vec<&Version> = versions
        .versions()
        .iter()
        .filter(|version| !listed.contains(version.as_str()))
        .collect();
    missing.into_iter()
}

fn report(path: &object_store::path::Path, result: Result<(), ExportError>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(store.path = %path, error = %error, cause,
                "did not export the catalog; the next export will");
            false
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ExportError::Worker(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::VersionSummary;

    fn versions(texts: &[&str]) -> ComponentVersions {
        let details = VersionSummary {
            publish_date: 12,
            template_size: None,
            state: Some("deprecated".to_owned()),
        };
        texts
            .iter()
            .map(|text| (text.parse().unwrap(), details.clone()))
            .collect()
    }

    #[test]
    fn the_list_keeps_what_others_wrote_and_its_order_is_npms() {
        let mut file = ComponentsJson::parse(
            br#"{"lastEdit":5,"components":{"a":["nonsense","1.9.0","v1.0.0"],"b c":["1"]}}"#,
        )
        .unwrap();
        assert!(file.add(&"a".parse().unwrap(), &versions(&["1.10.0", "1.9.0"])));
        assert!(!file.add(&"a".parse().unwrap(), &versions(&["1.10.0"])));
        file.touch(3);
        assert_eq!(
            serde_json::to_string(&file).unwrap(),
            r#"{"lastEdit":6,"components":{"a":["v1.0.0","1.9.0","1.10.0","nonsense"],"b c":["1"]}}"#
        );
    }

    #[test]
    fn details_have_the_shape_of_open_components() {
        let mut file = ComponentsDetails::default();
        assert!(file.add(&"a".parse().unwrap(), &versions(&["1.0.0"])));
        file.touch(7);
        assert_eq!(
            serde_json::to_string(&file).unwrap(),
            r#"{"lastEdit":7,"components":{"a":{"1.0.0":{"publishDate":12}}}}"#
        );
    }
}
