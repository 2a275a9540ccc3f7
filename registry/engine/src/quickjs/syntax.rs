//! Whether a text is JavaScript at all, told without running any of it.

use std::{rc::Rc, thread, time::Duration};

use rquickjs::{CatchResultExt, CaughtError, Context, Module, Runtime};
use tokio::sync::oneshot;

use super::{
    THREAD_STACK_BYTES,
    raw::{self, Bounded, Heap, SourceText},
};

/// Heap of one check, in bytes.
const HEAP_BYTES: usize = 256 * 1024 * 1024;

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A classic script.
    Script,
    /// No script, but an ES module.
    Module,
    /// Neither; why it is no script, in the engine's words.
    Neither(String),
    /// Nested more deeply than the parser follows.
    TooDeep,
    /// It took too long, or too much memory, to tell.
    Undecided,
}

/// Parses `source` on a thread of its own, for at most `time`.
///
/// Nothing of it is run. A parser cannot be interrupted: when it takes longer, `permit` goes on
/// being held until it ends, and the answer is [`Syntax::Undecided`].
pub async fn parse<P: Send + 'static>(source: String, time: Duration, permit: P) -> Syntax {
    let (answer, answered) = oneshot::channel();
    let started = thread::Builder::new()
        .name("syntax".to_owned())
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            // Nobody listens any more when it took too long.
            drop(answer.send(classify(&source)));
            drop(permit);
        });
    if started.is_err() {
        return Syntax::Undecided;
    }
    match tokio::time::timeout(time, answered).await {
        Ok(Ok(syntax)) => syntax,
        Ok(Err(_)) | Err(_) => Syntax::Undecided,
    }
}

fn classify(source: &str) -> Syntax {
    let script =
        compiled(|ctx| raw::compile(ctx, "template.js", source, SourceText::Stripped).map(drop));
    match script {
        Parsed::Fine => Syntax::Script,
        Parsed::TooDeep => Syntax::TooDeep,
        Parsed::Exhausted => Syntax::Undecided,
        Parsed::Wrong(why) => {
            let module =
                compiled(|ctx| Module::declare(ctx.clone(), "template.js", source).map(drop));
            match module {
                Parsed::Fine => Syntax::Module,
                Parsed::TooDeep => Syntax::TooDeep,
                Parsed::Exhausted => Syntax::Undecided,
                Parsed::Wrong(_) => Syntax::Neither(why),
            }
        }
    }
}

enum Parsed {
    Fine,
    Wrong(String),
    TooDeep,
    Exhausted,
}

/// Compiles in a heap of its own.
fn compiled(compile: impl FnOnce(&rquickjs::Ctx<'_>) -> rquickjs::Result<()>) -> Parsed {
    let heap = Rc::new(Heap::default());
    heap.set_limit(HEAP_BYTES);
    let Ok(runtime) = Runtime::new_with_alloc(Bounded(Rc::clone(&heap))) else {
        return Parsed::Exhausted;
    };
    runtime.set_max_stack_size(THREAD_STACK_BYTES / 2);
    let Ok(context) = Context::full(&runtime) else {
        return Parsed::Exhausted;
    };
    context.with(|ctx| match compile(&ctx).catch(&ctx) {
        Ok(()) => Parsed::Fine,
        Err(_) if heap.has_refused() => Parsed::Exhausted,
        Err(CaughtError::Exception(exception)) => {
            let name: Option<String> = exception.get("name").ok();
            match name.as_deref() {
                Some("SyntaxError") => Parsed::Wrong(exception.message().unwrap_or_default()),
                // Its syntax is fine: what it imports is looked for next, and there is nothing.
                Some("ReferenceError") => Parsed::Fine,
                // The one other error of a parser: its stack was not enough.
                _ => Parsed::TooDeep,
            }
        }
        Err(_) => Parsed::Exhausted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn syntax(source: &str) -> Syntax {
        parse(source.to_owned(), Duration::from_secs(30), ()).await
    }

    #[tokio::test]
    async fn whatever_browsers_run_is_taken() {
        for source in [
            "",
            "var oc=oc||{};oc.components=oc.components||{};oc.components['a']=function(m){};",
            "#!/usr/bin/env node\n1",
            "<!-- an old comment\n1",
            "with ({}) {} var let_ = 010; delete let_;",
            "class A { static #x = 1; static { this.#x ??= 2n; } has(o) { return #x in o; } }",
            "async function* f() { for await (const x of y) yield* x?.z; } f`a${1_000}`;",
            "/(?<=a)(?<year>\\d)(?!b)/dgimsuy; /[\\p{L}--[a-z]]/v; /(?<a>x)|(?<a>y)/;",
            "import('a', { with: { type: 'json' } }).then(() => {}, () => {});",
            "try { throw 1 } catch { a ||= b; c &&= d; e **= 2 }",
            "label: { break label } var \\u{61}b = '\\u2028', { x = 1, ...rest } = {};",
        ] {
            assert_eq!(syntax(source).await, Syntax::Script, "{source}");
        }
        for source in [
            "import React from 'react'; export const mount = () => {};",
            "export default class {} await 1; import.meta.url;",
            "import data from './a.json' with { type: 'json' }; export * as b from 'b';",
        ] {
            assert_eq!(syntax(source).await, Syntax::Module, "{source}");
        }
    }

    #[tokio::test]
    async fn what_is_no_javascript_is_told() {
        for source in [
            "<html></html>",
            "var a = ;",
            "function (",
            "{\"name\": \"hello\", \"version\": 1}",
            "\u{1f}\u{8b}\u{8}",
        ] {
            assert!(
                matches!(syntax(source).await, Syntax::Neither(why) if !why.is_empty()),
                "{source}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_run() {
        assert_eq!(syntax("while (true) {}").await, Syntax::Script);
        assert_eq!(syntax("while (true) {}; export {}").await, Syntax::Module);
    }

    #[tokio::test]
    async fn text_that_overwhelms_the_parser_is_told_from_what_is_wrong() {
        let deep = "(".repeat(1_000_000);
        assert_eq!(syntax(&deep).await, Syntax::TooDeep);
        let slow = "a=1;".repeat(1_000_000);
        let at_once = parse(slow, Duration::ZERO, ()).await;
        assert_eq!(at_once, Syntax::Undecided);
    }
}
