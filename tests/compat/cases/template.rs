//! Components of every template type: rendered, unrendered, by actions, in batches, to clients.

use serde_json::json;

use crate::request::{Case, UNRENDERED};

/// Components of the types that a registry does not serve of its own, and of Jade.
const CARDS: [&str; 8] = [
    "card-react",
    "card-typescript-react",
    "card-preact",
    "card-vue",
    "card-solid",
    "card-svelte",
    "card-esm",
    "card-jade",
];

/// The card whose view is an ES module.
const ESM: &str = "card-esm";

/// What every card is asked with.
const QUERIES: [&str; 6] = [
    "",
    "?name=Ada%20%3Cb%3E%26&count=3",
    "?count=0",
    "?kind=error",
    "?kind=nothing",
    "?kind=broken",
];

/// Components without a provider.
const BARE: [&str; 3] = ["/bare-react", "/legacy-jade", "/legacy-jade?name=%3Cb%3E"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for card in CARDS {
        for query in QUERIES {
            let [rendered, unrendered] = super::both_ways(&format!("/{card}{query}"));
            // The reference leaves a rendered ES module without an answer: once is enough.
            if card != ESM || query.is_empty() || query == "?kind=error" {
                cases.push(rendered);
            }
            cases.push(unrendered);
        }
        cases.push(Case::get(&format!("/{card}/1.x.x")).info());
        cases.extend(to_clients(card).into_iter().skip(usize::from(card == ESM)));
    }
    for path in BARE {
        cases.extend(super::both_ways(path));
    }
    // The second caller gets nothing of the first one.
    for name in ["first", "second"] {
        let path = format!("/card-react?kind=captured&name={name}");
        cases.push(Case::get(&path).named(&format!("template: captured by the {name} caller")));
    }
    for card in ["card-react", "card-vue", "card-esm"] {
        let path = format!("/~actions/rename/{card}/1.0.0");
        let body = json!({ "name": "Ada" });
        let name = format!("template: action of {card}");
        cases.push(Case::of("POST", &path).json(&body).named(&name));
    }
    let batch = |cards: Vec<&str>| {
        let components: Vec<_> = cards.iter().map(|card| json!({ "name": card })).collect();
        let body = json!({ "components": components, "parameters": { "count": 1 } });
        Case::of("POST", "/").json(&body)
    };
    let scripts = CARDS.into_iter().filter(|card| *card != ESM).collect();
    cases.push(batch(scripts).named("template: batch of every type"));
    let all = batch(CARDS.to_vec()).header("accept", UNRENDERED);
    cases.push(all.named("template: unrendered batch of every type"));
    cases
}

/// As the Node client asks: without the type it gets HTML, with it data.
fn to_clients(card: &str) -> [Case; 2] {
    let template_type = card.replacen("card-", "oc-template-", 1);
    [
        ("without", "oc-template-es6,1.0.6".to_owned()),
        ("with", format!("{template_type},1.0.0")),
    ]
    .map(|(word, templates)| {
        Case::get(&format!("/{card}?name=Client"))
            .header("accept", UNRENDERED)
            .header("user-agent", "oc-client-4.0.2/v20.0.0-linux-x64")
            .header("templates", &templates)
            .named(&format!("template: client {word} the type of {card}"))
    })
}
