//! One request that both registries are sent.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ochre_tests::{Answer, http_client};
use serde_json::Value;

/// Accept header of unrendered answers.
pub(crate) const UNRENDERED: &str = "application/vnd.oc.unrendered+json";
/// Accept header of answers that only say which version was found.
pub(crate) const INFO: &str = "application/vnd.oc.info+json";

/// A request and the name by which failures and differences call it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Case {
    fn new(name: &str, method: &'static str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A GET; its name is the path.
    pub(crate) fn get(path: &str) -> Self {
        Self::new(&format!("GET {path}"), "GET", path)
    }

    /// A request of any method; its name is the method and the path.
    pub(crate) fn of(method: &'static str, path: &str) -> Self {
        Self::new(&format!("{method} {path}"), method, path)
    }

    /// A PUT of an archive, as the command line program sends it.
    pub(crate) fn publish(name: &str, path: &str, archive: &[u8]) -> Self {
        let mut body =
            b"--ochre-tests\r\nContent-Disposition: form-data; name=\"package.tar.gz\"; \
            filename=\"package.tar.gz\"\r\nContent-Type: application/gzip\r\n\r\n"
                .to_vec();
        body.extend_from_slice(archive);
        body.extend_from_slice(b"\r\n--ochre-tests--\r\n");
        Self::new(&format!("publish: {name}"), "PUT", path)
            .header("content-type", "multipart/form-data; boundary=ochre-tests")
            .header("user-agent", "oc-cli-0.50.44/v20.20.2-linux-x64")
            .bytes(body)
    }

    /// Adds credentials.
    pub(crate) fn basic(self, username: &str, password: &str) -> Self {
        let pair = STANDARD.encode(format!("{username}:{password}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// Another name than the method and path.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Asks for unrendered data.
    pub(crate) fn unrendered(self) -> Self {
        let name = format!("{} unrendered", self.name);
        self.header("accept", UNRENDERED).named(&name)
    }

    /// Asks which version is found.
    pub(crate) fn info(self) -> Self {
        let name = format!("{} info", self.name);
        self.header("accept", INFO).named(&name)
    }

    /// Sets a header, in place of an earlier one of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    /// Sets a body of any type.
    pub(crate) fn text(self, content_type: &str, body: &str) -> Self {
        self.header("content-type", content_type)
            .bytes(body.as_bytes().to_vec())
    }

    /// Sets a body without saying its type.
    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// How long an answer is waited for: `oc` leaves some requests without one, publishes never.
    fn patience(&self) -> Duration {
        Duration::from_secs(if self.method == "PUT" { 60 } else { 8 })
    }

    /// Sends the request to the registry at `url` (with a slash at the end).
    ///
    /// # Errors
    ///
    /// When the registry does not answer: `oc` leaves some requests without one.
    pub(crate) async fn send(&self, client: &reqwest::Client, url: &str) -> Result<Answer, String> {
        let method = self.method.parse().map_err(|_| "no method".to_owned())?;
        let target = format!("{}{}", url.trim_end_matches('/'), self.path);
        let mut request = client.request(method, target).timeout(self.patience());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        Answer::try_of(request).await.map_err(|error| {
            if error.is_timeout() {
                format!("no answer within {:?}", self.patience())
            } else {
                format!("no answer: {error:?}")
            }
        })
    }
}

/// The client that sends cases.
pub(crate) fn client() -> reqwest::Client {
    http_client()
}
