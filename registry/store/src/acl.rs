//! Canned ACLs of S3, for buckets whose files are public one by one instead of by a policy.
//!
//! `object_store` knows no ACLs, and every `x-amz-` header of a request must be signed: so
//! [`AclConnector`] adds the header to the finished put and signs it anew. The object has its ACL
//! from its first moment, as OpenComponents writes it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use object_store::{
    ClientOptions, Error, HeaderValue, Result,
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    },
};

use crate::objects::Audience;

/// Header of the ACL.
const ACL: &str = "x-amz-acl";

/// Header with the digest of the body, in hexadecimal.
const DIGEST: &str = "x-amz-content-sha256";

/// The digest of bodies that are not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Signs what the connector has changed; filled once the store is built.
#[derive(Clone, Debug, Default)]
pub(crate) struct AclSigner(Arc<OnceLock<Signer>>);

#[derive(Debug)]
struct Signer {
    credentials: AwsCredentialProvider,
    region: String,
}

/// Makes HTTP clients that honour [`Audience`].
#[derive(Debug)]
pub(crate) struct AclConnector<C> {
    inner: C,
    signer: AclSigner,
}

#[derive(Debug)]
struct AclService {
    inner: HttpClient,
    signer: AclSigner,
}

// === impl AclSigner ===

impl AclSigner {
    /// Gives it what it signs with; only the first call counts.
    pub(crate) fn fill(&self, credentials: AwsCredentialProvider, region: &str) {
        let region = region.to_owned();
        let signer = Signer {
            credentials,
            region,
        };
        // A store is built once.
        let _ = self.0.set(signer);
    }

    /// Adds the ACL to a put that is to have one.
    async fn apply(&self, request: &mut HttpRequest) -> Result<()> {
        let Some(audience) = request.extensions().get::<Audience>().copied() else {
            return Ok(());
        };
        let value = HeaderValue::from_static(canned_acl(audience));
        request.headers_mut().insert(ACL, value);
        // Without a signature there is none to renew: the store was told to send none.
        if request.headers_mut().remove("authorization").is_none() {
            return Ok(());
        }
        let signer = self.0.get().ok_or_else(|| Error::Generic {
            store: "S3",
            source: "a request was made before the store was built".into(),
        })?;
        let credential = signer.credentials.get_credential().await?;
        let digest = request.headers().get(DIGEST);
        let unsigned = digest.is_some_and(|digest| digest == UNSIGNED);
        let digest = digest.and_then(|digest| hex::decode(digest.as_bytes()).ok());
        AwsAuthorizer::new(&credential, "s3", &signer.region)
            .with_sign_payload(!unsigned)
            .try_authorize(request, digest.as_deref())
    }
}

// === impl AclConnector ===

impl<C> AclConnector<C> {
    pub(crate) fn new(inner: C, signer: AclSigner) -> Self {
        Self { inner, signer }
    }
}

impl<C: HttpConnector> HttpConnector for AclConnector<C> {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(AclService {
            inner: self.inner.connect(options)?,
            signer: self.signer.clone(),
        }))
    }
}

#[async_trait]
impl HttpService for AclService {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.signer
            .apply(&mut request)
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        self.inner.execute(request).await
    }
}

/// S3's name of the ACL that lets `audience` read.
fn canned_acl(audience: Audience) -> &'static str {
    match audience {
        Audience::Everybody => "public-read",
        Audience::Owner => "private",
    }
}

#[cfg(test)]
mod tests {
    use object_store::{
        StaticCredentialProvider,
        aws::AwsCredential,
        client::{HttpRequest, HttpRequestBody},
    };

    use super::*;

    fn signer() -> AclSigner {
        let signer = AclSigner::default();
        let credential = AwsCredential {
            key_id: "key".to_owned(),
            secret_key: "secret".to_owned(),
            token: None,
        };
        let provider = StaticCredentialProvider::new(credential);
        signer.fill(Arc::new(provider), "eu-west-1");
        signer
    }

    fn put(headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = "https://bucket.example/components/a".parse().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert(*name, value);
        }
        request
    }

    #[tokio::test]
    async fn the_acl_is_signed_and_the_digest_stays() {
        let digest = "ab".repeat(32);
        let digest: &'static str = digest.leak();
        let mut request = put(&[("authorization", "old"), (DIGEST, digest)]);
        request.extensions_mut().insert(Audience::Everybody);

        signer().apply(&mut request).await.unwrap();

        let headers = request.headers();
        assert_eq!(headers[ACL], "public-read");
        assert_eq!(headers[DIGEST], digest);
        let signature = headers["authorization"].to_str().unwrap();
        assert!(
            signature.contains("eu-west-1/s3/aws4_request"),
            "{signature}"
        );
        assert!(signature.contains(ACL), "{signature}");
    }

    #[tokio::test]
    async fn bodies_that_are_not_signed_stay_so() {
        let mut request = put(&[("authorization", "old"), (DIGEST, UNSIGNED)]);
        request.extensions_mut().insert(Audience::Owner);
        signer().apply(&mut request).await.unwrap();
        assert_eq!(request.headers()[DIGEST], UNSIGNED);
        assert_eq!(request.headers()[ACL], "private");
    }

    #[tokio::test]
    async fn requests_without_an_acl_are_left_alone() {
        let mut request = put(&[("authorization", "old")]);
        signer().apply(&mut request).await.unwrap();
        assert_eq!(request.headers()["authorization"], "old");
        assert!(!request.headers().contains_key(ACL));
    }
}
