//! Public URLs of this registry: one for most requests, and others for some hosts.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use actix_web::{HttpRequest, http::header::HOST, web};

use crate::settings::HttpSettings;

/// Public URLs, prefix included.
#[derive(Clone, Debug)]
pub struct BaseUrls {
    default: Arc<str>,
    /// By the `Host` header, lower-cased; with or without port.
    by_host: HashMap<String, Arc<str>>,
}

// === impl BaseUrls ===

impl BaseUrls {
    /// The URLs of `settings`.
    pub fn new(settings: &HttpSettings) -> Self {
        let by_host = settings.base_urls.iter().map(|(host, url)| {
            let url = settings.with_prefix(url.clone());
            (host.to_ascii_lowercase(), Arc::from(url))
        });
        Self {
            default: Arc::from(settings.public_url()),
            by_host: by_host.collect(),
        }
    }

    /// The URL that most requests are answered with.
    pub fn main(&self) -> &Arc<str> {
        &self.default
    }

    /// The other URLs, each once.
    pub fn others(&self) -> HashSet<&Arc<str>> {
        let urls = self.by_host.values();
        urls.filter(|url| **url != self.default).collect()
    }

    /// The URL for a `Host` header: only hosts of the settings have one of their own.
    pub fn of_host(&self, host: &str) -> Arc<str> {
        if self.by_host.is_empty() {
            return Arc::clone(&self.default);
        }
        let host = host.to_ascii_lowercase();
        let named = self.by_host.get(&host).or_else(|| {
            let (name, _port) = host.rsplit_once(':')?;
            self.by_host.get(name)
        });
        Arc::clone(named.unwrap_or(&self.default))
    }
}

/// The public URL that answers to `request` name.
pub(crate) fn of(request: &HttpRequest) -> Arc<str> {
    let Some(urls) = request.app_data::<web::Data<BaseUrls>>() else {
        return Arc::default();
    };
    let host = request.headers().get(HOST);
    urls.of_host(host.and_then(|host| host.to_str().ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_settings_have_urls_of_their_own() {
        let mut settings = HttpSettings {
            base_url: Some("https://default.example".into()),
            prefix: "/oc/".into(),
            ..HttpSettings::default()
        };
        let own = [
            ("A.example", "https://a.example"),
            ("b.example:8080", "http://b.example:8080/oc/"),
        ];
        for (host, url) in own {
            settings.base_urls.insert(host.into(), url.into());
        }
        let urls = BaseUrls::new(&settings);

        for (host, expected) in [
            ("a.example", "https://a.example/oc/"),
            ("a.EXAMPLE:443", "https://a.example/oc/"),
            ("b.example:8080", "http://b.example:8080/oc/"),
            ("b.example", "https://default.example/oc/"),
            ("evil.example", "https://default.example/oc/"),
            ("", "https://default.example/oc/"),
        ] {
            assert_eq!(&*urls.of_host(host), expected, "{host}");
        }
    }

    #[test]
    fn a_url_of_several_hosts_is_one() {
        let mut settings = HttpSettings {
            base_url: Some("https://default.example/".into()),
            ..HttpSettings::default()
        };
        let shared = "https://shared.example/";
        for (host, url) in [
            ("a", shared),
            ("b", shared),
            ("c", "https://default.example/"),
        ] {
            settings.base_urls.insert(host.into(), url.into());
        }

        let urls = BaseUrls::new(&settings);

        assert_eq!(urls.others(), HashSet::from([&Arc::from(shared)]));
    }
}
