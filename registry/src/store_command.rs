//! `ochre-registry store`: what operators do with the store.
#![expect(clippy::print_stdout, reason = "answers of a command line program")]

use std::time::Duration;

use ochre_store::ComponentStore;

/// Longest wait for `components.json` after a change of the catalog.
const SETTLE: Duration = Duration::from_mins(2);

/// Has the catalog written as a log of changes.
///
/// # Errors
///
/// When the store fails its self-test, or the catalog cannot be read or written; it is then as it
/// was.
pub async fn upgrade(store: &ComponentStore) -> anyhow::Result<()> {
    store.probe().await?;
    if store.upgrade_index().await? {
        store.committer().drain(SETTLE).await;
        println!("the catalog is a log of changes from now on");
    } else {
        println!("the catalog is a log of changes already");
    }
    Ok(())
}
