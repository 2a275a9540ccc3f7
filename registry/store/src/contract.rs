//! The suite that every store passes, whatever it lies on.
//!
//! Each function is one behaviour over a [`Subject`]: a place of its own that several
//! [`ComponentStore`]s, each as another process would, open at the same time.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "the suite is made of assertions"
)]

pub mod catalogs;
pub mod faults;
pub mod growth;
pub mod mirroring;
pub mod publishing;
pub mod states;
pub mod upkeep;

mod turns;

use std::{
    path::Path as FilePath,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use ochre_model::{ComponentId, PackageJson, SystemClock};
use serde_json::{Value, json};

use crate::{
    Backend, CatalogSnapshot, CommitError, Committed, ComponentStore, Digest, Medium,
    PublishRelease, StoreChange, StoreSettings,
    faulty::{Fault, FaultyStore},
    index::Log,
    manifest, open_objects,
};
use turns::Turns;

/// Bytes of all writes of a log from which on a snapshot takes their place.
pub const LOG_BYTES_MAX: usize = Log::BYTES_MAX;

/// Most versions of a catalog whose manifests are written before a publish is answered.
pub const AT_ONCE_MAX: usize = manifest::AT_ONCE_MAX;

/// Hands the suite to the macro `$each`: a list of `module::function`, below [`contract`](self).
///
/// Each function takes a [`contract::Subject`] of its own and runs on a multi-threaded runtime.
#[macro_export]
macro_rules! store_contract {
    ($each:ident) => {
        $each! {
            publishing::the_store_keeps_its_promises,
            publishing::a_published_release_is_read_by_another_process,
            publishing::a_version_is_published_once,
            publishing::one_of_many_publishes_of_a_version_wins,
            publishing::every_one_of_many_publishes_is_listed,
            publishing::a_change_survives_its_caller,
            publishing::another_spelling_of_a_name_is_refused,
            publishing::files_that_cannot_be_stored_are_refused,
            publishing::odd_paths_and_versions_are_kept,
            publishing::damaged_files_are_served_from_the_release_object,
            publishing::variants_and_packs_are_kept,
            catalogs::a_poll_without_news_is_empty,
            catalogs::a_version_of_another_registry_is_taken_over,
            catalogs::a_held_store_is_read_and_never_written,
            catalogs::a_listed_version_without_files_is_passed_over,
            catalogs::a_damaged_list_keeps_the_catalog_and_is_rebuilt,
            catalogs::a_list_that_lost_a_version_gets_it_back,
            catalogs::an_index_that_went_back_is_told,
            catalogs::a_version_of_another_registry_gets_a_release_object,
            catalogs::a_catalog_that_went_back_loses_nothing_that_was_seen,
            catalogs::everything_in_the_store_is_found_without_manifests,
            mirroring::a_copied_release_is_whole_and_then_listed,
            mirroring::a_copy_never_replaces_other_content,
            mirroring::public_copies_hold_no_private_file,
            mirroring::a_store_that_is_only_read_is_never_written,
            mirroring::exact_versions_are_read_from_the_origin,
            growth::a_long_log_is_folded_and_followed,
            growth::a_damaged_snapshot_is_rebuilt,
            growth::a_crash_while_folding_tears_nothing,
            growth::an_older_index_is_kept_until_it_is_upgraded,
            growth::polls_of_a_large_catalog_read_little,
            states::a_state_is_seen_by_another_process,
            states::a_channel_is_moved_rolled_back_and_removed,
            states::a_change_is_decided_on_what_the_store_holds,
            states::one_of_many_moves_that_expect_the_same_wins,
            states::states_and_channels_outlive_a_lost_index,
            states::a_version_of_another_registry_gets_a_state,
            upkeep::a_store_in_order_is_found_so,
            upkeep::damage_is_found_and_mended,
            upkeep::what_is_beyond_repair_is_told,
            upkeep::a_backup_brings_back_what_the_index_lost,
            upkeep::a_backup_of_more_than_the_store_has_is_refused,
        }
    };
}

/// A place for objects that stores are opened on.
#[derive(Clone, Debug)]
pub struct Subject {
    /// One or several ways to the same objects, taken in turns.
    ways: Vec<Arc<dyn ObjectStore>>,
    opened: Arc<AtomicUsize>,
    medium: Medium,
    settings: StoreSettings,
}

// === impl Subject ===

impl Subject {
    /// A place in memory.
    pub fn memory() -> Self {
        Self::open(StoreSettings {
            backend: Backend::Memory,
            ..StoreSettings::default()
        })
    }

    /// A place in a folder.
    pub fn folder(path: &FilePath) -> Self {
        Self::open(StoreSettings {
            path: path.to_owned(),
            ..StoreSettings::default()
        })
    }

    /// The place that `settings` describe.
    pub fn open(settings: StoreSettings) -> Self {
        Self::open_ways([settings])
    }

    /// The one place that several settings describe: each store goes another way to it.
    pub fn open_ways<const N: usize>(settings: [StoreSettings; N]) -> Self {
        let opened = settings.each_ref().map(|settings| {
            let (objects, medium) = open_objects(settings).expect("settings of the subject");
            (objects, medium)
        });
        let medium = opened.first().expect("settings").1.clone();
        Self {
            ways: opened.map(|(objects, _)| objects).into(),
            opened: Arc::default(),
            medium,
            settings: settings.into_iter().next().expect("settings"),
        }
    }

    /// Opens a store, as one more process would.
    pub fn store(&self) -> ComponentStore {
        let turn = self.opened.fetch_add(1, Ordering::Relaxed);
        self.store_over(Arc::clone(&self.ways[turn % self.ways.len()]))
    }

    /// Opens a store that is only read.
    pub fn reader(&self) -> ComponentStore {
        let settings = StoreSettings {
            read_only: true,
            ..self.settings.clone()
        };
        let objects = Arc::clone(self.objects());
        let clock = Arc::new(SystemClock);
        ComponentStore::from_objects(objects, self.medium.clone(), &settings, clock)
            .expect("a store over open objects")
    }

    /// Opens a store each of whose requests goes another way than the one before.
    pub fn store_with_turns(&self) -> ComponentStore {
        self.store_over(Arc::new(Turns::new(self.ways.clone())))
    }

    /// Opens a store that fails as told.
    pub fn faulty(&self, fault: Fault) -> (ComponentStore, Arc<FaultyStore>) {
        let faulty = Arc::new(FaultyStore::new(Arc::clone(self.objects()), fault));
        let objects: Arc<dyn ObjectStore> = Arc::<FaultyStore>::clone(&faulty);
        (self.store_over(objects), faulty)
    }

    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.ways[0]
    }

    fn store_over(&self, objects: Arc<dyn ObjectStore>) -> ComponentStore {
        let clock = Arc::new(SystemClock);
        ComponentStore::from_objects(objects, self.medium.clone(), &self.settings, clock)
            .expect("a store over open objects")
    }

    /// Reads an object below the prefix of all components.
    pub async fn get(&self, key: &str) -> Option<Bytes> {
        let result = self.objects().get(&self.path(key)).await.ok()?;
        result.bytes().await.ok()
    }

    /// Reads a JSON object below the prefix of all components.
    pub async fn get_json(&self, key: &str) -> Value {
        let bytes = self.get(key).await.expect("the object is there");
        serde_json::from_slice(&bytes).expect("the object is JSON")
    }

    /// Writes an object below the prefix of all components, as another program would.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let path = self.path(key);
        let put = self.objects().put(&path, bytes.into().into());
        put.await.expect("the object is written");
    }

    /// Deletes an object below the prefix of all components, as another program would.
    pub async fn delete(&self, key: &str) {
        let path = self.path(key);
        self.objects().delete(&path).await.expect("the object goes");
    }

    /// Reads an object below Ochre's own prefix.
    pub async fn get_own(&self, key: &str) -> Option<Bytes> {
        let result = self.objects().get(&self.own_path(key)).await.ok()?;
        result.bytes().await.ok()
    }

    /// Writes an object below Ochre's own prefix, as nobody should.
    pub async fn put_own(&self, key: &str, bytes: impl Into<Bytes>) {
        let path = self.own_path(key);
        let put = self.objects().put(&path, bytes.into().into());
        put.await.expect("the object is written");
    }

    /// Deletes every object of Ochre's own that begins so, as somebody's hand would.
    pub async fn delete_own(&self, beginning: &str) {
        for key in self.list_own(beginning).await {
            let path = self.own_path(&key);
            self.objects().delete(&path).await.expect("the object goes");
        }
    }

    /// Keys of all objects below Ochre's own prefix that begin so, in order.
    pub async fn list_own(&self, beginning: &str) -> Vec<String> {
        let own = format!("{}.ochre/", self.settings.components_dir);
        let keys = self.list().await.into_iter().filter_map(|key| {
            let key = key.strip_prefix(&own)?;
            key.starts_with(beginning).then(|| key.to_owned())
        });
        keys.collect()
    }

    /// Keys of all objects, whatever lies under them, in order.
    pub async fn list(&self) -> Vec<String> {
        let listing: Vec<_> = self
            .objects()
            .list(None)
            .try_collect()
            .await
            .expect("a listing");
        let mut keys: Vec<String> = listing
            .into_iter()
            .map(|object| object.location.to_string())
            .filter(|key| key.starts_with(&self.settings.components_dir))
            .collect();
        keys.sort_unstable();
        keys
    }

    fn own_path(&self, key: &str) -> Path {
        Path::parse(format!("{}.ochre/{key}", self.settings.components_dir)).expect("a key")
    }

    fn path(&self, key: &str) -> Path {
        Path::parse(format!("{}/{key}", self.settings.components_dir)).expect("a key")
    }
}

/// Waits until a state is reached, also one that has to be asked for; false when that takes longer
/// than `bound`.
pub async fn reached(bound: Duration, state: impl AsyncFn() -> bool) -> bool {
    let waiting = async {
        let mut often = tokio::time::interval(Duration::from_millis(10));
        while !state().await {
            often.tick().await;
        }
    };
    tokio::time::timeout(bound, waiting).await.is_ok()
}

/// Names a release.
pub fn id(name: &str, version: &str) -> ComponentId {
    ComponentId {
        name: name.parse().expect("a name"),
        version: version.parse().expect("a version"),
    }
}

/// A release of a few small files whose content depends on `seed`.
pub fn sample(id: &ComponentId, seed: &str) -> PublishRelease {
    PublishRelease {
        id: id.clone(),
        manifest: manifest(id),
        files: sample_files(seed),
        publisher: Some("ada".to_owned()),
    }
}

/// Publishes a sample.
///
/// # Errors
///
/// As [`crate::Committer::commit`].
pub async fn publish(
    store: &ComponentStore,
    id: &ComponentId,
    seed: &str,
) -> Result<Committed, CommitError> {
    let change = StoreChange::Publish(sample(id, seed));
    store.committer().commit(change).await
}

/// Reads the catalog from nothing, which must be in order.
pub async fn catalog(store: &ComponentStore) -> CatalogSnapshot {
    let read = store.read_catalog(None).await.expect("the catalog is read");
    assert_eq!(read.alerts, []);
    read.snapshot.expect("the first read has a snapshot")
}

/// Whether the release is whole and holds the sample of `seed`.
pub async fn assert_whole(store: &ComponentStore, id: &ComponentId, seed: &str) {
    let release = store.read_release(id).await.expect("the release is read");
    assert_eq!(release.manifest.name(), Some(id.name.as_str()));
    for (path, bytes) in sample_files(seed) {
        let found = match path.as_str() {
            "template.js" => release.template.clone(),
            "server.js" => release.server.clone(),
            ".env" => release.env.clone(),
            path => {
                let read = store.read_file(id, path).await.ok();
                read.map(|(bytes, digest)| {
                    assert_eq!(digest, Digest::of(&bytes), "{id}/{path}");
                    bytes
                })
            }
        };
        assert_eq!(found, Some(bytes), "{id}/{path}");
    }
}

fn sample_files(seed: &str) -> Vec<(String, Bytes)> {
    let file = |path: &str, text: String| (path.to_owned(), Bytes::from(text));
    vec![
        file("template.js", format!("template {seed}")),
        file("server.js", format!("server {seed}")),
        file(".env", format!("SEED={seed}")),
        file("img/a b.svg", format!("<svg>{seed}</svg>")),
    ]
}

fn manifest(id: &ComponentId) -> PackageJson {
    let text = json!({
        "name": id.name.as_str(),
        "version": id.version.as_str(),
        "oc": {
            "date": 1_700_000_000_000_u64,
            "files": {
                "template": {
                    "type": "oc-template-es6",
                    "hashKey": "abc",
                    "src": "template.js",
                    "size": 12
                },
                "dataProvider": { "type": "node.js", "hashKey": "def", "src": "server.js" },
                "static": ["img"]
            }
        }
    });
    PackageJson::parse_stored(text.to_string().as_bytes()).expect("a package.json")
}
