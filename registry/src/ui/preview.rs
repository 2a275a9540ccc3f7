//! One component on a page of its own, rendered by the browser client.

use std::collections::BTreeMap;

use askama::Template;
use ochre_model::Parameters;
use serde_json::{Value, json};

use super::{Frame, Page, Theme, Ui, script_json, snippet, subject::Subject};

/// A component's code may be anything, so scripts and styles are free; what a preview never needs
/// is refused.
const POLICY: &str = "base-uri 'none'; object-src 'none'";

/// What an operator has previews run.
#[derive(Clone, Debug, Default)]
pub struct PreviewOptions {
    /// JavaScript that runs first; holds nothing that ends a script of a page.
    pub preload: Option<String>,
    /// URL of another browser client than this registry's.
    pub client: Option<String>,
    /// Import map in place of the components' own: bare name to URL; when empty theirs is used.
    pub imports: BTreeMap<String, String>,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewTemplate<'a> {
    frame: Frame,
    name: &'a str,
    version: &'a str,
    preload: Option<&'a str>,
    client: String,
    href: String,
    imports: Option<String>,
    templates: String,
}

// === impl Ui ===

impl Ui {
    /// Renders the preview page of a release.
    ///
    /// Source: `packages/oc/src/registry/views/preview.ts`.
    ///
    /// # Errors
    ///
    /// When the template fails.
    pub fn preview(
        &self,
        subject: &Subject,
        parameters: &Parameters,
        base_url: &str,
    ) -> askama::Result<Page> {
        let frame = self.frame(Theme::System, base_url);
        let base_url = scheme_relative(&frame.base_url);
        let (name, version) = (subject.name(), subject.version().as_str());
        let own = subject.manifest().oc().files.imports.as_ref();
        let imports = if self.preview.imports.is_empty() {
            own.map(|imports| json!(imports))
        } else {
            Some(json!(self.preview.imports))
        };
        let client = self.preview.client.clone();
        let templates: Value =
            serde_json::from_slice(&self.packs.known().infos(&frame.base_url)).unwrap_or_default();
        let page = PreviewTemplate {
            preload: self.preview.preload.as_deref(),
            client: client.unwrap_or_else(|| format!("{base_url}oc-client/client.js")),
            href: format!("{base_url}{name}/{version}/{}", snippet::query(parameters)),
            imports: imports.map(|imports| script_json(&json!({ "imports": imports }))),
            templates: script_json(&templates),
            name,
            version,
            frame,
        };
        Ok(Page {
            body: page.render()?,
            policy: POLICY.to_owned(),
        })
    }
}

/// `//host/…` for any scheme.
fn scheme_relative(url: &str) -> &str {
    url.find("://").map_or(url, |scheme| &url[scheme + 1..])
}
