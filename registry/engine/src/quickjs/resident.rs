//! An isolate on its engine thread: timers, deadlines and requests of the calls in it.

use std::{collections::HashMap, sync::Arc};

use rquickjs::IntoJs;
use tokio::{sync::mpsc::UnboundedSender, task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    call::{CallId, Effect},
    isolate::Isolate,
    natives,
    schedule::{Due, Place, Schedule},
    slot::Slot,
    thread::Parts,
};
use crate::driver::{Answer, Failure, FetchResponse, HostCalls};

/// An answer from the registry.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) isolate: u64,
    pub(super) call: CallId,
    pub(super) request: u32,
    pub(super) answer: Reply,
}

/// What the registry answered.
#[derive(Debug)]
pub(super) enum Reply {
    Render(Vec<Result<String, String>>),
    Fetch(Result<FetchResponse, String>),
    /// Nobody reads the stream of the call any more.
    Abandoned,
}

/// An isolate and what it waits for.
pub(super) struct Resident {
    pub(super) isolate: Isolate,
    pub(super) program: Arc<str>,
    pub(super) timers: HashMap<u32, (Place, CallId)>,
    pub(super) deadlines: HashMap<CallId, Place>,
    pub(super) requests: HashMap<u32, (AbortHandle, CallId)>,
    pub(super) last_used: u64,
}

/// What carrying out an effect needs of the thread.
pub(super) struct Surroundings<'a> {
    pub(super) id: u64,
    pub(super) parts: &'a Parts,
    pub(super) schedule: &'a mut Schedule,
    pub(super) events: &'a UnboundedSender<Event>,
}

impl Resident {
    pub(super) fn new(isolate: Isolate, program: Arc<str>, last_used: u64) -> Self {
        Self {
            isolate,
            program,
            timers: HashMap::new(),
            deadlines: HashMap::new(),
            requests: HashMap::new(),
            last_used,
        }
    }

    /// Carries out what JavaScript asked for.
    pub(super) fn apply(&mut self, effect: Effect, around: &mut Surroundings<'_>) {
        match effect {
            Effect::Settle(call, result) => self.settle(call, result, &around.parts.slot),
            Effect::Deliver(call, model) => {
                if let Some((ticket, deadline)) = self.isolate.running(call) {
                    around.parts.slot.enter(ticket, deadline);
                    self.isolate.render_model(call, model);
                    around.parts.slot.leave();
                }
            }
            Effect::Proceed(call) => {
                if let Some((ticket, deadline)) = self.isolate.running(call) {
                    around.parts.slot.enter(ticket, deadline);
                    self.isolate.proceed(call);
                    around.parts.slot.leave();
                }
            }
            Effect::Discard => self.isolate.poison(),
            Effect::Exhausted(call) => {
                self.settle(call, Err(Failure::Memory), &around.parts.slot);
                self.isolate.poison();
            }
            Effect::SetTimer { call, timer, delay } => {
                let due = Due::Timer(call, timer);
                let place = around.schedule.add(Instant::now() + delay, around.id, due);
                self.timers.insert(timer, (place, call));
            }
            Effect::ClearTimer(timer) => {
                if let Some((place, call)) = self.timers.remove(&timer) {
                    around.schedule.remove(place);
                    self.isolate.close(call);
                }
            }
            Effect::Streamed(call, stream, abandoned) => {
                watch(call, abandoned, around);
                self.settle(call, Ok(Answer::Stream(stream)), &around.parts.slot);
            }
            Effect::Render {
                call,
                request,
                items,
            } => self.ask(call, request, around, |host| async move {
                Reply::Render(host.render(items).await)
            }),
            Effect::Fetch {
                call,
                request,
                fetch,
            } => self.ask(call, request, around, |host| async move {
                Reply::Fetch(host.fetch(fetch).await)
            }),
        }
    }

    fn ask<F, W>(&mut self, call: CallId, request: u32, around: &mut Surroundings<'_>, work: W)
    where
        F: Future<Output = Reply> + Send + 'static,
        W: FnOnce(Arc<dyn HostCalls>) -> F,
    {
        let Some(host) = self.isolate.host_of(call) else {
            return;
        };
        if let Some((ticket, _)) = self.isolate.running(call) {
            around.parts.slot.asked(ticket);
        }
        let (work, events, isolate) = (work(host), around.events.clone(), around.id);
        let task = around.parts.registry.spawn(async move {
            let answer = work.await;
            let event = Event {
                isolate,
                call,
                request,
                answer,
            };
            // The thread may have ended meanwhile.
            let _ = events.send(event);
        });
        self.requests.insert(request, (task.abort_handle(), call));
    }

    fn settle(&mut self, call: CallId, result: Result<Answer, Failure>, slot: &Slot) {
        let mut calls = self.isolate.shared.calls.borrow_mut();
        if let Some(running) = calls.get_mut(&call)
            && !running.answered
        {
            running.answered = true;
            slot.finish(running.ticket, running.outcome(result));
        }
    }

    /// Looks after a call on whose behalf JavaScript ran: it is over, or has a deadline.
    pub(super) fn after(&mut self, call: CallId, id: u64, schedule: &mut Schedule) {
        let state = {
            let calls = self.isolate.shared.calls.borrow();
            let running = calls.get(&call);
            running.map(|running| {
                let is_over = running.answered && running.open == 0 && running.stream.is_none();
                (is_over, running.deadline)
            })
        };
        match state {
            Some((true, _)) => {
                self.isolate.forget(call);
                if let Some(place) = self.deadlines.remove(&call) {
                    schedule.remove(place);
                }
            }
            Some((false, deadline)) => {
                self.deadlines
                    .entry(call)
                    .or_insert_with(|| schedule.add(deadline, id, Due::Deadline(call)));
            }
            None => {}
        }
    }

    /// Ends a call whose deadline has come, with all that it has open.
    pub(super) fn expire(&mut self, call: CallId, slot: &Slot, schedule: &mut Schedule) {
        if let Some(place) = self.deadlines.remove(&call) {
            schedule.remove(place);
        }
        let Some(mut running) = self.isolate.forget(call) else {
            return;
        };
        self.timers.retain(|_, (place, owner)| {
            if *owner == call {
                schedule.remove(*place);
            }
            *owner != call
        });
        self.requests.retain(|_, (task, owner)| {
            if *owner == call {
                task.abort();
            }
            *owner != call
        });
        let limit = running.limits.deadline;
        if let Some(stream) = running.stream.take() {
            stream.end(Some(format!("Error: timeout ({}ms)", limit.as_millis())));
        }
        if !running.answered {
            let timeout = Failure::Timeout(limit);
            slot.finish(running.ticket, running.outcome(Err(timeout)));
        }
    }

    /// Gives up all calls that are in the isolate and not answered.
    pub(super) fn fail_calls(self, slot: &Slot, schedule: &mut Schedule) {
        for (place, _) in self.timers.into_values() {
            schedule.remove(place);
        }
        for place in self.deadlines.into_values() {
            schedule.remove(place);
        }
        for (task, _) in self.requests.into_values() {
            task.abort();
        }
        for (_, running) in self.isolate.shared.calls.take() {
            if !running.answered {
                slot.lose(running.ticket);
            }
        }
    }
}

/// Tells the thread when nobody reads the stream of a call any more.
fn watch(call: CallId, abandoned: CancellationToken, around: &Surroundings<'_>) {
    let (events, isolate) = (around.events.clone(), around.id);
    around.parts.registry.spawn(async move {
        abandoned.cancelled().await;
        let event = Event {
            isolate,
            call,
            request: 0,
            answer: Reply::Abandoned,
        };
        // The thread may have ended meanwhile.
        let _ = events.send(event);
    });
}

impl Reply {
    pub(super) fn resume(self, isolate: &mut Isolate, call: CallId, request: u32) {
        match self {
            Self::Render(results) => isolate.resume(call, request, true, move |ctx| {
                natives::render_results(ctx, results)
            }),
            Self::Fetch(Ok(response)) => isolate.resume(call, request, true, move |ctx| {
                natives::fetch_response(ctx, &response)
            }),
            Self::Abandoned => {}
            Self::Fetch(Err(message)) => {
                isolate.resume(call, request, false, move |ctx| message.into_js(ctx));
            }
        }
    }
}
