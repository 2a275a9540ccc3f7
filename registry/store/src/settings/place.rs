//! Which store it is, however it is reached.

use std::fmt;

use super::{Backend, StoreSettings};

/// What tells one store from all others: the same for every node of it.
///
/// The endpoint is no part of it: nodes reach one store in several ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    backend: Backend,
    /// The folder, the bucket, or the account with its container.
    root: String,
    components_dir: String,
}

// === impl StoreSettings ===

impl StoreSettings {
    /// The place that the settings describe. A folder is looked up, so that links to it are it.
    pub fn place(&self) -> Place {
        let root = match self.backend {
            Backend::Folder => {
                let path = std::fs::canonicalize(&self.path);
                let path = path.unwrap_or_else(|_| self.path.clone());
                path.to_string_lossy().into_owned()
            }
            Backend::Azure => format!("{}/{}", self.azure.account, self.bucket),
            Backend::Memory | Backend::S3 | Backend::Gcs => self.bucket.clone(),
        };
        Place {
            backend: self.backend,
            root,
            components_dir: self.components_dir.trim_matches('/').to_owned(),
        }
    }
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            backend,
            root,
            components_dir,
        } = self;
        write!(formatter, "{backend:?}\n{root}\n{components_dir}")
    }
}
