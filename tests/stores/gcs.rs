//! The contract suite on a fake of Google Cloud Storage: it shows how Ochre uses the client, and
//! nothing of the service.

use ochre_store::store_contract;
use ochre_tests::GcsFake;

use crate::subject;

macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                ochre_store::contract::$module::$name(&subject(&GcsFake::shared().await.store())).await;
            }
        )+
    };
}

store_contract!(suite);
