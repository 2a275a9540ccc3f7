//! The host as a call in a worker process sees it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    thread::Thread,
};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::sync::oneshot;

use super::lock;
use crate::{
    driver::{FetchRequest, FetchResponse, HostCalls, NestedRender},
    frame::{
        self, Frame, FrameError, Kind,
        message::{HostCall, RenderedItem, Reply},
        outbox::Outbox,
    },
};

/// Console lines are thrown away while so many bytes wait to be sent.
const CONSOLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The connection to the host, and who waits for which of its replies.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) outbox: Outbox,
    last_request: AtomicU32,
    requests: Mutex<HashMap<u32, oneshot::Sender<(Reply, Bytes)>>>,
    /// Calls that are not over.
    calls: AtomicUsize,
    /// The thread that waits for calls.
    watching: Thread,
}

/// The host as one call sees it.
#[derive(Debug)]
pub(super) struct Host {
    call: u32,
    link: Arc<Link>,
    /// The host was told that the call may still ask.
    is_open: AtomicBool,
}

/// Forgets a request when nobody waits for its reply any more.
struct Waiting<'a> {
    link: &'a Link,
    request: u32,
}

impl Link {
    pub(super) fn new(outbox: Outbox, watching: Thread) -> Self {
        Self {
            outbox,
            last_request: AtomicU32::new(0),
            requests: Mutex::default(),
            calls: AtomicUsize::new(0),
            watching,
        }
    }

    /// Whether not all calls are over.
    pub(super) fn has_calls(&self) -> bool {
        self.calls.load(Ordering::Acquire) > 0
    }

    pub(super) fn wake_watching(&self) {
        self.watching.unpark();
    }

    /// Takes a REPLY.
    pub(super) fn replied(&self, frame: &Frame) -> Result<(), FrameError> {
        let request = lock(&self.requests).remove(&frame.id);
        if let Some(request) = request {
            // The call may be over.
            let _ = request.send((frame.header()?, frame.bytes()?));
        }
        Ok(())
    }

    fn tell(&self, asked: &HostCall, request: u32, body: &[u8]) -> Result<(), FrameError> {
        self.outbox
            .send(|out| frame::put(out, (Kind::Host, request), asked, &[body]))
    }

    async fn ask(&self, asked: &HostCall, body: &[u8]) -> Result<(Reply, Bytes), String> {
        let (sender, reply) = oneshot::channel();
        let request = self
            .last_request
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        lock(&self.requests).insert(request, sender);
        let _forget = Waiting {
            link: self,
            request,
        };
        self.tell(asked, request, body)
            .map_err(|error| error.to_string())?;
        reply.await.map_err(|error| error.to_string())
    }
}

impl Host {
    pub(super) fn new(call: u32, link: &Arc<Link>) -> Arc<Self> {
        if link.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            link.wake_watching();
        }
        Arc::new(Self {
            call,
            link: Arc::clone(link),
            is_open: AtomicBool::new(false),
        })
    }

    /// Whether the call still runs, though it is answered; the host is told when it ends.
    pub(super) fn stays_open(self: &Arc<Self>) -> bool {
        let is_open = Arc::strong_count(self) > 1;
        self.is_open.store(is_open, Ordering::Relaxed);
        is_open
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.link.calls.fetch_sub(1, Ordering::AcqRel);
        if self.is_open.load(Ordering::Relaxed) {
            self.link
                .outbox
                .send(|out| frame::put_mark(out, Kind::End, self.call));
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.link.requests).remove(&self.request);
    }
}

#[async_trait]
impl HostCalls for Host {
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        let count = items.len();
        let asked = HostCall::Render {
            call: self.call,
            items,
        };
        match self.link.ask(&asked, &[]).await {
            Ok((Reply::Rendered { results }, bytes)) => rendered(results, bytes),
            Ok((Reply::Rejected { message }, _)) | Err(message) => vec![Err(message); count],
            Ok((Reply::Fetched { .. }, _)) => Vec::new(),
        }
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        let asked = HostCall::Fetch {
            call: self.call,
            method: request.method,
            url: request.url,
            headers: request.headers,
            redirect: request.redirect,
            has_body: request.body.is_some(),
        };
        let body = request.body.unwrap_or_default();
        match self.link.ask(&asked, &body).await? {
            (
                Reply::Fetched {
                    status,
                    status_text,
                    url,
                    redirected,
                    headers,
                },
                body,
            ) => Ok(FetchResponse {
                status,
                status_text,
                url,
                redirected,
                headers,
                body,
            }),
            (Reply::Rejected { message }, _) => Err(message),
            (Reply::Rendered { .. }, _) => Err("fetch was not answered".to_owned()),
        }
    }

    fn console(&self, level: &str, line: &str) {
        let asked = HostCall::Console {
            call: self.call,
            level: level.to_owned(),
            line: line.to_owned(),
        };
        if self.link.outbox.waiting_bytes() > CONSOLE_BYTES_MAX {
            return;
        }
        // Lines are bounded: one is never too long.
        let _ = self.link.tell(&asked, 0, &[]);
    }
}

fn rendered(results: Vec<RenderedItem>, mut html: Bytes) -> Vec<Result<String, String>> {
    let results = results.into_iter().map(|item| match item {
        RenderedItem::Html(bytes) => {
            let text = html.copy_to_bytes(bytes.min(html.remaining()));
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        RenderedItem::Error(error) => Err(error),
    });
    results.collect()
}
