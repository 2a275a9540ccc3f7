//! Public files written to a second place as well, where permissions go with the container.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result, path::Path,
};

use crate::objects::Audience;

/// Everything lies in `private`, and is read from there; what everybody may read is copied to
/// `public`, under the same key.
#[derive(Debug)]
pub(super) struct PublicCopies {
    private: Arc<dyn ObjectStore>,
    public: Arc<dyn ObjectStore>,
}

// === impl PublicCopies ===

impl PublicCopies {
    pub(super) fn new(private: Arc<dyn ObjectStore>, public: Arc<dyn ObjectStore>) -> Self {
        Self { private, public }
    }
}

impl std::fmt::Display for PublicCopies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PublicCopies({})", self.private)
    }
}

#[async_trait]
impl ObjectStore for PublicCopies {
    /// The copy first: once the object is there, nobody looks for what is missing any more. It is
    /// written over whatever is there, because a public file is certain before it is written.
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.extensions.get() == Some(&Audience::Everybody) {
            let copy = PutOptions {
                mode: PutMode::Overwrite,
                ..options.clone()
            };
            let put = self.public.put_opts(location, payload.clone(), copy);
            put.await?;
        }
        self.private.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.private.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.private.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.private.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let public = Arc::clone(&self.public);
        let copies_gone = locations.then(move |location| {
            let public = Arc::clone(&public);
            async move {
                let location = location?;
                match public.delete(&location).await {
                    Ok(()) | Err(Error::NotFound { .. }) => Ok(location),
                    Err(error) => Err(error),
                }
            }
            .boxed()
        });
        self.private.delete_stream(copies_gone.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.private.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.private.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.private.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.private.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.private.rename_opts(from, to, options).await
    }
}
