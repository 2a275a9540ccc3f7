//! `[storage.azure]`: what only Azure Blob Storage has.

use serde::{Deserialize, Serialize};

use super::Secret;

/// The `[storage.azure]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureSettings {
    /// Name of the storage account.
    pub account: String,
    /// Container that everybody may read, beside the private one that `storage.bucket` names: the
    /// public files of a release are written there as well, under the same keys, and nothing else.
    pub public_container: Option<String>,
    /// Key of the account. Without credentials here the environment's are taken: `AZURE_*`
    /// variables, workload identity on AKS, managed identity.
    pub account_key: Option<Secret>,
    /// Shared access signature of the account or of the containers, as a query string.
    pub sas_token: Option<Secret>,
    /// Directory of the service principal.
    pub tenant_id: Option<String>,
    /// The service principal, or with neither secret nor key the managed identity to use.
    pub client_id: Option<String>,
    /// Secret of the service principal.
    pub client_secret: Option<Secret>,
}

// === impl AzureSettings ===

impl AzureSettings {
    /// Lists everything that is wrong.
    pub(super) fn problems(&self, container: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if self.account.is_empty() {
            problems.push("storage.azure.account = \"\": name the storage account".to_owned());
        }
        if let Some(public) = &self.public_container
            && (public.is_empty() || public == container)
        {
            problems.push(format!(
                "storage.azure.public_container = \"{public}\": name a second container that \
                 everybody may read, or leave it out"
            ));
        }
        let kinds = [
            ("account_key", self.account_key.is_some()),
            ("sas_token", self.sas_token.is_some()),
            ("client_secret", self.client_secret.is_some()),
        ];
        let given: Vec<&str> = kinds
            .iter()
            .filter_map(|(key, given)| given.then_some(*key))
            .collect();
        if given.len() > 1 {
            problems.push(format!(
                "storage.azure: {} are set: leave all but one out",
                given.join(" and ")
            ));
        }
        if self.client_secret.is_some() && (self.tenant_id.is_none() || self.client_id.is_none()) {
            problems.push(
                "storage.azure.client_secret: set tenant_id and client_id as well".to_owned(),
            );
        }
        problems
    }
}
