//! JSON as `JSON.stringify` prints it: numbers as JavaScript writes them, objects in its order.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value, ser::Formatter};

/// Greatest integer up to which JavaScript holds every integer exactly.
const SAFE_INTEGER: u64 = 9_007_199_254_740_992;

/// Greatest key that counts as an array index in JavaScript.
const INDEX_MAX: u32 = u32::MAX - 1;

/// A value cannot be written as JSON: its own `Serialize` refused, or a map has keys that are no
/// text.
#[derive(Debug, thiserror::Error)]
#[error("value cannot be written as JSON")]
pub struct JsonError(#[source] serde_json::Error);

/// Prints numbers as JavaScript does.
struct JsFormatter;

// === impl JsFormatter ===

impl Formatter for JsFormatter {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format(value).as_bytes())
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value <= SAFE_INTEGER {
            return write!(writer, "{value}");
        }
        #[expect(clippy::cast_precision_loss, reason = "JavaScript rounds here too")]
        let rounded = value as f64;
        self.write_f64(writer, rounded)
    }

    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if value.unsigned_abs() <= SAFE_INTEGER {
            return write!(writer, "{value}");
        }
        #[expect(clippy::cast_precision_loss, reason = "JavaScript rounds here too")]
        let rounded = value as f64;
        self.write_f64(writer, rounded)
    }
}

/// As JavaScript's `Boolean(value)`.
pub fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Writes compact JSON as `JSON.stringify` would; NaN and infinities become `null`.
///
/// Members keep the order of `value`; see [`order_keys`].
///
/// # Errors
///
/// [`JsonError`] when the value's own `Serialize` refuses.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    let mut bytes = Vec::with_capacity(256);
    write(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends a value to `bytes` as `JSON.stringify` would write it.
///
/// # Errors
///
/// As [`to_vec`]; `bytes` then ends with a part of the value.
pub fn write<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut serializer = serde_json::Serializer::with_formatter(bytes, JsFormatter);
    value.serialize(&mut serializer).map_err(JsonError)
}

/// Writes a JSON value as `JSON.stringify` would.
///
/// # Panics
///
/// Never: a [`Value`] always serialises, and as UTF-8.
pub fn to_text(value: &Value) -> String {
    #[expect(
        clippy::expect_used,
        reason = "a Value always serialises, and as UTF-8"
    )]
    to_vec(value)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .expect("JSON of a Value")
}

/// Puts the members of every object into the order in which JavaScript enumerates them: keys
/// that are array indexes first, ascending, then the others as they came.
pub fn order_keys(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(order_keys),
        Value::Object(members) => {
            members.values_mut().for_each(order_keys);
            order_members(members);
        }
        _ => {}
    }
}

/// The array index that a key of a JavaScript object stands for.
pub(crate) fn index_key(key: &str) -> Option<u32> {
    let canonical = key == "0" || (!key.starts_with('0') && key.len() <= 10);
    if !canonical || !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    key.parse().ok().filter(|index| *index <= INDEX_MAX)
}

/// [`order_keys`] of one object, its values untouched.
pub(crate) fn order_members(members: &mut Map<String, Value>) {
    if !members.keys().any(|key| index_key(key).is_some()) {
        return;
    }
    let mut ordered: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
    ordered.sort_by_key(|(key, _)| index_key(key).unwrap_or(u32::MAX));
    members.extend(ordered);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_as_true_as_in_javascript() {
        for falsy in ["null", "false", "0", "0.0", "-0.0", "\"\""] {
            assert!(!is_truthy(&serde_json::from_str(falsy).unwrap()), "{falsy}");
        }
        for truthy in ["true", "1", "-1", "0.1", "\"0\"", "[]", "{}"] {
            assert!(
                is_truthy(&serde_json::from_str(truthy).unwrap()),
                "{truthy}"
            );
        }
    }

    #[test]
    fn numbers_are_printed_as_javascript_prints_them() {
        let value = json!([
            1.0,
            0.1,
            -0.0,
            1e21,
            1e-7,
            123e-20,
            9_007_199_254_740_993_u64,
            -1,
            5e-324
        ]);
        assert_eq!(
            to_text(&value),
            "[1,0.1,0,1e+21,1e-7,1.23e-18,9007199254740992,-1,5e-324]"
        );
    }

    #[test]
    fn texts_are_escaped_as_javascript_escapes_them() {
        let value = json!("\u{0}\u{1f}\u{7f}\u{8}\t\n\u{c}\r\"\\/\u{2028}é");
        assert_eq!(
            to_text(&value),
            "\"\\u0000\\u001f\u{7f}\\b\\t\\n\\f\\r\\\"\\\\/\u{2028}é\""
        );
    }

    #[test]
    fn index_keys_come_first() {
        let mut value = json!({"b": 1, "10": 2, "2": {"x": 0, "0": 1}, "01": 3, "4294967295": 4});
        order_keys(&mut value);
        assert_eq!(
            to_text(&value),
            r#"{"2":{"0":1,"x":0},"10":2,"b":1,"01":3,"4294967295":4}"#
        );
    }
}
