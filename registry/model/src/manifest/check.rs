//! What a `package.json` has to be to be published.

use serde_json::{Map, Value};

use super::{ManifestError, ManifestLimits, field};
use crate::{ParameterSpec, ParameterValue, Version};

/// A kind of value, and how a message names it.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Boolean,
    Number,
    Object,
    /// A list of texts, or one text.
    Texts,
    /// A list of texts, or an object whose member names are meant.
    Names,
}

/// Checks a whole document.
pub(super) fn document(document: &Value, limits: &ManifestLimits) -> Result<(), ManifestError> {
    let document = document
        .as_object()
        .ok_or_else(|| field("", "must be an object"))?;
    optional(
        "",
        document,
        &[("name", Kind::Text), ("version", Kind::Text)],
    )?;
    let oc = required("", document, "oc")?;
    let files = required("/oc", oc, "files")?;
    let template = required("/oc/files", files, "template")?;
    check_template(template)?;
    optional(
        "/oc/files",
        files,
        &[
            ("dataProvider", Kind::Object),
            ("static", Kind::Texts),
            ("env", Kind::Text),
            ("imports", Kind::Object),
        ],
    )?;
    if let Some(Value::Object(provider)) = files.get("dataProvider") {
        let fields = [
            ("type", Kind::Text),
            ("hashKey", Kind::Text),
            ("src", Kind::Text),
            ("size", Kind::Number),
        ];
        optional("/oc/files/dataProvider", provider, &fields)?;
    }
    optional(
        "/oc",
        oc,
        &[
            ("container", Kind::Boolean),
            ("renderInfo", Kind::Boolean),
            ("parameters", Kind::Object),
            ("plugins", Kind::Names),
            ("state", Kind::Text),
            ("version", Kind::Text),
        ],
    )?;
    if let Some(Value::Object(parameters)) = oc.get("parameters") {
        check_parameters(parameters, limits.parameters)?;
    }
    Ok(())
}

/// A step of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn check_template(template: &Map<String, Value>) -> Result<(), ManifestError> {
    const PLACE: &str = "/oc/files/template";
    optional(
        PLACE,
        template,
        &[
            ("type", Kind::Text),
            ("hashKey", Kind::Text),
            ("src", Kind::Text),
            ("version", Kind::Text),
            ("minOcVersion", Kind::Text),
            ("size", Kind::Number),
        ],
    )?;
    if template
        .get("type")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(field(
            "/oc/files/template/type",
            "must be a text that is not empty",
        ));
    }
    match template.get("minOcVersion").and_then(Value::as_str) {
        Some(version) if version.parse::<Version>().is_err() => Err(field(
            "/oc/files/template/minOcVersion",
            "must be a semantic version",
        )),
        _ => Ok(()),
    }
}

fn check_parameters(parameters: &Map<String, Value>, limit: usize) -> Result<(), ManifestError> {
    if parameters.len() > limit {
        let problem = format!("must have at most {limit} members");
        return Err(field("/oc/parameters", &problem));
    }
    for (name, raw) in parameters {
        let pointer = format!("/oc/parameters/{}", escape(name));
        let Some(raw) = raw.as_object() else {
            return Err(field(&pointer, "must be an object"));
        };
        check_parameter(&pointer, raw)?;
    }
    Ok(())
}

fn check_parameter(pointer: &str, raw: &Map<String, Value>) -> Result<(), ManifestError> {
    let at = |name: &str, problem: &str| Err(field(&format!("{pointer}/{name}"), problem));
    let spec = ParameterSpec::from_raw(raw);
    let declared = spec.parameter_type.to_lowercase();
    if !matches!(declared.as_str(), "string" | "number" | "boolean") {
        return at("type", "must be `string`, `number` or `boolean`");
    }
    optional(pointer, raw, &[("mandatory", Kind::Boolean)])?;
    let of_type = ParameterSpec {
        enumeration: None,
        ..spec.clone()
    };
    match raw.get("enum") {
        None => {}
        Some(Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                if !of_type.accepts(&value.clone().into()) {
                    return at(&format!("enum/{index}"), &format!("must be a {declared}"));
                }
            }
        }
        Some(_) => return at("enum", "must be a list"),
    }
    // A mandatory parameter with a default is useless but common: OpenComponents' own templates
    // declare one.
    let Some(default) = spec.default.clone() else {
        return Ok(());
    };
    let mut default = ParameterValue::from(default);
    spec.sanitise(&mut default);
    if matches!(default, ParameterValue::NonFinite(_)) || !of_type.accepts(&default) {
        return at("default", &format!("must be a {declared}"));
    }
    if !spec.accepts(&default) {
        return at("default", "must be one of the values in `enum`");
    }
    Ok(())
}

fn required<'a>(
    place: &str,
    parent: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Map<String, Value>, ManifestError> {
    let object = parent.get(name).and_then(Value::as_object);
    object.ok_or_else(|| field(&format!("{place}/{name}"), "must be an object"))
}

/// Checks the kinds of the fields that are there.
fn optional(
    place: &str,
    parent: &Map<String, Value>,
    fields: &[(&str, Kind)],
) -> Result<(), ManifestError> {
    for (name, kind) in fields {
        if parent.get(*name).is_some_and(|value| !kind.holds(value)) {
            return Err(field(&format!("{place}/{name}"), kind.problem()));
        }
    }
    Ok(())
}

// === impl Kind ===

impl Kind {
    fn holds(self, value: &Value) -> bool {
        let is_texts = || {
            value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string))
        };
        match self {
            Self::Text => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::Texts => value.is_string() || is_texts(),
            Self::Names => value.is_object() || is_texts(),
        }
    }

    fn problem(self) -> &'static str {
        match self {
            Self::Text => "must be a text",
            Self::Boolean => "must be true or false",
            Self::Number => "must be a number",
            Self::Object => "must be an object",
            Self::Texts => "must be a list of texts",
            Self::Names => "must be a list of texts, or an object",
        }
    }
}
