//! Requests made up by a seeded generator.

mod template;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};

use crate::{
    components::VERSIONS,
    request::{Case, INFO, UNRENDERED},
};

/// The same requests in every run; another seed is another run.
const SEED: u64 = 20_260_822;
const QUERIES: usize = 150;
const RANGES: usize = 150;
const BATCHES: usize = 60;

/// All generated requests.
pub(crate) fn cases() -> Vec<Case> {
    let mut random = StdRng::seed_from_u64(SEED);
    let queries = (0..QUERIES)
        .map(|at| query(at, &mut random))
        .collect::<Vec<_>>();
    let ranges = (0..RANGES)
        .map(|at| range(at, &mut random))
        .collect::<Vec<_>>();
    let batches = (0..BATCHES)
        .map(|at| batch(at, &mut random))
        .collect::<Vec<_>>();
    [queries, ranges, batches, template::cases()].concat()
}

fn query(at: usize, random: &mut StdRng) -> Case {
    const NAMES: [&str; 10] = ["s", "n", "b", "e", "d", "md", "t", "count", "word", "x"];
    const VALUES: [&str; 24] = [
        "1",
        "0",
        "-1.5",
        "abc",
        "",
        "true",
        "false",
        "a",
        "b",
        "x%20y",
        "x+y",
        "%C3%A9",
        "%F0%9F%98%80",
        "%26",
        "%3D",
        "%25",
        "1e5",
        "0b11",
        "NaN",
        "null",
        "%22",
        "%3Cb%3E",
        "00",
        "9007199254740993",
    ];
    let component = ["params", "free-params", "params-es6"]
        .choose(random)
        .copied()
        .unwrap_or_default();
    let mut pairs = Vec::new();
    for _ in 0..random.random_range(0..6) {
        let name = NAMES.choose(random).copied().unwrap_or_default();
        let value = VALUES.choose(random).copied().unwrap_or_default();
        pairs.push(format!("{name}={value}"));
    }
    if random.random_bool(0.7) {
        pairs.push("s=given&md=given".to_owned());
    }
    let version = ["", "/1.0.0", "/1", "/~1.0.0"]
        .choose(random)
        .copied()
        .unwrap_or_default();
    let path = format!("/{component}{version}?{}", pairs.join("&"));
    let accept = [UNRENDERED, UNRENDERED, INFO, "*/*"]
        .choose(random)
        .copied()
        .unwrap_or_default();
    Case::get(&path)
        .header("accept", accept)
        .named(&format!("generated query {at}: {path} {accept}"))
}

fn range(at: usize, random: &mut StdRng) -> Case {
    const PARTS: [&str; 9] = ["0", "1", "2", "3", "x", "*", "", "01", "10"];
    let partial = |random: &mut StdRng| {
        let count = random.random_range(1..4);
        let parts: Vec<&str> = (0..count)
            .filter_map(|_| PARTS.choose(random).copied())
            .collect();
        let tail = ["", "", "", "-rc.1", "-beta", "-0", "+b"]
            .choose(random)
            .copied()
            .unwrap_or_default();
        if random.random_bool(0.4) {
            VERSIONS
                .choose(random)
                .map(|version| (*version).to_owned())
                .unwrap_or_default()
        } else {
            format!("{}{tail}", parts.join("."))
        }
    };
    let comparator = |random: &mut StdRng| {
        let operator = ["", "^", "~", ">", ">=", "<", "<=", "=", "v", ">= ", "~>"]
            .choose(random)
            .copied()
            .unwrap_or_default();
        format!("{operator}{}", partial(random))
    };
    let text = match random.random_range(0..6) {
        0 => format!("{} {}", comparator(random), comparator(random)),
        1 => format!("{} || {}", comparator(random), comparator(random)),
        2 => format!("{} - {}", partial(random), partial(random)),
        _ => comparator(random),
    };
    let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
    let component = ["versions", "versions", "versions", "prereleases"]
        .choose(random)
        .copied()
        .unwrap_or_default();
    // An empty segment is another route.
    let segment = if text.is_empty() {
        "*".to_owned()
    } else {
        encoded.to_string()
    };
    Case::get(&format!("/{component}/{segment}"))
        .header("accept", INFO)
        .named(&format!("generated range {at}: {component} {text}"))
}

fn batch(at: usize, random: &mut StdRng) -> Case {
    let count = random.random_range(1..5);
    let components: Vec<Value> = (0..count).map(|_| entry(random)).collect();
    let mut body = json!({ "components": components });
    if random.random_bool(0.5) {
        body["parameters"] = Value::Object(parameters(random));
    }
    if random.random_bool(0.3) {
        body["omitHref"] = true.into();
    }
    let accept = pick(random, &[UNRENDERED, UNRENDERED, INFO]);
    Case::of("POST", "/")
        .json(&body)
        .header("accept", accept)
        .named(&format!("generated batch {at}"))
}

/// One component of a batch.
fn entry(random: &mut StdRng) -> Value {
    const NAMES: [&str; 10] = [
        "params",
        "free-params",
        "versions",
        "no-container",
        "nope",
        "provider",
        "language",
        "empty",
        "cookies",
        "headers",
    ];
    let mut entry = json!({ "name": pick(random, &NAMES) });
    if random.random_bool(0.5) {
        entry["version"] = pick(random, &["", "1.0.0", "1.x.x", "~1.0", "9"]).into();
    }
    if random.random_bool(0.8) {
        let mut own = parameters(random);
        let kind = pick(random, &["sync", "timer", "list", "plain"]);
        own.insert("kind".to_owned(), kind.into());
        entry["parameters"] = Value::Object(own);
    }
    entry
}

fn parameters(random: &mut StdRng) -> Map<String, Value> {
    const NAMES: [&str; 10] = ["s", "n", "b", "e", "d", "md", "t", "count", "word", "other"];
    let count = random.random_range(0..5);
    let named = (0..count).map(|_| (pick(random, &NAMES).to_owned(), value(random)));
    named.collect()
}

fn value(random: &mut StdRng) -> Value {
    match random.random_range(0..9) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(random.random_range(-5..50)),
        3 => json!(f64::from(random.random_range(-50..50)) / 4.0),
        4 => json!("text"),
        5 => json!([1, "two"]),
        6 => json!({ "inner": 1 }),
        7 => json!("true"),
        _ => json!("12"),
    }
}

fn pick<'list>(random: &mut StdRng, list: &[&'list str]) -> &'list str {
    list.choose(random).copied().unwrap_or_default()
}
