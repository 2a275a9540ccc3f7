//! One component on a page of its own, rendered by the browser client.

use askama::Template;
use ochre_model::Parameters;
use serde_json::{Value, json};

use super::{Frame, Page, Theme, Ui, script_json, snippet, subject::Subject};

/// A component's code may be anything, so scripts and styles are free; what a preview never needs
/// is refused.
const POLICY: &str = "base-uri 'none'; object-src 'none'";

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewTemplate<'a> {
    frame: Frame,
    name: &'a str,
    version: &'a str,
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
        let imports = subject.manifest().oc().files.imports.as_ref();
        let templates: Value =
            serde_json::from_slice(self.packs.known().infos()).unwrap_or_default();
        let page = PreviewTemplate {
            client: format!("{base_url}oc-client/client.js"),
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
