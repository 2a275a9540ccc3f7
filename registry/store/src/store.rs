//! The store of published components: one cheap handle for everything that touches it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use object_store::{ObjectStore, path::Path};
use ochre_model::{Clock, ComponentId};
use tokio::runtime::Handle;

use crate::{
    commit::Committer,
    compare_swap::SwapObject,
    index::{IndexError, IndexReader, IndexWriter},
    instrumented::{Instrumented, StoreObserver},
    key::{KeyError, Layout, StoreKey},
    manifest::{Board, Exporter, Exports},
    objects::{Medium, Objects},
    open::{OpenError, open_objects},
    origin::Origin,
    poll::ListWatch,
    release::Release,
    settings::StoreSettings,
};

/// Bytes of release headers kept in memory.
const HEADERS_BYTES: u64 = 32 * 1024 * 1024;

/// How long a release header is believed without reading it again.
const HEADERS_AGE: Duration = Duration::from_mins(10);

/// Published components in one bucket or folder, or in memory.
#[derive(Clone)]
pub struct ComponentStore {
    pub(crate) inner: Arc<Inner>,
    committer: Committer,
    /// Where exact versions are looked for that this store does not have.
    pub(crate) origin: Option<Arc<Origin>>,
}

/// What every part of the store works with.
pub(crate) struct Inner {
    pub(crate) objects: Objects,
    pub(crate) layout: Layout,
    pub(crate) concurrency: usize,
    pub(crate) commit_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runtime: Handle,
    pub(crate) observer: Option<Arc<dyn StoreObserver>>,
    pub(crate) index: Arc<IndexWriter>,
    pub(crate) index_reader: Arc<IndexReader>,
    pub(crate) list_object: SwapObject,
    pub(crate) board: Board,
    pub(crate) list_watch: ListWatch,
    pub(crate) headers: Cache<ComponentId, Arc<Release>>,
    /// Something was not written because writes are held.
    pub(crate) owed: AtomicBool,
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Opens the store that `settings` describe, creating the folder of a folder store.
    ///
    /// All its work, HTTP included, runs on the tokio runtime of the caller, from whatever thread
    /// it is asked for. Nothing is read or written yet: see [`ComponentStore::probe`].
    ///
    /// # Errors
    ///
    /// [`OpenError`], each variant of which tells what to change.
    pub fn open(
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn StoreObserver>>,
    ) -> Result<Self, OpenError> {
        let (objects, medium) = open_objects(settings)?;
        Self::assemble(objects, medium, settings, clock, observer)
    }

    /// A store over objects that are already open: for tests, and for stores that fail on purpose.
    ///
    /// `settings` give the prefix and the bounds; their backend does not count.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoRuntime`] outside of a tokio runtime.
    pub fn from_objects(
        objects: Arc<dyn ObjectStore>,
        medium: Medium,
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::assemble(objects, medium, settings, clock, None)
    }

    fn assemble(
        objects: Arc<dyn ObjectStore>,
        medium: Medium,
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn StoreObserver>>,
    ) -> Result<Self, OpenError> {
        let runtime = Handle::try_current().map_err(OpenError::NoRuntime)?;
        let objects: Arc<dyn ObjectStore> = match &observer {
            Some(observer) => Arc::new(Instrumented::new(objects, Arc::clone(observer))),
            None => objects,
        };
        let mut objects = Objects::new(objects, medium, settings.lock_timeout);
        objects.tells_audience = settings.tells_audience();
        objects.read_only = settings.read_only;
        let layout = Layout::new(&settings.components_dir);
        let index_object = SwapObject::own(
            objects.clone(),
            layout.path(StoreKey::Index)?,
            StoreKey::Index.labels(),
        );
        let index_reader = Arc::new(IndexReader::new(
            index_object,
            objects.clone(),
            layout.path(StoreKey::IndexSnapshots)?,
        ));
        let shared = |key: StoreKey<'_>, lock: &str| -> Result<SwapObject, KeyError> {
            let lock = layout.path(StoreKey::Lock(lock))?;
            let path = layout.path(key)?;
            Ok(SwapObject::shared(
                objects.clone(),
                path,
                key.labels(),
                &lock,
            ))
        };
        let list_object = shared(StoreKey::Manifest, "components")?;
        let details_object = shared(StoreKey::Details, "components-details")?;
        let board = Board::new(objects.clone(), layout.path(StoreKey::Exported)?);
        let exporter = Exporter::new(
            (list_object.clone(), details_object),
            board.clone(),
            Arc::clone(&clock),
        );
        let exports = Exports::new(exporter, runtime.clone());
        let inner = Arc::new(Inner {
            index: Arc::new(IndexWriter::new(
                Arc::clone(&index_reader),
                exports,
                Arc::clone(&clock),
                runtime.clone(),
            )),
            objects,
            layout,
            concurrency: settings.concurrency,
            commit_timeout: settings.commit_timeout,
            clock,
            runtime,
            observer,
            index_reader,
            list_object,
            board,
            list_watch: ListWatch::new(settings.node_registries),
            headers: Cache::builder()
                .max_capacity(HEADERS_BYTES)
                .weigher(|_, release: &Arc<Release>| release.weight())
                .time_to_live(HEADERS_AGE)
                .build(),
            owed: AtomicBool::new(false),
        });
        let committer = Committer::new(Arc::clone(&inner));
        Ok(Self {
            inner,
            committer,
            origin: None,
        })
    }

    /// OC's word for the kind of store, as [`Medium::kind`] gives it.
    pub fn kind(&self) -> &'static str {
        self.inner.objects.medium.kind()
    }

    /// The only writer of what is published.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Refuses every write to what is published until [`ComponentStore::release_writes`].
    ///
    /// What must be written later is remembered: the first read of the catalog after the release
    /// asks for a rebuild.
    pub fn hold_writes(&self) {
        self.inner.objects.set_hold(true);
    }

    /// Whether nothing is ever written.
    pub fn is_read_only(&self) -> bool {
        self.inner.objects.read_only
    }

    /// Allows writes again.
    pub fn release_writes(&self) {
        self.inner.objects.set_hold(false);
    }

    /// Gives the index a log of changes, whose writes cost as much as what they change; false when
    /// it has one. New stores begin with one.
    ///
    /// Releases of Ochre before this one do not understand it: they go on serving what they know,
    /// and publish no more.
    ///
    /// # Errors
    ///
    /// [`IndexError`] when the index cannot be read or written; it is then as it was.
    pub async fn upgrade_index(&self) -> Result<bool, IndexError> {
        self.inner.index.upgrade().await
    }

    /// The clock that the store was opened with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}

impl fmt::Debug for ComponentStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ComponentStore")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Where `key` lies. The parts of a name or a version can never be refused.
    pub(crate) fn path(&self, key: StoreKey<'_>) -> Result<Path, KeyError> {
        self.layout.path(key)
    }

    /// Whether writes are held; if so, the write that is left out is owed.
    pub(crate) fn leaves_owed(&self) -> bool {
        let held = self.objects.is_held();
        if held {
            self.owe();
        }
        held
    }

    /// Asks for a rebuild once writes are allowed.
    pub(crate) fn owe(&self) {
        self.owed.store(true, Ordering::SeqCst);
    }

    /// Whether something is owed that can be written now; asked once for each debt.
    pub(crate) fn settles_owed(&self) -> bool {
        !self.objects.is_held() && self.owed.swap(false, Ordering::SeqCst)
    }
}
