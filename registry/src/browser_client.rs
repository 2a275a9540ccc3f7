//! The browser client as this registry serves it: scripts from the build, constants from the settings.

mod scripts;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    assets::{Asset, Encoding},
    base_url::BaseUrls,
    packs::Packs,
    settings::ClientSettings,
};
use scripts::{MAP, Scripts, Variants};

/// A file of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFile {
    /// Minified.
    Code,
    /// To read.
    Development,
    /// The source map.
    Map,
}

/// The files of the client in every encoding, in memory.
#[derive(Debug)]
pub struct BrowserClient {
    settings: ClientSettings,
    packs: Arc<Packs>,
    /// The scripts of packs come from this registry, even those that OC's client always knows.
    serves_externals: bool,
    base_urls: BaseUrls,
    map: Variants,
    scripts: ArcSwap<Scripts>,
}

// === impl ClientFile ===

impl ClientFile {
    const ALL: [Self; 3] = [Self::Code, Self::Development, Self::Map];

    /// Where the file lies in the component `oc-client`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Code => "src/oc-client.min.js",
            Self::Development => "src/oc-client.js",
            Self::Map => "src/oc-client.min.map",
        }
    }

    /// The file that lies there.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.path() == path)
    }
}

// === impl BrowserClient ===

impl BrowserClient {
    /// Writes the constants into the scripts and compresses them.
    ///
    /// `serves_externals`: `templates.serve_externals`.
    pub fn new(
        settings: ClientSettings,
        packs: Arc<Packs>,
        (serves_externals, base_urls): (bool, BaseUrls),
    ) -> Self {
        let known = Arc::clone(&packs.known());
        let scripts = Scripts::of(known, &settings, (serves_externals, &base_urls));
        Self {
            map: Variants::new(MAP.to_owned(), "application/json; charset=utf-8"),
            scripts: ArcSwap::from_pointee(scripts),
            settings,
            packs,
            serves_externals,
            base_urls,
        }
    }

    /// The client with the default settings.
    #[cfg(test)]
    pub(crate) fn plain(packs: Arc<Packs>) -> Self {
        let base_urls = BaseUrls::new(&crate::settings::HttpSettings::default());
        Self::new(ClientSettings::default(), packs, (false, base_urls))
    }

    /// A file in an encoding, or as it is when that makes it no smaller; for pages that know this
    /// registry as `base_url`.
    pub fn file(&self, file: ClientFile, encoding: Encoding, base_url: &str) -> Asset {
        match file {
            ClientFile::Code => self.scripts.load().at(base_url).code.get(encoding),
            ClientFile::Development => self.scripts.load().at(base_url).development.get(encoding),
            ClientFile::Map => self.map.get(encoding),
        }
    }

    /// Whether the scripts hold what this registry's operator has set and its template types; else
    /// they are what the component `oc-client` brings along.
    pub fn is_compiled(&self) -> bool {
        self.settings.compile
    }

    /// Whether the scripts know the template types that are served now.
    pub fn is_current(&self) -> bool {
        Arc::ptr_eq(&self.scripts.load().known, &self.packs.known())
    }

    /// Makes the scripts again, with the template types that are served now. Takes CPU for a while.
    pub fn renew(&self) {
        let known = Arc::clone(&self.packs.known());
        let served = (self.serves_externals, &self.base_urls);
        let scripts = Scripts::of(known, &self.settings, served);
        self.scripts.store(Arc::new(scripts));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn scripts_are_made_again_only_when_they_are_renewed() {
        let (store, packs) = Packs::in_memory();
        store
            .write_pack("oc-template-react/pack.json", &Bytes::from_static(b"{}"))
            .await
            .unwrap();
        let client = BrowserClient::plain(Arc::clone(&packs));
        let text = || {
            let asset = client.file(ClientFile::Code, Encoding::Identity, "");
            String::from_utf8(asset.body.to_vec()).unwrap()
        };
        assert!(client.is_current());
        packs.refresh().await.unwrap();
        packs.changed().await;
        assert!(!client.is_current());
        assert!(!text().contains("oc-template-react"));
        client.renew();
        assert!(client.is_current());
        assert!(text().contains("oc-template-react"));
    }
}
