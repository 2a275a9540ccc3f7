//! An object store that fails on purpose.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, path::Path,
};

/// What goes wrong, counted in calls from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call with that number fails and does nothing.
    Fail(usize),
    /// The calls from the one number up to, without, the other fail and do nothing.
    FailFrom(usize, usize),
    /// The call with that number is done, but its answer is an error.
    LoseAnswer(usize),
    /// That call and all later ones fail and do nothing, as after a crash before it.
    StopBefore(usize),
    /// That call is done; its answer and all later calls fail, as after a crash behind it.
    StopAfter(usize),
    /// Conditional writes are done whether their condition holds or not, as by stores that do not
    /// know them.
    IgnoreConditions,
    /// Every call takes that much longer.
    Delay(Duration),
}

/// Wraps an object store and fails as told.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fault: Mutex<Fault>,
    calls: AtomicUsize,
}

/// What happens to one call.
enum Fate {
    Work,
    WorkThenFail,
    Fail,
}

// === impl FaultyStore ===

impl FaultyStore {
    /// A store that fails as `fault` says.
    pub fn new(inner: Arc<dyn ObjectStore>, fault: Fault) -> Self {
        Self {
            inner,
            fault: Mutex::new(fault),
            calls: AtomicUsize::new(0),
        }
    }

    /// Calls made so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Changes what goes wrong and counts calls from 0 again.
    pub fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.calls.store(0, Ordering::SeqCst);
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fate(&self) -> Fate {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.fault() {
            Fault::Fail(number) if call == number => Fate::Fail,
            Fault::FailFrom(first, end) if (first..end).contains(&call) => Fate::Fail,
            Fault::StopBefore(number) if call >= number => Fate::Fail,
            Fault::LoseAnswer(number) | Fault::StopAfter(number) if call == number => {
                Fate::WorkThenFail
            }
            Fault::StopAfter(number) if call > number => Fate::Fail,
            Fault::Delay(pause) => {
                tokio::time::sleep(pause).await;
                Fate::Work
            }
            _ => Fate::Work,
        }
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.fate().await {
            Fate::Work => work.await,
            Fate::WorkThenFail => {
                let _ = work.await;
                Err(failure())
            }
            Fate::Fail => Err(failure()),
        }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if self.fault() == Fault::IgnoreConditions {
            options.mode = PutMode::Overwrite;
        }
        self.call(self.inner.put_opts(location, payload, options))
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.call(self.inner.put_multipart_opts(location, options))
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.call(self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match futures::FutureExt::now_or_never(self.fate()) {
            Some(Fate::Fail) => failed(),
            Some(Fate::Work) | None => self.inner.delete_stream(locations),
            Some(Fate::WorkThenFail) => self
                .inner
                .delete_stream(locations)
                .map(|_| Err(failure()))
                .boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match futures::FutureExt::now_or_never(self.fate()) {
            Some(Fate::Work) | None => self.inner.list(prefix),
            Some(Fate::Fail | Fate::WorkThenFail) => failed(),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match futures::FutureExt::now_or_never(self.fate()) {
            Some(Fate::Work) | None => self.inner.list_with_offset(prefix, offset),
            Some(Fate::Fail | Fate::WorkThenFail) => failed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.call(self.inner.rename_opts(from, to, options)).await
    }
}

fn failed<T: Send + 'static>() -> BoxStream<'static, Result<T>> {
    futures::stream::once(async { Err(failure()) }).boxed()
}

fn failure() -> Error {
    Error::Generic {
        store: "FaultyStore",
        source: "failed on purpose".into(),
    }
}
