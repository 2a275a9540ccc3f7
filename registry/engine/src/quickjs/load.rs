//! Makes the realms of an isolate and evaluates a program's scripts in them.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Context, Ctx, Function, Object, Persistent, Value, context::intrinsic};

use super::{
    call::{CallId, Effect},
    host::{self, Shared},
    isolate::{Events, Isolate, Kept, ProviderRealm, ViewRealm},
    plugins,
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

impl Isolate {
    /// Evaluates `server.js`, unless it was; false when the call has failed.
    pub(super) fn load_provider(&mut self, call: CallId) -> bool {
        if self.provider.is_some() {
            return true;
        }
        if self.plugins.is_none() && plugins::are_used(&self.program) {
            let realm = self.new_realm(call, |ctx, isolate| {
                plugins::evaluate(ctx, &isolate.shared, &isolate.program, call)
            });
            let Some((parts, context)) = realm else {
                return false;
            };
            self.plugins = Some(parts.in_realm(context));
        }
        let realm = self.new_realm(call, |ctx, isolate| evaluate_provider(ctx, isolate, call));
        self.provider = realm.map(|([start, proceed, events @ ..], context)| ProviderRealm {
            start,
            proceed,
            events: Events::new(events, context),
            proven: false,
        });
        self.provider.is_some()
    }

    /// Evaluates `template.js` and links it to its pack, unless that was done; false when the call
    /// has failed.
    pub(super) fn load_view(&mut self, call: CallId) -> bool {
        if self.view.is_some() {
            return true;
        }
        let realm = self.new_realm(call, |ctx, isolate| {
            evaluate_view(ctx, &isolate.shared, &isolate.program, call)
        });
        self.view = realm.map(|([render, fail], context)| ViewRealm {
            render,
            fail,
            context,
        });
        self.view.is_some()
    }

    /// Makes a realm and evaluates scripts of the program in it; none when the call has failed.
    fn new_realm<T, E>(&mut self, call: CallId, evaluate: E) -> Option<(T, Context)>
    where
        E: FnOnce(&Ctx<'_>, &Loading) -> rquickjs::Result<Option<T>>,
    {
        let Ok(context) = Context::custom::<Intrinsics>(&self.runtime) else {
            self.push(Effect::Exhausted(call));
            return None;
        };
        let loading = Loading {
            program: Arc::clone(&self.program),
            shared: Rc::clone(&self.shared),
            peer: self.plugins.as_ref().map(|plugins| plugins.peer.clone()),
        };
        let mut entries = None;
        self.enter(&context, call, |ctx| {
            entries = evaluate(ctx, &loading)?;
            Ok(())
        });
        if self.is_poisoned() {
            return None;
        }
        entries.map(|entries| (entries, context))
    }
}

/// What evaluating needs of an isolate.
struct Loading {
    program: Arc<Program>,
    shared: Rc<Shared>,
    peer: Option<Persistent<Object<'static>>>,
}

impl Events {
    /// In the order of [`EVENTS`].
    pub(super) fn new([caught, resume, fire, forget]: [Kept; 4], context: Context) -> Self {
        Self {
            caught,
            resume,
            fire,
            forget,
            context,
        }
    }
}

/// Entries of the bootstrap script that every realm with timers and requests has.
pub(super) const EVENTS: [&str; 4] = ["caught", "resume", "fire", "forget"];

/// The bootstrap script of a realm with OC's globals; `first` tells its numbers from those of the
/// isolate's other realm.
pub(super) fn bootstrap<'js>(
    ctx: &Ctx<'js>,
    host: &Object<'js>,
    (environment, first): (&str, u32),
) -> rquickjs::Result<Object<'js>> {
    host.set("environment", environment)?;
    host.set("first", first)?;
    scripts::prelude_function(ctx, "provider")?.call((host.clone(),))
}

fn evaluate_provider(
    ctx: &Ctx<'_>,
    loading: &Loading,
    call: CallId,
) -> rquickjs::Result<Option<[Kept; 6]>> {
    let Loading {
        program, shared, ..
    } = loading;
    scripts::prepare(ctx)?;
    let host = host::provider(ctx, shared)?;
    if !program.console {
        host.remove("console")?;
    }
    if let Some(peer) = &loading.peer {
        host.set("peer", peer.clone().restore(ctx)?)?;
    }
    let environment = serde_json::to_string(&program.environment).unwrap_or_default();
    let entries = bootstrap(ctx, &host, (&environment, 0))?;
    let script = program.provider.as_ref();
    let evaluated = script.map_or(Ok(()), |script| {
        scripts::evaluate(ctx, script, SourceText::Kept).map(drop)
    });
    let loaded = evaluated.and_then(|()| function(&entries, "loaded")?.call::<_, ()>(()));
    if let Some(error) = thrown(ctx, shared, loaded)? {
        function(&entries, "broken")?.call::<_, ()>((call, error))?;
        return Ok(None);
    }
    let [caught, resume, fire, forget] = EVENTS;
    let names = ["start", "proceed", caught, resume, fire, forget];
    kept(ctx, &entries, names).map(Some)
}

/// Keeps entries of a bootstrap script.
pub(super) fn kept<'js, const N: usize>(
    ctx: &Ctx<'js>,
    entries: &Object<'js>,
    names: [&str; N],
) -> rquickjs::Result<[Kept; N]> {
    let functions: Vec<Kept> = names
        .iter()
        .map(|name| Ok(Persistent::save(ctx, function(entries, name)?)))
        .collect::<rquickjs::Result<_>>()?;
    functions.try_into().map_err(|_| rquickjs::Error::Unknown)
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
    kept(ctx, &entries, ["render", "fail"]).map(Some)
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

pub(super) fn function<'js>(entries: &Object<'js>, name: &str) -> rquickjs::Result<Function<'js>> {
    entries.get(name)
}

/// The error that a script threw; what the script cannot be blamed for stays an `Err`.
pub(super) fn thrown<'js>(
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
