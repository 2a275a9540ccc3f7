//! Our own scripts, and how any script is evaluated.

use std::sync::LazyLock;

use rquickjs::{Ctx, Exception, Function, Value};

use super::raw::{self, SourceText};
use crate::script::Script;

/// Our own scripts by name. Each has a function as its completion value, except `json` and
/// `stream`, whose values are objects.
static PRELUDES: LazyLock<Vec<(&'static str, Script)>> = LazyLock::new(|| {
    [
        ("realm", include_str!("js/realm.js")),
        ("provider", include_str!("js/provider.js")),
        ("port", include_str!("js/port.js")),
        ("plugins", include_str!("js/plugins.js")),
        ("plugged", include_str!("js/plugged.js")),
        ("json", include_str!("js/json.js")),
        ("stream", include_str!("js/stream.js")),
        ("view", include_str!("js/view.js")),
        ("abort", include_str!("js/abort.js")),
        ("buffer", include_str!("js/buffer.js")),
        ("crypto", include_str!("js/crypto.js")),
        ("fetch", include_str!("js/fetch.js")),
        ("url", include_str!("js/url.js")),
    ]
    .map(|(name, source)| (name, Script::new(format!("ochre:{name}"), source)))
    .into()
});

/// Evaluates a script in the realm of `ctx`; it is compiled once per process.
pub(super) fn evaluate<'js>(
    ctx: &Ctx<'js>,
    script: &Script,
    text: SourceText,
) -> rquickjs::Result<Value<'js>> {
    let bytecode = if let Some(bytecode) = script.bytecode.get() {
        bytecode
    } else {
        let bytecode = raw::compile(ctx, &script.origin, &script.source, text)?;
        script.bytecode.get_or_init(|| bytecode)
    };
    raw::run(ctx, bytecode)
}

/// Evaluates one of our own scripts.
pub(super) fn prelude<'js>(ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Value<'js>> {
    match PRELUDES.iter().find(|prelude| prelude.0 == name) {
        Some((_, script)) => evaluate(ctx, script, SourceText::Stripped),
        None => Err(Exception::throw_message(ctx, name)),
    }
}

/// Evaluates one of our own scripts that is a function.
pub(super) fn prelude_function<'js>(ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Function<'js>> {
    prelude(ctx, name)?.get()
}

/// Leaves a fresh realm with ECMAScript alone.
pub(super) fn prepare(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    prelude_function(ctx, "realm")?.call(())
}
