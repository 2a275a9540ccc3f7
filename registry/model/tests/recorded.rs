//! What Node, npm's `semver` and `qs` made of the same inputs (`fixtures/protocol.mjs`).

use ochre_model::{
    ParameterSpec, Parameters, Range, Version, href, json, parse_form, parse_query, resolve,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct RecordedRanges {
    versions: Vec<Version>,
    /// Range, and for each version whether it satisfies; nothing for an invalid range.
    ranges: Vec<(String, Option<String>)>,
    lists: Vec<Vec<Version>>,
    /// Index of the list, request, result.
    resolutions: Vec<(usize, String, Option<String>)>,
    /// Text, and whether it is a version.
    valid: Vec<(String, u8)>,
}

#[derive(Deserialize)]
struct RecordedValues {
    /// Query, names and values in order.
    queries: Vec<(String, Vec<(String, Value)>)>,
    /// Body, JSON text; nothing when it is refused.
    forms: Vec<(String, Option<String>)>,
    /// Value, `Number(value)`, `String(value)`, `encodeURIComponent(value)`.
    coerced: Vec<(Value, Value, String, String)>,
    /// Numbers as `JSON.stringify` prints them.
    numbers: Vec<String>,
}

fn ranges() -> serde_json::Result<RecordedRanges> {
    serde_json::from_str(include_str!("fixtures/ranges.json"))
}

fn values() -> serde_json::Result<RecordedValues> {
    serde_json::from_str(include_str!("fixtures/values.json"))
}

#[test]
fn ranges_accept_what_npm_accepts() {
    let RecordedRanges {
        versions, ranges, ..
    } = ranges().unwrap();
    for (text, expected) in ranges {
        let bits = text.parse::<Range>().ok().map(|range| {
            let bits = versions
                .iter()
                .map(|version| if range.matches(version) { '1' } else { '0' });
            bits.collect::<String>()
        });
        assert_eq!(bits, expected, "{text:?}");
    }
}

#[test]
fn versions_are_in_the_order_of_npm() {
    let RecordedRanges {
        versions, lists, ..
    } = ranges().unwrap();
    for list in lists.into_iter().chain([versions]) {
        let mut sorted = list.clone();
        sorted.sort();
        assert_eq!(sorted, list);
    }
}

#[test]
fn requests_resolve_as_in_open_components() {
    let RecordedRanges {
        lists, resolutions, ..
    } = ranges().unwrap();
    for (list, requested, expected) in resolutions {
        let resolved = resolve(&lists[list], &requested).map(Version::as_str);
        assert_eq!(
            resolved,
            expected.as_deref(),
            "{requested:?} in {:?}",
            lists[list]
        );
    }
}

#[test]
fn versions_are_what_npm_takes_for_one() {
    for (text, expected) in ranges().unwrap().valid {
        assert_eq!(text.parse::<Version>().is_ok(), expected == 1, "{text:?}");
    }
}

#[test]
fn queries_are_read_as_node_reads_them() {
    for (text, expected) in values().unwrap().queries {
        let parameters = parse_query(&text);
        let pairs: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_json()))
            .collect();
        assert_eq!(pairs, expected, "{text:?}");
    }
}

#[test]
fn bodies_are_read_as_qs_reads_them() {
    for (text, expected) in values().unwrap().forms {
        let form = parse_form(&text).ok();
        let form = form.map(|form| json::to_text(&form));
        assert_eq!(form, expected, "{text:?}");
    }
}

#[test]
fn values_are_coerced_as_javascript_coerces_them() {
    let specs = [("v", "number"), ("u", "string")].map(|(name, parameter_type)| {
        let spec = ParameterSpec {
            parameter_type: parameter_type.to_owned(),
            mandatory: false,
            default: None,
            enumeration: None,
            raw: serde_json::Map::new(),
        };
        (name.to_owned(), spec)
    });
    let declared = specs.into_iter().collect();
    for (value, number, text, encoded) in values().unwrap().coerced {
        let mut parameters: Parameters = [("v", value.clone())].into_iter().collect();
        let address = href("http://r/", "c", "", &parameters);
        assert_eq!(address, format!("http://r/c?v={encoded}"), "{value}");
        assert_eq!(parameters.get("v").unwrap().to_text(), text, "{value}");

        parameters.sanitise(&declared);
        let (object, non_finite) = parameters.to_json();
        let coerced = non_finite.get("v").unwrap_or(&object["v"]);
        assert_eq!(json::to_text(coerced), json::to_text(&number), "{value}");
    }
}

#[test]
fn numbers_are_printed_as_json_stringify_prints_them() {
    for text in values().unwrap().numbers {
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json::to_text(&value), text);
    }
}
