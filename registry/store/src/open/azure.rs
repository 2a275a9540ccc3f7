//! Azure Blob Storage.

use std::sync::Arc;

use object_store::{
    ObjectStore,
    azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder},
};

use super::{OpenError, client_options, connector, public_copies::PublicCopies, retry_config};
use crate::settings::{AzureSettings, StoreSettings};

/// Opens a container, with the one of the public copies when there is one.
pub(super) fn open(settings: &StoreSettings) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let private = Arc::new(open_container(settings, &settings.bucket)?);
    let Some(public) = &settings.azure.public_container else {
        return Ok(private);
    };
    let public = Arc::new(open_container(settings, public)?);
    Ok(Arc::new(PublicCopies::new(private, public)))
}

fn open_container(settings: &StoreSettings, name: &str) -> Result<MicrosoftAzure, OpenError> {
    let builder = with_credentials(&settings.azure)
        .with_account(&settings.azure.account)
        .with_container_name(name)
        .with_client_options(client_options(settings))
        .with_retry(retry_config(settings))
        .with_http_connector(connector()?);
    let builder = match &settings.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.clone()),
        None => builder,
    };
    builder.build().map_err(OpenError::Client)
}

/// Credentials of the settings, else those of the environment.
fn with_credentials(settings: &AzureSettings) -> MicrosoftAzureBuilder {
    let given = MicrosoftAzureBuilder::new();
    if let Some(key) = &settings.account_key {
        return given.with_access_key(key.expose());
    }
    if let Some(token) = &settings.sas_token {
        let token = token.expose().trim_start_matches('?');
        return given.with_config(AzureConfigKey::SasKey, token);
    }
    let environment = match &settings.client_secret {
        Some(secret) => given.with_client_secret(secret.expose()),
        None => MicrosoftAzureBuilder::from_env(),
    };
    let environment = match &settings.client_id {
        Some(id) => environment.with_client_id(id),
        None => environment,
    };
    match &settings.tenant_id {
        Some(id) => environment.with_tenant_id(id),
        None => environment,
    }
}
