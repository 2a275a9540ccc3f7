//! Counts and times every request to an object store.
//!
//! Sits directly on the backend: what it counts are calls of `object_store`, each of which may be
//! several HTTP requests when the backend repeats one.

use std::{
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    path::Path,
};

use crate::failure::FailureKind;

/// Is told of every finished request to the store.
pub trait StoreObserver: fmt::Debug + Send + Sync {
    /// Takes note of a file whose bytes were not the published ones.
    fn integrity_failed(&self) {}

    /// Takes note of one request.
    ///
    /// `operation` is one of `get`, `put`, `delete`, `list`, `copy`; `outcome` one of `ok`,
    /// `not_found`, `not_modified`, `conflict`, `abandoned` (nobody waited for its end), or a
    /// label of [`FailureKind`].
    fn store_request(&self, operation: &'static str, outcome: &'static str, elapsed: Duration);
}

/// An object store that tells a [`StoreObserver`] what it is asked.
#[derive(Debug)]
pub(crate) struct Instrumented {
    inner: Arc<dyn ObjectStore>,
    observer: Arc<dyn StoreObserver>,
}

// === impl Instrumented ===

impl Instrumented {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, observer: Arc<dyn StoreObserver>) -> Self {
        Self { inner, observer }
    }

    async fn observe<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut told = self.begin(operation, "abandoned");
        let result = request.await;
        told.outcome = outcome(&result);
        result
    }

    fn begin(&self, operation: &'static str, outcome: &'static str) -> Told {
        Told {
            observer: Arc::clone(&self.observer),
            operation,
            outcome,
            begun: Instant::now(),
        }
    }

    /// A stream that is told of once it has ended: with its first error, if there is one.
    fn observe_stream<T: 'static>(
        &self,
        operation: &'static str,
        stream: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        let mut told = self.begin(operation, "ok");
        let watched = stream.inspect(move |item| {
            if item.is_err() && told.outcome == "ok" {
                told.outcome = outcome(item);
            }
        });
        watched.boxed()
    }
}

/// A request on its way, told of when it is dropped.
#[derive(Debug)]
struct Told {
    observer: Arc<dyn StoreObserver>,
    operation: &'static str,
    outcome: &'static str,
    begun: Instant,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.observer
            .store_request(self.operation, self.outcome, self.begun.elapsed());
    }
}

impl fmt::Display for Instrumented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Instrumented {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.observe("put", self.inner.put_opts(location, payload, options))
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.observe("put", self.inner.put_multipart_opts(location, options))
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.observe("get", self.inner.get_opts(location, options))
            .await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.observe("get", self.inner.get_ranges(location, ranges))
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.observe_stream("delete", self.inner.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.observe_stream("list", self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.observe_stream("list", self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.observe("list", self.inner.list_with_delimiter(prefix))
            .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.observe("copy", self.inner.copy_opts(from, to, options))
            .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.observe("copy", self.inner.rename_opts(from, to, options))
            .await
    }
}

fn outcome<T>(result: &Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::NotFound { .. }) => "not_found",
        Err(Error::NotModified { .. }) => "not_modified",
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => "conflict",
        Err(error) => FailureKind::of(error).as_str(),
    }
}
