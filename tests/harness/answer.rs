//! One HTTP answer, read whole.

use std::{sync::Once, time::Duration};

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

/// How long any request of a test may take.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(6);

static CRYPTO: Once = Once::new();

/// An HTTP client as the tests use it: no redirects, a generous timeout.
pub fn http_client() -> Client {
    CRYPTO.call_once(|| {
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(REQUEST_TIMEOUT)
        .build()
        .expect("the client's settings are valid")
}

/// Status, headers and body of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Answer {
    /// Sends a request and reads the answer; fails the test when there is none.
    pub async fn of(request: RequestBuilder) -> Self {
        match Self::try_of(request).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error:?}"),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    ///
    /// When the connection breaks before the answer is whole.
    pub async fn try_of(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test when it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "not JSON ({error}), status {}: {}",
                self.status,
                self.text()
            ),
        }
    }

    /// A header's value, empty when it is absent.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(HeaderValue::as_bytes);
        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
    }

    /// Fails the test unless the status is `expected`; gives the answer back.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often called for the check alone"
    )]
    pub fn expect_status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{}", self.text());
        self
    }
}
