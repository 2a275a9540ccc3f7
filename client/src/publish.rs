//! Publishing one version of a component.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use ochre_model::ComponentId;
use reqwest::{
    Body, Method, StatusCode,
    multipart::{Form, Part},
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{
    Client, ExchangeError,
    exchange::{self, Answer, ErrorBody},
};

/// Name of the part that holds the archive, and of the file in it.
const PART_NAME: &str = "package.tar.gz";

/// Bytes of an upload that are sent at once.
const PIECE: usize = 64 * 1024;

/// A version that the registry accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What was published.
    pub id: ComponentId,
    /// Where it is consumed from.
    pub url: Url,
    /// What the registry thinks its publisher should know.
    pub warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Accepted {
    #[serde(default)]
    warnings: Vec<String>,
}

/// Why a version was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// 401, or 400 of a registry that expects another scheme: wrong or missing credentials.
    #[error("registry requires other credentials")]
    Unauthorized,
    /// 403: the version exists. A version is immutable, so publish another one.
    #[error("version is already published: {message}")]
    AlreadyPublished {
        /// The registry's words.
        message: String,
        /// Whether what exists is what was sent; `None` when the registry does not tell.
        same_content: Option<bool>,
    },
    /// 403: the registry's rules do not allow this component.
    #[error("registry does not allow it: {message}")]
    NotAllowed {
        /// The registry's words.
        message: String,
    },
    /// 409: the package, its name or its version is not valid for this registry.
    #[error("registry rejected the package: {message}")]
    Rejected {
        /// What kind of fault, when the registry tells (`name_not_valid`, `version_mismatch`, …).
        code: Option<String>,
        /// The registry's words.
        message: String,
        /// More about it, in a shape that depends on `code`.
        details: Option<Value>,
    },
    /// 413: larger than the registry accepts, packed or unpacked.
    #[error("package is too large: {message}")]
    TooLarge {
        /// The registry's words.
        message: String,
    },
    /// 503: nothing was decided; the same publish may be sent again.
    #[error("registry cannot publish now: {message}")]
    Unavailable {
        /// The registry's words.
        message: String,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// The exchange itself failed. Whether the version exists is unknown: publish it again and
    /// take [`PublishError::AlreadyPublished`] with the same content for success.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

// === impl Client ===

impl Client {
    /// Publishes `archive` as `id`.
    ///
    /// `archive`: gzip-compressed tar, whole, with its entries below `_package/`. Credentials are
    /// sent with the first attempt, and there is no second. The version is visible at once when
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`PublishError`], one variant for each decision of the registry.
    pub async fn publish(
        &self,
        id: &ComponentId,
        archive: Bytes,
    ) -> Result<Published, PublishError> {
        self.publish_watched(id, archive, |_| {}).await
    }

    /// Publishes as [`Client::publish`] does, and tells how many bytes of the archive were taken
    /// so far.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`].
    pub async fn publish_watched(
        &self,
        id: &ComponentId,
        archive: Bytes,
        sent: impl Fn(usize) + Send + 'static,
    ) -> Result<Published, PublishError> {
        let url = self.component_url(id)?;
        let warnings = self.put(url.clone(), archive, sent).await?;
        Ok(Published {
            id: id.clone(),
            url,
            warnings,
        })
    }

    /// Asks whether [`Client::publish`] would be accepted; the registry stores nothing. Gives what
    /// the publisher should know.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`].
    pub async fn check_publish(
        &self,
        id: &ComponentId,
        archive: Bytes,
    ) -> Result<Vec<String>, PublishError> {
        let mut url = self.component_url(id)?;
        url.set_query(Some("dryRun"));
        self.put(url, archive, |_| {}).await
    }

    fn component_url(&self, id: &ComponentId) -> Result<Url, PublishError> {
        self.url(&[id.name.as_str(), id.version.as_str()])
            .ok_or_else(|| PublishError::Rejected {
                code: None,
                message: format!("`{id}` cannot be put into a URL"),
                details: None,
            })
    }

    async fn put(
        &self,
        url: Url,
        archive: Bytes,
        sent: impl Fn(usize) + Send + 'static,
    ) -> Result<Vec<String>, PublishError> {
        let length = archive.len() as u64;
        let body = Body::wrap_stream(pieces(archive, sent));
        let part = Part::stream_with_length(body, length)
            .file_name(PART_NAME)
            .mime_str("application/gzip")
            .map_err(ExchangeError::Unreachable)?;
        let mut request = self
            .request(Method::PUT, url)
            .timeout(self.options().publish_timeout)
            .multipart(Form::new().part(PART_NAME, part));
        if let Some(credentials) = &self.options().credentials {
            request = credentials.apply(request);
        }
        decide(&exchange::send(request, self.options().answer_bytes_max).await?)
    }
}

/// The archive in pieces, each told when it is taken.
fn pieces(
    archive: Bytes,
    sent: impl Fn(usize) + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::iter((0..archive.len()).step_by(PIECE)).map(move |start| {
        let end = archive.len().min(start + PIECE);
        sent(end);
        Ok(archive.slice(start..end))
    })
}

/// What the registry decided.
fn decide(answer: &Answer) -> Result<Vec<String>, PublishError> {
    if answer.status == StatusCode::OK {
        let body = answer.confirmed("ok")?;
        let accepted: Accepted = serde_json::from_value(body).unwrap_or_default();
        return Ok(accepted.warnings);
    }
    let ErrorBody {
        code,
        message,
        details,
        same_content,
    } = answer.error_body();
    Err(match answer.status {
        StatusCode::UNAUTHORIZED => PublishError::Unauthorized,
        // A registry with basic authentication answers this to any other scheme.
        StatusCode::BAD_REQUEST if code.is_none() => PublishError::Unauthorized,
        StatusCode::FORBIDDEN if code.as_deref() == Some("already_exists") => {
            PublishError::AlreadyPublished {
                message,
                same_content,
            }
        }
        StatusCode::FORBIDDEN => PublishError::NotAllowed { message },
        StatusCode::CONFLICT => PublishError::Rejected {
            code,
            message,
            details,
        },
        StatusCode::PAYLOAD_TOO_LARGE => PublishError::TooLarge { message },
        StatusCode::SERVICE_UNAVAILABLE => PublishError::Unavailable {
            message,
            retry_after: answer.retry_after,
        },
        _ => PublishError::Exchange(answer.unexpected()),
    })
}
