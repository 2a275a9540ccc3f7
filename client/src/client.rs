//! The client itself: where the registry is and how it is reached.

use std::{fmt, sync::Arc, time::Duration};

use percent_encoding::percent_decode_str;
use reqwest::{Method, RequestBuilder, redirect};
use rustls::crypto::{CryptoProvider, ring};
use url::Url;

use crate::{
    RetryPolicy,
    retry::{Attempts, Budget},
};

/// How long an idle connection is kept. Node registries keep theirs for 5 s.
const IDLE: Duration = Duration::from_secs(4);

/// A registry's gate admits publishers by the CLI and the Node version named in `user-agent`.
const USER_AGENT: &str = concat!(
    "ochre-client/",
    env!("CARGO_PKG_VERSION"),
    " oc-cli-0.50.61/v22.0.0-ochre"
);

/// Speaks to one registry; cheap to clone, clones share connections.
///
/// Redirects are not followed: a registry's answers are final.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    registry: Url,
    /// User and password of the registry's URL, without which it is kept.
    login: Option<Credentials>,
    options: Arc<ClientOptions>,
    budget: Budget,
}

/// How a registry is spoken to.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Longest time for a whole exchange, retries included, publishing excepted. Default 30 s.
    pub timeout: Duration,
    /// Longest time for a connection to be made. Default 5 s.
    pub connect_timeout: Duration,
    /// When an exchange is tried again.
    pub retry: RetryPolicy,
    /// Longest time for a whole publish, its upload included. Default 5 min.
    pub publish_timeout: Duration,
    /// Sent when publishing; other exchanges need none.
    pub credentials: Option<Credentials>,
    /// The `user-agent` header. The default names a CLI version that registries with a version
    /// gate let publish.
    pub user_agent: String,
    /// Longest accepted answer, in bytes. Default 64 MiB.
    pub answer_bytes_max: usize,
}

/// Who publishes. Its `Debug` shows no secret.
#[derive(Clone)]
pub enum Credentials {
    /// HTTP basic authentication.
    Basic {
        /// User name; without a colon.
        username: String,
        /// Password.
        password: String,
    },
    /// `Authorization: Bearer <token>`.
    Bearer(String),
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text, shown without a user in it, is no absolute `http` or `https` URL.
    #[error("`{0}` is no URL of a registry")]
    RegistryUrl(String),
    /// The HTTP client refused its options, or the system's root certificates are unreadable.
    #[error("HTTP client could not be made")]
    Http(#[source] reqwest::Error),
}

/// Takes user and password out of a URL.
fn take_login(url: &mut Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = Credentials::Basic {
        username: decoded(url.username()),
        password: decoded(url.password().unwrap_or_default()),
    };
    // Only URLs without a host refuse this, and they are no registries.
    let (Ok(()), Ok(())) = (url.set_username(""), url.set_password(None)) else {
        return None;
    };
    Some(login)
}

/// Text that was meant for a URL, without what may be user and password.
fn without_login(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    match text.rfind('@') {
        Some(end) if end >= start => format!("{}***{}", &text[..start], &text[end..]),
        _ => text.to_owned(),
    }
}

// === impl Client ===

impl Client {
    /// Makes a client of the registry at `registry_url`, prefix included; connects to nothing yet.
    /// A user in the URL logs in with every request unless `options` has credentials, and is in no
    /// URL that the client tells.
    ///
    /// # Errors
    ///
    /// [`ClientError::RegistryUrl`] for a text that is no `http(s)` URL; [`ClientError::Http`]
    /// when the HTTP client cannot be made.
    pub fn new(registry_url: &str, options: ClientOptions) -> Result<Self, ClientError> {
        let mut registry = Url::parse(registry_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| ClientError::RegistryUrl(without_login(registry_url)))?;
        let login = take_login(&mut registry);
        if CryptoProvider::get_default().is_none() {
            // Losing this race means that somebody else installed one: as good.
            let _ = ring::default_provider().install_default();
        }
        let http = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .redirect(redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            // Shorter than registries keep idle connections, so that none closes in use.
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self {
            http,
            registry,
            login,
            budget: Budget::new(&options.retry),
            options: Arc::new(options),
        })
    }

    /// The registry's URL with `segments` appended; `None` when one of them cannot be a segment.
    pub(crate) fn url(&self, segments: &[&str]) -> Option<Url> {
        // URL parsers remove these, which would silently ask for something else.
        if segments
            .iter()
            .any(|segment| matches!(*segment, "." | ".." | ""))
        {
            return None;
        }
        let mut url = self.registry.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(segments);
        Some(url)
    }

    /// The registry's URL, without user and password.
    pub fn registry(&self) -> &Url {
        &self.registry
    }

    /// Whether publishing logs in.
    pub fn has_credentials(&self) -> bool {
        self.login.is_some() || self.options.credentials.is_some()
    }

    /// The registry's own URL.
    pub(crate) fn root(&self) -> &Url {
        &self.registry
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url).timeout(self.options.timeout);
        match &self.login {
            Some(login) if self.options.credentials.is_none() => login.apply(request),
            _ => request,
        }
    }

    /// Sends exchanges that may be repeated.
    pub(crate) fn attempts(&self, timeout: Option<Duration>) -> Attempts<'_> {
        Attempts {
            policy: &self.options.retry,
            budget: &self.budget,
            timeout: timeout.unwrap_or(self.options.timeout),
            answer_max: self.options.answer_bytes_max,
        }
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }
}

// === impl ClientOptions ===

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            publish_timeout: Duration::from_mins(5),
            credentials: None,
            user_agent: USER_AGENT.to_owned(),
            answer_bytes_max: 64 * 1024 * 1024,
        }
    }
}

// === impl Credentials ===

impl Credentials {
    pub(crate) fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { username, password } => request.basic_auth(username, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { username, .. } => formatter
                .debug_struct("Basic")
                .field("username", username)
                .finish_non_exhaustive(),
            Self::Bearer(_) => formatter.debug_struct("Bearer").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(registry_url: &str) -> Client {
        Client::new(registry_url, ClientOptions::default()).unwrap()
    }

    #[test]
    fn segments_are_appended_below_the_prefix() {
        for registry in [
            "http://localhost:3000/oc",
            "http://localhost:3000/oc/?x=1#y",
        ] {
            let url = client(registry).url(&["hello", "^1.0.0 || a/b"]).unwrap();
            assert_eq!(
                url.as_str(),
                "http://localhost:3000/oc/hello/^1.0.0%20||%20a%2Fb"
            );
        }
    }

    #[test]
    fn segments_that_a_url_would_lose_are_refused() {
        for segment in ["", ".", ".."] {
            assert_eq!(client("http://localhost/").url(&["hello", segment]), None);
        }
    }

    #[test]
    fn only_http_urls_are_registries() {
        for text in [
            "localhost:3000",
            "ftp://localhost/",
            "",
            "file:///tmp",
            "http://",
        ] {
            let made = Client::new(text, ClientOptions::default());
            assert!(matches!(made, Err(ClientError::RegistryUrl(_))), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let basic = Credentials::Basic {
            username: "ada".to_owned(),
            password: "hidden".to_owned(),
        };
        let both = format!("{basic:?} {:?}", Credentials::Bearer("hidden".to_owned()));
        assert!(both.contains("ada") && !both.contains("hidden"), "{both}");
    }
}
