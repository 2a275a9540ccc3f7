//! Answers that are told piece by piece.

use serde_json::json;

use crate::request::Case;

/// What the component `streaming` streams.
const KINDS: [&str; 14] = [
    "late",
    "settled",
    "order",
    "nested",
    "same",
    "values",
    "constants",
    "loop",
    "rejected",
    "function",
    "shape",
    "symbol",
    "lateFunction",
    "none",
];

pub(super) fn cases() -> Vec<Case> {
    let streamed = KINDS
        .iter()
        .map(|kind| Case::get(&format!("/streaming?kind={kind}")).unrendered());
    let mut cases: Vec<Case> = streamed.collect();
    let entry = |parameters| json!({"name": "streaming", "parameters": parameters});
    cases.extend([
        Case::get("/streaming"),
        Case::get("/streaming").info(),
        Case::get("/streaming?stream=no").unrendered(),
        Case::of("HEAD", "/streaming?kind=none").unrendered(),
        Case::of("POST", "/~actions/any/streaming")
            .named("action: streaming")
            .text("application/json", r#"{"kind":"order"}"#),
        Case::of("POST", "/")
            .named("batch: streaming promises")
            .json(&json!({"components": [entry(json!({})), entry(json!({"kind": "rejected"}))]}))
            .unrendered(),
    ]);
    cases
}
