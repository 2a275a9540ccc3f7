//! Which registry is measured, and the promise that it is on this machine.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    str::FromStr,
};

use url::Url;

/// A registry under load.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// Its name in the report.
    pub(crate) name: String,
    /// Where to connect; loopback addresses only.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The `host` header.
    pub(crate) authority: String,
    /// Path of the registry, with a slash at its end.
    pub(crate) prefix: String,
    /// The server's process, whose CPU is measured with that of its descendants.
    pub(crate) pid: Option<i32>,
}

/// Why a text names no registry that may be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("expected NAME=URL[,pid=PID]")]
    Form,
    #[error("`{0}` is no process id")]
    Pid(String),
    #[error("`{0}` is no absolute http URL (https is not measured)")]
    Url(String),
    #[error("host `{0}` has no address")]
    Unresolved(String),
    #[error("`{host}` is {address}: only loopback addresses may be put under load")]
    NotLoopback { host: String, address: SocketAddr },
}

// === impl Registry ===

impl FromStr for Registry {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let (name, rest) = text.split_once('=').ok_or(RegistryError::Form)?;
        if name.is_empty() {
            return Err(RegistryError::Form);
        }
        let (url, pid) = match rest.rsplit_once(",pid=") {
            Some((url, pid)) => (url, Some(parse_pid(pid)?)),
            None => (rest, None),
        };
        let parsed = Url::parse(url)
            .ok()
            .filter(|parsed| parsed.scheme() == "http" && parsed.query().is_none())
            .ok_or_else(|| RegistryError::Url(url.to_owned()))?;
        let host = parsed
            .host_str()
            .ok_or_else(|| RegistryError::Url(url.to_owned()))?;
        let port = parsed.port().unwrap_or(80);
        Ok(Self {
            name: name.to_owned(),
            addresses: loopback_addresses(host, port)?,
            authority: format!("{host}:{port}"),
            prefix: format!("{}/", parsed.path().trim_end_matches('/')),
            pid,
        })
    }
}

fn parse_pid(text: &str) -> Result<i32, RegistryError> {
    text.parse()
        .ok()
        .filter(|pid| *pid > 0)
        .ok_or_else(|| RegistryError::Pid(text.to_owned()))
}

/// The addresses of `host`, every one of them a loopback address.
fn loopback_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, RegistryError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = (bare, port)
        .to_socket_addrs()
        .map_err(|_| RegistryError::Unresolved(host.to_owned()))?
        .collect();
    if addresses.is_empty() {
        return Err(RegistryError::Unresolved(host.to_owned()));
    }
    match addresses
        .iter()
        .find(|address| !address.ip().to_canonical().is_loopback())
    {
        Some(address) => Err(RegistryError::NotLoopback {
            host: host.to_owned(),
            address: *address,
        }),
        None => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_url_and_process_are_read() {
        let registry: Registry = "ochre=http://127.0.0.1:3000/oc,pid=42".parse().unwrap();
        assert_eq!(registry.name, "ochre");
        assert_eq!(registry.authority, "127.0.0.1:3000");
        assert_eq!(registry.prefix, "/oc/");
        assert_eq!(registry.pid, Some(42));

        let bare: Registry = "oc=http://[::1]:3001".parse().unwrap();
        assert_eq!((bare.prefix.as_str(), bare.pid), ("/", None));
    }

    #[test]
    fn other_machines_are_refused() {
        for url in [
            "http://192.0.2.7/",
            "http://0.0.0.0:3000/",
            "http://[2001:db8::1]/",
        ] {
            let refused = format!("a={url}").parse::<Registry>();
            assert!(
                matches!(refused, Err(RegistryError::NotLoopback { .. })),
                "{url}: {refused:?}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_registries() {
        for text in [
            "",
            "http://127.0.0.1/",
            "=http://127.0.0.1/",
            "a=https://127.0.0.1/",
            "a=127.0.0.1:3000",
            "a=http://127.0.0.1/,pid=0",
            "a=http://127.0.0.1/,pid=x",
        ] {
            assert!(text.parse::<Registry>().is_err(), "{text}");
        }
    }
}
