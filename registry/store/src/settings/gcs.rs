//! `[storage.gcs]`: what only Google Cloud Storage has.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `[storage.gcs]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GcsSettings {
    /// Key of a service account, a JSON file. Without one the environment's credentials are taken:
    /// `GOOGLE_APPLICATION_CREDENTIALS`, `gcloud`'s own, or those of the instance (workload
    /// identity on GKE).
    pub service_account_file: Option<PathBuf>,
}

// === impl GcsSettings ===

impl GcsSettings {
    /// Lists everything that is wrong.
    pub(super) fn problems(&self) -> Vec<String> {
        match &self.service_account_file {
            Some(file) if !file.is_file() => vec![format!(
                "storage.gcs.service_account_file = \"{}\": name an existing file, or leave it out \
                 to take the environment's credentials",
                file.display()
            )],
            _ => Vec::new(),
        }
    }
}
