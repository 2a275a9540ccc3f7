//! Every request that is compared.

mod action;
mod batch;
mod component;
mod context;
mod discovery;
mod mode;
mod parameters;
mod plugins;
mod provider;
mod publish;
mod streaming;
mod template;
mod validate;

use crate::{components::Packaged, request::Case};

/// The table of requests, in the order in which they are sent: publishing comes last.
pub(crate) fn all(components: &[Packaged]) -> Vec<Case> {
    let mut cases = component::cases();
    cases.extend(mode::cases());
    cases.extend(context::cases());
    cases.extend(parameters::cases());
    cases.extend(provider::cases());
    cases.extend(batch::cases());
    cases.extend(action::cases());
    cases.extend(plugins::cases());
    cases.extend(streaming::cases());
    cases.extend(template::cases());
    cases.extend(discovery::cases());
    cases.extend(validate::cases());
    cases.extend(publish::cases(components));
    cases
}

/// A path asked in all three ways.
fn three_ways(path: &str) -> [Case; 3] {
    [
        Case::get(path),
        Case::get(path).unrendered(),
        Case::get(path).info(),
    ]
}

/// A path asked rendered and unrendered.
fn both_ways(path: &str) -> [Case; 2] {
    [Case::get(path), Case::get(path).unrendered()]
}
