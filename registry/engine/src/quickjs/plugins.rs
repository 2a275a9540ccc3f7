//! The realm of an operator's plugins.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Array, Context, Ctx, Function, Object, Persistent, Value};

use super::{
    call::{CallId, Effect},
    host::{self, Shared, define},
    isolate::{Events, Kept, PluginRealm},
    load::{self, EVENTS},
    raw::SourceText,
    scripts,
};
use crate::driver::Program;

/// `process.env` of plugins.
const ENVIRONMENT: &str = r#"{"NODE_ENV":"production"}"#;

/// What a plugin realm consists of but its context.
pub(super) struct Parts {
    peer: Persistent<Object<'static>>,
    promises: Persistent<Object<'static>>,
    events: [Kept; 4],
}

impl Parts {
    pub(super) fn in_realm(self, context: Context) -> PluginRealm {
        PluginRealm {
            peer: self.peer,
            promises: self.promises,
            events: Events::new(self.events, context),
        }
    }
}

/// Whether the provider of a program may use plugins: there are some, and it names them.
pub(super) fn are_used(program: &Program) -> bool {
    let names_them = |source: &str| source.contains("plugins");
    let provider = program.provider.as_ref();
    !program.plugins.is_empty() && provider.is_some_and(|script| names_them(&script.source))
}

/// Evaluates the modules and begins to register the plugins; none when the call has failed.
pub(super) fn evaluate(
    ctx: &Ctx<'_>,
    shared: &Rc<Shared>,
    program: &Program,
    call: CallId,
) -> rquickjs::Result<Option<Parts>> {
    scripts::prepare(ctx)?;
    let host = host::provider(ctx, shared)?;
    let entries = load::bootstrap(ctx, &host, (ENVIRONMENT, 1))?;
    let module = Function::new(ctx.clone(), modules_of(program))?;
    host.set("plugin", module)?;
    let port: Value<'_> = scripts::prelude_function(ctx, "port")?.call(())?;
    let list = described(ctx, program)?;
    let peer = scripts::prelude_function(ctx, "plugins")?.call::<_, Object<'_>>((host, port, list));
    let mut found = None;
    let loaded = peer.map(|peer| found = Some(Persistent::save(ctx, peer)));
    if let Some(error) = load::thrown(ctx, shared, loaded)? {
        load::function(&entries, "broken")?.call::<_, ()>((call, error))?;
        return Ok(None);
    }
    let promise: Object<'_> = ctx.globals().get("Promise")?;
    let promises: Object<'_> = promise.get("prototype")?;
    let events = load::kept(ctx, &entries, EVENTS)?;
    Ok(found.map(|peer| Parts {
        peer,
        promises: Persistent::save(ctx, promises),
        events,
    }))
}

/// Evaluates one module and gives its function.
fn modules_of<'js>(
    program: &Program,
) -> impl Fn(Ctx<'js>, usize) -> rquickjs::Result<Value<'js>> + 'static {
    let plugins = Arc::clone(&program.plugins);
    move |ctx, index| match plugins.get(index) {
        Some(plugin) => scripts::evaluate(&ctx, &plugin.script, SourceText::Kept),
        None => Ok(Value::new_undefined(ctx)),
    }
}

fn described<'js>(ctx: &Ctx<'js>, program: &Program) -> rquickjs::Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (index, plugin) in program.plugins.iter().enumerate() {
        let entry = Object::new(ctx.clone())?;
        entry.set("name", &*plugin.name)?;
        entry.set("description", &*plugin.description)?;
        entry.set("options", &*plugin.options)?;
        entry.set("withContext", plugin.with_context)?;
        list.set(index, entry)?;
    }
    Ok(list)
}

/// The native functions by which calls wait for the plugins.
pub(super) fn install(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(host, "proceed", move |call: CallId| {
        state.push(Effect::Proceed(call));
    })?;
    let state = Rc::clone(shared);
    define(host, "discard", move || state.push(Effect::Discard))
}

/// Whether a promise is one of the plugins' realm. Components have no object of that realm, so
/// they cannot make one that looks so.
pub(super) fn is_theirs<'js>(ctx: &Ctx<'js>, realm: &PluginRealm, promise: &Value<'js>) -> bool {
    let mut at = promise.as_object().cloned();
    while let Some(object) = at {
        if Persistent::save(ctx, object.clone()) == realm.promises {
            return true;
        }
        at = object.get_prototype();
    }
    false
}
