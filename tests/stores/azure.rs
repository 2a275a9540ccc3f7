//! The contract suite on Azurite, the emulator of Azure Blob Storage.

use ochre_store::store_contract;
use ochre_tests::Azurite;

use crate::subject;

macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                ochre_store::contract::$module::$name(&subject(&Azurite::shared().await.store())).await;
            }
        )+
    };
}

store_contract!(suite);
