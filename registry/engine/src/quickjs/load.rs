//! Makes the realms of an isolate and evaluates a program's scripts in them.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Context, Ctx, Function, Object, Persistent, Value, context::intrinsic};

use super::{
    call::{CallId, Effect},
    host::{self, Shared},
    isolate::{Isolate, Kept, ProviderRealm, ViewRealm},
    raw::SourceText,
    scripts,
};
use crate::driver::{Program, View};

/// ECMAScript alone: no `performance`, no `DOMException`.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::WeakRef,
);

/// Evaluates a script of a program in a fresh realm and gives the functions to call; none when the
/// call has failed.
type Evaluate<T> = fn(&Ctx<'_>, &Rc<Shared>, &Program, CallId) -> rquickjs::Result<Option<T>>;

impl Isolate {
    /// Evaluates `server.js`, unless it was; false when the call has failed.
    pub(super) fn load_provider(&mut self, call: CallId) -> bool {
        if self.provider.is_some() {
            return true;
        }
        let realm = self.new_realm(call, evaluate_provider);
        self.provider =
            realm.map(
                |([start, caught, resume, fire, forget], context)| ProviderRealm {
                    start,
                    caught,
                    resume,
                    fire,
                    forget,
                    proven: false,
                    context,
                },
            );
        self.provider.is_some()
    }

    /// Evaluates `template.js` and links it to its pack, unless that was done; false when the call
    /// has failed.
    pub(super) fn load_view(&mut self, call: CallId) -> bool {
        if self.view.is_some() {
            return true;
        }
        let realm = self.new_realm(call, evaluate_view);
        self.view = realm.map(|([render, fail], context)| ViewRealm {
            render,
            fail,
            context,
        });
        self.view.is_some()
    }

    /// Makes a realm and evaluates a script of the program in it; none when the call has failed.
    fn new_realm<T>(&mut self, call: CallId, evaluate: Evaluate<T>) -> Option<(T, Context)> {
        let Ok(context) = Context::custom::<Intrinsics>(&self.runtime) else {
            self.push(Effect::Exhausted(call));
            return None;
        };
        let (program, shared) = (Arc::clone(&self.program), Rc::clone(&self.shared));
        let mut entries = None;
        self.enter(&context, call, |ctx| {
            entries = evaluate(ctx, &shared, &program, call)?;
            Ok(())
        });
        if self.is_poisoned() {
            return None;
        }
        entries.map(|entries| (entries, context))
    }
}

fn evaluate_provider(
    ctx: &Ctx<'_>,
    shared: &Rc<Shared>,
    program: &Program,
    call: CallId,
) -> rquickjs::Result<Option<[Kept; 5]>> {
    scripts::prepare(ctx)?;
    let host = host::provider(ctx, shared)?;
    let environment = serde_json::to_string(&program.environment).unwrap_or_default();
    host.set("environment", environment)?;
    if !program.console {
        host.remove("console")?;
    }
    let entries: Object<'_> = scripts::prelude_function(ctx, "provider")?.call((host,))?;
    let script = program.provider.as_ref();
    let evaluated = script.map_or(Ok(()), |script| {
        scripts::evaluate(ctx, script, SourceText::Kept).map(drop)
    });
    let loaded = evaluated.and_then(|()| function(&entries, "loaded")?.call::<_, ()>(()));
    if let Some(error) = thrown(ctx, shared, loaded)? {
        function(&entries, "broken")?.call::<_, ()>((call, error))?;
        return Ok(None);
    }
    let kept = |name| Ok::<_, rquickjs::Error>(Persistent::save(ctx, function(&entries, name)?));
    Ok(Some([
        kept("start")?,
        kept("caught")?,
        kept("resume")?,
        kept("fire")?,
        kept("forget")?,
    ]))
}

fn evaluate_view(
    ctx: &Ctx<'_>,
    shared: &Rc<Shared>,
    program: &Program,
    call: CallId,
) -> rquickjs::Result<Option<[Kept; 2]>> {
    scripts::prepare(ctx)?;
    let entries: Object<'_> =
        scripts::prelude_function(ctx, "view")?.call((host::view(ctx, shared)?,))?;
    let linked = program
        .view
        .as_ref()
        .map_or(Ok(()), |view| link(ctx, &entries, view));
    if let Some(error) = thrown(ctx, shared, linked)? {
        function(&entries, "fail")?.call::<_, ()>((call, error))?;
        return Ok(None);
    }
    let kept = |name| Ok::<_, rquickjs::Error>(Persistent::save(ctx, function(&entries, name)?));
    Ok(Some([kept("render")?, kept("fail")?]))
}

fn link<'js>(ctx: &Ctx<'js>, entries: &Object<'js>, view: &View) -> rquickjs::Result<()> {
    for runtime in &view.pack.runtimes {
        let define = scripts::evaluate(ctx, &runtime.script, SourceText::Stripped)?;
        function(entries, "define")?.call::<_, ()>((&*runtime.module, define))?;
    }
    let adapter = scripts::evaluate(ctx, &view.pack.adapter, SourceText::Stripped)?;
    function(entries, "prepare")?.call::<_, ()>((adapter,))?;
    scripts::evaluate(ctx, &view.script, SourceText::Kept)?;
    function(entries, "link")?.call((&*view.key,))
}

fn function<'js>(entries: &Object<'js>, name: &str) -> rquickjs::Result<Function<'js>> {
    entries.get(name)
}

/// The error that a program's script threw; what the script cannot be blamed for stays an `Err`.
fn thrown<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    outcome: rquickjs::Result<()>,
) -> rquickjs::Result<Option<Value<'js>>> {
    match outcome {
        Ok(()) => Ok(None),
        Err(rquickjs::Error::Exception) if !shared.budget.exceeded() => {
            let error = ctx.catch();
            if shared.heap.has_refused() {
                return Err(ctx.throw(error));
            }
            Ok(Some(error))
        }
        Err(error) => Err(error),
    }
}
