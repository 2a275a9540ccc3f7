//! The contract suite on a real Ceph cluster, each store through another of its two gateways.

use ochre_store::{
    contract::{Subject, assert_whole, catalog, id, publish},
    store_contract,
};
use ochre_tests::{Ceph, TestStore};

use crate::settings;

/// A bucket of its own through both gateways.
fn subject(stores: &[TestStore; 2]) -> Subject {
    Subject::open_ways(settings(stores.each_ref()))
}

macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (ceph, _peace) = Ceph::shared().await;
                ochre_store::contract::$module::$name(&subject(&ceph.new_bucket())).await;
            }
        )+
    };
}

store_contract!(suite);

/// The self-test holds when a load balancer spreads its requests, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn self_test_passes_over_both_gateways_and_leaves_nothing() {
    let (ceph, _peace) = Ceph::shared().await;
    let subject = subject(&ceph.new_bucket());

    let result = subject.store_with_turns().probe().await;

    assert!(result.is_ok(), "{result:?}");
    assert!(
        subject.list().await.is_empty(),
        "{:?}",
        subject.list().await
    );
}

/// What was acknowledged is there after every daemon was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_releases_survive_the_crash_of_the_cluster() {
    let (ceph, _alone) = Ceph::alone().await;
    let subject = subject(&ceph.new_bucket());
    let ids: Vec<_> = (0..20).map(|at| id("kept", &format!("1.{at}.0"))).collect();
    for id in &ids {
        let published = publish(&subject.store(), id, id.version.as_str()).await;
        assert!(published.is_ok(), "{published:?}");
    }

    ceph.crash().await;

    let catalog = catalog(&subject.store()).await;
    for id in &ids {
        assert!(catalog.contains(id), "{id}");
        assert_whole(&subject.store(), id, id.version.as_str()).await;
    }
    let more = publish(&subject.store(), &id("kept", "2.0.0"), "x").await;
    assert!(more.is_ok(), "{more:?}");
}
