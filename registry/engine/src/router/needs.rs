//! What a program needs of its driver, read off its source text.
//!
//! Texts are searched, not parsed: a word in a comment or a string counts too. That costs speed at
//! most, while a parser that errs the other way would break a component.

use std::collections::BTreeSet;

use crate::driver::Program;

/// Template types whose views cost the embedded engine several times as much.
const HEAVY_TEMPLATES: [&str; 4] = [
    "oc-template-react",
    "oc-template-preact",
    "oc-template-vue",
    "oc-template-solid",
];

/// Members of strings, numbers, arrays and dates whose result depends on a locale.
const LOCALE_MEMBERS: [&str; 2] = ["toLocale", "localeCompare"];

/// Globals that only Node has.
const NODE_GLOBALS: [&str; 2] = ["Intl", "WebAssembly"];

/// Why a program is executed by Node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It, or a plugin that it may use, requires a module that the operator allows.
    Module,
    /// It uses `Intl` or what builds on it, or `WebAssembly`.
    Global,
    /// Its view is of a framework that renders slowly elsewhere.
    Template,
}

/// Why `program` needs Node, if it does. `dependencies`: what components may require.
pub(super) fn of(program: &Program, dependencies: &BTreeSet<String>) -> Option<Need> {
    if needs_modules(program, dependencies) {
        return Some(Need::Module);
    }
    let provider = program.provider.as_ref().map(|script| &*script.source);
    let view = program.view.as_ref().map(|view| &*view.script.source);
    if provider.into_iter().chain(view).any(uses_node_global) {
        return Some(Need::Global);
    }
    let template = program.view.as_ref().map(|view| &*view.pack.template_type);
    let is_heavy = template.is_some_and(|template| HEAVY_TEMPLATES.contains(&template));
    is_heavy.then_some(Need::Template)
}

/// Whether `program`, or a plugin that it may use, may require one of `dependencies`.
pub(crate) fn needs_modules(program: &Program, dependencies: &BTreeSet<String>) -> bool {
    let provider = program.provider.as_ref().map(|script| &*script.source);
    let plugins = program.plugins.iter().map(|plugin| &*plugin.script.source);
    let plugins = plugins.filter(|_| provider.is_some_and(|source| source.contains("plugins")));
    let mut sources = provider.into_iter().chain(plugins);
    sources.any(|source| requires_one_of(source, dependencies))
}

/// The package of a required path: `@scope/name/file` -> `@scope/name`, `fs/promises` -> `fs`.
fn package_of(path: &str) -> &str {
    let parts = if path.starts_with('@') { 2 } else { 1 };
    let end = path.match_indices('/').nth(parts - 1);
    end.map_or(path, |(end, _)| &path[..end])
}

fn requires_one_of(source: &str, dependencies: &BTreeSet<String>) -> bool {
    if dependencies.is_empty() {
        return false;
    }
    words(source, "require").any(|rest| match argument(rest) {
        Argument::None => false,
        Argument::Path(path) => dependencies.contains(package_of(path)),
        Argument::Computed => true,
    })
}

/// What stands in the parentheses of a call.
enum Argument<'a> {
    /// It is no call.
    None,
    /// A text.
    Path(&'a str),
    /// Anything else.
    Computed,
}

/// `rest`: what follows the name of the function.
fn argument(rest: &str) -> Argument<'_> {
    let Some(rest) = rest.trim_start().strip_prefix('(') else {
        // Handed on under another name, as bundlers do: `(0, require)("x")`, `const r = require`.
        return Argument::Computed;
    };
    let rest = rest.trim_start();
    let Some(quote) = rest.chars().next().filter(|first| "'\"`".contains(*first)) else {
        return Argument::Computed;
    };
    match rest[1..].split_once(quote) {
        Some((path, _)) => Argument::Path(path),
        None => Argument::None,
    }
}

fn uses_node_global(source: &str) -> bool {
    LOCALE_MEMBERS.iter().any(|member| source.contains(member))
        || NODE_GLOBALS
            .iter()
            .any(|name| words(source, name).next().is_some())
}

/// What follows each place where `word` stands as a name of its own, and not as a member.
fn words<'a>(source: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(word).filter_map(move |(start, _)| {
        let (before, rest) = (&source[..start], &source[start + word.len()..]);
        let is_name = |character: char| character.is_alphanumeric() || "_$".contains(character);
        let is_part = before.ends_with(is_name) || rest.starts_with(is_name);
        // `...require` spreads, `globalThis.Intl` is the global.
        let is_member =
            before.ends_with('.') && !before.ends_with("...") && !before.ends_with("globalThis.");
        (!is_part && !is_member).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requires(source: &str) -> bool {
        let allowed = ["lodash", "@scope/name", "fs"].map(str::to_owned);
        requires_one_of(source, &BTreeSet::from(allowed))
    }

    #[test]
    fn required_packages_are_found() {
        for source in [
            "const _ = require('lodash')",
            "x=require(\"lodash/isEqual\")",
            "require ( `@scope/name/deep/file` )",
            "require('fs/promises')",
            "r=[...require('fs')]",
            "require(name)",
            "var r = require; r('lodash')",
            "// require('lodash')",
        ] {
            assert!(requires(source), "{source}");
        }
    }

    #[test]
    fn packages_that_are_not_allowed_need_no_node() {
        for source in [
            "require('lodash.isequal')",
            "require('@scope/other')",
            "require('node:fs')",
            "webpack_require('lodash')",
            "a.require('lodash')",
            "requires('lodash')",
        ] {
            assert!(!requires(source), "{source}");
        }
        assert!(!requires_one_of("require(name)", &BTreeSet::new()));
    }

    #[test]
    fn globals_of_node_are_found() {
        for source in [
            "new Intl.NumberFormat()",
            "typeof Intl",
            "globalThis.Intl",
            "n.toLocaleString('de')",
            "a.sort((x, y) => x.localeCompare(y))",
            "WebAssembly.compile(x)",
        ] {
            assert!(uses_node_global(source), "{source}");
        }
        for source in ["Interval", "myIntl", "x.Intl", "locale", "toLocal"] {
            assert!(!uses_node_global(source), "{source}");
        }
    }
}
