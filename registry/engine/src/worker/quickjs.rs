//! A worker process that executes programs with this engine.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    os::{fd::AsFd, unix::net::UnixStream as StdStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, Thread},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::{
    net::UnixStream,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    task::AbortHandle,
};

use super::{
    host::{Host, Link},
    lock,
    programs::Programs,
};
use crate::{
    driver::{Answer, Call, EngineError, Entry, HostCalls, Outcome},
    frame::{
        self, Frame, FrameError, HOST_FRAME_BYTES_MAX, Kind,
        message::{AnswerKind, Begin, Bounds, Done, PROTOCOL, Ready, Task},
        outbox::{ConnectionError, Flush, Outbox},
    },
    quickjs::{QuickJsDriver, QuickJsSettings, THREAD_STACK_BYTES, Work},
    stream::ModelStream,
};

/// How often long runs are looked for while there are calls; shorter ones are not told.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How a worker process works; given on its command line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSettings {
    pub(crate) queue: usize,
    pub(crate) heap_bytes: usize,
    pub(crate) limits: Bounds,
}

/// What the tasks of the process share.
#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    driver: QuickJsDriver,
    /// Calls that are not answered.
    calls: Mutex<HashMap<u32, AbortHandle>>,
    /// The connection has ended.
    is_over: AtomicBool,
}

/// Executes programs for the process that started this one, until that ends.
///
/// One thread reads, executes and writes, so that a call crosses no thread. This one only watches
/// it, and tells the host whose script runs for long.
///
/// # Errors
///
/// When the settings or the connection are no use.
pub(super) fn serve(settings: &OsStr) -> io::Result<()> {
    let settings: WorkerSettings = serde_json::from_slice(settings.as_encoded_bytes())?;
    let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    let (begun, begins) = mpsc::channel();
    let watching = thread::current();
    let engine = thread::Builder::new()
        .name("ochre-quickjs".to_owned())
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || work(settings, stream, (begun, watching)))?;
    if let Ok(shared) = begins.recv() {
        shared.watch();
    }
    let worked = engine.join();
    worked.unwrap_or_else(|_| Err(io::Error::other("engine thread panicked")))
}

/// Reads, executes and writes until the connection ends.
fn work(
    settings: WorkerSettings,
    stream: StdStream,
    (begun, watching): (mpsc::Sender<Arc<Shared>>, Thread),
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // The host ends its workers itself when it was told to end.
        let _terminate = signal(SignalKind::terminate())?;
        let started = QuickJsDriver::on_this_thread(QuickJsSettings {
            threads: 1,
            queue: settings.queue,
            heap_bytes: settings.heap_bytes,
            limits: settings.limits.into(),
        });
        let (driver, engine) = started.map_err(io::Error::other)?;
        let outbox = Outbox::new(UnixStream::from_std(stream)?, Flush::Together);
        let shared = Arc::new(Shared {
            link: Arc::new(Link::new(outbox, watching)),
            driver,
            calls: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        // The other side waits for it.
        let _ = begun.send(Arc::clone(&shared));
        let _over = Over(Arc::clone(&shared));
        shared.run(engine).await.map_err(io::Error::other)
    })
}

impl Shared {
    async fn run(
        self: &Arc<Self>,
        engine: impl Future<Output = ()>,
    ) -> Result<(), ConnectionError> {
        let ready = Ready { protocol: PROTOCOL };
        let outbox = &self.link.outbox;
        outbox.send(|out| frame::put(out, (Kind::Ready, 0), &ready, &[]))?;
        let mut programs = Programs::default();
        let receive = |frame: Frame| self.receive(&frame, &mut programs);
        tokio::select! {
            written = outbox.write_all() => Ok(written?),
            () = engine => Ok(()),
            read = outbox.read_all(HOST_FRAME_BYTES_MAX, receive) => read,
        }
    }

    /// Tells the host whose script runs, if it runs for long, until the connection ends.
    fn watch(&self) {
        let mut told = None;
        while !self.is_over.load(Ordering::Acquire) {
            if told.is_none() && !self.link.has_calls() {
                thread::park();
                continue;
            }
            thread::sleep(LOOK_EVERY);
            let run = self.driver.long_run();
            let run = run.and_then(|run| u32::try_from(run).ok());
            if run != told {
                told = run;
                self.link.outbox.send_now(|out| match run {
                    Some(call) => frame::put_mark(out, Kind::Started, call),
                    None => frame::put_mark(out, Kind::Paused, 0),
                });
            }
        }
    }

    fn receive(self: &Arc<Self>, frame: &Frame, programs: &mut Programs) -> Result<(), FrameError> {
        match frame.kind {
            Kind::Load => programs.load(frame.id, frame.header()?),
            Kind::Forget => programs.forget(frame.id),
            Kind::Call => self.begin(frame, programs)?,
            Kind::Cancel => {
                if let Some(task) = lock(&self.calls).remove(&frame.id) {
                    task.abort();
                }
            }
            Kind::Reply => self.link.replied(frame)?,
            _ => return Err(FrameError::Malformed),
        }
        Ok(())
    }

    fn begin(self: &Arc<Self>, frame: &Frame, programs: &Programs) -> Result<(), FrameError> {
        let begin: Begin = frame.header()?;
        let program = programs.get(begin.program).ok_or(FrameError::Malformed)?;
        let (shared, id) = (Arc::clone(self), frame.id);
        let host = Host::new(id, &self.link);
        let work = begin.work(frame.bytes()?, &host);
        let task = tokio::spawn(async move {
            let outcome = shared.driver.execute(u64::from(id), &program, work).await;
            shared.answer(id, outcome, &host).await;
            lock(&shared.calls).remove(&id);
        });
        // On one thread: the task has not run yet.
        lock(&self.calls).insert(id, task.abort_handle());
        Ok(())
    }

    async fn answer(&self, call: u32, outcome: Result<Outcome, EngineError>, host: &Arc<Host>) {
        let mut done = Done {
            open: host.stays_open(),
            ..Done::default()
        };
        let mut bytes = Bytes::new();
        let mut stream = None;
        match outcome {
            Ok(outcome) => {
                done.headers = outcome.headers;
                done.cookies = outcome.cookies;
                done.cpu = outcome.cpu;
                match outcome.result {
                    Ok(answer) => {
                        let kind;
                        (kind, bytes, stream) = told(answer);
                        done.answer = Some(kind);
                    }
                    Err(failure) => done.failure = Some(failure),
                }
            }
            Err(error) => done.refused = Some(error.into()),
        }
        self.link.outbox.send(|out| {
            if let Err(error) = frame::put(out, (Kind::Done, call), &done, &[&bytes]) {
                let refused = EngineError::Unsupported(error.to_string()).into();
                let done = Done {
                    refused: Some(refused),
                    ..Done::default()
                };
                // A short text always fits.
                let _ = frame::put(out, (Kind::Done, call), &done, &[]);
            }
        });
        if let Some(mut pieces) = stream {
            while let Some(piece) = pieces.next().await {
                self.chunk(call, &piece);
            }
            self.chunk(call, &[]);
        }
    }

    fn chunk(&self, call: u32, piece: &[u8]) {
        // Pieces are no longer than an answer may be.
        let put = |out: &mut BytesMut| frame::put(out, (Kind::Chunk, call), &(), &[piece]);
        let _ = self.link.outbox.send(put);
    }
}

/// Ends the watching thread, even if this one panicked.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
        self.0.link.wake_watching();
    }
}

impl Begin {
    fn work(self, mut input: Bytes, host: &Arc<Host>) -> Work {
        let envelope = self
            .envelope
            .map(|bytes| input.split_off(input.len().saturating_sub(bytes)));
        let entry = match self.task {
            Task::Warm => return Work::Warm,
            Task::Data => Entry::Data,
            Task::Render => Entry::Render,
            Task::DataAndRender => Entry::DataAndRender,
        };
        Work::Call(Call {
            entry,
            input,
            envelope,
            render_id: self.render_id,
            host: Arc::clone(host) as Arc<dyn HostCalls>,
            limits: self.limits.into(),
        })
    }
}

fn told(answer: Answer) -> (AnswerKind, Bytes, Option<ModelStream>) {
    match answer {
        Answer::Model(model) => (AnswerKind::Model, model, None),
        Answer::Html(html) => (AnswerKind::Html, html.into(), None),
        Answer::Empty => (AnswerKind::Empty, Bytes::new(), None),
        Answer::Stream(stream) if stream.is_failed => {
            (AnswerKind::FailedStream, Bytes::new(), Some(stream))
        }
        Answer::Stream(stream) => (AnswerKind::Stream, Bytes::new(), Some(stream)),
    }
}
