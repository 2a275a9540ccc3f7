//! `POST /`: many components in one request.

use serde_json::{Value, json};

use crate::request::Case;

/// Bodies that are answered, by name.
const ANSWERED: [(&str, &str); 27] = [
    ("empty list", r#"{"components":[]}"#),
    ("one", r#"{"components":[{"name":"no-container"}]}"#),
    (
        "mixed outcome",
        r#"{"components":[{"name":"no-container","version":"~1.0.0"},{"name":"nope"}],"parameters":{"g":1}}"#,
    ),
    ("one failing", r#"{"components":[{"name":"nope"}]}"#),
    (
        "global and own parameters",
        r#"{"components":[{"name":"free-params","parameters":{"a":1,"b":[1,{"c":null}]}}],"parameters":{"a":0,"g":true}}"#,
    ),
    (
        "typed parameters",
        r#"{"components":[{"name":"params","parameters":{"s":"x","md":"y","n":5,"b":true}}]}"#,
    ),
    (
        "wrong types",
        r#"{"components":[{"name":"params","parameters":{"s":5,"md":null,"n":"7","b":"true"}}]}"#,
    ),
    (
        "null parameter",
        r#"{"components":[{"name":"free-params","parameters":{"t":null,"count":null,"word":null,"x":null}}]}"#,
    ),
    (
        "object parameter",
        r#"{"components":[{"name":"free-params","parameters":{"o":{"a":1},"l":[1,[2,3]],"n":1.50,"big":1e21}}]}"#,
    ),
    (
        "null parameters",
        r#"{"components":[{"name":"free-params","parameters":null}],"parameters":null}"#,
    ),
    (
        "without hrefs",
        r#"{"components":[{"name":"no-container"},{"name":"hello-handlebars"}],"omitHref":true}"#,
    ),
    (
        "without hrefs, falsy",
        r#"{"components":[{"name":"no-container"}],"omitHref":0}"#,
    ),
    (
        "headers of one",
        r#"{"components":[{"name":"headers","version":"1.0.0"}]}"#,
    ),
    (
        "headers of one, weak",
        r#"{"components":[{"name":"headers","version":"1.x.x"}]}"#,
    ),
    (
        "headers of two",
        r#"{"components":[{"name":"headers"},{"name":"no-container"}]}"#,
    ),
    (
        "cookies of one",
        r#"{"components":[{"name":"cookies","parameters":{"kind":"plain"}}]}"#,
    ),
    (
        "cookies of two",
        r#"{"components":[{"name":"cookies","parameters":{"kind":"object"}},{"name":"no-container"}]}"#,
    ),
    (
        "cookies of a failure",
        r#"{"components":[{"name":"cookies","parameters":{"kind":"fail"}}]}"#,
    ),
    (
        "circular among others",
        r#"{"components":[{"name":"provider","parameters":{"kind":"circular"}},{"name":"no-container"}]}"#,
    ),
    (
        "invalid header among others",
        r#"{"components":[{"name":"headers","parameters":{"set":"bad name=1"}},{"name":"no-container"}]}"#,
    ),
    (
        "action",
        r#"{"components":[{"name":"actions","action":"increment","parameters":{"n":4}}]}"#,
    ),
    (
        "the same twice",
        r#"{"components":[{"name":"no-container"},{"name":"no-container"}]}"#,
    ),
    (
        "version of another type",
        r#"{"components":[{"name":"versions","version":""},{"name":"versions","version":null}]}"#,
    ),
    (
        "names of objects",
        r#"{"components":[{"name":"__proto__"},{"name":"constructor"}]}"#,
    ),
    (
        "nested",
        r#"{"components":[{"name":"nested","parameters":{"kind":"many"}}]}"#,
    ),
    (
        "further members",
        r#"{"components":[{"name":"no-container","x":1}],"y":2}"#,
    ),
    (
        "duplicate keys",
        r#"{"components":[],"components":[{"name":"no-container"}]}"#,
    ),
];

/// JSON bodies that are refused, or nearly, by name.
const REFUSED: [(&str, &str); 20] = [
    ("no components", "{}"),
    ("components null", r#"{"components":null}"#),
    ("components false", r#"{"components":false}"#),
    ("components text", r#"{"components":"x"}"#),
    ("components object", r#"{"components":{}}"#),
    ("components number", r#"{"components":5}"#),
    (
        "no name",
        r#"{"components":[{"version":"1"},{"name":"no-container"},{"name":""}]}"#,
    ),
    ("entry of null", r#"{"components":[null]}"#),
    ("entry of a number", r#"{"components":[1]}"#),
    ("entry of a list", r#"{"components":[[]]}"#),
    ("name is a number", r#"{"components":[{"name":5}]}"#),
    ("name is an object", r#"{"components":[{"name":{}}]}"#),
    ("a list", "[1]"),
    ("an empty list of nothing", "[]"),
    ("null", "null"),
    ("a text", r#""x""#),
    ("broken", "{"),
    ("nothing", ""),
    (
        "prototype",
        r#"{"__proto__":{"components":[]},"components":[{"name":"no-container","parameters":{"__proto__":{"a":1}}}]}"#,
    ),
    (
        "lone surrogate",
        r#"{"components":[{"name":"free-params","parameters":{"a":"\ud800"}}]}"#,
    ),
];

/// Content types of a body that is otherwise right, by name.
const TYPES: [(&str, &str); 5] = [
    ("text/plain", "text/plain"),
    ("charset", "application/json; charset=utf-8"),
    ("other charset", "application/json; charset=latin1"),
    ("other JSON type", "application/vnd.api+json"),
    ("multipart", "multipart/form-data; boundary=b"),
];

const EMPTY: &str = r#"{"components":[]}"#;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, body) in ANSWERED {
        cases.push(json_body(name, body));
        cases.push(json_body(name, body).unrendered());
    }
    cases.extend(REFUSED.map(|(name, body)| json_body(name, body)));
    cases.extend(TYPES.map(|(name, kind)| post(name).text(kind, EMPTY)));
    cases.extend(larger());
    cases.extend(transport());
    cases
}

fn post(name: &str) -> Case {
    Case::of("POST", "/").named(&format!("batch: {name}"))
}

fn json_body(name: &str, body: &str) -> Case {
    post(name).text("application/json", body)
}

/// Bodies that are too long to be written out.
fn larger() -> Vec<Case> {
    let entry = |at: usize| json!({ "name": "free-params", "parameters": { "at": at } });
    let many: Vec<Value> = (0..25).map(entry).collect();
    let kinds = [
        "throws",
        "errorObject",
        "missing",
        "late",
        "errorStatus",
        "errorString",
    ];
    let failures = kinds.map(|kind| json!({ "name": "provider", "parameters": { "kind": kind } }));
    let large = format!(r#"{{"components":[{{"name":"{}"}}]}}"#, "x".repeat(200_000));
    vec![
        post("twenty-five")
            .json(&json!({ "components": many }))
            .unrendered(),
        post("failures").json(&json!({ "components": failures })),
        post("failures")
            .json(&json!({ "components": failures }))
            .unrendered(),
        json_body("too large", &large),
    ]
}

/// How the body is sent.
fn transport() -> Vec<Case> {
    let form = "components[0][name]=free-params&components[0][parameters][a]=1\
        &components[1][name]=no-container&parameters[g]=x+y";
    let two = r#"{"components":[{"name":"no-container"},{"name":"nope"}]}"#;
    vec![
        json_body("one", two).info(),
        post("urlencoded")
            .text("application/x-www-form-urlencoded", form)
            .unrendered(),
        Case::of("POST", "/?x=1")
            .text(
                "application/json",
                r#"{"components":[{"name":"free-params"}]}"#,
            )
            .named("batch: with a query")
            .unrendered(),
        post("no body"),
        post("no content type").bytes(EMPTY.into()),
        json_body("unknown encoding", EMPTY).header("content-encoding", "compress"),
    ]
}
