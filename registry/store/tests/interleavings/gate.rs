//! A store whose every call waits until the explorer lets it happen, and happens as it is told.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result, path::Path,
};
use tokio::sync::oneshot;

/// What a call touches, as far as order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    List,
    Write,
}

/// A call of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) actor: usize,
    pub(crate) access: Access,
    pub(crate) operation: &'static str,
    pub(crate) key: String,
}

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// As it should.
    Work,
    /// Nothing is done, and the answer is an error.
    Fail,
    /// It is done, but the answer is an error.
    LoseAnswer,
    /// Nothing is done, and a conditional write hears that its condition does not hold.
    Refuse,
    /// It is done twice, as by a client that sends it again; the second answer counts.
    Repeat,
    /// The answer is an error, and it is done at any time later.
    DoLater,
    /// An object that is there is not found.
    Miss,
    /// A listing is as old as the run.
    ListThePast,
}

/// A call that waits, or one that is still to be done after its caller heard an error.
enum Waiting {
    Caller(oneshot::Sender<Option<Fate>>),
    Effect(BoxFuture<'static, ()>),
}

/// A call that may happen next.
pub(crate) struct Arrival {
    pub(crate) call: Call,
    waiting: Waiting,
}

/// Where the calls of all actors wait.
#[derive(Default)]
pub(crate) struct Gate {
    arrivals: Mutex<Vec<Arrival>>,
    open: Mutex<bool>,
    /// Objects whose names are random, by the actor that wrote each first.
    random: Mutex<BTreeMap<String, usize>>,
}

/// The store as one actor has it.
#[derive(Clone)]
pub(crate) struct GatedStore {
    actor: usize,
    gate: Arc<Gate>,
    inner: Arc<dyn ObjectStore>,
    past: Arc<dyn ObjectStore>,
}

// === impl Call ===

impl Call {
    /// Whether the order of the two makes a difference.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        let covers = |list: &Self, one: &Self| {
            list.access == Access::List && one.key.starts_with(list.key.as_str())
        };
        let touch = self.key == other.key || covers(self, other) || covers(other, self);
        touch && (self.access == Access::Write || other.access == Access::Write)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {:6} {}",
            self.actor, self.operation, self.key
        )
    }
}

// === impl Arrival ===

impl Arrival {
    /// Lets the call happen. What follows from it happens when the runtime gets to it.
    pub(crate) async fn proceed(self, fate: Fate) {
        match self.waiting {
            Waiting::Caller(caller) => {
                let _ = caller.send(Some(fate));
            }
            Waiting::Effect(effect) => effect.await,
        }
    }

    /// Ends what its process was doing. Locks that it held are free, as a kernel has it.
    pub(crate) fn die(self) {
        if let Waiting::Caller(caller) = self.waiting {
            let _ = caller.send(None);
        }
    }

    /// Whether nobody waits for the call any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.waiting {
            Waiting::Caller(caller) => caller.is_closed(),
            Waiting::Effect(_) => false,
        }
    }

    /// Whether its caller has its answer already.
    pub(crate) fn is_effect(&self) -> bool {
        matches!(self.waiting, Waiting::Effect(_))
    }
}

// === impl Gate ===

impl Gate {
    /// Takes the calls that have arrived since the last time.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        let mut arrived = std::mem::take(&mut *lock(&self.arrivals));
        arrived.retain(|arrival| !arrival.is_abandoned());
        arrived
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        *lock(&self.open) = true;
    }
}

// === impl GatedStore ===

impl GatedStore {
    pub(crate) fn new(
        actor: usize,
        gate: Arc<Gate>,
        inner: Arc<dyn ObjectStore>,
        past: Arc<dyn ObjectStore>,
    ) -> Self {
        Self {
            actor,
            gate,
            inner,
            past,
        }
    }

    fn call(&self, access: Access, operation: &'static str, key: &Path) -> Call {
        Call {
            actor: self.actor,
            access,
            operation,
            key: self.stable(key.to_string()),
        }
    }

    /// The same key in every run: a marker is called after who put it.
    fn stable(&self, key: String) -> String {
        let Some((folder, token)) = key.split_once("/pending/") else {
            return key;
        };
        let mut random = lock(&self.gate.random);
        let owner = *random.entry(token.to_owned()).or_insert(self.actor);
        format!("{folder}/pending/{owner}")
    }

    async fn pass(&self, call: Call) -> Fate {
        if *lock(&self.gate.open) {
            return Fate::Work;
        }
        let (caller, fate) = oneshot::channel();
        let waiting = Waiting::Caller(caller);
        lock(&self.gate.arrivals).push(Arrival { call, waiting });
        match fate.await {
            Ok(Some(fate)) => fate,
            // Its process has died: a task ends where it is, and nobody prints anything.
            Ok(None) => std::panic::resume_unwind(Box::new("the process has died")),
            // The run is over.
            Err(_) => futures::future::pending().await,
        }
    }

    /// Does `work` as it is fated; `refusal` is what a conditional write hears.
    async fn act<T: Send + 'static>(
        &self,
        call: Call,
        refusal: Option<Error>,
        work: impl Fn() -> BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        match self.pass(call.clone()).await {
            Fate::Work | Fate::ListThePast => work().await,
            Fate::Fail => Err(failure()),
            Fate::LoseAnswer => {
                let _ = work().await;
                Err(failure())
            }
            Fate::Refuse => Err(refusal.unwrap_or_else(failure)),
            Fate::Repeat => {
                let _ = work().await;
                work().await
            }
            Fate::Miss => Err(Error::NotFound {
                path: call.key,
                source: "not seen yet".into(),
            }),
            Fate::DoLater => {
                let waiting = Waiting::Effect(work().map(drop).boxed());
                lock(&self.gate.arrivals).push(Arrival { call, waiting });
                Err(failure())
            }
        }
    }
}

impl fmt::Debug for GatedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GatedStore({})", self.actor)
    }
}

impl fmt::Display for GatedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GatedStore({})", self.actor)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for GatedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let source = || Box::from("refused on purpose");
        let path = location.to_string();
        let (operation, refusal) = match &options.mode {
            PutMode::Overwrite => ("put", None),
            PutMode::Create => (
                "create",
                Some(Error::AlreadyExists {
                    path,
                    source: source(),
                }),
            ),
            PutMode::Update(_) => (
                "update",
                Some(Error::Precondition {
                    path,
                    source: source(),
                }),
            ),
        };
        let call = self.call(Access::Write, operation, location);
        self.act(call, refusal, || {
            let (inner, location) = (Arc::clone(&self.inner), location.clone());
            let (payload, options) = (payload.clone(), options.clone());
            async move { inner.put_opts(&location, payload, options).await }.boxed()
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_used())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let call = self.call(Access::Read, "get", location);
        self.act(call, None, || {
            let (inner, location) = (Arc::clone(&self.inner), location.clone());
            let options = options.clone();
            async move { inner.get_opts(&location, options).await }.boxed()
        })
        .await
    }

    async fn get_ranges(&self, _: &Path, _: &[Range<u64>]) -> Result<Vec<Bytes>> {
        Err(not_used())
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deletes = locations.then(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                let call = store.call(Access::Write, "delete", &location);
                let work = || {
                    let (inner, location) = (Arc::clone(&store.inner), location.clone());
                    async move { inner.delete(&location).await }.boxed()
                };
                store.act(call, None, work).await?;
                Ok(location)
            }
        });
        deletes.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let key = prefix.clone().unwrap_or_default();
            let call = store.call(Access::List, "list", &key);
            match store.pass(call).await {
                Fate::Fail | Fate::LoseAnswer | Fate::DoLater => {
                    stream::once(async { Err(failure()) }).boxed()
                }
                Fate::ListThePast => store.past.list(prefix.as_ref()),
                _ => store.inner.list(prefix.as_ref()),
            }
        };
        stream::once(listing).flatten().boxed()
    }

    fn list_with_offset(
        &self,
        _: Option<&Path>,
        _: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { Err(not_used()) }).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let key = prefix.cloned().unwrap_or_default();
        let call = self.call(Access::List, "list", &key);
        self.act(call, None, || {
            let (inner, prefix) = (Arc::clone(&self.inner), key.clone());
            async move { inner.list_with_delimiter(Some(&prefix)).await }.boxed()
        })
        .await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_used())
    }

    async fn rename_opts(&self, _: &Path, _: &Path, _: RenameOptions) -> Result<()> {
        Err(not_used())
    }
}

fn failure() -> Error {
    Error::Generic {
        store: "GatedStore",
        source: "failed on purpose".into(),
    }
}

fn not_used() -> Error {
    Error::NotImplemented {
        operation: "of a kind that no actor makes".to_owned(),
        implementer: "GatedStore".to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
