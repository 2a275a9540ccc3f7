//! Public URLs of the files of releases.

use std::{borrow::Cow, sync::Arc};

use ochre_model::ComponentId;

/// Where clients fetch static files and compiled views from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPaths {
    root: String,
    /// This registry's URL, where the node itself has the files.
    base_url: Option<Arc<str>>,
}

/// URLs of one release's files. What the node serves itself lies below the URL by which a caller
/// knows the registry.
#[derive(Debug)]
pub struct ReleaseUrls {
    folder: String,
    template: String,
    /// The registry's URL that both begin with.
    base_url: Option<Arc<str>>,
}

// === impl PublicPaths ===

impl PublicPaths {
    /// Files come from `public_url` (a CDN or bucket) when there is one, else from the node's own
    /// `~assets/` below `base_url`.
    ///
    /// As OC's `storage.options.path`: `https:` is put before a URL that starts with `//`.
    pub fn new(public_url: Option<&str>, components_dir: &str, base_url: &str) -> Self {
        let Some(url) = public_url else {
            return Self::served_below(base_url);
        };
        let scheme = if url.starts_with("http") {
            ""
        } else {
            "https:"
        };
        let slash = if url.ends_with('/') { "" } else { "/" };
        Self {
            root: format!("{scheme}{url}{slash}{components_dir}/"),
            base_url: None,
        }
    }

    /// Files come from the node's own `~assets/` below `base_url`.
    pub fn served_below(base_url: &str) -> Self {
        Self {
            root: format!("{base_url}~assets/"),
            base_url: Some(base_url.into()),
        }
    }

    /// URL of `path` (`""` for the folder) in a release.
    pub fn file(&self, id: &ComponentId, path: &str) -> String {
        format!("{}{}/{}/{path}", self.root, id.name, id.version)
    }

    /// The URLs that answers tell of a release.
    pub fn of(&self, id: &ComponentId) -> ReleaseUrls {
        ReleaseUrls {
            folder: self.file(id, ""),
            template: self.file(id, "template.js"),
            base_url: self.base_url.clone(),
        }
    }
}

// === impl ReleaseUrls ===

impl ReleaseUrls {
    /// The release's folder as components see it (no `https:`), for callers that know the registry
    /// as `base_url`.
    pub fn folder(&self, base_url: &str) -> Cow<'_, str> {
        match self.below(&self.folder, base_url) {
            Cow::Borrowed(url) => Cow::Borrowed(url.strip_prefix("https:").unwrap_or(url)),
            Cow::Owned(url) => Cow::Owned(url.replacen("https:", "", 1)),
        }
    }

    /// `template.js`, for callers that know the registry as `base_url`.
    pub fn template(&self, base_url: &str) -> Cow<'_, str> {
        self.below(&self.template, base_url)
    }

    fn below<'a>(&self, url: &'a str, base_url: &str) -> Cow<'a, str> {
        let own = self.base_url.as_deref();
        match own.filter(|own| *own != base_url) {
            Some(own) => Cow::Owned(format!("{base_url}{}", &url[own.len()..])),
            None => Cow::Borrowed(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> ComponentId {
        ComponentId {
            name: "hello".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        }
    }

    #[test]
    fn public_url_is_used_as_oc_does() {
        for (url, expected) in [
            (
                "//cdn.example/x/",
                "https://cdn.example/x/components/hello/1.0.0/template.js",
            ),
            (
                "http://cdn.example",
                "http://cdn.example/components/hello/1.0.0/template.js",
            ),
        ] {
            let paths = PublicPaths::new(Some(url), "components", "http://localhost/");
            assert_eq!(paths.file(&hello(), "template.js"), expected);
            let urls = paths.of(&hello());
            assert_eq!(urls.template("http://other/"), expected);
            let folder = expected.trim_start_matches("https:");
            let folder = folder.trim_end_matches("template.js");
            assert_eq!(urls.folder("http://other/"), folder);
        }
    }

    #[test]
    fn without_one_the_node_serves_files_itself() {
        let paths = PublicPaths::new(None, "components", "http://localhost:3000/");

        assert_eq!(
            paths.file(&hello(), ""),
            "http://localhost:3000/~assets/hello/1.0.0/"
        );
    }

    #[test]
    fn own_files_lie_below_the_url_that_the_caller_knows() {
        let urls = PublicPaths::served_below("http://localhost/oc/").of(&hello());

        for (base_url, folder) in [
            ("http://localhost/oc/", "http://localhost/oc/"),
            ("https://a.example/", "//a.example/"),
        ] {
            assert_eq!(
                urls.folder(base_url),
                format!("{folder}~assets/hello/1.0.0/")
            );
            assert_eq!(
                urls.template(base_url),
                format!("{base_url}~assets/hello/1.0.0/template.js")
            );
        }
    }
}
