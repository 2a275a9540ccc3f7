//! Public URLs of the files of releases.

use ochre_model::ComponentId;

/// Where clients fetch static files and compiled views from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPaths {
    root: String,
}

// === impl PublicPaths ===

impl PublicPaths {
    /// Files come from `public_url` (a CDN or bucket) when there is one, else from the node's own
    /// `~assets/` below `base_url`.
    ///
    /// As OC's `storage.options.path`: `https:` is put before a URL that starts with `//`.
    pub fn new(public_url: Option<&str>, components_dir: &str, base_url: &str) -> Self {
        let root = match public_url {
            Some(url) => {
                let scheme = if url.starts_with("http") {
                    ""
                } else {
                    "https:"
                };
                let slash = if url.ends_with('/') { "" } else { "/" };
                format!("{scheme}{url}{slash}{components_dir}/")
            }
            None => format!("{base_url}~assets/"),
        };
        Self { root }
    }

    /// URL of `path` (`""` for the folder) in a release.
    pub fn file(&self, id: &ComponentId, path: &str) -> String {
        format!("{}{}/{}/{path}", self.root, id.name, id.version)
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
}
