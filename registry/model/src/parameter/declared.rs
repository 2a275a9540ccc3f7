//! What OpenComponents does with declared parameters: defaults, then sanitising, then validation.
//!
//! Source: `packages/oc/src/registry/{routes/helpers/apply-default-values,domain/sanitiser,
//! domain/validators/component-parameters}.ts`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{ParameterValue, Parameters, coerce};
use crate::json::is_truthy;

/// Dropped unless a component declares it.
const ACCEPT_LANGUAGE: &str = "__ocAcceptLanguage";

/// What a component declares about one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// `type` as written (`string`, `number`, `boolean`); empty when it is no text.
    pub parameter_type: String,
    /// Whether the parameter must be there.
    pub mandatory: bool,
    /// `default`, when given; `null` counts as given.
    pub default: Option<Value>,
    /// `enum`, when it is a list.
    pub enumeration: Option<Vec<Value>>,
    /// The whole declaration, `example` and `description` included.
    pub raw: Map<String, Value>,
}

/// Parameters of a request do not fit what the component declares. `Display` is the text that
/// OpenComponents answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParametersError(String);

// === impl ParameterSpec ===

impl ParameterSpec {
    /// Reads a declaration and never fails: what is odd is left out.
    pub(crate) fn from_raw(raw: &Map<String, Value>) -> Self {
        Self {
            parameter_type: raw
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            mandatory: raw.get("mandatory").is_some_and(is_truthy),
            default: raw.get("default").cloned(),
            enumeration: raw.get("enum").and_then(Value::as_array).cloned(),
            raw: raw.clone(),
        }
    }

    /// Whether `value` passes the type and the enumeration.
    pub(crate) fn accepts(&self, value: &ParameterValue) -> bool {
        let typed = match value {
            ParameterValue::NonFinite(_) | ParameterValue::Json(Value::Number(_)) => "number",
            ParameterValue::Json(Value::String(_)) => "string",
            ParameterValue::Json(Value::Bool(_)) => "boolean",
            ParameterValue::Json(_) => return false,
        };
        typed == self.parameter_type.to_lowercase()
            && self
                .enumeration
                .as_ref()
                .is_none_or(|allowed| allowed.iter().any(|candidate| is_same(candidate, value)))
    }

    /// Brings a value to the declared type, where it allows.
    pub(crate) fn sanitise(&self, value: &mut ParameterValue) {
        let ParameterValue::Json(json) = value else {
            return;
        };
        let sanitised = match (self.parameter_type.as_str(), &*json) {
            ("boolean", Value::String(text)) if text == "true" => true.into(),
            ("boolean", Value::String(text)) if text == "false" => false.into(),
            ("string", Value::Null) => "".into(),
            ("number", json) => {
                *value = coerce::number(json).into();
                return;
            }
            _ => return,
        };
        *json = sanitised;
    }
}

// === impl Parameters ===

impl Parameters {
    /// Gives optional parameters that are absent or `null` their default.
    pub fn apply_defaults(&mut self, declared: &IndexMap<String, ParameterSpec>) {
        for (name, spec) in declared {
            if let Some(default) = spec.default.as_ref().filter(|_| !spec.mandatory)
                && matches!(
                    self.get(name),
                    None | Some(ParameterValue::Json(Value::Null))
                )
            {
                self.insert(name.clone(), default.clone());
            }
        }
    }

    /// Brings declared parameters to their declared type, where their value allows.
    pub fn sanitise(&mut self, declared: &IndexMap<String, ParameterSpec>) {
        if !declared.contains_key(ACCEPT_LANGUAGE) {
            self.remove(ACCEPT_LANGUAGE);
        }
        for (name, value) in &mut self.values {
            if let Some(spec) = declared.get(name) {
                spec.sanitise(value);
            }
        }
    }

    /// Checks that mandatory parameters are there, and the types and enumerations of all.
    ///
    /// # Errors
    ///
    /// [`ParametersError`] with the text of OpenComponents.
    pub fn validate(
        &self,
        declared: &IndexMap<String, ParameterSpec>,
    ) -> Result<(), ParametersError> {
        let missing: Vec<&str> = declared
            .iter()
            .filter(|(name, spec)| spec.mandatory && !self.contains(name))
            .map(|(name, _)| name.as_str())
            .collect();
        let misformatted: Vec<&str> = self
            .iter()
            .filter(|(name, value)| declared.get(*name).is_some_and(|spec| !spec.accepts(value)))
            .map(|(name, _)| name)
            .collect();
        let mut problems = Vec::new();
        if !missing.is_empty() {
            let names = missing.join(", ");
            problems.push(format!(
                "Expected mandatory parameters are missing: {names}"
            ));
        }
        if !misformatted.is_empty() {
            let names = misformatted.join(", ");
            problems.push(format!("Parameters are not correctly formatted: {names}"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ParametersError(problems.join("; ")))
        }
    }
}

/// `Array.prototype.includes`: strict equality, which lists and objects never have with others.
fn is_same(candidate: &Value, value: &ParameterValue) -> bool {
    match (candidate, value) {
        (Value::Number(left), ParameterValue::Json(Value::Number(right))) => {
            left.as_f64() == right.as_f64()
        }
        (Value::Array(_) | Value::Object(_), _) | (_, ParameterValue::NonFinite(_)) => false,
        (candidate, ParameterValue::Json(value)) => candidate == value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::query;

    fn declared() -> IndexMap<String, ParameterSpec> {
        let object = json!({
            "s": {"type": "string", "mandatory": true},
            "n": {"type": "number"},
            "b": {"type": "boolean"},
            "e": {"type": "string", "enum": ["a", "b"]},
            "d": {"type": "number", "default": 7},
            "md": {"type": "string", "mandatory": true, "default": "x"},
        });
        let specs = object.as_object().unwrap().iter();
        specs
            .map(|(name, raw)| {
                (
                    name.clone(),
                    ParameterSpec::from_raw(raw.as_object().unwrap()),
                )
            })
            .collect()
    }

    fn prepared(query: &str) -> Parameters {
        let mut parameters = query::parse(query);
        parameters.apply_defaults(&declared());
        parameters.sanitise(&declared());
        parameters
    }

    #[test]
    fn recorded_errors_of_open_components_are_answered() {
        for (query, text) in [
            ("", "Expected mandatory parameters are missing: s, md"),
            (
                "s=1&n=5&b=yes&md=k",
                "Parameters are not correctly formatted: b",
            ),
            (
                "s=1&n=5&b=false&md=k&e=c",
                "Parameters are not correctly formatted: e",
            ),
            ("s=a&s=b&md=k", "Parameters are not correctly formatted: s"),
            (
                "n=x&b=1",
                "Expected mandatory parameters are missing: s, md; \
                 Parameters are not correctly formatted: b",
            ),
        ] {
            assert_eq!(
                prepared(query)
                    .validate(&declared())
                    .unwrap_err()
                    .to_string(),
                text
            );
        }
    }

    #[test]
    fn text_that_is_no_number_passes_as_nan() {
        let parameters = prepared("s=1&n=abc&b=true&md=k&x=1&__ocAcceptLanguage=en");
        assert_eq!(parameters.validate(&declared()), Ok(()));
        assert_eq!(
            query::href("http://r/p/", "params", "", &parameters),
            "http://r/p/params?s=1&n=NaN&b=true&md=k&x=1&d=7"
        );
        let (object, non_finite) = parameters.to_json();
        assert_eq!(
            Value::Object(object),
            json!({"s": "1", "n": null, "b": true, "md": "k", "x": "1", "d": 7})
        );
        assert_eq!(Value::Object(non_finite), json!({"n": "NaN"}));
    }

    #[test]
    fn empty_values_are_there() {
        let parameters = prepared("s=&md=k&n=");
        assert_eq!(parameters.validate(&declared()), Ok(()));
        assert_eq!(parameters.get("n"), Some(&json!(0).into()));
    }

    #[test]
    fn names_of_the_object_prototype_are_ordinary_names() {
        let parameters = prepared("constructor=1&toString=2&hasOwnProperty=3&s=1&md=1");
        assert_eq!(parameters.validate(&declared()), Ok(()));
    }
}
