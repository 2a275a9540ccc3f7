//! The `oc` block.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{ManifestError, field};
use crate::{ParameterSpec, wire::whole};

/// What OpenComponents reads of a `package.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct OcBlock {
    /// `files`.
    pub files: OcFiles,
    /// Whether rendered HTML is wrapped in `<oc-component>`; only `false` says no.
    pub container: bool,
    /// Whether rendered HTML carries the render-info script; only `false` says no.
    pub render_info: bool,
    /// Declared parameters, in JavaScript's order.
    pub parameters: IndexMap<String, ParameterSpec>,
    /// Names of the plugins that the data provider uses.
    pub plugins: Vec<String>,
    /// `state`, as `deprecated` or `experimental`.
    pub state: Option<String>,
    /// When the release was published, in milliseconds since 1970-01-01T00:00:00Z.
    pub date: Option<u64>,
    /// Who published the release.
    pub publisher: Option<String>,
    /// Version of the command line tool that packaged the release.
    pub version: Option<String>,
}

/// Files of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct OcFiles {
    /// The compiled view.
    pub template: TemplateFile,
    /// The server logic; when declared, it runs for every request.
    pub data_provider: Option<DataProviderFile>,
    /// Folders of static files.
    pub static_dirs: Vec<String>,
    /// The author's name of the environment file, which ships as `.env`.
    pub env: Option<String>,
    /// Import map of an ES-module view.
    pub imports: Option<Value>,
}

/// The compiled view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    /// As `oc-template-es6`, or the legacy `handlebars`, `jade`.
    pub template_type: String,
    /// Names the view within the file; empty for ES modules.
    pub hash_key: String,
    /// Path in the package.
    pub src: String,
    /// Version of the template package that compiled it.
    pub version: Option<String>,
    /// Least registry version that renders it.
    pub min_oc_version: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
}

/// The server logic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataProviderFile {
    /// `node.js`.
    pub provider_type: String,
    /// SHA-1 of the file.
    pub hash_key: String,
    /// Path in the package.
    pub src: String,
    /// In bytes.
    pub size: Option<u64>,
}

// === impl OcBlock ===

impl OcBlock {
    /// Reads the block; odd optional fields are as if they were absent.
    pub(super) fn from_raw(document: &Map<String, Value>) -> Result<Self, ManifestError> {
        let oc = object(document, "oc").ok_or_else(|| field("/oc", "must be an object"))?;
        let files = object(oc, "files").ok_or_else(|| field("/oc/files", "must be an object"))?;
        let template = object(files, "template")
            .ok_or_else(|| field("/oc/files/template", "must be an object"))?;
        Ok(Self {
            files: OcFiles {
                template: TemplateFile::from_raw(template),
                data_provider: object(files, "dataProvider").map(DataProviderFile::from_raw),
                static_dirs: texts(files.get("static")),
                env: text(files, "env"),
                imports: files
                    .get("imports")
                    .filter(|imports| imports.is_object())
                    .cloned(),
            },
            container: oc.get("container") != Some(&Value::Bool(false)),
            render_info: oc.get("renderInfo") != Some(&Value::Bool(false)),
            parameters: parameters(oc),
            plugins: match oc.get("plugins") {
                Some(Value::Object(plugins)) => plugins.keys().cloned().collect(),
                plugins => texts(plugins),
            },
            state: text(oc, "state"),
            date: size(oc, "date"),
            publisher: text(oc, "publisher"),
            version: text(oc, "version"),
        })
    }
}

// === impl TemplateFile ===

impl TemplateFile {
    fn from_raw(raw: &Map<String, Value>) -> Self {
        Self {
            template_type: text(raw, "type").unwrap_or_default(),
            hash_key: text(raw, "hashKey").unwrap_or_default(),
            src: text(raw, "src").unwrap_or_else(|| "template.js".to_owned()),
            version: text(raw, "version"),
            min_oc_version: text(raw, "minOcVersion"),
            size: size(raw, "size"),
        }
    }
}

// === impl DataProviderFile ===

impl DataProviderFile {
    fn from_raw(raw: &Map<String, Value>) -> Self {
        Self {
            provider_type: text(raw, "type").unwrap_or_else(|| "node.js".to_owned()),
            hash_key: text(raw, "hashKey").unwrap_or_default(),
            src: text(raw, "src").unwrap_or_else(|| "server.js".to_owned()),
            size: size(raw, "size"),
        }
    }
}

fn parameters(oc: &Map<String, Value>) -> IndexMap<String, ParameterSpec> {
    object(oc, "parameters")
        .into_iter()
        .flatten()
        .filter_map(|(name, raw)| Some((name.clone(), ParameterSpec::from_raw(raw.as_object()?))))
        .collect()
}

fn object<'a>(parent: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    parent.get(name)?.as_object()
}

fn text(parent: &Map<String, Value>, name: &str) -> Option<String> {
    parent.get(name)?.as_str().map(ToOwned::to_owned)
}

fn size(parent: &Map<String, Value>, name: &str) -> Option<u64> {
    whole(parent.get(name)?.as_number()?)
}

/// The texts of a list; a single text is a list of one.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
