//! Who works with the store at the same time.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use ochre_model::{ComponentId, ReleaseState};
use ochre_store::{
    CatalogRevision, ChannelAction, CommitError, ComponentStore, Expected, IndexEdit,
    PublishRelease, ReconcileScope, StoreChange, contract,
};
use serde_json::{Value, json};

use crate::index_forms;

/// The component that all of them publish.
pub(crate) const NAME: &str = "hello";

/// The channel that they move.
pub(crate) const CHANNEL: &str = "stable";

/// Files of a release but `package.json`.
pub(crate) const FILES: usize = 2;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Publishes a version; what it holds depends on `content`.
    Publish {
        version: &'static str,
        content: &'static str,
    },
    /// Changes a state or the channel.
    Edit(Edit),
    /// Finishes what others left.
    Reconcile(ReconcileScope),
    /// Reads the catalog so many times, and takes over what it finds.
    Poll(usize),
    /// Writes so much so often that each time a snapshot takes the place of the log.
    Fold(usize),
    /// Gives the index the newest form.
    Upgrade,
    /// Looks for a version and reads all of it.
    Read { version: &'static str },
    /// A registry of OpenComponents starts: looks for folders and writes the list anew.
    NodeStart,
    /// A registry of OpenComponents: publishes without conditions, then writes the list over
    /// whatever is there, as `list` says.
    Node {
        version: &'static str,
        content: &'static str,
        list: NodeList,
    },
}

/// A change of the component that publishes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    SetState(&'static str, ReleaseState),
    MoveTo(&'static str),
    RollBack,
    Remove,
}

/// What a Node registry takes for the truth when it writes the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeList {
    /// The folders that it finds after its publish.
    Folders,
    /// The list as it was before its publish.
    Stale,
}

/// How an actor ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Published,
    Refused { same_content: bool },
    Changed,
    Declined(#[expect(dead_code, reason = "it is compared as it is printed")] String),
    Polled(CatalogRevision),
    Done,
    Failed(#[expect(dead_code, reason = "it is printed")] String),
}

// === impl Actor ===

impl Actor {
    /// The version and content that it publishes.
    pub(crate) fn publishes(&self) -> Option<(&'static str, &'static str)> {
        match *self {
            Self::Publish { version, content }
            | Self::Node {
                version, content, ..
            } => Some((version, content)),
            Self::Edit(_)
            | Self::Reconcile(_)
            | Self::Poll(_)
            | Self::Fold(_)
            | Self::Upgrade
            | Self::Read { .. }
            | Self::NodeStart => None,
        }
    }

    /// Whether it is a registry of OpenComponents.
    pub(crate) fn is_node(&self) -> bool {
        matches!(self, Self::Node { .. } | Self::NodeStart)
    }

    /// Does its work over its own handle of the store, or over the bare objects.
    pub(crate) async fn run(self, store: ComponentStore, objects: Arc<dyn ObjectStore>) -> Outcome {
        let done = match self {
            Self::Publish { version, content } => return publish(&store, version, content).await,
            Self::Edit(edit) => return edit.make(&store).await,
            Self::Reconcile(scope) => store.reconcile(scope, None).await.map(drop),
            Self::Read { version } => read(&store, version).await,
            Self::Fold(times) => return fold(&store, objects.as_ref(), times).await,
            Self::Upgrade => match store.upgrade_index().await {
                Ok(_) => return Outcome::Done,
                Err(error) => return Outcome::Failed(format!("{error:?}")),
            },
            Self::Poll(times) => match poll(&store, times).await {
                Ok(revision) => return Outcome::Polled(revision),
                Err(error) => Err(error),
            },
            Self::NodeStart => return node_ended(node_start(objects.as_ref()).await),
            Self::Node {
                version,
                content,
                list,
            } => {
                return node_ended(node(objects.as_ref(), version, content, list).await);
            }
        };
        match done {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed(format!("{error:?}")),
        }
    }
}

// === impl Edit ===

impl Edit {
    pub(crate) async fn make(self, store: &ComponentStore) -> Outcome {
        let channel = |action| {
            StoreChange::Edit(IndexEdit::Channel {
                name: id("0.0.0").name,
                channel: CHANNEL.parse().unwrap(),
                action,
                expected: Expected::Anything,
            })
        };
        let change = match self {
            Self::SetState(version, state) => StoreChange::Edit(IndexEdit::SetState {
                id: id(version),
                state,
                note: None,
            }),
            Self::MoveTo(version) => channel(ChannelAction::MoveTo(id(version).version)),
            Self::RollBack => channel(ChannelAction::RollBack),
            Self::Remove => channel(ChannelAction::Remove),
        };
        match store.committer().commit(change).await {
            Ok(_) => Outcome::Changed,
            Err(CommitError::Refused(refusal)) => Outcome::Declined(format!("{refusal:?}")),
            Err(error) => Outcome::Failed(format!("{error:?}")),
        }
    }
}

/// Publishes as the registry does.
pub(crate) async fn publish(store: &ComponentStore, version: &str, content: &str) -> Outcome {
    let release = release(version, content);
    let committed = store.committer().commit(StoreChange::Publish(release));
    match committed.await {
        Ok(_) => Outcome::Published,
        Err(CommitError::AlreadyPublished { same_content }) => Outcome::Refused { same_content },
        Err(error) => Outcome::Failed(format!("{error:?}")),
    }
}

/// Has the log folded, by changes of a state that make no difference to what is served.
pub(crate) async fn fold(
    store: &ComponentStore,
    objects: &dyn ObjectStore,
    times: usize,
) -> Outcome {
    let states = [ReleaseState::Deprecated, ReleaseState::Active];
    for state in states.into_iter().cycle().take(times) {
        if let Err(error) = index_forms::lengthen(objects).await {
            return Outcome::Failed(format!("{error:?}"));
        }
        let changed = Edit::SetState("0.9.0", state).make(store).await;
        if !matches!(changed, Outcome::Changed) {
            return changed;
        }
    }
    Outcome::Done
}

/// The release of that content.
pub(crate) fn release(version: &str, content: &str) -> PublishRelease {
    let mut release = contract::sample(&id(version), content);
    release.files.truncate(FILES);
    release
}

/// Names a version.
pub(crate) fn id(version: &str) -> ComponentId {
    contract::id(NAME, version)
}

async fn poll(
    store: &ComponentStore,
    times: usize,
) -> Result<CatalogRevision, ochre_store::ReadError> {
    let mut seen: Option<CatalogRevision> = None;
    for _ in 0..times {
        let read = store.read_catalog(seen.as_ref()).await?;
        if let Some(snapshot) = read.snapshot {
            seen = Some(snapshot.revision().clone());
        }
    }
    Ok(seen.unwrap_or_default())
}

async fn read(store: &ComponentStore, version: &str) -> Result<(), ochre_store::ReadError> {
    let id = id(version);
    if store.find_version(&id).await?.is_some() {
        store.read_release(&id).await?;
    }
    Ok(())
}

fn node_ended(result: object_store::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Published,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

async fn node_start(objects: &dyn ObjectStore) -> object_store::Result<()> {
    let components = folders(objects).await?;
    let text = json!({ "lastEdit": 7, "components": components }).to_string();
    write(objects, "components.json", text.into()).await
}

/// Publishes as a Node registry does: files, `package.json`, then the lists.
async fn node(
    objects: &dyn ObjectStore,
    version: &str,
    content: &str,
    list: NodeList,
) -> object_store::Result<()> {
    let copy = read_json(objects, "components.json").await?;
    let release = release(version, content);
    for (path, bytes) in release.files {
        write(objects, &format!("{NAME}/{version}/{path}"), bytes).await?;
    }
    let package = release.manifest.to_bytes();
    let place = format!("{NAME}/{version}/package.json");
    write(objects, &place, package.into()).await?;
    let mut components = match list {
        NodeList::Stale => copy["components"].clone(),
        NodeList::Folders => folders(objects).await?,
    };
    add(&mut components, version);
    let text = json!({ "lastEdit": 7, "components": components }).to_string();
    write(objects, "components.json", text.into()).await
}

fn add(components: &mut Value, version: &str) {
    if components.is_null() {
        *components = json!({});
    }
    let versions = &mut components[NAME];
    if versions.is_null() {
        *versions = json!([]);
    }
    if let Some(versions) = versions.as_array_mut()
        && !versions.iter().any(|listed| listed == version)
    {
        versions.push(version.into());
    }
}

/// What lies in the store, as folders.
async fn folders(objects: &dyn ObjectStore) -> object_store::Result<Value> {
    let mut components = BTreeMap::new();
    for name in children(objects, &key("")).await? {
        let versions = children(objects, &key(&name)).await?;
        components.insert(name, versions);
    }
    Ok(json!(components))
}

async fn children(objects: &dyn ObjectStore, folder: &Path) -> object_store::Result<Vec<String>> {
    let listing = objects.list_with_delimiter(Some(folder)).await?;
    let names = listing.common_prefixes.iter();
    Ok(names
        .filter_map(|path| path.filename().map(str::to_owned))
        .collect())
}

async fn read_json(objects: &dyn ObjectStore, place: &str) -> object_store::Result<Value> {
    match objects.get(&key(place)).await {
        Ok(found) => Ok(serde_json::from_slice(&found.bytes().await?).unwrap_or_default()),
        Err(object_store::Error::NotFound { .. }) => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

async fn write(objects: &dyn ObjectStore, place: &str, bytes: Bytes) -> object_store::Result<()> {
    objects.put(&key(place), bytes.into()).await.map(drop)
}

/// The key of something below the components' folder.
pub(crate) fn key(place: &str) -> Path {
    Path::from(format!("components/{place}").trim_end_matches('/'))
}
