//! Requests made up for components of every template type.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};

use super::pick;
use crate::request::{Case, UNRENDERED};

const SEED: u64 = 20_261_121;
const SINGLE: usize = 60;
const BATCHES: usize = 20;

/// Components that the reference renders.
const RENDERED: [&str; 3] = ["card-react", "card-jade", "legacy-jade"];
/// Components that the reference only tells the data of.
const UNRENDERED_ONLY: [&str; 6] = [
    "card-typescript-react",
    "card-preact",
    "card-vue",
    "card-solid",
    "card-svelte",
    "card-esm",
];

const NAMES: [&str; 4] = ["name", "count", "kind", "other"];
const VALUES: [&str; 14] = [
    "Ada",
    "",
    "0",
    "1",
    "7",
    "2.5",
    "-1",
    "abc",
    "</script>",
    "<b title=\"x\">&amp;'`",
    "é 😀 \u{2028}",
    "value",
    "nothing",
    "{{name}} ${name} #{name}",
];

pub(super) fn cases() -> Vec<Case> {
    let mut random = StdRng::seed_from_u64(SEED);
    let single = (0..SINGLE)
        .map(|at| single(at, &mut random))
        .collect::<Vec<_>>();
    let batches = (0..BATCHES)
        .map(|at| batch(at, &mut random))
        .collect::<Vec<_>>();
    [single, batches].concat()
}

fn single(at: usize, random: &mut StdRng) -> Case {
    let (component, is_rendered) = component(random);
    let version = pick(random, &["", "/1.0.0", "/1", "/~1.0.0"]);
    let pairs: Vec<String> = parameters(random)
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_default();
            format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
        })
        .collect();
    let path = format!("/{component}{version}?{}", pairs.join("&"));
    let case = Case::get(&path);
    let (case, way) = if is_rendered && random.random_bool(0.7) {
        (case, "rendered")
    } else {
        (case.header("accept", UNRENDERED), "unrendered")
    };
    case.named(&format!("generated template {at}: {path} {way}"))
}

fn batch(at: usize, random: &mut StdRng) -> Case {
    let accept = pick(random, &[UNRENDERED, "*/*"]);
    let entries: Vec<Value> = (0..random.random_range(1..5))
        .map(|_| {
            let name = if accept == UNRENDERED {
                component(random).0
            } else {
                pick(random, &RENDERED)
            };
            json!({ "name": name, "parameters": parameters(random) })
        })
        .collect();
    let body = json!({ "components": entries, "parameters": parameters(random) });
    Case::of("POST", "/")
        .header("accept", accept)
        .json(&body)
        .named(&format!("generated template batch {at}"))
}

/// A component, and whether the reference renders it.
fn component(random: &mut StdRng) -> (&'static str, bool) {
    if random.random_bool(0.6) {
        (pick(random, &RENDERED), true)
    } else {
        (pick(random, &UNRENDERED_ONLY), false)
    }
}

fn parameters(random: &mut StdRng) -> Map<String, Value> {
    let names: Vec<&str> = NAMES.sample(random, 2).copied().collect();
    let parameter = |name: &str, random: &mut StdRng| {
        let value = VALUES.choose(random).copied().unwrap_or_default();
        (name.to_owned(), Value::from(value))
    };
    names
        .into_iter()
        .map(|name| parameter(name, random))
        .collect()
}
