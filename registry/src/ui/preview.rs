//! One component on a page of its own, rendered by the browser client.

use std::sync::Arc;

use askama::Template;
use ochre_model::Parameters;
use serde_json::{Value, json};

use super::{Frame, Page, Theme, Ui, UiError, script_json, snippet};

/// A component's code may be anything, so scripts and styles are free; what a preview never needs
/// is refused.
const POLICY: &str = "base-uri 'none'; object-src 'none'";

/// Which release, with which parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PreviewRequest {
    /// Public URL of this registry for the reader.
    pub base_url: Arc<str>,
    /// Component name as the reader wrote it.
    pub name: String,
    /// Requested version, `""` for the newest.
    pub version: String,
    /// Parameters of the component.
    pub parameters: Parameters,
}

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
    /// [`UiError`].
    pub async fn preview(&self, request: &PreviewRequest) -> Result<Page, UiError> {
        let resolved = self.renderer.resolve(&request.name, &request.version).await;
        let release = resolved.map_err(UiError::Release)?;
        let frame = self.frame(Theme::System, &request.base_url);
        let base_url = scheme_relative(&frame.base_url);
        let (name, version) = (release.id.name.as_str(), release.id.version.as_str());
        let imports = release.manifest.oc().files.imports.as_ref();
        let templates: Value =
            serde_json::from_slice(self.packs.known().infos()).unwrap_or_default();
        let page = PreviewTemplate {
            client: format!("{base_url}oc-client/client.js"),
            href: format!(
                "{base_url}{name}/{version}/{}",
                snippet::query(&request.parameters)
            ),
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
