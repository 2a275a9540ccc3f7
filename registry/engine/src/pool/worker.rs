//! One worker process as the host sees it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::time::Instant;

use super::{
    Shared, answer,
    calls::{Calls, Job, Run, Running, Verdict},
    lock,
    process::Process,
};
use crate::{
    driver::{EngineError, Failure, HostCalls, Outcome},
    frame::{
        self, Frame, FrameError, Kind,
        message::{Begin, Bounds, Done, HostCall, PROTOCOL, Ready, Reply},
        outbox::Outbox,
        program::Load,
    },
};

/// A run that lasts longer makes other calls choose another worker; milliseconds.
const BLOCKED_AFTER: u64 = 10;

/// Programs that are named when a worker died and nobody knows by whom.
const PRESENT_MAX: usize = 8;

/// A worker process, its connection, and the calls it has.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) outbox: Outbox,
    pub(super) calls: Mutex<Calls>,
    pub(super) launched: Instant,
    in_flight: AtomicUsize,
    in_flight_max: usize,
    /// When the run began that the worker told last: milliseconds since `launched`, and 1; 0 while
    /// none is known.
    run_since: AtomicU64,
    is_ready: AtomicBool,
}

/// What is left of a worker.
#[derive(Debug)]
pub(super) struct Closed {
    /// For the log.
    pub(super) reason: &'static str,
    /// Labels of the program that is to blame, else of those that the worker had calls of, some at
    /// most.
    pub(super) programs: BTreeSet<Arc<str>>,
    /// Calls to be sent to another worker.
    pub(super) repeated: Vec<Job>,
}

impl Worker {
    pub(super) fn new(process: Process, outbox: Outbox, in_flight_max: usize) -> Self {
        Self {
            process,
            outbox,
            calls: Mutex::default(),
            launched: Instant::now(),
            in_flight: AtomicUsize::new(0),
            in_flight_max: in_flight_max.max(1),
            run_since: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.calls).is_closed
    }

    /// Calls that are not answered.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether JavaScript runs for so long that others had better go elsewhere.
    pub(super) fn is_blocked(&self) -> bool {
        let since = self.run_since.load(Ordering::Relaxed);
        since != 0 && self.elapsed() > since + BLOCKED_AFTER
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.launched.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Sends a call, unless the worker has too many or is gone.
    pub(super) fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut calls = lock(&self.calls);
        if calls.is_closed || self.in_flight() >= self.in_flight_max {
            return Err(job);
        }
        calls.last_call = calls.last_call.wrapping_add(1);
        let id = calls.last_call;
        match self.put(&mut calls, id, &job) {
            Ok(()) => {
                self.in_flight.fetch_add(1, Ordering::Relaxed);
                calls.running.insert(id, Running::new(job));
            }
            Err(error) => {
                drop(calls);
                job.refuse(EngineError::Unsupported(error.to_string()));
            }
        }
        Ok(())
    }

    fn put(&self, calls: &mut Calls, id: u32, job: &Job) -> Result<(), FrameError> {
        let program = job.pass.program();
        let known = calls.programs.number(program);
        self.outbox.send(|out| {
            let number = if let Some(number) = known {
                number
            } else {
                let (number, forgotten) = calls.programs.add(program);
                for number in forgotten {
                    frame::put_mark(out, Kind::Forget, number);
                }
                frame::put(out, (Kind::Load, number), &Load::from(&**program), &[])?;
                number
            };
            let header = Begin {
                program: number,
                task: job.task,
                render_id: job.call.render_id.clone(),
                envelope: job.call.envelope.as_ref().map(bytes::Bytes::len),
                limits: Bounds::from(job.call.limits),
            };
            let envelope = job.call.envelope.as_deref().unwrap_or_default();
            frame::put(out, (Kind::Call, id), &header, &[&job.call.input, envelope])
        })
    }

    /// Takes a frame that the worker sent.
    pub(super) fn receive(
        self: &Arc<Self>,
        frame: &Frame,
        shared: &Weak<Shared>,
    ) -> Result<(), FrameError> {
        let Some(shared) = shared.upgrade() else {
            return Ok(());
        };
        match frame.kind {
            Kind::Ready if frame.header::<Ready>()?.protocol == PROTOCOL => {
                self.is_ready.store(true, Ordering::Release);
                shared.became_ready();
            }
            Kind::Started => self.started(frame.id),
            Kind::Paused => self.paused(&mut lock(&self.calls)),
            Kind::Done => {
                self.done(frame)?;
                shared.has_room(self);
            }
            Kind::Chunk => self.streamed(frame)?,
            Kind::Host => self.asked(frame, &shared)?,
            Kind::End => {
                lock(&self.calls).running.remove(&frame.id);
            }
            _ => return Err(FrameError::Malformed),
        }
        Ok(())
    }

    fn started(&self, call: u32) {
        let mut calls = lock(&self.calls);
        let Some(running) = calls.running.get_mut(&call) else {
            return;
        };
        running.is_started = true;
        let limits = running.limits;
        calls.run = Some(Run {
            call,
            since: Instant::now(),
            limits,
            cpu: None,
        });
        self.run_since.store(self.elapsed() + 1, Ordering::Relaxed);
    }

    fn paused(&self, calls: &mut Calls) {
        calls.run = None;
        self.run_since.store(0, Ordering::Relaxed);
    }

    fn done(&self, frame: &Frame) -> Result<(), FrameError> {
        let done: Done = frame.header()?;
        let bytes = frame.bytes()?;
        let mut calls = lock(&self.calls);
        if calls.run.is_some_and(|run| run.call == frame.id) {
            self.paused(&mut calls);
        }
        let Some(running) = calls.running.get_mut(&frame.id) else {
            return Ok(());
        };
        let Some(job) = running.job.take() else {
            return Ok(());
        };
        if !running.is_cancelled {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        let (writer, reader) = answer::stream(&done, &running.limits).unzip();
        running.stream = writer;
        if !done.open && reader.is_none() {
            calls.running.remove(&frame.id);
        }
        drop(calls);
        match answer::outcome(done, (bytes, reader), &job.call.limits) {
            Ok(outcome) => job.answer(outcome),
            Err(error) => job.refuse(error),
        }
        Ok(())
    }

    /// Takes a piece of a stream, or its end.
    fn streamed(&self, frame: &Frame) -> Result<(), FrameError> {
        let piece = frame.bytes()?;
        let mut calls = lock(&self.calls);
        let Some(running) = calls.running.get_mut(&frame.id) else {
            return Ok(());
        };
        let Some(stream) = running.stream.take() else {
            return Ok(());
        };
        if piece.is_empty() {
            stream.end(None);
        } else {
            running.stream = stream.write(piece, running.limits.output_bytes);
        }
        Ok(())
    }

    /// Carries out what a call asks of the host.
    fn asked(self: &Arc<Self>, frame: &Frame, shared: &Shared) -> Result<(), FrameError> {
        let (asked, bytes, request) = (frame.header::<HostCall>()?, frame.bytes()?, frame.id);
        let mut calls = lock(&self.calls);
        let Some(running) = calls.running.get_mut(&asked.call()) else {
            return Ok(());
        };
        running.has_asked = true;
        running.is_started = true;
        let fetches = running.fetches + usize::from(matches!(asked, HostCall::Fetch { .. }));
        running.fetches = fetches;
        let host = Arc::clone(&running.host);
        if let HostCall::Console { level, line, .. } = asked {
            drop(calls);
            host.console(&level, &line);
            return Ok(());
        }
        if fetches > running.limits.fetches {
            drop(calls);
            let message = "too many fetches".to_owned();
            self.reply(request, &Reply::Rejected { message }, &[]);
            return Ok(());
        }
        while running.requests.try_join_next().is_some() {}
        let worker = Arc::clone(self);
        let work = async move { worker.carry_out(request, asked, bytes, host).await };
        running.requests.spawn_on(work, &shared.runtime);
        Ok(())
    }

    async fn carry_out(
        &self,
        request: u32,
        asked: HostCall,
        bytes: bytes::Bytes,
        host: Arc<dyn HostCalls>,
    ) {
        let (header, parts) = answer::carry_out(asked, bytes, &*host).await;
        let parts: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
        self.reply(request, &header, &parts);
    }

    fn reply(&self, request: u32, header: &Reply, bytes: &[&[u8]]) {
        let put = |header: &Reply, bytes: &[&[u8]]| {
            self.outbox
                .send(|out| frame::put(out, (Kind::Reply, request), header, bytes))
        };
        if let Err(error) = put(header, bytes) {
            let message = error.to_string();
            // A short text always fits.
            let _ = put(&Reply::Rejected { message }, &[]);
        }
    }

    /// The callers of these calls have gone away.
    pub(super) fn cancel_abandoned(&self, calls: &mut Calls) {
        for (id, running) in &mut calls.running {
            let is_gone = match (&running.job, &running.stream) {
                (Some(job), _) => job.reply.is_closed(),
                (None, Some(stream)) => stream.is_abandoned(),
                (None, None) => false,
            };
            if is_gone && !running.is_cancelled {
                running.is_cancelled = true;
                if running.job.is_some() {
                    self.in_flight.fetch_sub(1, Ordering::Relaxed);
                }
                self.outbox
                    .send(|out| frame::put_mark(out, Kind::Cancel, *id));
            }
        }
    }

    /// Ends the process; what the verdict says is told to the callers when the connection ends.
    pub(super) fn kill(&self, verdict: Option<Verdict>) {
        if verdict.is_some() {
            lock(&self.calls).verdict = verdict;
        }
        self.process.kill();
    }

    /// Looks after the calls of a worker that is gone.
    pub(super) fn close(&self, is_contained: bool) -> Closed {
        self.process.kill();
        let mut calls = lock(&self.calls);
        calls.is_closed = true;
        let running = std::mem::take(&mut calls.running);
        let run = calls.run.take();
        let verdict = calls.verdict.take();
        drop(calls);
        self.in_flight.store(0, Ordering::Relaxed);
        self.run_since.store(0, Ordering::Relaxed);
        let (reason, blamed, overdue) = match verdict {
            Some(verdict) => {
                let blamed = verdict.blamed.map(|(call, failure)| (call, Some(failure)));
                (verdict.reason, blamed, verdict.overdue)
            }
            None => ("it died", run.map(|run| (run.call, None)), Vec::new()),
        };
        let mut label = None;
        let mut present = BTreeSet::new();
        let mut repeated = Vec::new();
        for (id, running) in running {
            let may_have_acted = running.may_have_acted(is_contained);
            let (Some(job), deadline) = (running.job, running.limits.deadline) else {
                continue;
            };
            let own = &job.pass.program().label;
            if present.len() < PRESENT_MAX {
                present.insert(Arc::clone(own));
            }
            match &blamed {
                Some((call, failure)) if *call == id => {
                    label = Some(Arc::clone(own));
                    job.blame(failure.clone());
                }
                _ if overdue.contains(&id) => {
                    job.answer(Outcome::failed(Failure::Timeout(deadline)));
                }
                _ if may_have_acted => job.refuse(EngineError::Crashed),
                _ if job.may_begin_again() => repeated.push((id, job)),
                _ => job.refuse(EngineError::Lost),
            }
        }
        repeated.sort_unstable_by_key(|(id, _)| *id);
        Closed {
            reason,
            programs: label.map_or(present, |label| BTreeSet::from([label])),
            repeated: repeated.into_iter().map(|(_, job)| job.again()).collect(),
        }
    }
}
