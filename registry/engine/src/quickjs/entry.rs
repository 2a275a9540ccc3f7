//! Runs JavaScript within its budget, and everything that becomes runnable by it.

use rquickjs::{Context, Ctx};
use tokio::time::Instant;

use super::{
    call::{CallId, Effect},
    isolate::{Isolate, Kept},
    plugins, raw,
};
use crate::driver::{Failure, Limits, ProviderError};

/// Promise jobs that run before the budget is asked again.
const JOBS_UNCHECKED: u32 = 32;

impl Isolate {
    /// Runs `work` on behalf of `call`, within that call's limits.
    pub(super) fn enter<W>(&mut self, context: &Context, call: CallId, work: W)
    where
        W: for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>,
    {
        let limits = self
            .shared
            .calls
            .borrow()
            .get(&call)
            .map(|running| (running.limits, running.deadline));
        if let Some((limits, deadline)) = limits {
            self.enter_until(context, call, (limits, deadline), work);
        }
    }

    /// Runs `work` on behalf of no call.
    pub(super) fn enter_within<W>(&mut self, context: &Context, limits: Limits, work: W)
    where
        W: for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>,
    {
        let deadline = Instant::now() + limits.deadline;
        self.enter_until(context, 0, (limits, deadline), work);
    }

    fn enter_until<W>(
        &mut self,
        context: &Context,
        call: CallId,
        (limits, deadline): (Limits, Instant),
        work: W,
    ) where
        W: for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>,
    {
        if self.poisoned {
            return;
        }
        let budget = &self.shared.budget;
        self.shared.current.set(call);
        self.shared.heap.forgive();
        budget.arm(limits.cpu_slice, deadline);
        context.with(|ctx| {
            if let Err(error) = work(&ctx) {
                self.uncaught(&ctx, call, &error);
            }
        });
        self.run_jobs(call);
        self.reject_unhandled(context, call);
        let cpu = budget.disarm();
        self.shared.current.set(0);
        if let Some(running) = self.shared.calls.borrow_mut().get_mut(&call) {
            running.cpu += cpu;
        }
        self.poisoned |= budget.exceeded();
        if budget.exceeded() {
            let spent = cpu.min(limits.cpu_slice);
            let bound = if spent < limits.cpu_slice {
                limits.deadline
            } else {
                limits.cpu_slice
            };
            self.push(Effect::Settle(call, Err(Failure::Timeout(bound))));
        }
    }

    /// Runs promise jobs until there are none. All of them were caused by `call`: the queue was
    /// empty before.
    fn run_jobs(&self, call: CallId) {
        let mut jobs: u32 = 0;
        while !self.shared.budget.exceeded() {
            jobs = jobs.wrapping_add(1);
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => error
                    .0
                    .with(|ctx| self.uncaught(&ctx, call, &rquickjs::Error::Exception)),
            }
            // Jobs that are short never reach the interrupt handler's next poll.
            if jobs.is_multiple_of(JOBS_UNCHECKED) && self.shared.budget.is_spent() {
                break;
            }
        }
    }

    /// Fails the call with the first rejection that nothing handles.
    fn reject_unhandled(&self, context: &Context, call: CallId) {
        while !self.shared.budget.exceeded() {
            let rejections = self.shared.rejections.take();
            if rejections.is_empty() {
                return;
            }
            context.with(|ctx| {
                if let Some((promise, reason)) = rejections.into_iter().next()
                    && let (Ok(promise), Ok(reason)) = (promise.restore(&ctx), reason.restore(&ctx))
                {
                    let theirs = self.plugins.as_ref();
                    let theirs = theirs.filter(|realm| plugins::is_theirs(&ctx, realm, &promise));
                    let caught = theirs.map(|realm| &realm.events.caught);
                    self.report(&ctx, call, (reason, caught), false);
                }
            });
            self.run_jobs(call);
        }
        self.shared.rejections.take();
    }

    /// Handles an exception that reached the native side.
    fn uncaught(&self, ctx: &Ctx<'_>, call: CallId, error: &rquickjs::Error) {
        if self.shared.budget.exceeded() {
            ctx.catch();
            return;
        }
        if error.is_exception() {
            let reason = ctx.catch();
            let theirs = self.plugins.as_ref();
            let theirs = theirs.filter(|realm| raw::is_realm(ctx, &realm.events.context));
            self.report(
                ctx,
                call,
                (reason, theirs.map(|realm| &realm.events.caught)),
                true,
            );
        } else {
            self.settle(call, error.to_string());
        }
    }

    fn report<'js>(
        &self,
        ctx: &Ctx<'js>,
        call: CallId,
        (reason, plugins): (rquickjs::Value<'js>, Option<&Kept>),
        thrown: bool,
    ) {
        if self.shared.heap.has_refused() {
            self.push(Effect::Exhausted(call));
            return;
        }
        let provider = self.provider.as_ref().map(|realm| &realm.events.caught);
        let Some(caught) = plugins.or(provider) else {
            self.settle(call, "script failed".to_owned());
            return;
        };
        let reported = caught
            .clone()
            .restore(ctx)
            .and_then(|caught| caught.call::<_, ()>((call, reason, thrown)));
        if reported.is_err() && !self.shared.budget.exceeded() {
            ctx.catch();
            self.push(Effect::Exhausted(call));
        }
    }

    fn settle(&self, call: CallId, message: String) {
        let error = ProviderError {
            message: Some(message),
            ..ProviderError::default()
        };
        self.push(Effect::Settle(call, Err(Failure::Provider(error))));
    }

    pub(super) fn push(&self, effect: Effect) {
        self.shared.effects.borrow_mut().push(effect);
    }
}
