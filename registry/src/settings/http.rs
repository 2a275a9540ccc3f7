//! `[http]`: listener, public URL, limits of requests.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::cache_tags::CacheTagHeader;

/// The OC version that this registry is compatible with.
pub const OC_VERSION: &str = "0.50.44";

/// `[http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Public URL of the registry; `/` and the prefix are appended when missing. Default: derived
    /// from `listen`, with `localhost` for loopback and unspecified addresses.
    pub base_url: Option<String>,
    /// Public URLs for requests whose `Host` header is one of these names; all others get
    /// `base_url`.
    pub base_urls: BTreeMap<String, String>,
    /// Path under which every route lives; starts and ends with `/`.
    pub prefix: String,
    /// OC version told to clients and compared with `minOcVersion`.
    pub oc_version: String,
    /// HTTP worker threads; 0 means one for each core.
    pub workers: usize,
    /// Longest request body of `POST`, in bytes; more is answered 413.
    pub body_max: ByteSize,
    /// Longest URL (path and query), in bytes; more is answered 414.
    pub url_max: ByteSize,
    /// Most connections of one worker, or what the limit of open files leaves; more wait in the
    /// backlog.
    pub connections_max: usize,
    /// Longest time for a request's head; then 408.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Longest time for a request's body (an upload gets more as it makes progress); then 408.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Longest time that a client may take for each 64 KiB of an answer that waits for it; then its
    /// connection is closed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How long an idle connection is kept.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// How long a client that sends more than is wanted is read on after its answer, so that it can
    /// read it; then the connection is closed.
    #[serde(with = "humantime_serde")]
    pub linger_timeout: Duration,
    /// How long requests in flight may take to finish after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How long a node goes on after SIGTERM while readiness answers 503 and every answer closes its
    /// connection; give it more than a load balancer takes to notice.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Most entries of one batch; more is answered 400.
    pub batch_max: usize,
    /// Entries of one batch rendered at once.
    pub batch_concurrency: usize,
    /// Longest time for a batch; entries not finished by then are answered 504 in place.
    #[serde(with = "humantime_serde")]
    pub batch_deadline: Duration,
    /// Longest answer of a batch; entries past it are answered 500 in place.
    pub batch_output_max: ByteSize,
    /// Headers that tell caches what an answer is made of: `surrogate-key`, `cache-tag`.
    pub cache_tags: Vec<CacheTagHeader>,
    /// Longest request head without its first line, in bytes; more is answered 431.
    pub headers_max: ByteSize,
}

// === impl HttpSettings ===

impl HttpSettings {
    /// The public URL, ending with the prefix.
    pub fn public_url(&self) -> String {
        let base = self.base_url.clone().unwrap_or_else(|| {
            let ip = self.listen.ip();
            if ip.is_loopback() || ip.is_unspecified() {
                format!("http://localhost:{}/", self.listen.port())
            } else {
                format!("http://{}/", self.listen)
            }
        });
        self.with_prefix(base)
    }

    /// A public URL that ends with the prefix.
    pub(crate) fn with_prefix(&self, base: String) -> String {
        let base = if base.ends_with('/') {
            base
        } else {
            base + "/"
        };
        if base.ends_with(&self.prefix) {
            base
        } else {
            base + self.prefix.trim_start_matches('/')
        }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_prefix(&self.prefix) {
            problems.push(format!(
                "`http.prefix` is {:?}: it starts and ends with \"/\", with letters, digits, `-`, \
                 `.`, `_` and `~` between, such as \"/components/\"",
                self.prefix
            ));
        }
        let is_absolute = |url: &str| {
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        if let Some(url) = &self.base_url
            && !is_absolute(url)
        {
            problems.push(format!(
                "`http.base_url` is {url:?}: give an absolute http or https URL"
            ));
        }
        for (host, url) in &self.base_urls {
            if host.is_empty() || host.contains('/') {
                problems.push(format!(
                    "`http.base_urls` holds {host:?}: give a host as in the `Host` header"
                ));
            }
            if !is_absolute(url) {
                problems.push(format!(
                    "`http.base_urls.{host}` is {url:?}: give an absolute http or https URL"
                ));
            }
        }
        if self.oc_version.parse::<ochre_model::Version>().is_err() {
            problems.push(format!(
                "`http.oc_version` is {:?}: give an exact version such as \"{OC_VERSION}\"",
                self.oc_version
            ));
        }
        problems
    }
}

/// Whether routes can live under `text`: anything else would be a pattern of paths, or be spelled
/// otherwise in URLs.
fn is_prefix(text: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    text == "/"
        || text
            .strip_prefix('/')
            .and_then(|text| text.strip_suffix('/'))
            .is_some_and(|text| text.split('/').all(is_part))
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            base_url: None,
            base_urls: BTreeMap::new(),
            prefix: "/".into(),
            oc_version: OC_VERSION.into(),
            workers: 0,
            body_max: ByteSize::mib(1),
            url_max: ByteSize::kib(32),
            connections_max: 25_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            linger_timeout: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(30),
            drain_delay: Duration::from_secs(1),
            batch_max: 100,
            batch_concurrency: 10,
            batch_deadline: Duration::from_secs(30),
            batch_output_max: ByteSize::mib(32),
            cache_tags: Vec::new(),
            headers_max: ByteSize::kib(64),
        }
    }
}
