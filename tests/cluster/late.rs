//! A store that is not there yet when a node starts.

use std::time::Duration;

use ochre_tests::{TestPackage, TestRegistry, TestStore, eventually, free_port};
use tokio::net::{TcpListener, TcpStream};

/// Lets everything through to a server, from a port that nobody listened on before.
async fn forward(port: u16, server: String) {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("the port is free");
    while let Ok((mut caller, _)) = listener.accept().await {
        let server = server.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server)
                .await
                .expect("the server is there");
            drop(tokio::io::copy_bidirectional(&mut caller, &mut server).await);
        });
    }
}

#[tokio::test]
async fn what_a_store_holds_that_comes_late_is_served_and_described() {
    let store = TestStore::s3().await;
    let first = TestRegistry::start_on(&store, "").await;
    let package = TestPackage::new("hello", "1.0.0")
        .manifest(|manifest| manifest["description"] = "Greets whoever is there".into());
    first.publish(&package).await;
    drop(first);
    let TestStore::S3 { endpoint, bucket } = store else {
        unreachable!("it is a bucket");
    };
    let port = free_port();
    let late = TestStore::S3 {
        endpoint: format!("http://127.0.0.1:{port}"),
        bucket,
    };

    let mut registry = TestRegistry::spawn_on(&late, "");
    let bound = Duration::from_mins(1);
    eventually("the node to start without its store", bound, || async {
        let log = registry.process.log();
        log.contains("listening on").then_some(())
    })
    .await;
    let server = endpoint.trim_start_matches("http://").to_owned();
    let forwarding = tokio::spawn(forward(port, server));

    registry.ready().await;
    eventually("the component to be described", bound, || async {
        let headers = [("accept", "text/html")];
        let page = registry.get_with_headers("/", &headers).await;
        page.text()
            .contains("Greets whoever is there")
            .then_some(())
    })
    .await;
    forwarding.abort();
}
