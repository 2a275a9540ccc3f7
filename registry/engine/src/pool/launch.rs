//! Starts worker processes.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use tokio::net::UnixStream;

use super::{Shared, WorkerKind, process::Process, worker::Worker};
use crate::frame::{
    WORKER_FRAME_OVERHEAD,
    outbox::{Flush, Outbox},
};

/// Bytes that a worker may write to its standard error; the rest is thrown away.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// The executable that [`crate::worker::run`] is reached through.
#[derive(Clone, Debug)]
pub struct WorkerExecutable {
    path: PathBuf,
    arguments: Vec<String>,
}

/// Starts workers of one kind.
#[derive(Debug)]
pub(super) struct Launcher {
    kind: Arc<dyn WorkerKind>,
}

// === impl WorkerExecutable ===

impl WorkerExecutable {
    /// `arguments`: those that come before the arguments of [`crate::worker::run`].
    pub fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
        }
    }

    /// The executable of this process, even if its file was replaced meanwhile.
    ///
    /// # Errors
    ///
    /// When the system does not tell which it is.
    pub fn current(arguments: &[&str]) -> io::Result<Self> {
        let link = Path::new("/proc/self/exe");
        if link.exists() {
            return Ok(Self::new(link, arguments));
        }
        Ok(Self::new(std::env::current_exe()?, arguments))
    }

    /// A worker that this executable is itself; `mode` as [`crate::worker::run`] knows it.
    pub fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0("ochre-worker").args(&self.arguments).arg(mode);
        command
    }

    /// Another program as a worker, started so that it ends with this process.
    pub fn relay(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command("exec");
        command.arg(program);
        command
    }
}

// === impl Launcher ===

impl Launcher {
    pub(super) fn new(kind: Arc<dyn WorkerKind>) -> Self {
        Self { kind }
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    pub(super) fn is_contained(&self) -> bool {
        self.kind.is_contained()
    }

    /// Starts a worker; it may get calls at once, and answers when it is ready.
    ///
    /// # Errors
    ///
    /// When the process or its connection cannot be made.
    pub(super) fn launch(&self, shared: &Arc<Shared>) -> io::Result<Arc<Worker>> {
        let (ours, theirs) = StdStream::pair()?;
        let (errors, their_errors) = StdStream::pair()?;
        let child = self.spawn(theirs.into(), their_errors.into())?;
        let process = Process::new(child);
        let _runtime = shared.runtime.enter();
        let connection = connected(ours)?;
        let errors = connected(errors)?;
        let outbox = Outbox::new(connection, Flush::AtOnce);
        let worker = Arc::new(Worker::new(process, outbox, shared.settings.in_flight));
        let writer = Arc::clone(&worker);
        // A connection that breaks is told by the reader.
        shared
            .runtime
            .spawn(async move { writer.outbox.write_all().await });
        shared
            .runtime
            .spawn(read(Arc::clone(&worker), Arc::downgrade(shared)));
        shared.runtime.spawn(log(errors, worker.pid()));
        Ok(worker)
    }

    fn spawn(&self, connection: OwnedFd, errors: OwnedFd) -> io::Result<std::process::Child> {
        let mut command = self.kind.command();
        if command.get_current_dir().is_none() {
            command.current_dir("/");
        }
        command
            .env_clear()
            .stdin(Stdio::from(connection))
            .stdout(Stdio::null())
            .stderr(Stdio::from(errors))
            // What a terminal sends to this process is not for its workers.
            .process_group(0)
            .spawn()
    }
}

fn connected(stream: StdStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Takes what the worker sends until its connection ends.
async fn read(worker: Arc<Worker>, shared: std::sync::Weak<Shared>) {
    let output_bytes = shared
        .upgrade()
        .map_or(0, |shared| shared.settings.limits.output_bytes);
    let frame_bytes_max = output_bytes.saturating_add(WORKER_FRAME_OVERHEAD);
    let received = worker
        .outbox
        .read_all(frame_bytes_max, |frame| worker.receive(&frame, &shared));
    if let Err(error) = received.await {
        tracing::error!(
            pid = worker.pid(),
            error = &error as &dyn std::error::Error,
            "worker process sent what cannot be read"
        );
    }
    match shared.upgrade() {
        Some(shared) => shared.worker_ended(&worker),
        None => worker.process.kill(),
    }
}

/// Puts what a worker writes to its standard error into the log.
async fn log(errors: UnixStream, pid: u32) {
    let mut left = ERROR_BYTES_MAX;
    let mut buffer = vec![0; 4 * 1024];
    loop {
        let read = match errors.readable().await {
            Ok(()) => errors.try_read(&mut buffer),
            Err(error) => Err(error),
        };
        match read {
            Ok(0) => return,
            Ok(bytes) if bytes <= left => {
                left -= bytes;
                let text = String::from_utf8_lossy(&buffer[..bytes]);
                tracing::warn!(pid, text = text.trim_end(), "worker process wrote an error");
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
