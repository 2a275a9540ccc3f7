//! A store in memory whose entity tags are digests of the content, as those of S3 are: what was
//! written again has its old tag again.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result, memory::InMemory, path::Path,
};
use sha2::{Digest as _, Sha256};

#[derive(Debug)]
pub(crate) struct ContentTags(Arc<InMemory>);

// === impl ContentTags ===

impl ContentTags {
    pub(crate) fn new(inner: Arc<InMemory>) -> Self {
        Self(inner)
    }

    async fn tag_of(&self, location: &Path) -> Result<String> {
        let bytes = self.0.get(location).await?.bytes().await?;
        Ok(tag(&bytes))
    }
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Sha256::digest(bytes)))
}

impl fmt::Display for ContentTags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ContentTags")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for ContentTags {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        // Nothing here waits, so nobody comes between the look and the write.
        if let PutMode::Update(expected) = &options.mode {
            let found = self.tag_of(location).await.ok();
            if found.is_none() || found != expected.e_tag {
                return Err(Error::Precondition {
                    path: location.to_string(),
                    source: "another tag".into(),
                });
            }
            options.mode = PutMode::Overwrite;
        }
        let mut written = self.0.put_opts(location, payload, options).await?;
        written.e_tag = Some(self.tag_of(location).await?);
        Ok(written)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let found = self.tag_of(location).await?;
        if options.if_none_match.take().as_ref() == Some(&found) {
            return Err(Error::NotModified {
                path: location.to_string(),
                source: "the same tag".into(),
            });
        }
        let mut result = self.0.get_opts(location, options).await?;
        result.meta.e_tag = Some(found);
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}
