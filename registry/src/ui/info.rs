//! One release: what it is, how it looks with which parameters, how to use it.

use std::sync::Arc;

use askama::Template;
use indexmap::IndexMap;
use ochre_model::{
    PackageJson, ParameterSpec, ParameterValue, Parameters, ReleaseState, StateNote, Version,
    encode_uri_component,
};
use ochre_store::VersionSummary;
use serde_json::{Map, Value};

use super::{
    Frame, Page, Theme, Ui, format,
    list::{info_path, short_type},
    people::{self, Link},
    policy::policy,
    snippet::{self, Snippet},
    subject::Subject,
};

/// Versions shown at once; the others unfold.
const NEWEST: usize = 12;

/// Most versions on a page; the JSON answer has all.
const VERSIONS: usize = 500;

/// Starts the form; OC's tests look for these names.
const START: &str = "addEventListener('DOMContentLoaded',()=>\
                     updateHrefFromParameters(document.querySelectorAll('.parameter-input')))";

/// How a reader asks for a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InfoRequest {
    /// Public URL of this registry for the reader.
    pub base_url: Arc<str>,
    /// Requested version, `""` for the newest.
    pub version: String,
    /// Parameters of the form.
    pub parameters: Parameters,
    /// The reader's theme.
    pub theme: Theme,
}

#[derive(Template)]
#[template(path = "info.html")]
struct InfoTemplate<'a> {
    frame: Frame,
    name: &'a str,
    version: &'a str,
    /// The version that the path asks for, where that is not the version itself.
    requested: Option<&'a str>,
    newest: Option<VersionRow<'a>>,
    state: &'a str,
    /// What a reader should know of the state, and why it is so.
    notice: Option<Notice<'a>>,
    description: &'a str,
    /// Keywords, and where components that have one are listed.
    keywords: Vec<(&'a str, String)>,
    fields: Vec<Field<'a>>,
    preview: String,
    snippets: Vec<Snippet>,
    facts: Facts,
    channels: Vec<ChannelRow<'a>>,
    versions: Vec<VersionRow<'a>>,
    older: Vec<VersionRow<'a>>,
    hidden: usize,
    script: &'static str,
}

/// One input of the form.
struct Field<'a> {
    name: &'a str,
    label: &'a str,
    mandatory: bool,
    description: Option<&'a str>,
    default: Option<String>,
    example: Option<String>,
    value: String,
    /// `number` or `text`; unused where there are options.
    input: &'static str,
    options: Vec<FieldOption>,
}

struct FieldOption {
    value: String,
    is_chosen: bool,
}

struct VersionRow<'a> {
    version: &'a str,
    href: String,
    date: Option<String>,
    state: &'a str,
    is_current: bool,
}

struct ChannelRow<'a> {
    name: &'a str,
    href: String,
    version: &'a str,
    is_current: bool,
}

struct Notice<'a> {
    text: &'static str,
    reason: Option<&'a str>,
}

/// What the sidebar tells.
struct Facts {
    published: Option<String>,
    publisher: Option<String>,
    author: Option<Link>,
    repository: Option<Link>,
    license: Option<String>,
    template: String,
    template_version: Option<String>,
    template_size: Option<String>,
    provider_size: Option<String>,
    has_provider: bool,
    plugins: Vec<String>,
    dependencies: Vec<(String, String)>,
    compiler: Option<String>,
    minimum: Option<String>,
}

// === impl Ui ===

impl Ui {
    /// Renders the information page of a release.
    ///
    /// # Errors
    ///
    /// When the template fails.
    pub fn info(&self, subject: &Subject, request: &InfoRequest) -> askama::Result<Page> {
        let frame = self.frame(request.theme, &request.base_url);
        let oc = subject.manifest().oc();
        let parameters = shown_parameters(&request.parameters, &oc.parameters);
        let name = subject.name();
        let version = subject.version().as_str();
        let asked = if request.version.is_empty() {
            version
        } else {
            &request.version
        };
        let query = snippet::query(&parameters);
        let mut versions = version_rows(subject, &frame.root);
        let hidden = versions.len().saturating_sub(VERSIONS);
        versions.truncate(VERSIONS);
        let older = versions.split_off(versions.len().min(NEWEST));
        let raw = subject.manifest().raw();
        let page = InfoTemplate {
            name,
            version,
            requested: (asked != version).then_some(asked),
            newest: newest(subject, &frame.root),
            state: subject.state(),
            notice: notice(subject),
            description: raw
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            keywords: keywords(raw, &frame.root),
            fields: fields(&oc.parameters, &parameters),
            preview: format!(
                "{}{name}/{}/~preview/{query}",
                frame.root,
                snippet::segment(asked)
            ),
            snippets: snippet::all(&frame.base_url, (name, asked), &parameters),
            facts: Facts::of(subject.manifest()),
            channels: channel_rows(subject, &frame.root),
            versions,
            older,
            hidden,
            script: START,
            frame,
        };
        Ok(Page {
            body: page.render()?,
            policy: policy(&[START]),
        })
    }
}

// === impl Facts ===

impl Facts {
    fn of(manifest: &PackageJson) -> Self {
        let (raw, oc) = (manifest.raw(), manifest.oc());
        let template = &oc.files.template;
        let provider = oc.files.data_provider.as_ref();
        Self {
            published: oc.date.and_then(format::minute),
            publisher: oc.publisher.clone(),
            author: people::person(raw.get("author")),
            repository: people::repository(raw),
            license: raw.get("license").and_then(Value::as_str).map(String::from),
            template: short_type(&template.template_type).to_owned(),
            template_version: template.version.clone(),
            template_size: template.size.map(format::size),
            provider_size: provider.and_then(|file| file.size).map(format::size),
            has_provider: provider.is_some(),
            plugins: oc.plugins.clone(),
            dependencies: people::dependencies(raw),
            compiler: oc.version.clone(),
            minimum: template.min_oc_version.clone(),
        }
    }
}

/// What the form holds: what was asked, or else the examples; empty texts mean "not given".
fn shown_parameters(asked: &Parameters, declared: &IndexMap<String, ParameterSpec>) -> Parameters {
    let mut shown = Parameters::new();
    if asked.is_empty() {
        for (name, spec) in declared {
            let sample = spec.raw.get("example");
            let sample = sample.or(spec.default.as_ref().filter(|_| spec.mandatory));
            if let Some(sample) = sample {
                shown.insert(name.clone(), sample.clone());
            }
        }
    }
    for (name, value) in asked.iter() {
        if !value.to_text().is_empty() || !declared.contains_key(name) {
            shown.insert(name, value.clone());
        }
    }
    shown
}

fn fields<'a>(
    declared: &'a IndexMap<String, ParameterSpec>,
    parameters: &Parameters,
) -> Vec<Field<'a>> {
    declared
        .iter()
        .map(|(name, spec)| {
            let value = parameters.get(name).map(ParameterValue::to_text);
            field(name, spec, value.unwrap_or_default())
        })
        .collect()
}

fn field<'a>(name: &'a str, spec: &'a ParameterSpec, value: String) -> Field<'a> {
    let text = |value: &Value| ParameterValue::Json(value.clone()).to_text();
    let lower = spec.parameter_type.to_lowercase();
    let allowed: Vec<String> = match &spec.enumeration {
        Some(allowed) => allowed.iter().map(text).collect(),
        None if lower == "boolean" => vec!["true".into(), "false".into()],
        None => Vec::new(),
    };
    let options = allowed.into_iter().map(|allowed| FieldOption {
        is_chosen: allowed == value,
        value: allowed,
    });
    Field {
        name,
        label: &spec.parameter_type,
        mandatory: spec.mandatory,
        description: spec.raw.get("description").and_then(Value::as_str),
        default: spec.default.as_ref().map(text),
        example: spec.raw.get("example").map(text),
        input: if lower == "number" { "number" } else { "text" },
        options: options.collect(),
        value,
    }
}

fn keywords<'a>(raw: &'a Map<String, Value>, root: &str) -> Vec<(&'a str, String)> {
    let keywords = raw.get("keywords").and_then(Value::as_array);
    let keywords = keywords.into_iter().flatten().filter_map(Value::as_str);
    keywords
        .map(|keyword| {
            let href = format!("{root}?q={}", encode_uri_component(keyword));
            (keyword, href)
        })
        .collect()
}

/// All versions, newest first.
fn version_rows<'a>(subject: &'a Subject, root: &str) -> Vec<VersionRow<'a>> {
    let rows = subject.versions().iter().rev();
    rows.map(|(version, summary)| version_row(subject, (version, summary), root))
        .collect()
}

/// All channels, alphabetical.
fn channel_rows<'a>(subject: &'a Subject, root: &str) -> Vec<ChannelRow<'a>> {
    let channels = subject.versions().channels();
    let rows = channels.filter_map(|(name, channel)| {
        let version = channel.version()?;
        Some(ChannelRow {
            name: name.as_str(),
            href: info_path(root, subject.name(), name.as_str()),
            version: version.as_str(),
            is_current: version == subject.version(),
        })
    });
    rows.collect()
}

/// What the state of the release means to who would use it.
fn notice(subject: &Subject) -> Option<Notice<'_>> {
    let status = subject.status()?;
    let text = match status.state {
        ReleaseState::Yanked => "Yanked: only who asks for this very version gets it",
        ReleaseState::Deprecated => "Deprecated: use another version or component",
        ReleaseState::Experimental => "Experimental",
        ReleaseState::Active => return None,
    };
    let reason = status.note.as_ref().map(StateNote::as_str);
    Some(Notice { text, reason })
}

/// The newest version, where the release is another.
fn newest<'a>(subject: &'a Subject, root: &str) -> Option<VersionRow<'a>> {
    let version = subject.versions().resolve("")?;
    let summary = subject.versions().details(version)?;
    let is_other = version != subject.version();
    is_other.then(|| version_row(subject, (version, summary), root))
}

fn version_row<'a>(
    subject: &Subject,
    (version, summary): (&'a Version, &'a VersionSummary),
    root: &str,
) -> VersionRow<'a> {
    VersionRow {
        version: version.as_str(),
        href: info_path(root, subject.name(), version.as_str()),
        date: format::day(summary.publish_date),
        state: summary.state().unwrap_or_default(),
        is_current: version == subject.version(),
    }
}
