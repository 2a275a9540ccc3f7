//! Few open files: connections are bounded by what is left, and everything else goes on.

use std::time::Duration;

use ochre_tests::{
    Answer, Surroundings, TestPackage, TestRegistry, TestStore, eventually, free_port,
};
use tokio::net::TcpStream;

/// Descriptors that the process may have open.
const LIMIT: &str = "prlimit --nofile=256:256";

/// More connections than that.
const CROWD: usize = 400;

#[tokio::test]
async fn a_crowd_of_connections_takes_no_descriptor_that_publishing_needs() {
    let surroundings = Surroundings {
        wrapper: LIMIT.split(' ').map(str::to_owned).collect(),
        ..Surroundings::default()
    };
    let store = TestStore::folder();
    let mut node = TestRegistry::spawn_in(free_port(), &store, "", &surroundings);
    node.ready().await;
    assert!(
        node.process
            .log()
            .contains("leaves 64 for each of 2 workers")
            || node.process.log().contains("the limit of open files"),
        "{}",
        node.process.log()
    );
    node.publish(&TestPackage::new("before", "1.0.0")).await;

    // The connection of the publish above is kept: it is inside already.
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(
            TcpStream::connect(node.address())
                .await
                .expect("the backlog takes it"),
        );
    }
    let package = TestPackage::new("during", "1.0.0").props("{at: 1}");
    node.publish(&package).await;
    node.get("/during").await.expect_status(200);

    drop(crowd);
    eventually(
        "new connections to be taken",
        Duration::from_mins(1),
        || async {
            let request = ochre_tests::http_client().get(node.at("/during"));
            let answer = Answer::try_of(request.timeout(Duration::from_secs(2))).await;
            answer
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        },
    )
    .await;
}
