//! S3 and compatible services.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};

use super::{OpenError, client_options, connector, retry_config};
use crate::{
    acl::{AclConnector, AclSigner},
    settings::StoreSettings,
};

/// Opens a bucket.
pub(super) fn open(settings: &StoreSettings) -> Result<AmazonS3, OpenError> {
    let builder = match (&settings.access_key_id, &settings.secret_access_key) {
        (Some(id), Some(secret)) => AmazonS3Builder::new()
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose()),
        _ => AmazonS3Builder::from_env(),
    };
    let signer = AclSigner::default();
    let builder = builder
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_client_options(client_options(settings))
        .with_allow_http(settings.allow_http)
        .with_retry(retry_config(settings))
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_virtual_hosted_style_request(settings.virtual_hosted_style)
        .with_http_connector(AclConnector::new(connector()?, signer.clone()));
    let builder = match &settings.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    };
    let builder = if settings.server_side_encryption {
        let key = "aws_server_side_encryption".parse::<AmazonS3ConfigKey>();
        builder.with_config(key.map_err(OpenError::Client)?, "AES256")
    } else {
        builder
    };
    let store = builder.build().map_err(OpenError::Client)?;
    signer.fill(Arc::clone(store.credentials()), &settings.region);
    Ok(store)
}
