//! One engine thread: its event loop, its isolates, and what they wait for.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::Instant,
};

use super::{
    call::{CallId, Effect, Running},
    isolate::{Handed, Isolate},
    resident::{Event, Reply, Resident, Surroundings},
    schedule::{Due, Schedule},
    slot::{Job, Refused, Slot, Work},
};
use crate::driver::{Answer, EngineError, Failure, HostCalls, Limits, NoHost, Outcome, Program};

/// How many calls may pass before the heaps are added up again.
const EVICT_EVERY: u64 = 64;

/// How long calls may follow each other before other tasks of the thread have their turn.
const TURN: Duration = Duration::from_micros(500);

/// What an engine thread is made from.
pub(super) struct Parts {
    pub(super) slot: Arc<Slot>,
    pub(super) jobs: async_channel::Receiver<Job>,
    /// Where requests to the registry are carried out.
    pub(super) registry: Handle,
    /// Heap bytes of all isolates of this thread.
    pub(super) heap_bytes: usize,
    /// Limits of programs that are made ready without a call.
    pub(super) limits: Limits,
}

/// The state of one engine thread.
pub(super) struct Worker {
    parts: Parts,
    events: UnboundedReceiver<Event>,
    event_sender: UnboundedSender<Event>,
    isolates: HashMap<u64, Resident>,
    by_program: HashMap<Arc<str>, u64>,
    schedule: Schedule,
    last_isolate: u64,
    clock: u64,
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let (event_sender, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            parts,
            events,
            event_sender,
            isolates: HashMap::new(),
            by_program: HashMap::new(),
            schedule: Schedule::default(),
            last_isolate: 0,
            clock: 0,
        }
    }

    /// Works until the driver is dropped or the thread was given up.
    pub(super) async fn run(mut self) {
        while self.work().await {}
    }

    /// As [`Worker::run`], for a thread that has other tasks: they get their turn when calls that
    /// wait took some time together.
    pub(super) async fn run_among_others(mut self) {
        let mut turn = Instant::now();
        while self.work().await {
            if turn.elapsed() > TURN {
                tokio::task::yield_now().await;
                turn = Instant::now();
            }
        }
    }

    /// Does what comes next; false when nothing will.
    async fn work(&mut self) -> bool {
        let next = self.schedule.next();
        // No order of preference: timers without delay must not keep jobs waiting.
        tokio::select! {
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                self.run_due();
            }
            Some(event) = self.events.recv() => self.resume(event),
            job = self.parts.jobs.recv() => match job {
                Ok(job) => self.begin(job),
                Err(_) => return false,
            },
        }
        !self.parts.slot.is_abandoned()
    }

    fn begin(&mut self, job: Job) {
        if job.reply.is_closed() {
            return;
        }
        let (limits, host) = match &job.work {
            Work::Call(call) => (call.limits, Arc::clone(&call.host)),
            Work::Warm => (self.parts.limits, Arc::new(NoHost) as Arc<dyn HostCalls>),
        };
        let deadline = job.submitted + limits.deadline;
        let refused = if job.pass.program().conduct.is_suspended() {
            Some(EngineError::Suspended(limits.cpu_slice))
        } else {
            (deadline <= Instant::now()).then_some(EngineError::Overloaded)
        };
        if let Some(refused) = refused {
            // A caller that has gone away needs no answer.
            let _ = job.reply.send(Err(Refused::Final(refused)));
            return;
        }
        let slot = Arc::clone(&self.parts.slot);
        let program = Arc::clone(job.pass.program());
        slot.begin(job.ticket, (job.reply, job.pass), limits);
        let Some(id) = self.isolate_of(&program, &limits) else {
            slot.finish(job.ticket, Outcome::failed(Failure::Memory));
            return;
        };
        let Some(resident) = self.isolates.get_mut(&id) else {
            return;
        };
        let mut running = Running::new(host, limits, deadline, job.ticket);
        slot.enter(job.ticket, deadline);
        let call = match job.work {
            Work::Call(call) => {
                running.render_id = call.render_id;
                let id = resident.isolate.admit(running);
                let envelope = call.envelope.as_deref();
                let data = Handed {
                    input: &call.input,
                    envelope: envelope.and_then(|text| std::str::from_utf8(text).ok()),
                };
                resident.isolate.start(id, call.entry, data);
                id
            }
            Work::Warm => {
                let id = resident.isolate.admit(running);
                resident.isolate.warm(id);
                resident.isolate.push(Effect::Settle(id, Ok(Answer::Empty)));
                id
            }
        };
        slot.leave();
        self.carry_out(id, call);
    }

    /// The isolate of a program, made when there is none; `None` when it cannot be made.
    fn isolate_of(&mut self, program: &Arc<Program>, limits: &Limits) -> Option<u64> {
        self.clock += 1;
        if self.clock.is_multiple_of(EVICT_EVERY) {
            self.evict(0);
        }
        if let Some(&id) = self.by_program.get(&program.digest) {
            if let Some(resident) = self.isolates.get_mut(&id) {
                resident.last_used = self.clock;
            }
            return Some(id);
        }
        let isolate = Isolate::new(Arc::clone(program), limits).ok()?;
        self.last_isolate += 1;
        let resident = Resident::new(isolate, Arc::clone(&program.digest), self.clock);
        self.isolates.insert(self.last_isolate, resident);
        self.by_program
            .insert(Arc::clone(&program.digest), self.last_isolate);
        self.evict(self.last_isolate);
        Some(self.last_isolate)
    }

    /// Does what JavaScript asked for on behalf of `call`, then looks after call and isolate.
    fn carry_out(&mut self, id: u64, call: CallId) {
        let Some(resident) = self.isolates.get_mut(&id) else {
            return;
        };
        let mut around = Surroundings {
            id,
            parts: &self.parts,
            schedule: &mut self.schedule,
            events: &self.event_sender,
        };
        loop {
            let effects = resident.isolate.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                resident.apply(effect, &mut around);
            }
        }
        if resident.isolate.is_poisoned() {
            self.discard(id);
            return;
        }
        resident.after(call, id, &mut self.schedule);
    }

    fn resume(&mut self, event: Event) {
        let Some(resident) = self.isolates.get_mut(&event.isolate) else {
            return;
        };
        if matches!(event.answer, Reply::Abandoned) {
            self.expire(event.isolate, event.call);
            return;
        }
        resident.requests.remove(&event.request);
        let Some((ticket, deadline)) = resident.isolate.running(event.call) else {
            return;
        };
        self.parts.slot.enter(ticket, deadline);
        event
            .answer
            .resume(&mut resident.isolate, event.call, event.request);
        self.parts.slot.leave();
        self.carry_out(event.isolate, event.call);
    }

    fn run_due(&mut self) {
        let now = Instant::now();
        while let Some((id, due)) = self.schedule.pop(now) {
            match due {
                Due::Timer(call, timer) => self.fire(id, call, timer),
                Due::Deadline(call) => self.expire(id, call),
            }
        }
    }

    fn fire(&mut self, id: u64, call: CallId, timer: u32) {
        let Some(resident) = self.isolates.get_mut(&id) else {
            return;
        };
        resident.timers.remove(&timer);
        let Some((ticket, deadline)) = resident.isolate.running(call) else {
            return;
        };
        self.parts.slot.enter(ticket, deadline);
        resident.isolate.fire(call, timer);
        self.parts.slot.leave();
        self.carry_out(id, call);
    }

    /// Ends a call whose deadline has come.
    fn expire(&mut self, id: u64, call: CallId) {
        let Some(resident) = self.isolates.get_mut(&id) else {
            return;
        };
        resident.expire(call, &self.parts.slot, &mut self.schedule);
        // The plugins may have waited for this call.
        self.carry_out(id, call);
    }

    /// Drops an isolate; the calls that are in it begin again elsewhere, or fail.
    fn discard(&mut self, id: u64) {
        let Some(resident) = self.isolates.remove(&id) else {
            return;
        };
        self.by_program.remove(&resident.program);
        resident.fail_calls(&self.parts.slot, &mut self.schedule);
    }

    /// Drops the isolates that were not used for longest, until the rest fits.
    fn evict(&mut self, except: u64) {
        let held = |resident: &Resident| resident.isolate.heap_bytes();
        let mut heap_bytes: usize = self.isolates.values().map(held).sum();
        while heap_bytes > self.parts.heap_bytes {
            let idle = self
                .isolates
                .iter()
                .filter(|(id, resident)| **id != except && !resident.isolate.has_calls())
                .min_by_key(|(_, resident)| resident.last_used)
                .map(|(id, resident)| (*id, held(resident)));
            let Some((id, bytes)) = idle else { break };
            heap_bytes -= bytes;
            self.discard(id);
        }
    }
}
