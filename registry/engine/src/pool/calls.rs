//! The calls that a worker has, and the programs it knows.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinSet, time::Instant};

use crate::{
    conduct::Pass,
    driver::{Call, EngineError, Failure, HostCalls, Limits, Outcome, Program},
    frame::message::Task,
    stream::OpenStream,
};

/// Bytes of scripts that a worker keeps; those not used for longest are forgotten.
const SCRIPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most workers that may die with a call before it fails itself.
const REPEATS_MAX: u8 = 3;

/// A call on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) pass: Pass,
    pub(super) task: Task,
    pub(super) call: Call,
    pub(super) submitted: Instant,
    pub(super) reply: oneshot::Sender<Result<Outcome, EngineError>>,
    /// How many workers that had it died.
    pub(super) repeats: u8,
}

/// A call that a worker has.
#[derive(Debug)]
pub(super) struct Running {
    /// None once it was answered; it may still ask the host.
    pub(super) job: Option<Box<Job>>,
    /// Whether the caller has gone away.
    pub(super) is_cancelled: bool,
    /// Whether JavaScript ran on its behalf, as far as the worker told.
    pub(super) is_started: bool,
    /// When it should have been answered.
    pub(super) deadline: Instant,
    pub(super) limits: Limits,
    pub(super) host: Arc<dyn HostCalls>,
    pub(super) fetches: usize,
    /// What it asks of the host.
    pub(super) requests: JoinSet<()>,
    pub(super) has_asked: bool,
    /// Where the rest of a streamed answer goes.
    pub(super) stream: Option<OpenStream>,
}

/// A run of JavaScript that the worker told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) call: u32,
    pub(super) since: Instant,
    pub(super) limits: Limits,
    /// CPU time of the worker when the supervisor saw the run first.
    pub(super) cpu: Option<Duration>,
}

/// Why a worker is killed.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// For the log.
    pub(super) reason: &'static str,
    /// The call that is to blame, with what its caller is told.
    pub(super) blamed: Option<(u32, Failure)>,
    /// Other calls whose deadline has come.
    pub(super) overdue: Vec<u32>,
}

/// Everything that changes with the calls of a worker.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) running: HashMap<u32, Running>,
    pub(super) last_call: u32,
    pub(super) programs: Programs,
    pub(super) run: Option<Run>,
    pub(super) verdict: Option<Verdict>,
    /// Whether the worker held too much memory when it was looked at last.
    pub(super) is_full: bool,
    pub(super) is_closed: bool,
}

/// Programs that a worker knows, by digest.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: HashMap<Arc<str>, Known>,
    last: u32,
    clock: u64,
    script_bytes: usize,
}

#[derive(Debug)]
struct Known {
    number: u32,
    last_used: u64,
    script_bytes: usize,
}

impl Verdict {
    pub(super) fn new(reason: &'static str, blamed: Option<(u32, Failure)>) -> Self {
        Self {
            reason,
            blamed,
            overdue: Vec::new(),
        }
    }
}

impl Job {
    /// Why the call cannot begin any more.
    pub(super) fn refusal(&self, now: Instant) -> Option<EngineError> {
        let limits = &self.call.limits;
        if self.reply.is_closed() {
            Some(EngineError::Crashed)
        } else if self.pass.program().conduct.is_suspended() {
            Some(EngineError::Suspended(limits.cpu_slice))
        } else {
            let late = if self.repeats > 0 {
                EngineError::Lost
            } else {
                EngineError::Overloaded
            };
            (self.submitted + limits.deadline <= now).then_some(late)
        }
    }

    /// Whether its worker may die once more without failing it: others may be to blame each time.
    pub(super) fn may_begin_again(&self) -> bool {
        self.repeats < REPEATS_MAX
    }

    /// Tells the caller, if it is still there, that the call was not carried out.
    pub(super) fn refuse(self, error: EngineError) {
        let _ = self.reply.send(Err(error));
    }

    /// Tells the caller, if it is still there, and keeps the books of the program.
    pub(super) fn answer(self, outcome: Outcome) {
        self.pass.settled(&outcome, &self.call.limits);
        let _ = self.reply.send(Ok(outcome));
    }

    /// Tells the caller that its call ended the worker; counts against the program.
    pub(super) fn blame(self, failure: Option<Failure>) {
        self.pass.ended(self.call.limits.cpu_slice, true);
        let answer = match failure {
            Some(failure) => Ok(Outcome::failed(failure)),
            None => Err(EngineError::Crashed),
        };
        let _ = self.reply.send(answer);
    }

    /// The call, to be sent to another worker.
    pub(super) fn again(mut self) -> Self {
        self.repeats += 1;
        self
    }
}

impl Running {
    pub(super) fn new(job: Box<Job>) -> Self {
        Self {
            deadline: job.submitted + job.call.limits.deadline,
            limits: job.call.limits,
            host: Arc::clone(&job.call.host),
            job: Some(job),
            is_cancelled: false,
            is_started: false,
            fetches: 0,
            requests: JoinSet::new(),
            has_asked: false,
            stream: None,
        }
    }

    /// Whether somebody waits for the answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.job.is_some() && !self.is_cancelled
    }

    /// Whether something of the call can have been seen outside: then it is not sent to another
    /// worker when its own dies.
    pub(super) fn may_have_acted(&self, is_contained: bool) -> bool {
        if is_contained {
            self.has_asked
        } else {
            self.is_started
        }
    }
}

impl Programs {
    /// The number of a program that the worker knows.
    pub(super) fn number(&mut self, program: &Program) -> Option<u32> {
        self.clock += 1;
        let known = self.known.get_mut(&program.digest)?;
        known.last_used = self.clock;
        Some(known.number)
    }

    /// Takes up a program; answers its number, and the numbers of those to forget.
    pub(super) fn add(&mut self, program: &Program) -> (u32, Vec<u32>) {
        self.last = self.last.wrapping_add(1);
        let known = Known {
            number: self.last,
            last_used: self.clock,
            script_bytes: program.script_bytes(),
        };
        self.script_bytes += known.script_bytes;
        self.known.insert(Arc::clone(&program.digest), known);
        let mut forgotten = Vec::new();
        while self.script_bytes > SCRIPT_BYTES_MAX && self.known.len() > 1 {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.last_used);
            let Some(digest) = oldest.map(|(digest, _)| Arc::clone(digest)) else {
                break;
            };
            if let Some(known) = self.known.remove(&digest) {
                self.script_bytes -= known.script_bytes;
                forgotten.push(known.number);
            }
        }
        (self.last, forgotten)
    }
}
