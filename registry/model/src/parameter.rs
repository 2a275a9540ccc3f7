//! Parameters of a request, and what a component declares about them.

mod coerce;
mod declared;

use indexmap::IndexMap;
use serde_json::{Map, Value};

pub use declared::{ParameterSpec, ParametersError};

use crate::json;

/// Never a parameter: assigning it in JavaScript sets the prototype instead.
const PROTOTYPE_KEY: &str = "__proto__";

/// A value of a parameter: JSON, or a number that JSON cannot hold.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// Any JSON value.
    Json(Value),
    /// What `Number(v)` made of a text that is no number.
    NonFinite(NonFinite),
}

/// A number that JSON cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// `NaN`.
    NaN,
    /// `Infinity`.
    Infinity,
    /// `-Infinity`.
    NegativeInfinity,
}

/// Parameters by name, in the order in which a JavaScript object enumerates them: names that are
/// array indexes first, ascending, then the others as they came. `__proto__` is never held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    values: IndexMap<String, ParameterValue>,
    /// How many of the first names are array indexes.
    indexes: usize,
}

// === impl ParameterValue ===

impl ParameterValue {
    /// `String(value)` of JavaScript.
    pub fn to_text(&self) -> String {
        match self {
            Self::Json(value) => coerce::text(value),
            Self::NonFinite(number) => number.as_str().to_owned(),
        }
    }

    /// The value as JSON; a number that JSON cannot hold is `null`.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Json(value) => value.clone(),
            Self::NonFinite(_) => Value::Null,
        }
    }
}

impl From<Value> for ParameterValue {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<f64> for ParameterValue {
    fn from(number: f64) -> Self {
        match coerce::json_number(number) {
            Some(number) => Self::Json(Value::Number(number)),
            None if number.is_nan() => Self::NonFinite(NonFinite::NaN),
            None if number > 0.0 => Self::NonFinite(NonFinite::Infinity),
            None => Self::NonFinite(NonFinite::NegativeInfinity),
        }
    }
}

// === impl NonFinite ===

impl NonFinite {
    /// As JavaScript prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NaN => "NaN",
            Self::Infinity => "Infinity",
            Self::NegativeInfinity => "-Infinity",
        }
    }
}

// === impl Parameters ===

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter; one that is there keeps its place.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<ParameterValue>) {
        let (name, value) = (name.into(), value.into());
        if name == PROTOTYPE_KEY {
            return;
        }
        if let Some(held) = self.values.get_mut(&name) {
            *held = value;
            return;
        }
        let Some(index) = json::index_key(&name) else {
            self.values.insert(name, value);
            return;
        };
        let held = self.values.as_slice().get_range(..self.indexes);
        let place = held.map_or(0, |held| {
            held.partition_point(|other, _| json::index_key(other) < Some(index))
        });
        self.values.shift_insert(place, name, value);
        self.indexes += 1;
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&ParameterValue> {
        self.values.get(name)
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) -> Option<ParameterValue> {
        let removed = self.values.shift_remove(name)?;
        self.indexes -= usize::from(json::index_key(name).is_some());
        Some(removed)
    }

    /// Whether the parameter is there, whatever its value.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ParameterValue)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Lays `others` over these: `{...these, ...others}`.
    pub fn overlay(&mut self, others: &Self) {
        for (name, value) in &others.values {
            self.insert(name.clone(), value.clone());
        }
    }

    /// The parameters as a JSON object, and the numbers that JSON cannot hold: name to `"NaN"`,
    /// `"Infinity"` or `"-Infinity"` (they are `null` in the first object).
    pub fn to_json(&self) -> (Map<String, Value>, Map<String, Value>) {
        let mut object = Map::new();
        let mut non_finite = Map::new();
        for (name, value) in &self.values {
            object.insert(name.clone(), value.to_json());
            if let ParameterValue::NonFinite(number) = value {
                non_finite.insert(name.clone(), Value::from(number.as_str()));
            }
        }
        (object, non_finite)
    }
}

impl<K: Into<String>, V: Into<ParameterValue>> FromIterator<(K, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut parameters = Self::new();
        for (name, value) in pairs {
            parameters.insert(name, value);
        }
        parameters
    }
}

impl From<Map<String, Value>> for Parameters {
    fn from(object: Map<String, Value>) -> Self {
        object.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_enumerated_as_javascript_enumerates_them() {
        let mut parameters: Parameters = ["b", "10", "a", "2", "10", "01", "__proto__", "b"]
            .into_iter()
            .map(|name| (name, json!(1)))
            .collect();
        let names = |parameters: &Parameters| {
            parameters
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&parameters), ["2", "10", "b", "a", "01"]);
        parameters.remove("2");
        parameters.insert("3", json!(1));
        assert_eq!(names(&parameters), ["3", "10", "b", "a", "01"]);
    }

    #[test]
    fn overlay_keeps_places_and_takes_values() {
        let mut parameters: Parameters = [("a", json!(1)), ("b", json!(2))].into_iter().collect();
        parameters.overlay(&[("b", json!(3)), ("c", json!(4))].into_iter().collect());
        assert_eq!(
            Value::Object(parameters.to_json().0),
            json!({"a": 1, "b": 3, "c": 4})
        );
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_told_apart() {
        let parameters: Parameters = [("n", f64::NAN), ("i", f64::NEG_INFINITY), ("o", 1.0)]
            .into_iter()
            .collect();
        let (object, non_finite) = parameters.to_json();
        assert_eq!(Value::Object(object), json!({"n": null, "i": null, "o": 1}));
        assert_eq!(
            Value::Object(non_finite),
            json!({"n": "NaN", "i": "-Infinity"})
        );
    }
}
