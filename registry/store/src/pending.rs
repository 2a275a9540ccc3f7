//! Markers of unfinished publishes, and the reserved spellings of names.

use bytes::Bytes;
use object_store::{ObjectMeta, PutMode};
use ochre_model::{ComponentId, ComponentName};
use serde::{Deserialize, Serialize};

use crate::{
    commit::CommitError,
    key::{Labels, StoreKey},
    objects::FetchError,
    retry::Backoff,
    source::ReadError,
    store::Inner,
};

/// Largest marker that is read.
const MARKER_MAX: u64 = 4096;

/// Names the release that a publish is about to claim, so that reconcile finds unfinished work
/// without listing everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) token: String,
    name: String,
    version: String,
}

// === impl Marker ===

impl Marker {
    pub(crate) fn new(id: &ComponentId, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            name: id.name.to_string(),
            version: id.version.to_string(),
        }
    }

    /// The release, or none when the marker is not one of ours.
    pub(crate) fn id(&self) -> Option<ComponentId> {
        Some(ComponentId {
            name: self.name.parse().ok()?,
            version: self.version.parse().ok()?,
        })
    }
}

// === impl Inner ===

impl Inner {
    pub(crate) async fn put_marker(&self, marker: &Marker) -> Result<(), CommitError> {
        let path = self.path(StoreKey::Pending(&marker.token))?;
        let text: Bytes = serde_json::to_vec(marker)
            .map_err(|error| CommitError::Unavailable(std::sync::Arc::new(error)))?
            .into();
        let put = self.objects.overwrite(&path, &text, Labels::default());
        Ok(put.await?)
    }

    /// Removes a marker; one that stays costs reconcile a look.
    pub(crate) async fn remove_marker(&self, marker: &Marker) {
        let removed = match self.path(StoreKey::Pending(&marker.token)) {
            Ok(path) => self.objects.delete(&path).await,
            Err(_) => Ok(()),
        };
        if let Err(error) = removed {
            tracing::debug!(error = %error, "left the marker {} to reconcile", marker.token);
        }
    }

    /// All markers, with the objects that hold them.
    pub(crate) async fn markers(&self) -> Result<Vec<(ObjectMeta, Option<Marker>)>, ReadError> {
        let prefix = self.path(StoreKey::PendingAll)?;
        let listing = self
            .objects
            .list(&prefix)
            .await
            .map_err(|error| ReadError::Unavailable(std::sync::Arc::new(error)))?;
        let mut markers = Vec::with_capacity(listing.len());
        for object in listing {
            match self.objects.fetch(&object.location, MARKER_MAX).await {
                Ok(Some(bytes)) => {
                    let marker = serde_json::from_slice(&bytes).ok();
                    markers.push((object, marker));
                }
                Ok(None) => {}
                // Not one of ours: it must not keep the others from being finished.
                Err(FetchError::TooLarge { .. }) => markers.push((object, None)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(markers)
    }

    /// Makes sure that no other spelling of the name is in use.
    ///
    /// A bucket that holds several spellings already keeps them.
    pub(crate) async fn reserve_name(&self, name: &ComponentName) -> Result<(), CommitError> {
        let path = self.path(StoreKey::Name(name))?;
        let spelling = Bytes::from(name.as_str().to_owned());
        let mut backoff = Backoff::new();
        let mut refused = None;
        loop {
            // After a refusal too, however long it took: somebody may just have reserved it.
            if let Some(found) = self.objects.fetch(&path, MARKER_MAX).await? {
                if found == spelling || self.has_releases(name).await? {
                    return Ok(());
                }
                return Err(CommitError::NameTaken {
                    existing: String::from_utf8_lossy(&found).into_owned(),
                });
            }
            if let Some(error) = refused
                && !backoff.pause().await
            {
                return Err(CommitError::from(error));
            }
            let mode = PutMode::Create;
            let put = self.objects.put(&path, &spelling, mode, Labels::default());
            let Err(error) = put.await else {
                return Ok(());
            };
            refused = Some(error);
        }
    }

    /// Whether the store holds a release under this very spelling.
    async fn has_releases(&self, name: &ComponentName) -> Result<bool, CommitError> {
        let prefix = self.path(StoreKey::Components)?.join(name.as_str());
        let listing = self
            .objects
            .inner
            .list_with_delimiter(Some(&prefix))
            .await?;
        Ok(!listing.common_prefixes.is_empty())
    }
}
