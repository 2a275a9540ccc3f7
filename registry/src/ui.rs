//! The pages: list, history, information and preview, rendered on the server.
//!
//! Everything works without JavaScript; scripts make it quicker. Markup is in `templates/`, styles
//! and scripts in `ui/`.

mod files;
mod format;
mod info;
mod list;
mod pager;
mod people;
mod policy;
mod preview;
mod snippet;
mod subject;

use std::sync::Arc;

use ochre_engine::node::Dependency;

pub use files::{UiFile, UiFiles};
pub use info::InfoRequest;
pub use list::{ListRequest, View};
pub use preview::PreviewOptions;
pub use subject::Subject;

use crate::{directory::Directory, packs::Packs, render::Renderer};

/// Renders the pages.
#[derive(Debug)]
pub struct Ui {
    directory: Arc<Directory>,
    renderer: Arc<Renderer>,
    packs: Arc<Packs>,
    dependencies: Vec<Dependency>,
    files: UiFiles,
    robots: bool,
    oc_version: String,
    preview: PreviewOptions,
}

/// What [`Ui`] is built from.
#[derive(Debug)]
pub struct UiParts {
    /// What is listed.
    pub directory: Arc<Directory>,
    /// Finds releases.
    pub renderer: Arc<Renderer>,
    /// Template types of this registry.
    pub packs: Arc<Packs>,
    /// What components may require.
    pub dependencies: Vec<Dependency>,
    /// `discovery.robots`.
    pub robots: bool,
    /// `http.oc_version`.
    pub oc_version: String,
    /// What previews run.
    pub preview: PreviewOptions,
}

/// The theme that a reader has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the reader's system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A page, with the policy that it is to be shown under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTML.
    pub body: String,
    /// `Content-Security-Policy`.
    pub policy: String,
}

/// What all pages have in common.
#[derive(Debug)]
struct Frame {
    theme: Theme,
    /// Path of the registry, with `/` at both ends.
    root: String,
    /// Path of styles and scripts.
    files: String,
    base_url: String,
    robots: &'static str,
    oc_version: String,
}

// === impl Theme ===

impl Theme {
    /// Reads the value of the `oc-theme` cookie.
    pub fn parse(cookie: Option<&str>) -> Self {
        match cookie {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// OC's attribute; OC knows no theme of the system, and calls its default dark.
    fn attribute(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::System | Self::Dark => "dark",
        }
    }

    /// Value of `<meta name="color-scheme">`, which decides what is shown.
    fn color_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

// === impl Ui ===

impl Ui {
    /// Puts the parts together.
    pub fn new(parts: UiParts) -> Self {
        Self {
            directory: parts.directory,
            renderer: parts.renderer,
            packs: parts.packs,
            files: UiFiles::new(),
            robots: parts.robots,
            oc_version: parts.oc_version,
            dependencies: parts.dependencies,
            preview: parts.preview,
        }
    }

    /// Styles and scripts of the pages.
    pub fn files(&self) -> &UiFiles {
        &self.files
    }

    fn frame(&self, theme: Theme, base_url: &str) -> Frame {
        let base_url = base_url.to_owned();
        let root = path_of(&base_url).to_owned();
        Frame {
            theme,
            files: format!("{root}~ui/{}/", self.files.version()),
            root,
            base_url,
            robots: if self.robots {
                "index, follow"
            } else {
                "noindex, nofollow"
            },
            oc_version: self.oc_version.clone(),
        }
    }
}

/// The path of an absolute URL, with `/` at both ends.
fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..]
        .find('/')
        .map_or("/", |slash| &url[host + slash..])
}

/// JSON that can stand in a `<script>` element.
fn script_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_link_below_the_path_of_the_public_url() {
        for (url, path) in [
            ("http://localhost:3000/", "/"),
            ("https://example.com/registry/", "/registry/"),
            ("https://example.com", "/"),
        ] {
            assert_eq!(path_of(url), path);
        }
    }

    #[test]
    fn json_cannot_end_its_script() {
        assert_eq!(
            script_json(&"</script><!--"),
            r#""\u003c/script>\u003c!--""#
        );
    }
}
