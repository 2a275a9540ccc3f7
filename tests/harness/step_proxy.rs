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
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::{TestStore, eventually, relay::relay};

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
    stop: watch::Sender<Stop>,
}

/// What becomes of the write to stop at; everything goes on where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Ahead(Step),
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
            stop: watch::Sender::new(Stop::GoesOn),
        });
        let server = store.server().to_owned();
        let serving = tokio::spawn(serve(listener, server, Arc::clone(&state)));
        (Self { state, serving }, store.through(port))
    }

    /// Counts writes from now on, and stops at one of them.
    pub fn stop_at(&self, step: Step) {
        self.state.writes.store(0, Ordering::SeqCst);
        self.state.stop.send_replace(Stop::Ahead(step));
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
        self.state.stop.send_replace(Stop::GoesOn);
    }

    /// Loses the write, or its answer, and lets all others go on.
    pub fn forget(&self) {
        self.state.stop.send_replace(Stop::IsForgotten);
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
    async fn passes(&self, step: Step) -> bool {
        if *self.stop.borrow() != Stop::Ahead(step) {
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
                connection(caller, server, &state).await;
            }
        });
    }
}

async fn connection(caller: TcpStream, server: TcpStream, state: &State) {
    let (from_caller, to_caller) = caller.into_split();
    let (from_server, to_server) = server.into_split();
    // The write that is under way, 0 when it is none.
    let write = AtomicUsize::new(0);
    // Each request begins where an answer has been.
    let asks = AtomicBool::new(true);
    let requests = relay((from_caller, to_server), |part| {
        let reads = part.starts_with(b"GET ") || part.starts_with(b"HEAD ");
        let mut number = 0;
        if asks.swap(false, Ordering::SeqCst) && !reads {
            number = state.writes.fetch_add(1, Ordering::SeqCst) + 1;
            write.store(number, Ordering::SeqCst);
        }
        state.passes(Step::Before(number))
    });
    let answers = relay((from_server, to_caller), |_| async {
        let number = write.swap(0, Ordering::SeqCst);
        let passes = state.passes(Step::Behind(number)).await;
        asks.store(passes, Ordering::SeqCst);
        passes
    });
    tokio::join!(requests, answers);
}
