//! `Number(v)` and `String(v)` of JavaScript, for JSON values.

use serde_json::{Number, Value};

use crate::grammar;

/// `String(value)`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(boolean) => boolean.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(element).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

/// `Number(value)`.
pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(boolean) => f64::from(u8::from(*boolean)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(literal) => text_number(literal),
        Value::Array(_) => text_number(&text(value)),
        Value::Object(_) => f64::NAN,
    }
}

/// The JSON number for a finite `number`, whole numbers without a fraction.
pub(super) fn json_number(number: f64) -> Option<Number> {
    /// 2^53: up to here every whole number is exact.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        let whole = number as i64;
        return Some(Number::from(whole));
    }
    Number::from_f64(number)
}

/// Within an array, `null` is the empty text.
fn element(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => text(other),
    }
}

fn number_text(number: &Number) -> String {
    let number = number.as_f64().unwrap_or(f64::NAN);
    ryu_js::Buffer::new().format(number).to_owned()
}

/// `StringToNumber` of ECMA-262.
fn text_number(literal: &str) -> f64 {
    let trimmed = literal.trim_matches(grammar::is_space);
    let bits = match trimmed.as_bytes() {
        [] => return 0.0,
        [b'0', b'x' | b'X', ..] => 4,
        [b'0', b'o' | b'O', ..] => 3,
        [b'0', b'b' | b'B', ..] => 1,
        _ => return decimal(trimmed),
    };
    radix_number(&trimmed[2..], bits)
}

/// A decimal literal. Rust also reads `inf`, `nan`, `infinity` in any case: those are refused.
fn decimal(literal: &str) -> f64 {
    match literal {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => {
            let plain = literal.bytes().all(|byte| {
                byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
            });
            if plain {
                literal.parse().unwrap_or(f64::NAN)
            } else {
                f64::NAN
            }
        }
    }
}

/// Digits of `bits` bits each, rounded once.
fn radix_number(digits: &str, bits: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    let (mut mantissa, mut exponent) = (0_u64, 0_i32);
    for character in digits.chars() {
        let Some(digit) = character.to_digit(1 << bits) else {
            return f64::NAN;
        };
        if mantissa.leading_zeros() > bits {
            mantissa = mantissa << bits | u64::from(digit);
        } else {
            // What does not fit only decides the rounding.
            mantissa |= u64::from(digit > 0);
            exponent = exponent.saturating_add(bits.cast_signed());
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "the one rounding that is wanted"
    )]
    let significant = mantissa as f64;
    significant * 2_f64.powi(exponent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_zero_stay_zero_whatever_their_exponent() {
        assert!(number(&json!("0x")).is_nan());
        assert!(number(&json!(format!("0x{}", "0".repeat(5_000)))).abs() < f64::EPSILON);
        assert!(number(&json!(format!("0x1{}", "0".repeat(5_000)))).is_infinite());
    }
}
