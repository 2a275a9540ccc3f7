//! A store that is not there yet when a node starts.

use std::time::Duration;

use ochre_tests::{Fault, FaultProxy, TestPackage, TestRegistry, TestStore, eventually};

#[tokio::test]
async fn what_a_store_holds_that_comes_late_is_served_and_described() {
    let store = TestStore::s3().await;
    let first = TestRegistry::start_on(&store, "").await;
    let package = TestPackage::new("hello", "1.0.0")
        .manifest(|manifest| manifest["description"] = "Greets whoever is there".into());
    first.publish(&package).await;
    drop(first);
    let (proxy, late) = FaultProxy::before(&store).await;
    proxy.set(Fault::Refuse);

    let mut registry = TestRegistry::spawn_on(&late, "");
    let bound = Duration::from_mins(1);
    eventually("the node to start without its store", bound, || async {
        let log = registry.process.log();
        log.contains("listening on").then_some(())
    })
    .await;
    proxy.set(Fault::None);

    registry.ready().await;
    eventually("the component to be described", bound, || async {
        let headers = [("accept", "text/html")];
        let page = registry.get_with_headers("/", &headers).await;
        page.text()
            .contains("Greets whoever is there")
            .then_some(())
    })
    .await;
}
