//! `POST /~actions/{action}/{name}[/{version}]`.

use crate::request::Case;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const INCREMENT: &str = "/~actions/increment/actions/1.0.0";

/// Name, path and JSON body.
const ACTIONS: [(&str, &str, &str); 14] = [
    ("with a version", INCREMENT, r#"{"n":4}"#),
    (
        "without a version",
        "/~actions/increment/actions",
        r#"{"n":4}"#,
    ),
    (
        "weak version",
        "/~actions/increment/actions/1.x.x",
        r#"{"n":"4"}"#,
    ),
    (
        "query and body",
        "/~actions/increment/actions/1.0.0?n=1&q=2",
        r#"{"n":9}"#,
    ),
    (
        "unknown",
        "/~actions/other/actions/1.0.0",
        r#"{"word":"w"}"#,
    ),
    ("failing", "/~actions/fail/actions/1.0.0", "{}"),
    ("of nothing", "/~actions/nothing/actions/1.0.0", "{}"),
    (
        "unknown component",
        "/~actions/increment/not-there/1.0.0",
        "{}",
    ),
    (
        "of a component without actions",
        "/~actions/x/hello-handlebars",
        r#"{"name":5}"#,
    ),
    ("of a callback provider", "/~actions/x/params", "{}"),
    ("broken body", INCREMENT, "{"),
    ("list", INCREMENT, "[1,2]"),
    ("with data", INCREMENT, r#"{"data":{"n":40}}"#),
    (
        "trailing slash",
        "/~actions/increment/actions/1.0.0/",
        r#"{"n":1}"#,
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let act = |name: &str, path: &str| Case::of("POST", path).named(&format!("action: {name}"));
    let mut cases: Vec<Case> = ACTIONS
        .map(|(name, path, body)| act(name, path).text(JSON, body))
        .into();
    cases.extend([
        act("no body", INCREMENT),
        act("urlencoded", INCREMENT).text(FORM, "n=7"),
        act("info", INCREMENT).text(JSON, r#"{"n":1}"#).info(),
        Case::get(INCREMENT),
        Case::get("/actions?word=w&n=3"),
        Case::get("/actions?word=w&n=3").unrendered(),
        Case::get("/actions").unrendered(),
    ]);
    cases
}
