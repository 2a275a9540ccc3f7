//! Google Cloud Storage.

use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};

use super::{OpenError, client_options, connector, retry_config};
use crate::settings::StoreSettings;

/// Opens a bucket.
pub(super) fn open(settings: &StoreSettings) -> Result<GoogleCloudStorage, OpenError> {
    let builder = match &settings.gcs.service_account_file {
        Some(file) => {
            GoogleCloudStorageBuilder::new().with_service_account_path(file.to_string_lossy())
        }
        None => GoogleCloudStorageBuilder::from_env(),
    };
    let builder = builder
        .with_bucket_name(&settings.bucket)
        .with_client_options(client_options(settings))
        .with_retry(retry_config(settings))
        .with_http_connector(connector()?);
    let builder = match &settings.endpoint {
        Some(endpoint) => builder.with_base_url(endpoint),
        None => builder,
    };
    builder.build().map_err(OpenError::Client)
}
