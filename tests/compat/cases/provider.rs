//! Providers: every way to answer, and every way to fail.

use super::both_ways;
use crate::request::Case;

const KINDS: [&str; 46] = [
    "sync",
    "timer",
    "promise",
    "awaited",
    "twice",
    "errorThenData",
    "late",
    "never",
    "returned",
    "throws",
    "throwsType",
    "throwsString",
    "throwsObject",
    "throwsLater",
    "rejects",
    "error",
    "errorString",
    "errorNumber",
    "errorTrue",
    "errorEmptyObject",
    "errorObject",
    "errorNested",
    "errorStatus",
    "errorStatusText",
    "errorStatusWord",
    "errorStatusZero",
    "errorStatusOk",
    "errorStatusHuge",
    "errorCause",
    "missing",
    "missingNull",
    "missingFalse",
    "missingZero",
    "missingText",
    "primitive",
    "text",
    "list",
    "circular",
    "bigint",
    "shapes",
    "absent",
    "toString",
    "__proto__",
    "constructor",
    "",
    "hasOwnProperty",
];

const RENDERED: [&str; 15] = [
    "primitive",
    "sync",
    "timer",
    "awaited",
    "late",
    "throws",
    "throwsLater",
    "error",
    "errorObject",
    "errorStatus",
    "missing",
    "list",
    "circular",
    "bigint",
    "shapes",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = KINDS
        .iter()
        .map(|kind| Case::get(&format!("/provider?kind={kind}")).unrendered())
        .collect();
    cases.extend(
        RENDERED
            .iter()
            .map(|kind| Case::get(&format!("/provider?kind={kind}"))),
    );
    for kind in ["value", "nothing", "error", "object", "wait", "list"] {
        cases.extend(both_ways(&format!("/provider-es6?kind={kind}")));
    }
    cases.push(Case::get("/provider?kind=throws").info());
    cases
}
