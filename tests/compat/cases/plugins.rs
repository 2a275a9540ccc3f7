//! Plugins that both registries have.

use crate::request::Case;

/// What the component `plugins` does with them.
const KINDS: [&str; 8] = [
    "names", "direct", "callback", "promise", "context", "thrown", "rejected", "values",
];

pub(super) fn cases() -> Vec<Case> {
    let kinds = KINDS.map(|kind| Case::get(&format!("/plugins?kind={kind}")).unrendered());
    kinds.into()
}
