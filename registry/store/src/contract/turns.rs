//! Several ways to one store, taken in turns: what a load balancer does with gateways.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// An object store whose requests go to one after the other of several that are the same.
#[derive(Debug)]
pub(super) struct Turns {
    ways: Vec<Arc<dyn ObjectStore>>,
    requests: AtomicUsize,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(ways: Vec<Arc<dyn ObjectStore>>) -> Self {
        Self {
            ways,
            requests: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> &Arc<dyn ObjectStore> {
        let turn = self.requests.fetch_add(1, Ordering::Relaxed);
        &self.ways[turn % self.ways.len()]
    }
}

impl fmt::Display for Turns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Turns({})", self.ways.len())
    }
}

#[async_trait]
impl ObjectStore for Turns {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.next().put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.next().put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.next().get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.next().delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.next().list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.next().list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.next().copy_opts(from, to, options).await
    }
}
