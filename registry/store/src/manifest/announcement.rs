//! What the last export of a large catalog wrote, so that nobody reads it only to find what the index
//! says already.

use std::error::Error;

use bytes::Bytes;
use object_store::path::Path;
use ochre_model::Chain;
use serde::{Deserialize, Serialize};

use super::file::SurplusOf;
use crate::{
    compare_swap::{Revision, SwapError},
    index::Position,
    key::Labels,
    objects::{FetchError, Objects},
};

/// Largest announcement that is read, and texts of the surplus that one tells.
const BYTES_MAX: u64 = 1024 * 1024;
const SURPLUS_MAX: usize = 5_000;

/// The format written and understood.
const FORMAT: u32 = 1;

/// Both manifests as the last export left them: the index of one moment and a surplus.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Announcement {
    format: u32,
    pub(crate) at: Position,
    pub(crate) last_edit: u64,
    /// `components.json`.
    pub(crate) list: Revision,
    pub(crate) surplus: SurplusOf<Vec<String>>,
    /// `components-details.json`, unless it has a surplus of its own.
    pub(crate) details: Option<Revision>,
}

/// Where the announcement lies.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    objects: Objects,
    path: Path,
}

// === impl Announcement ===

impl Announcement {
    pub(super) fn new(at: Position, list: Revision, surplus: SurplusOf<Vec<String>>) -> Self {
        Self {
            format: FORMAT,
            at,
            last_edit: 0,
            list,
            surplus,
            details: None,
        }
    }
}

// === impl Board ===

impl Board {
    pub(crate) fn new(objects: Objects, path: Path) -> Self {
        Self { objects, path }
    }

    /// The last announcement; none when there is none that can be understood.
    pub(crate) async fn read(&self) -> Result<Option<Announcement>, SwapError> {
        let bytes = match self.objects.fetch(&self.path, BYTES_MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(FetchError::TooLarge { .. }) => return Ok(None),
            Err(FetchError::Store(error)) => return Err(SwapError::Store(error)),
        };
        let announcement: Option<Announcement> = serde_json::from_slice(&bytes).ok();
        Ok(announcement.filter(|announcement| announcement.format == FORMAT))
    }

    /// Announces; without it the manifests are read by all.
    pub(super) async fn write(&self, announcement: &Announcement) {
        if announcement.surplus.values().map(Vec::len).sum::<usize>() > SURPLUS_MAX {
            return;
        }
        let failed = |error: &(dyn Error + 'static)| {
            tracing::debug!(error = %Chain(error), "did not announce an export");
        };
        let text = match serde_json::to_vec(announcement) {
            Ok(text) => Bytes::from(text),
            Err(error) => return failed(&error),
        };
        let put = self.objects.overwrite(&self.path, &text, Labels::default());
        if let Err(error) = put.await {
            failed(&error);
        }
    }
}
