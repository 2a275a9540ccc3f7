//! A TCP proxy that misbehaves when it is told to.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::{
    TestStore, free_port,
    relay::{CHUNK, relay},
};

/// What a [`FaultProxy`] does with what passes through it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Lets everything through.
    #[default]
    None,
    /// Holds back the beginning of every answer for a time.
    Latency(Duration),
    /// Lets so many bytes through each second, in each direction of each connection.
    Bandwidth(u32),
    /// Takes connections and bytes, and never says anything.
    Blackhole,
    /// Resets every connection.
    Reset,
    /// Nobody listens any more; what is open is reset.
    Refuse,
    /// Answers every HTTP request by itself.
    Answer {
        /// Status code.
        status: u16,
        /// Body, as XML.
        body: &'static str,
    },
}

impl Fault {
    /// S3's answer to credentials that may not do what is asked.
    pub const DENIED: Self = Self::Answer {
        status: 403,
        body: "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    };
    /// S3's answer to who asks too often.
    pub const SLOW_DOWN: Self = Self::Answer {
        status: 503,
        body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    };
}

/// A proxy before one server. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    fault: watch::Sender<Fault>,
    serving: JoinHandle<()>,
}

// === impl FaultProxy ===

impl FaultProxy {
    /// Starts a proxy on a free port before a server, given as `host:port`.
    pub async fn start(server: &str) -> Self {
        let port = free_port();
        let listener = listen(port).await;
        let (fault, told) = watch::channel(Fault::None);
        let serving = tokio::spawn(serve(listener, port, server.to_owned(), told));
        Self {
            port,
            fault,
            serving,
        }
    }

    /// Starts a proxy before the S3 server of a store, and gives the store as seen through it.
    pub async fn before(store: &TestStore) -> (Self, TestStore) {
        let proxy = Self::start(store.server()).await;
        let through = store.through(proxy.port);
        (proxy, through)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens from now on, to open connections too.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))
        .await
        .expect("the port is free")
}

async fn serve(
    listener: TcpListener,
    port: u16,
    server: String,
    mut fault: watch::Receiver<Fault>,
) {
    let mut listening = Some(listener);
    loop {
        if *fault.borrow_and_update() == Fault::Refuse {
            listening = None;
        } else if listening.is_none() {
            listening = Some(listen(port).await);
        }
        let accepted = async {
            match &listening {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => if let Ok((caller, _)) = accepted {
                tokio::spawn(connection(caller, server.clone(), fault.clone()));
            },
            changed = fault.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// One connection of a caller, until one side ends it or a fault does.
async fn connection(caller: TcpStream, server: String, fault: watch::Receiver<Fault>) {
    // What is dropped is reset; what ends well is shut down before.
    let _ = caller.set_zero_linger();
    let now = fault.borrow().clone();
    match now {
        Fault::Reset | Fault::Refuse => {}
        Fault::Answer { status, body } => answer(caller, status, body).await,
        _ => {
            let breaks = |fault: &Fault| {
                matches!(fault, Fault::Reset | Fault::Refuse | Fault::Answer { .. })
            };
            let mut broken = fault.clone();
            tokio::select! {
                () = forward(caller, &server, &fault) => {}
                _ = broken.wait_for(breaks) => {}
            }
        }
    }
}

async fn forward(caller: TcpStream, server: &str, fault: &watch::Receiver<Fault>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_caller, to_caller) = caller.into_split();
    let (from_server, to_server) = server.into_split();
    // Set by requests, and taken by the beginning of their answers.
    let asked = AtomicBool::new(false);
    let requests = relay((from_caller, to_server), |part| {
        asked.store(true, Ordering::Relaxed);
        passes(part.len(), fault.clone(), || false)
    });
    let answers = relay((from_server, to_caller), |part| {
        let begins = || asked.swap(false, Ordering::Relaxed);
        passes(part.len(), fault.clone(), begins)
    });
    tokio::join!(requests, answers);
}

/// Holds a part up as the fault says; false when the proxy has ended.
async fn passes(
    length: usize,
    mut fault: watch::Receiver<Fault>,
    answer_begins: impl FnOnce() -> bool,
) -> bool {
    let now = fault.borrow_and_update().clone();
    let held = match now {
        Fault::Latency(time) if answer_begins() => time,
        Fault::Bandwidth(rate) => {
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            Duration::from_secs_f64(f64::from(bytes) / f64::from(rate))
        }
        _ => Duration::ZERO,
    };
    // An end of the fault ends the wait.
    let _ = tokio::time::timeout(held, fault.changed()).await;
    let heals = fault.wait_for(|fault| *fault != Fault::Blackhole);
    heals.await.is_ok()
}

/// Reads one request and answers it.
async fn answer(mut caller: TcpStream, status: u16, body: &str) {
    let mut request = Vec::new();
    let mut bytes = vec![0; CHUNK];
    while !is_whole(&request) {
        match caller.read(&mut bytes).await {
            Ok(length @ 1..) => request.extend_from_slice(&bytes[..length]),
            Ok(0) | Err(_) => return,
        }
    }
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    if caller.write_all(text.as_bytes()).await.is_ok() {
        let _ = caller.shutdown().await;
        // Until the caller has closed too: a reset would take the answer away from it.
        while let Ok(1..) = caller.read(&mut bytes).await {}
    }
}

/// Whether a request is there with its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let end = request
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap_or_default();
    request.len() >= end + 4 + length.unwrap_or_default()
}
