//! `fetch` of components: which addresses may be reached, and how much may be read.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use bytesize::ByteSize;
use futures::StreamExt;
use ochre_engine::driver::{FetchRequest, FetchResponse};
use reqwest::{
    Client, Method, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};

/// Most redirects of one `fetch`.
const REDIRECTS_MAX: usize = 10;

/// `[fetch]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchSettings {
    /// Whether components may reach loopback, link-local and private addresses.
    pub allow_private: bool,
    /// Hosts (names or addresses, without port) that may be reached although they are private.
    pub allow_hosts: Vec<String>,
    /// Longest time for one fetch.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Longest body read.
    pub body_max: ByteSize,
}

/// Carries out fetches within the policy.
#[derive(Clone, Debug)]
pub struct Egress {
    client: Client,
    policy: Arc<Policies>,
    body_max: usize,
}

/// Which hosts and addresses may be reached.
#[derive(Debug)]
struct Policies {
    allow_private: bool,
    allow_hosts: Vec<String>,
}

/// Resolves names, and leaves out the addresses that may not be reached: the connection goes to
/// the address that was checked, whatever the name resolves to a moment later.
#[derive(Debug)]
struct CheckedResolver(Arc<Policies>);

// === impl Egress ===

impl Egress {
    /// Builds the HTTP client.
    ///
    /// # Errors
    ///
    /// When the TLS backend cannot be set up.
    pub fn new(settings: &FetchSettings) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(Policies {
            allow_private: settings.allow_private,
            allow_hosts: settings.allow_hosts.clone(),
        });
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(settings.timeout)
            .dns_resolver(Arc::new(CheckedResolver(Arc::clone(&policy))))
            .build()?;
        Ok(Self {
            client,
            policy,
            body_max: usize::try_from(settings.body_max.as_u64()).unwrap_or(usize::MAX),
        })
    }

    /// Carries out one `fetch`, redirects included.
    ///
    /// # Errors
    ///
    /// The message that the component's promise is rejected with.
    pub async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        let mut url = Url::parse(&request.url)
            .map_err(|_| format!("Failed to parse URL from {}", request.url))?;
        let mut method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("'{}' is not a valid HTTP method.", request.method))?;
        let mut headers = header_map(&request.headers)?;
        let mut body = request.body.clone();
        for hop in 0..=REDIRECTS_MAX {
            self.policy.check(&url)?;
            let mut outgoing = self
                .client
                .request(method.clone(), url.clone())
                .headers(headers.clone());
            if let Some(body) = &body {
                outgoing = outgoing.body(body.clone());
            }
            let response = outgoing.send().await.map_err(|error| failed(&error))?;
            let Some(target) = redirect_target(&response, &url) else {
                return self.read(response, &url, hop > 0).await;
            };
            match request.redirect.as_str() {
                "manual" => return self.read(response, &url, false).await,
                "error" => return Err("fetch failed: unexpected redirect".into()),
                _ => {}
            }
            if target.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
                headers.remove(COOKIE);
            }
            let status = response.status().as_u16();
            if status == 303 || (matches!(status, 301 | 302) && method == Method::POST) {
                method = Method::GET;
                body = None;
            }
            url = target;
        }
        Err("fetch failed: redirect count exceeded".into())
    }

    async fn read(
        &self,
        response: Response,
        url: &Url,
        redirected: bool,
    ) -> Result<FetchResponse, String> {
        let status = response.status();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let body = self.body(response).await?;
        Ok(FetchResponse {
            status: status.as_u16(),
            status_text: status.canonical_reason().unwrap_or_default().to_owned(),
            url: url.to_string(),
            redirected,
            headers,
            body,
        })
    }

    async fn body(&self, response: Response) -> Result<Bytes, String> {
        let mut body = BytesMut::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failed(&error))?;
            if body.len() + chunk.len() > self.body_max {
                return Err(format!(
                    "fetch failed: body is larger than {} bytes",
                    self.body_max
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Where `response` redirects to, for the statuses that do.
fn redirect_target(response: &Response, url: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    url.join(location).ok()
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name} is an invalid header name."))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("invalid value of header {name}"))?;
        map.append(name, value);
    }
    Ok(map)
}

/// What a component is told: no address of the registry's network.
fn failed(error: &reqwest::Error) -> String {
    let reason = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect, or the address is not allowed"
    } else {
        "request was not completed"
    };
    format!("fetch failed: {reason}")
}

// === impl Policies ===

impl Policies {
    /// Refuses other schemes, and addresses that may not be reached when the host is one.
    fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "fetch failed: scheme {} is not allowed",
                url.scheme()
            ));
        }
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
            Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
            Some(url::Host::Domain(_)) => return Ok(()),
            None => return Err("fetch failed: URL has no host".into()),
        };
        let host = address.to_string();
        if self.allows_host(&host) || self.allows(address) {
            Ok(())
        } else {
            Err("fetch failed: address is not allowed".into())
        }
    }

    fn allows_host(&self, host: &str) -> bool {
        self.allow_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

/// Whether an address is neither this machine's nor of a private, shared or special network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || first == 0
                || first >= 240
                || (first == 100 && (64..128).contains(&second))
                || (first == 192 && second == 0 && third == 0)
                || (first == 198 && (18..20).contains(&second)))
        }
        IpAddr::V6(address) => {
            if let Some(mapped) = address.to_ipv4_mapped() {
                return is_public(IpAddr::V4(mapped));
            }
            let [first, second, ..] = address.segments();
            // 2000::/3 is what is routed; of it, 2001::/23 (Teredo and the like), 2001:db8::/32
            // and 6to4, which can hold a private IPv4 address, are left out.
            (first & 0xe000) == 0x2000
                && !(first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                && first != 0x2002
        }
    }
}

// === impl CheckedResolver ===

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let trusted = policy.allows_host(&host);
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| trusted || policy.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err("no address that may be reached".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

// === impl FetchSettings ===

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            allow_hosts: Vec::new(),
            timeout: Duration::from_secs(5),
            body_max: ByteSize::mib(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn private_addresses_in_every_spelling_are_refused() {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let egress = Egress::new(&FetchSettings::default()).unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost/",
            "http://169.254.169.254/latest/",
            "file:///etc/passwd",
            "ftp://example.com/",
        ] {
            let request = FetchRequest {
                method: "GET".into(),
                url: url.into(),
                headers: Vec::new(),
                body: None,
                redirect: "follow".into(),
            };
            let error = egress.fetch(request).await.unwrap_err();
            assert!(error.contains("not allowed"), "{url}: {error}");
        }
    }
}
