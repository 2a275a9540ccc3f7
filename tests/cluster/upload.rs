//! A publish during which something happens to its node, and the retry of it.

use ochre_tests::{Answer, TestPackage, TestRegistry};

/// A publish under way; it breaks when its node does.
pub(crate) type Upload = tokio::task::JoinHandle<Result<Answer, reqwest::Error>>;

/// Begins a publish.
pub(crate) fn upload(registry: &TestRegistry, package: &TestPackage) -> Upload {
    let path = format!("/{}/{}", package.name(), package.version());
    let request = registry.put_request(&path, package.archive());
    tokio::spawn(Answer::try_of(request))
}

/// Publishes what may be there already, with the same content.
pub(crate) async fn publish_again(registry: &TestRegistry, package: &TestPackage) {
    let answer = registry.try_publish(package).await;
    let told = format!("{}: {}", package.version(), answer.text());
    match answer.status {
        200 => {}
        403 => assert_eq!(answer.json()["details"]["sameContent"], true, "{told}"),
        status => unreachable!("{status} {told}"),
    }
}
