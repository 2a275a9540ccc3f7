//! A bucket as other programs see it, its owner and the public.

use bytes::Bytes;
use reqwest::{Client, RequestBuilder};

use crate::{Answer, TestStore, http_client};

/// Objects of one bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    url: String,
    client: Client,
}

impl Bucket {
    /// The bucket of a store; fails the test when the store is a folder.
    pub fn of(store: &TestStore) -> Self {
        let TestStore::S3 { endpoint, bucket } = store else {
            panic!("the store is no bucket");
        };
        Self {
            url: format!("{endpoint}/{bucket}/"),
            client: http_client(),
        }
    }

    /// URL of the bucket with a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All keys that start with `prefix`, in order.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut after = String::new();
        loop {
            let query = [
                ("list-type", "2"),
                ("prefix", prefix),
                ("start-after", &after),
            ];
            let mut url = reqwest::Url::parse(&self.url).expect("a URL");
            url.query_pairs_mut().extend_pairs(query);
            let list = Answer::of(as_owner(self.client.get(url)))
                .await
                .expect_status(200);
            let text = list.text();
            let page = text
                .split("<Key>")
                .skip(1)
                .filter_map(|rest| rest.split_once("</Key>"));
            keys.extend(page.map(|(key, _)| unescaped(key)));
            match keys.last() {
                Some(last) if text.contains("<IsTruncated>true") => after.clone_from(last),
                _ => return keys,
            }
        }
    }

    /// An object with its headers; fails the test when it is missing.
    pub async fn get(&self, key: &str) -> Answer {
        let request = self.client.get(self.at(key, ""));
        Answer::of(as_owner(request)).await.expect_status(200)
    }

    /// The answer to somebody without credentials: 403 when the object is not public.
    pub async fn get_as_public(&self, key: &str) -> Answer {
        Answer::of(self.client.get(self.at(key, ""))).await
    }

    /// Who may read an object, as S3 tells it: XML.
    pub async fn acl(&self, key: &str) -> String {
        let request = self.client.get(self.at(key, "acl"));
        Answer::of(as_owner(request))
            .await
            .expect_status(200)
            .text()
    }

    /// Writes an object, over another if there is one.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let request = self.client.put(self.at(key, "")).body(bytes.into());
        Answer::of(as_owner(request)).await.expect_status(200);
    }

    /// Writes an object that everybody may read.
    pub async fn put_public(&self, key: &str, bytes: impl Into<Bytes>) {
        let request = self.client.put(self.at(key, "")).body(bytes.into());
        let request = request.header("x-amz-acl", "public-read");
        Answer::of(as_owner(request)).await.expect_status(200);
    }

    /// Deletes an object.
    pub async fn delete(&self, key: &str) {
        let request = self.client.delete(self.at(key, ""));
        Answer::of(as_owner(request)).await.expect_status(204);
    }

    fn at(&self, key: &str, query: &str) -> reqwest::Url {
        let mut url = reqwest::Url::parse(&self.url).expect("a URL");
        let mut path = url.path_segments_mut().expect("an HTTP URL");
        path.pop_if_empty().extend(key.split('/'));
        drop(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }
}

/// The S3 server tells callers with credentials from those without; it checks no signature.
fn as_owner(request: RequestBuilder) -> RequestBuilder {
    let caller = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request";
    request.header("authorization", caller)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
