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
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    path::Path,
};

/// Is told of every finished request to the store.
pub trait StoreObserver: fmt::Debug + Send + Sync {
    /// Takes note of a file whose bytes were not the published ones.
    fn integrity_failed(&self) {}

    /// Takes note of one request.
    ///
    /// `operation` is one of `get`, `put`, `delete`, `list`, `copy`; `outcome` one of `ok`,
    /// `not_found`, `not_modified`, `conflict`, `denied`, `error`.
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
        let begun = Instant::now();
        let result = request.await;
        self.observer
            .store_request(operation, outcome(&result), begun.elapsed());
        result
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
        self.observer.store_request("delete", "ok", Duration::ZERO);
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.observer.store_request("list", "ok", Duration::ZERO);
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.observer.store_request("list", "ok", Duration::ZERO);
        self.inner.list_with_offset(prefix, offset)
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
        Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => "denied",
        Err(_) => "error",
    }
}
