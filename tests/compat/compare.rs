//! Compares two answers field by field.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ochre_tests::Answer;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use crate::normalise::{self, Place};

/// Headers of the connection, not of the answer.
const CONNECTION_HEADERS: [&str; 5] = [
    "date",
    "connection",
    "keep-alive",
    "content-length",
    "transfer-encoding",
];

/// Headers that `oc` sends only when a component sets them, and that this registry sends by
/// itself: compared only where the reference has them.
const ADDED_HEADERS: [&str; 4] = [
    "access-control-max-age",
    "cache-control",
    "vary",
    "x-request-id",
];

/// A header that is on every answer of the reference and never on ours (browsers refuse it
/// together with an origin of `*`): compared on preflights only, where it means something.
const CREDENTIALS_HEADER: &str = "access-control-allow-credentials";

/// One field that is not the same in both answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mismatch {
    /// The field: `status`, a header's name after `header `, or a path below `body`.
    pub(crate) field: String,
    /// What the reference says.
    pub(crate) reference: String,
    /// What this registry says.
    pub(crate) ochre: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {}", self.field)?;
        writeln!(formatter, "    reference  {}", shortened(&self.reference))?;
        write!(formatter, "    ochre      {}", shortened(&self.ochre))
    }
}

/// One answer, flattened to named fields.
#[derive(Debug)]
pub(crate) struct Fields {
    values: BTreeMap<String, String>,
    body: Option<Value>,
}

impl Fields {
    /// The fields of an answer from the registry at `place`.
    pub(crate) fn of(answer: &Result<Answer, String>, place: &Place) -> Self {
        let mut values = BTreeMap::new();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                values.insert("status".to_owned(), error.clone());
                return Self { values, body: None };
            }
        };
        values.insert("status".to_owned(), answer.status.to_string());
        for name in answer.headers.keys() {
            if !CONNECTION_HEADERS.contains(&name.as_str()) {
                let all = answer.headers.get_all(name).iter();
                let all: Vec<_> = all
                    .map(|value| String::from_utf8_lossy(value.as_bytes()))
                    .collect();
                values.insert(
                    format!("header {name}"),
                    normalise::text(&all.join(" + "), place),
                );
            }
        }
        let text = answer.text();
        if let Some(etag) = values.get_mut("header etag") {
            // The tag covers what varies, so what is compared is how it was made.
            if etag.trim_matches('"') == express_etag(&answer.body) {
                "of the body, as Express makes it".clone_into(etag);
            } else if answer.body.is_empty() && etag.starts_with('"') {
                "strong, of a body that is not sent".clone_into(etag);
            }
        }
        let body = serde_json::from_str(&text).ok();
        let body = body.map(|body| normalise::json(body, place));
        if body.is_none() {
            values.insert("body".to_owned(), normalise::text(&text, place));
        } else if normalise::text(&text, place).contains("UUID") {
            // A new id in each answer means a new tag: there is nothing to compare.
            values.remove("header etag");
        }
        Self { values, body }
    }

    /// Whether the answer is a success.
    pub(crate) fn is_ok(&self) -> bool {
        self.values
            .get("status")
            .is_some_and(|status| status == "200")
    }

    /// Leaves out what is the same on every answer.
    pub(crate) fn without_repeated(mut self) -> Self {
        self.values.remove(&format!("header {CREDENTIALS_HEADER}"));
        self
    }

    /// Everything in which `ochre` differs from this reference.
    pub(crate) fn mismatches(&self, ochre: &Self) -> Vec<Mismatch> {
        const ABSENT: &str = "(absent)";
        let mut found = Vec::new();
        let names: BTreeSet<_> = self.values.keys().chain(ochre.values.keys()).collect();
        for name in names {
            let added = name.strip_prefix("header ");
            let added = added.is_some_and(|header| ADDED_HEADERS.contains(&header));
            let (left, right) = (self.values.get(name), ochre.values.get(name));
            if left != right && !(added && left.is_none()) {
                found.push(Mismatch {
                    field: name.clone(),
                    reference: left.cloned().unwrap_or_else(|| ABSENT.to_owned()),
                    ochre: right.cloned().unwrap_or_else(|| ABSENT.to_owned()),
                });
            }
        }
        match (&self.body, &ochre.body) {
            (Some(left), Some(right)) => compare_json("body", left, right, &mut found),
            (None, None) => {}
            (left, right) => found.push(Mismatch {
                field: "body as JSON".to_owned(),
                reference: left
                    .as_ref()
                    .map_or_else(|| ABSENT.to_owned(), Value::to_string),
                ochre: right
                    .as_ref()
                    .map_or_else(|| ABSENT.to_owned(), Value::to_string),
            }),
        }
        found
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.values {
            writeln!(formatter, "  {name}: {value}")?;
        }
        match &self.body {
            Some(body) => writeln!(formatter, "  body: {body}"),
            None => Ok(()),
        }
    }
}

fn compare_json(path: &str, left: &Value, right: &Value, found: &mut Vec<Mismatch>) {
    let differs = |what: &str, left: String, right: String| Mismatch {
        field: what.to_owned(),
        reference: left,
        ochre: right,
    };
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<Vec<_>>().join(", ")
            };
            for (key, value) in left {
                let path = format!("{path}.{key}");
                match right.get(key) {
                    Some(other) => compare_json(&path, value, other, found),
                    None => found.push(differs(&path, value.to_string(), "(absent)".to_owned())),
                }
            }
            for (key, value) in right {
                if !left.contains_key(key) {
                    let path = format!("{path}.{key}");
                    found.push(differs(&path, "(absent)".to_owned(), value.to_string()));
                }
            }
            let same_keys =
                left.len() == right.len() && left.keys().all(|key| right.contains_key(key));
            if same_keys && !left.keys().eq(right.keys()) {
                found.push(differs(
                    &format!("{path} key order"),
                    keys(left),
                    keys(right),
                ));
            }
        }
        (Value::Array(left), Value::Array(right))
            if left.len() == right.len() && !have_names(left, right) =>
        {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                compare_json(&format!("{path}[{at}]"), left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => compare_items(path, left, right, found),
        (left, right) if left == right => {}
        (left, right) => found.push(differs(path, left.to_string(), right.to_string())),
    }
}

/// Whether two lists hold the same items by name, each once: objects, or texts in another order.
fn have_names(left: &[Value], right: &[Value]) -> bool {
    let are_objects = left.iter().all(Value::is_object);
    let names = |list: &[Value]| list.iter().map(item_name).collect::<Vec<_>>();
    let (left, right) = (names(left), names(right));
    let (left_set, right_set): (BTreeSet<_>, BTreeSet<_>) =
        (left.iter().collect(), right.iter().collect());
    let is_same_set = left_set.len() == left.len() && left_set == right_set;
    is_same_set && (left != right || are_objects)
}

/// Compares lists of other lengths or orders item by item, each found by what it says it is.
fn compare_items(path: &str, left: &[Value], right: &[Value], found: &mut Vec<Mismatch>) {
    const ABSENT: &str = "(absent)";
    let named = |list: &[Value]| -> Vec<(String, Value)> {
        let items = list.iter().map(|item| (item_name(item), item.clone()));
        items.collect()
    };
    let (left, right) = (named(left), named(right));
    let at = |list: &[(String, Value)], name: &str| {
        let item = list.iter().find(|(known, _)| known == name);
        item.map(|(_, value)| value.clone())
    };
    for (name, item) in &left {
        let path = format!("{path}[{name}]");
        match at(&right, name) {
            Some(other) => compare_json(&path, item, &other, found),
            None => found.push(Mismatch {
                field: path,
                reference: item.to_string(),
                ochre: ABSENT.to_owned(),
            }),
        }
    }
    for (name, item) in &right {
        if at(&left, name).is_none() {
            found.push(Mismatch {
                field: format!("{path}[{name}]"),
                reference: ABSENT.to_owned(),
                ochre: item.to_string(),
            });
        }
    }
    let order = |list: &[(String, Value)], other: &[(String, Value)]| -> Vec<String> {
        let shared = list.iter().filter(|(name, _)| at(other, name).is_some());
        shared.map(|(name, _)| name.clone()).collect()
    };
    let (reference, ochre) = (order(&left, &right), order(&right, &left));
    if reference != ochre {
        found.push(Mismatch {
            field: format!("{path} order"),
            reference: reference.join(", "),
            ochre: ochre.join(", "),
        });
    }
}

/// What tells an item of a list from the others.
fn item_name(item: &Value) -> String {
    let member = |key: &str| item.get(key).and_then(Value::as_str);
    let name = member("name").or_else(|| member("type"));
    match (member("href"), name, member("version")) {
        (Some(href), ..) => href.to_owned(),
        (None, Some(name), Some(version)) => format!("{name}@{version}"),
        (None, Some(name), None) => name.to_owned(),
        _ => item
            .as_str()
            .map_or_else(|| item.to_string(), str::to_owned),
    }
}

/// What the npm package `etag` makes of a body, without the quotes.
fn express_etag(body: &[u8]) -> String {
    let digest = STANDARD.encode(Sha1::digest(body));
    format!("{:x}-{}", body.len(), &digest[..27])
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 600;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} … ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
