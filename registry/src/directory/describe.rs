//! Reads, beside requests, what only `package.json` tells of the newest releases.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, stream};
use ochre_cdn_sync::{FeedError, FeedEvent, Watch};
use ochre_model::{Chain, Change, ComponentId, ComponentName, PackageJson};
use ochre_store::{ComponentStore, ReadError};
use serde_json::Value;

use super::{Description, Directory};

/// Files read at once.
const CONCURRENCY: usize = 8;

/// Descriptions that become visible together.
const BATCH: usize = 256;

/// Releases described at once after a start; above it there is a pause after every batch, so that
/// a large catalog is not read in one burst by each node that starts.
const BURST: usize = 2_000;

/// That pause.
const PAUSE: Duration = Duration::from_secs(2);

/// Time before what could not be read is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// Longest text kept, in characters.
const TEXT_MAX: usize = 280;

/// What the task works with.
#[derive(Clone, Debug)]
pub struct DescribeParts {
    /// What is filled.
    pub directory: Arc<Directory>,
    /// Where `package.json` is read from.
    pub store: ComponentStore,
    /// Tells of new releases.
    pub watch: Watch,
}

/// Which components are looked at next.
#[derive(Debug)]
enum Due {
    All,
    These(BTreeSet<ComponentName>),
}

/// Describes every component, then each new release; never ends.
pub async fn run(parts: DescribeParts) {
    let mut changes = parts.watch.feed().subscribe();
    // The first catalog may come late, and is not told as a change.
    if parts.watch.loaded().await.is_err() {
        return;
    }
    let mut due = Due::All;
    loop {
        let failed = describe_all(&parts, due).await;
        // Without failures there is nothing to do before the next change.
        let wait = if failed.is_empty() {
            Duration::MAX
        } else {
            RETRY
        };
        due = Due::These(failed);
        if let Ok(told) = tokio::time::timeout(wait, changes.next()).await
            && !due.add(told)
        {
            return;
        }
        // One look at the catalog is for everything that happened meanwhile.
        while let Some(told) = changes.next().now_or_never() {
            if !due.add(told) {
                return;
            }
        }
    }
}

/// Describes what is due and not described yet; tells what could not be read for now.
async fn describe_all(parts: &DescribeParts, due: Due) -> BTreeSet<ComponentName> {
    let directory = Arc::clone(&parts.directory);
    let looked = match due {
        Due::All => tokio::task::spawn_blocking(move || directory.undescribed()).await,
        Due::These(names) => Ok(directory.undescribed_of(&names)),
    };
    // Only a runtime that is shutting down refuses.
    let ids = looked.unwrap_or_default();
    let is_large = ids.len() > BURST;
    let reads = stream::iter(ids)
        .map(|id| async { read(&parts.store, id).await })
        .buffer_unordered(CONCURRENCY);
    let mut batches = std::pin::pin!(reads.chunks(BATCH));
    let mut failed = BTreeSet::new();
    while let Some(batch) = batches.next().await {
        let mut described = Vec::with_capacity(batch.len());
        for read in batch {
            match read {
                Ok(read) => described.push(read),
                Err(id) => drop(failed.insert(id.name)),
            }
        }
        parts.directory.describe(described);
        if is_large {
            tokio::time::sleep(PAUSE).await;
        }
    }
    failed
}

/// A release whose file is damaged or gone has an empty description; the release itself
/// when the store failed.
async fn read(
    store: &ComponentStore,
    id: ComponentId,
) -> Result<(ComponentId, Description), ComponentId> {
    match store.read_package_json(&id).await {
        Ok(manifest) => Ok((id, Description::of(&manifest))),
        Err(ReadError::Malformed { .. } | ReadError::Integrity(_) | ReadError::NotFound(_)) => {
            Ok((id, Description::default()))
        }
        Err(error) => {
            tracing::debug!(component = %id, error = %Chain(&error), "a release was not described yet");
            Err(id)
        }
    }
}

// === impl Due ===

impl Due {
    /// Adds what the feed tells; false when it has ended.
    fn add(&mut self, told: Result<FeedEvent, FeedError>) -> bool {
        match (told, self) {
            (Err(FeedError::Closed), _) => return false,
            (Err(FeedError::Lagged(_)), due) => *due = Self::All,
            (Ok(_), Self::All) => {}
            (Ok(event), Self::These(names)) => {
                names.extend(event.changes.iter().filter_map(name).cloned());
            }
        }
        true
    }
}

/// The component that has changed.
fn name(change: &Change) -> Option<&ComponentName> {
    match change {
        Change::Published(id) | Change::Removed(id) | Change::StateChanged { id, .. } => {
            Some(&id.name)
        }
        Change::ChannelMoved { name, .. } => Some(name),
        _ => None,
    }
}

// === impl Description ===

impl Description {
    /// What the document says.
    pub fn of(manifest: &PackageJson) -> Self {
        let raw = manifest.raw();
        let keywords = raw.get("keywords").and_then(Value::as_array);
        let keywords: Vec<&str> = keywords
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        Self {
            author: raw.get("author").and_then(author),
            description: raw.get("description").and_then(text),
            keywords: cut(&keywords.join(" ")),
            template_type: Some(manifest.oc().files.template.template_type.clone()),
        }
    }
}

/// npm's two forms of a person: `Name <mail> (url)`, or an object with a `name`.
pub(super) fn author(value: &Value) -> Option<String> {
    match value {
        Value::Object(person) => person.get("name").and_then(text),
        Value::String(person) => {
            let name = person.split(['<', '(']).next().unwrap_or_default().trim();
            text(&Value::from(if name.is_empty() { person } else { name }))
        }
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    let text = cut(value.as_str()?.trim());
    (!text.is_empty()).then_some(text)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn authors_are_told_by_their_name() {
        for (written, name) in [
            (json!("Ada"), Some("Ada")),
            (
                json!("Ada Lovelace <ada@example.com> (https://a.example)"),
                Some("Ada Lovelace"),
            ),
            (json!("<ada@example.com>"), Some("<ada@example.com>")),
            (
                json!({"name": "Ada", "email": "ada@example.com"}),
                Some("Ada"),
            ),
            (json!({"email": "ada@example.com"}), None),
            (json!(""), None),
            (json!(7), None),
        ] {
            assert_eq!(author(&written).as_deref(), name, "{written}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(TEXT_MAX + 1);
        assert_eq!(cut(&long).chars().count(), TEXT_MAX + 1);
        assert!(cut(&long).ends_with('…'));
        assert_eq!(cut("short"), "short");
    }
}
