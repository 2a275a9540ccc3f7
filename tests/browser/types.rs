//! Components of every template type, packaged by the real compilers, on one page.

use ochre_tests::{TEMPLATE_TYPES, TestRegistry, Tools};

use crate::{client::publish_compiled, script::Script};

/// Every type is served, and so is all that browsers need to render it.
fn settings() -> String {
    format!("[templates]\nserve_externals = true\ntypes = {TEMPLATE_TYPES:?}\n")
}

/// One component of each type.
const CARDS: [&str; 10] = [
    "card-es6",
    "card-esm",
    "card-handlebars",
    "card-jade",
    "card-preact",
    "card-react",
    "card-solid",
    "card-svelte",
    "card-typescript-react",
    "card-vue",
];

#[tokio::test]
async fn every_template_type_is_interactive_with_the_own_client_and_with_that_of_npm() {
    let tools = Tools::find();
    let registry = TestRegistry::start_with(&settings()).await;
    for card in CARDS {
        publish_compiled(&registry, &tools, card).await;
    }

    let script = Script::new("types", &registry);
    script.with("CLIENT", "oc-client/client.js").passes().await;
    Script::new("types", &registry).passes().await;
}

#[tokio::test]
async fn solid_is_rendered_to_what_a_browser_makes_of_it() {
    let registry = TestRegistry::start_with(&settings()).await;
    publish_compiled(&registry, &Tools::find(), "markup-solid").await;
    let script = Script::new("solid", &registry);
    script.with("CLIENT", "oc-client/client.js").passes().await;
}
