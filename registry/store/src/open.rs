//! Opening the objects that the settings describe: one file for each backend.

mod azure;
mod folder;
mod gcs;
mod public_copies;
mod s3;

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, client::SpawnedReqwestConnector,
    memory::InMemory,
};
use tokio::runtime::Handle;

use crate::{
    key::KeyError,
    objects::Medium,
    settings::{Backend, StoreSettings},
};

/// Longest time for a connection to a service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Repetitions of one request by the HTTP client.
const RETRIES: usize = 6;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings contradict themselves.
    #[error("storage settings are not valid: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The folder cannot be made or entered.
    #[error("storage.path = \"{path}\" cannot be used: choose a folder that may be written")]
    Folder {
        /// The folder as configured.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The client of the object store cannot be made.
    #[error("client of the object store cannot be made")]
    Client(#[source] object_store::Error),
    /// Not called within a tokio runtime.
    #[error("store is opened outside of a tokio runtime")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// The configured prefix cannot be part of a key.
    #[error("storage.components_dir cannot be used")]
    Key(#[from] KeyError),
}

/// Opens the objects that `settings` describe, without what Ochre makes of them.
///
/// # Errors
///
/// As [`crate::ComponentStore::open`].
pub fn open_objects(settings: &StoreSettings) -> Result<(Arc<dyn ObjectStore>, Medium), OpenError> {
    let problems = settings.validate();
    if !problems.is_empty() {
        return Err(OpenError::Settings(problems));
    }
    Ok(match settings.backend {
        Backend::Memory => (Arc::new(InMemory::new()), Medium::Memory),
        Backend::S3 => (Arc::new(s3::open(settings)?), Medium::S3),
        Backend::Gcs => (Arc::new(gcs::open(settings)?), Medium::Gcs),
        Backend::Azure => (azure::open(settings)?, Medium::Azure),
        Backend::Folder => {
            let (objects, root) = folder::open(&settings.path, settings.read_only)?;
            (Arc::new(objects), Medium::Folder(root))
        }
    })
}

/// Bounds of one request.
fn client_options(settings: &StoreSettings) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(settings.request_timeout)
        .with_connect_timeout(settings.request_timeout.min(CONNECT_TIMEOUT))
        .with_allow_http(settings.allow_http)
}

/// Bounds of the repetitions of one request.
fn retry_config(settings: &StoreSettings) -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES,
        retry_timeout: settings.retry_timeout,
        // A store that is there again is noticed within seconds.
        backoff: BackoffConfig {
            max_backoff: Duration::from_secs(2),
            ..BackoffConfig::default()
        },
    }
}

/// Makes HTTP clients that work on the runtime of the caller, from whatever thread they are used.
fn connector() -> Result<SpawnedReqwestConnector, OpenError> {
    // The HTTP client takes the process's TLS provider; one that is set already stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Handle::try_current().map_err(OpenError::NoRuntime)?;
    Ok(SpawnedReqwestConnector::new(runtime))
}
