//! Rendered or unrendered: Accept, user agent and `templates` decide.

use crate::request::{Case, UNRENDERED};

const HANDLEBARS: &str = "/hello-handlebars";
const LEGACY: &str = "/hello-legacy";
const ES6: &str = "/params-es6?s=1&md=2";

/// Accept headers that are no exact name of a mode.
const ACCEPTS: [(&str, &str); 7] = [
    ("rendered type", "application/vnd.oc.rendered+json"),
    ("prerendered type", "application/vnd.oc.prerendered+json"),
    ("list of types", "application/vnd.oc.unrendered+json, */*"),
    ("upper case", "Application/vnd.oc.unrendered+json"),
    ("quality", "application/vnd.oc.unrendered+json;q=1"),
    ("html", "text/html"),
    ("info list", "application/vnd.oc.info+json, */*"),
];

/// Path and `templates` header of the Node client, by name.
const CLIENTS: [(&str, &str, &str); 9] = [
    (
        "with template",
        HANDLEBARS,
        "oc-template-handlebars,6.0.1;oc-template-jade,6.0.1",
    ),
    ("with other template", HANDLEBARS, "oc-template-jade,6.0.1"),
    ("with legacy template", LEGACY, "handlebars,6.0.1"),
    ("with mapped template", LEGACY, "oc-template-handlebars"),
    (
        "without the legacy template",
        LEGACY,
        "oc-template-es6,1.0.0",
    ),
    ("odd templates", HANDLEBARS, ";;;;,,,oc-template-handlebars"),
    (
        "odd templates with it",
        HANDLEBARS,
        ";;,,;oc-template-handlebars",
    ),
    ("template in the second place", ES6, "x,oc-template-es6"),
    ("es6", ES6, "oc-template-es6,2.0.0"),
];

pub(super) fn cases() -> Vec<Case> {
    let ask = |name: &str, path: &str| Case::get(path).named(&format!("mode: {name}"));
    let client = |name: &str, path: &str| {
        ask(&format!("client {name}"), path)
            .header("accept", UNRENDERED)
            .header("user-agent", "oc-client-4.0.2/v20.0.0-linux-x64")
    };
    let mut cases: Vec<Case> = ACCEPTS
        .map(|(name, accept)| ask(name, HANDLEBARS).header("accept", accept))
        .into();
    cases.extend(
        CLIENTS.map(|(name, path, templates)| client(name, path).header("templates", templates)),
    );
    cases.push(client("without templates", HANDLEBARS));
    cases.push(
        ask("templates without a client", HANDLEBARS)
            .header("accept", UNRENDERED)
            .header("templates", "oc-template-jade"),
    );
    cases
}
