//! The contract suite on moto, an S3 server in memory.

use ochre_store::{contract::faults, store_contract};
use ochre_tests::TestStore;

use crate::subject;

macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                ochre_store::contract::$module::$name(&subject(&TestStore::s3().await)).await;
            }
        )+
    };
}

store_contract!(suite);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_fault_at_any_call_is_survived() {
    faults::one_fault_at_any_call_is_survived(&subject(&TestStore::s3().await)).await;
}
