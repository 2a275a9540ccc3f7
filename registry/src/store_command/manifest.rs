//! `store backup` and `store restore`.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use anyhow::Context as _;
use ochre_store::{Backup, ComponentStore};

use super::{PRINTED_MAX, allow_writes, settle};

/// Writes the manifest into a file that does not exist yet.
pub(super) async fn backup(store: &ComponentStore, file: &Path) -> anyhow::Result<()> {
    let backup = store.backup().await?;
    let (bytes, backup) = tokio::task::spawn_blocking(move || {
        let bytes = backup.to_bytes();
        bytes.map(|bytes| (bytes, backup))
    })
    .await??;
    let place = file.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(place)?;
        file.write_all(&bytes)?;
        file.sync_all()
    })
    .await?
    .with_context(|| format!("`{}` cannot be written", file.display()))?;
    println!(
        "kept {} versions of {} components in {}",
        backup.version_count(),
        backup.component_count(),
        file.display()
    );
    Ok(())
}

/// Lists what a backup lists.
pub(super) async fn restore(
    store: &ComponentStore,
    file: &Path,
    (dry_run, pass_over_unsupported): (bool, bool),
) -> anyhow::Result<()> {
    let bytes = tokio::fs::read(file)
        .await
        .with_context(|| format!("`{}` cannot be read", file.display()))?;
    let backup = tokio::task::spawn_blocking(move || Backup::parse(&bytes)).await??;
    let plan = store.plan_restore(&backup).await?;
    let would = if dry_run { "would list" } else { "lists" };
    for id in plan.listed.iter().take(PRINTED_MAX) {
        println!("{would} {id}");
    }
    for id in plan.unsupported.iter().take(PRINTED_MAX) {
        println!("the store has nothing of {id}");
    }
    println!(
        "{} versions in the backup: {} are not listed, {} components get later states or channels, \
         {} versions are not in the store",
        plan.versions,
        plan.listed.len(),
        plan.updated.len(),
        plan.unsupported.len()
    );
    if dry_run {
        return Ok(());
    }
    allow_writes(store).await?;
    store.restore(&plan, pass_over_unsupported).await?;
    settle(store).await?;
    println!("restored");
    Ok(())
}
