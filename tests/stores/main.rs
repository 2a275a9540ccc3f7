//! Every kind of store that is reached over the network: the store's contract suite, and nodes.
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod azure;
mod ceph;
mod gcs;
mod nodes;
mod s3;

use std::time::Duration;

use ochre_store::{StoreSettings, contract::Subject};
use ochre_tests::TestStore;
use toml::Table;

/// The settings that a node gets for `store`, under a prefix of their own.
fn settings<const N: usize>(stores: [&TestStore; N]) -> [StoreSettings; N] {
    let prefix = format!("contract-{}", uuid::Uuid::new_v4());
    stores.map(|store| StoreSettings {
        components_dir: prefix.clone(),
        // Many tests share few processors.
        request_timeout: Duration::from_mins(1),
        retry_timeout: Duration::from_mins(2),
        commit_timeout: Duration::from_mins(5),
        ..Table::try_into(store.settings()).expect("settings of a store")
    })
}

/// The place that `store` describes, for the contract suite.
fn subject(store: &TestStore) -> Subject {
    let [settings] = settings([store]);
    Subject::open(settings)
}
