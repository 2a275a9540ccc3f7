//! One program's own JavaScript engine: runtime, realms, and the calls that are in it.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Context, Ctx, Function, Object, Persistent, Runtime, Value};
use tokio::time::Instant;

use super::{
    call::{CallId, Effect, Running},
    host::Shared,
    raw::Bounded,
};
use crate::driver::{Entry, HostCalls, Limits, Program};

/// Most stack that scripts get, well below that of the thread.
const STACK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A function of a bootstrap script, kept across entries.
pub(super) type Kept = Persistent<Function<'static>>;

/// Runtime and realms of one program on one thread. Dropping it ends everything in it.
pub(super) struct Isolate {
    // Declared before the runtime, so dropped before it: QuickJS requires that.
    pub(super) provider: Option<ProviderRealm>,
    pub(super) plugins: Option<PluginRealm>,
    pub(super) view: Option<ViewRealm>,
    pub(super) shared: Rc<Shared>,
    pub(super) runtime: Runtime,
    pub(super) program: Arc<Program>,
    pub(super) poisoned: bool,
    last_call: CallId,
}

/// What a call hands to the isolate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed<'a> {
    /// [`crate::driver::Call::input`].
    pub(super) input: &'a [u8],
    /// [`crate::driver::Call::envelope`].
    pub(super) envelope: Option<&'a str>,
}

/// The realm of `server.js`, with the entries of its bootstrap script.
pub(super) struct ProviderRealm {
    pub(super) start: Kept,
    pub(super) proceed: Kept,
    pub(super) events: Events,
    /// Whether a call was started already.
    pub(super) proven: bool,
}

/// The realm of the plugins.
pub(super) struct PluginRealm {
    /// What the provider's realm is connected to.
    pub(super) peer: Persistent<Object<'static>>,
    /// `Promise.prototype`.
    pub(super) promises: Persistent<Object<'static>>,
    pub(super) events: Events,
}

/// Where what happens outside reaches a realm in which components or plugins run.
#[derive(Clone)]
pub(super) struct Events {
    pub(super) caught: Kept,
    pub(super) resume: Kept,
    pub(super) fire: Kept,
    pub(super) forget: Kept,
    pub(super) context: Context,
}

/// The realm of `template.js`.
pub(super) struct ViewRealm {
    pub(super) render: Kept,
    pub(super) fail: Kept,
    pub(super) context: Context,
}

impl Isolate {
    /// Makes an empty isolate.
    ///
    /// # Errors
    ///
    /// When the process is out of memory.
    pub(super) fn new(program: Arc<Program>, limits: &Limits) -> rquickjs::Result<Self> {
        let shared = Rc::new(Shared::default());
        shared.heap.set_limit(limits.memory_bytes);
        let runtime = Runtime::new_with_alloc(Bounded(Rc::clone(&shared.heap)))?;
        runtime.set_max_stack_size(limits.stack_bytes.min(STACK_BYTES_MAX));
        let budget = Rc::clone(&shared);
        runtime.set_interrupt_handler(Some(Box::new(move || budget.budget.is_spent())));
        let tracker = Rc::clone(&shared);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, handled| tracker.track(&ctx, promise, reason, handled),
        )));
        Ok(Self {
            provider: None,
            plugins: None,
            view: None,
            shared,
            runtime,
            program,
            last_call: 0,
            poisoned: false,
        })
    }

    /// Whether the isolate has to be dropped: a run was stopped, or its heap limit was reached.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    pub(super) fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Ticket and deadline of a call that is not over.
    pub(super) fn running(&self, call: CallId) -> Option<(u64, Instant)> {
        let calls = self.shared.calls.borrow();
        let running = calls.get(&call)?;
        Some((running.ticket, running.deadline))
    }

    /// What a call may ask.
    pub(super) fn host_of(&self, call: CallId) -> Option<Arc<dyn HostCalls>> {
        let calls = self.shared.calls.borrow();
        Some(Arc::clone(&calls.get(&call)?.host))
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.shared.calls.borrow().is_empty()
    }

    /// Bytes that the engine has allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.shared.heap.held()
    }

    /// Takes what JavaScript asked for since the last time.
    pub(super) fn take_effects(&self) -> Vec<Effect> {
        self.shared.effects.take()
    }

    /// Registers a call; [`Isolate::start`] or [`Isolate::warm`] runs it.
    pub(super) fn admit(&mut self, running: Running) -> CallId {
        self.last_call = self.last_call.checked_add(1).unwrap_or(1);
        self.shared.heap.set_limit(running.limits.memory_bytes);
        self.shared
            .calls
            .borrow_mut()
            .insert(self.last_call, running);
        self.last_call
    }

    /// A timer or a request of `call` is no longer open.
    pub(super) fn close(&self, call: CallId) {
        if let Some(running) = self.shared.calls.borrow_mut().get_mut(&call) {
            running.open = running.open.saturating_sub(1);
        }
    }

    /// Loads what the entry needs, unless it is loaded, and runs the entry.
    pub(super) fn start(&mut self, call: CallId, entry: Entry, data: Handed<'_>) {
        let loaded = match entry {
            // The view is loaded once there is a model: an error of the provider comes first.
            Entry::Data | Entry::DataAndRender => self.load_provider(call),
            Entry::Render => self.load_view(call),
        };
        if !loaded {
            return;
        }
        match entry {
            Entry::Data => self.provide(call, data, false),
            Entry::DataAndRender => self.provide(call, data, true),
            Entry::Render => self.render_json(call, data.input),
        }
    }

    /// Loads everything that the program has.
    pub(super) fn warm(&mut self, call: CallId) {
        if self.program.provider.is_some() && !self.load_provider(call) {
            return;
        }
        if self.program.view.is_some() {
            self.load_view(call);
        }
    }

    fn provide(&mut self, call: CallId, data: Handed<'_>, rendered: bool) {
        let Some(provider) = &mut self.provider else {
            return;
        };
        let first = !std::mem::replace(&mut provider.proven, true);
        let (context, start) = (provider.events.context.clone(), provider.start.clone());
        self.enter(&context, call, |ctx| {
            let input = ctx.json_parse(data.input)?;
            start
                .restore(ctx)?
                .call((call, input, rendered, first, data.envelope))
        });
    }

    fn render_json(&mut self, call: CallId, input: &[u8]) {
        self.render(call, |ctx| ctx.json_parse(input));
    }

    /// Renders the provider's model.
    pub(super) fn render_model(&mut self, call: CallId, model: Persistent<Value<'static>>) {
        self.render(call, |ctx| model.restore(ctx));
    }

    fn render<M>(&mut self, call: CallId, model: M)
    where
        M: for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Value<'js>>,
    {
        if !self.load_view(call) {
            return;
        }
        let Some(view) = &self.view else { return };
        let (context, render, fail) =
            (view.context.clone(), view.render.clone(), view.fail.clone());
        let id = self
            .shared
            .calls
            .borrow_mut()
            .get_mut(&call)
            .and_then(|running| running.render_id.take());
        self.enter(&context, call, |ctx| match model(ctx) {
            Ok(model) => render.restore(ctx)?.call((call, id, model)),
            Err(error) if error.is_exception() => {
                let error = ctx.catch();
                fail.restore(ctx)?.call((call, error))
            }
            Err(error) => Err(error),
        });
    }

    /// Starts a call that waited for the plugins.
    pub(super) fn proceed(&mut self, call: CallId) {
        let Some(provider) = &self.provider else {
            return;
        };
        let (context, proceed) = (provider.events.context.clone(), provider.proceed.clone());
        self.enter(&context, call, |ctx| proceed.restore(ctx)?.call((call,)));
    }

    /// The realm that gave a timer or a request its number.
    fn realm_of(&self, number: u32) -> Option<Events> {
        let is_plugin = !number.is_multiple_of(2);
        if is_plugin {
            Some(self.plugins.as_ref()?.events.clone())
        } else {
            Some(self.provider.as_ref()?.events.clone())
        }
    }

    /// Resumes what waits for a request to the registry.
    pub(super) fn resume<V>(&mut self, call: CallId, request: u32, ok: bool, value: V)
    where
        V: for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Value<'js>>,
    {
        self.close(call);
        if let Some(realm) = self.realm_of(request) {
            self.enter(&realm.context, call, |ctx| {
                realm.resume.restore(ctx)?.call((request, ok, value(ctx)?))
            });
        }
    }

    /// Runs a timer that is due.
    pub(super) fn fire(&mut self, call: CallId, timer: u32) {
        self.close(call);
        if let Some(realm) = self.realm_of(timer) {
            self.enter(&realm.context, call, |ctx| {
                realm.fire.restore(ctx)?.call((timer,))
            });
        }
    }

    /// Ends a call: whatever it still waits for is dropped.
    pub(super) fn forget(&mut self, call: CallId) -> Option<Running> {
        let running = self.shared.calls.borrow_mut().remove(&call)?;
        if (running.open > 0 || !running.answered) && !self.poisoned {
            let provider = self.provider.as_ref().map(|realm| realm.events.clone());
            let plugins = self.plugins.as_ref().map(|realm| realm.events.clone());
            for realm in [provider, plugins].into_iter().flatten() {
                self.enter_within(&realm.context, running.limits, |ctx| {
                    realm.forget.restore(ctx)?.call((call,))
                });
            }
        }
        Some(running)
    }
}
