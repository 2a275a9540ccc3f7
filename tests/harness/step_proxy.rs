//! A proxy that stops at one write, chosen by its number.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use crate::{TestStore, eventually};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// No write has this number.
const NEVER: usize = usize::MAX;

/// Where a [`StepProxy`] stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The write with that number, from 1 on, does not reach the store.
    Before(usize),
    /// The store does it, and its answer does not come back.
    Behind(usize),
}

/// A proxy before one S3 server. It ends when it is dropped.
#[derive(Debug)]
pub struct StepProxy {
    state: Arc<State>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    writes: AtomicUsize,
    /// The number of the write to stop at, and whether behind it.
    step: AtomicUsize,
    behind: AtomicBool,
    stop: watch::Sender<Stop>,
}

/// What became of the write to stop at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Ahead,
    Waits,
    GoesOn,
    IsForgotten,
}

// === impl StepProxy ===

impl StepProxy {
    /// Starts a proxy before the S3 server of a store, and gives the store as seen through it.
    pub async fn before(store: &TestStore) -> (Self, TestStore) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let listener = listener.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::new(State {
            writes: AtomicUsize::new(0),
            step: AtomicUsize::new(NEVER),
            behind: AtomicBool::new(false),
            stop: watch::Sender::new(Stop::Ahead),
        });
        let server = store.server().to_owned();
        let serving = tokio::spawn(serve(listener, server, Arc::clone(&state)));
        (Self { state, serving }, store.through(port))
    }

    /// Counts writes from now on, and stops at one of them.
    pub fn stop_at(&self, step: Step) {
        let (number, behind) = match step {
            Step::Before(number) => (number, false),
            Step::Behind(number) => (number, true),
        };
        self.state.stop.send_replace(Stop::Ahead);
        self.state.writes.store(0, Ordering::SeqCst);
        self.state.behind.store(behind, Ordering::SeqCst);
        self.state.step.store(number, Ordering::SeqCst);
    }

    /// Whether the write was reached, once it is or `unless` says that it will not be.
    pub async fn is_reached(&self, unless: impl Fn() -> bool) -> bool {
        let bound = Duration::from_mins(2);
        eventually("the write or the end", bound, || {
            let reached = *self.state.stop.borrow() == Stop::Waits;
            let told = (reached || unless()).then_some(reached);
            async move { told }
        })
        .await
    }

    /// Lets the write go on, and all others.
    pub fn go_on(&self) {
        self.end(Stop::GoesOn);
    }

    /// Loses the write, or its answer, and lets all others go on.
    pub fn forget(&self) {
        self.end(Stop::IsForgotten);
    }

    fn end(&self, how: Stop) {
        self.state.step.store(NEVER, Ordering::SeqCst);
        self.state.stop.send_replace(how);
    }
}

impl Drop for StepProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

// === impl State ===

impl State {
    /// Waits if the stop is here; false when what waited is forgotten.
    async fn pass(&self, write: usize, behind: bool) -> bool {
        let here = self.step.load(Ordering::SeqCst) == write
            && self.behind.load(Ordering::SeqCst) == behind;
        if !here {
            return true;
        }
        self.stop.send_replace(Stop::Waits);
        let mut stop = self.stop.subscribe();
        let ended = stop.wait_for(|stop| *stop != Stop::Waits).await;
        ended.is_ok_and(|stop| *stop == Stop::GoesOn)
    }
}

async fn serve(listener: TcpListener, server: String, state: Arc<State>) {
    while let Ok((caller, _)) = listener.accept().await {
        let (server, state) = (server.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                // What is dropped is reset, as by a process that dies.
                let (from_caller, to_caller) = caller.into_split();
                let (from_server, to_server) = server.into_split();
                // The write that is under way, 0 when it is none.
                let write = AtomicUsize::new(0);
                let asks = AtomicBool::new(true);
                tokio::join!(
                    requests((from_caller, to_server), &state, (&write, &asks)),
                    answers((from_server, to_caller), &state, (&write, &asks))
                );
            }
        });
    }
}

/// Copies requests; each begins where an answer has been.
async fn requests(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    state: &State,
    (write, asks): (&AtomicUsize, &AtomicBool),
) {
    let mut bytes = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let part = &bytes[..length];
        if asks.swap(false, Ordering::SeqCst) {
            let reads = part.starts_with(b"GET ") || part.starts_with(b"HEAD ");
            let number = if reads {
                0
            } else {
                state.writes.fetch_add(1, Ordering::SeqCst) + 1
            };
            write.store(number, Ordering::SeqCst);
            if !state.pass(number, false).await {
                return;
            }
        }
        if to.write_all(part).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn answers(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    state: &State,
    (write, asks): (&AtomicUsize, &AtomicBool),
) {
    let mut bytes = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let number = write.swap(0, Ordering::SeqCst);
        if number > 0 && !state.pass(number, true).await {
            return;
        }
        asks.store(true, Ordering::SeqCst);
        if to.write_all(&bytes[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
