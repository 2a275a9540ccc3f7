//! `Set-Cookie` of what components set, as Express serialises it.
//!
//! Source: Express `res.cookie`, npm `cookie`.

use std::fmt::Write;

use ochre_engine::driver::Cookie;
use ochre_model::{encode_uri_component, json::is_truthy};
use serde_json::{Map, Value};
use time::{
    Duration, OffsetDateTime, format_description::well_known::Iso8601, macros::format_description,
};

/// The value of a `Set-Cookie` header; `now_ms` in milliseconds since 1970.
///
/// # Errors
///
/// The text of the `TypeError` that Express would throw.
pub(crate) fn serialize(cookie: &Cookie, now_ms: u64) -> Result<String, String> {
    let empty = Map::new();
    let options = cookie
        .options
        .as_ref()
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    if !is_token(&cookie.name) {
        return Err(format!(
            "TypeError: argument name is invalid: {}",
            cookie.name
        ));
    }
    let text = match &cookie.value {
        None => "undefined".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Array(_) | Value::Object(_) | Value::Null)) => format!("j:{value}"),
        Some(other) => other.to_string(),
    };
    let mut header = format!("{}={}", cookie.name, encode_uri_component(&text));
    lifetime(&mut header, options, now_ms)?;
    flags(&mut header, options)?;
    Ok(header)
}

/// `Max-Age`, `Domain`, `Path` and `Expires`, in this order.
fn lifetime(header: &mut String, options: &Map<String, Value>, now_ms: u64) -> Result<(), String> {
    let mut expires = options
        .get("expires")
        .and_then(Value::as_str)
        .map(String::from);
    let mut attribute = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _infallible = write!(header, "; {name}={value}");
    };
    if let Some(max_age) = options.get("maxAge").and_then(Value::as_f64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, which is far enough"
        )]
        let milliseconds = max_age as i64;
        attribute("Max-Age", &milliseconds.div_euclid(1000).to_string());
        expires = at(now_ms, milliseconds);
    }
    for (option, name, default) in [("domain", "Domain", None), ("path", "Path", Some("/"))] {
        let Some(value) = options.get(option).map_or(default, Value::as_str) else {
            continue;
        };
        let is_valid = match option {
            "domain" => is_domain(value),
            _ => value
                .bytes()
                .all(|byte| (0x20..0x7f).contains(&byte) && byte != b';'),
        };
        if !is_valid {
            return Err(format!("TypeError: option {option} is invalid: {value}"));
        }
        attribute(name, value);
    }
    if let Some(expires) = expires {
        let date = http_date(&expires)
            .ok_or_else(|| format!("TypeError: option expires is invalid: {expires}"))?;
        attribute("Expires", &date);
    }
    Ok(())
}

/// `HttpOnly`, `Secure`, `Partitioned`, `Priority` and `SameSite`, in this order.
fn flags(header: &mut String, options: &Map<String, Value>) -> Result<(), String> {
    for (option, name) in [
        ("httpOnly", "HttpOnly"),
        ("secure", "Secure"),
        ("partitioned", "Partitioned"),
    ] {
        if options.get(option).is_some_and(is_truthy) {
            header.push_str("; ");
            header.push_str(name);
        }
    }
    for (option, name, allowed) in [
        ("priority", "Priority", ["Low", "Medium", "High"]),
        ("sameSite", "SameSite", ["Strict", "Lax", "None"]),
    ] {
        let Some(value) = options.get(option).filter(|value| is_truthy(value)) else {
            continue;
        };
        let given = match value {
            Value::Bool(true) if option == "sameSite" => "Strict",
            other => other.as_str().unwrap_or_default(),
        };
        let Some(value) = allowed
            .iter()
            .find(|other| other.eq_ignore_ascii_case(given))
        else {
            return Err(format!("TypeError: option {option} is invalid: {value}"));
        };
        // Writing to a String cannot fail.
        let _infallible = write!(header, "; {name}={value}");
    }
    Ok(())
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte))
}

fn is_domain(domain: &str) -> bool {
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    labels.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// The moment `after_ms` milliseconds later, as ISO 8601.
fn at(now_ms: u64, after_ms: i64) -> Option<String> {
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000).ok()?;
    now.checked_add(Duration::milliseconds(after_ms))?
        .format(&Iso8601::DEFAULT)
        .ok()
}

fn http_date(iso: &str) -> Option<String> {
    let date = OffsetDateTime::parse(iso, &Iso8601::DEFAULT).ok()?;
    date.format(format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cookie(name: &str, value: Value, options: Value) -> Result<String, String> {
        serialize(
            &Cookie {
                name: name.into(),
                value: Some(value),
                options: Some(options),
            },
            1_795_284_103_010,
        )
    }

    #[test]
    fn cookies_look_as_express_writes_them() {
        assert_eq!(
            cookie("a", json!("x y"), json!(null)),
            Ok("a=x%20y; Path=/".into())
        );
        assert_eq!(
            cookie(
                "o",
                json!({"x": 1}),
                json!({"maxAge": 10_000, "path": "/q", "secure": true, "sameSite": "lax"})
            ),
            Ok("o=j%3A%7B%22x%22%3A1%7D; Max-Age=10; Path=/q; \
                Expires=Sat, 21 Nov 2026 18:01:53 GMT; Secure; SameSite=Lax"
                .into())
        );
        assert_eq!(
            cookie(
                "d",
                json!(5),
                json!({"domain": ".example.com", "httpOnly": true})
            ),
            Ok("d=5; Domain=.example.com; Path=/; HttpOnly".into())
        );
    }

    #[test]
    fn nothing_ends_a_cookie_early() {
        for (name, options) in [
            ("a b", json!({})),
            ("a", json!({"path": "/; Secure"})),
            ("a", json!({"domain": "a\r\nb"})),
            ("a", json!({"sameSite": "sometimes"})),
        ] {
            assert!(cookie(name, json!("x"), options).is_err(), "{name}");
        }
        assert_eq!(
            cookie("a", json!("x\r\ny"), json!({})),
            Ok("a=x%0D%0Ay; Path=/".into())
        );
    }
}
