//! What is known of a call while it runs.

use std::{sync::Arc, time::Duration};

use rquickjs::{Persistent, Value};
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    driver::{Answer, Cookie, Failure, FetchRequest, HostCalls, Limits, NestedRender, Outcome},
    stream::{ModelStream, OpenStream},
};

/// Name of a call within its isolate.
pub(super) type CallId = u32;

/// Most timers and requests that one call may have open at a time.
const OPEN_MAX: usize = 1_000;
/// Most bytes of response headers, and separately of cookies.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A call that was started and is not over: it may wait for its answer, or be answered and still
/// have timers or requests open.
#[derive(Debug)]
pub(super) struct Running {
    /// Name of the call within the driver.
    pub(super) ticket: u64,
    pub(super) render_id: Option<String>,
    pub(super) host: Arc<dyn HostCalls>,
    pub(super) limits: Limits,
    pub(super) deadline: Instant,
    pub(super) answered: bool,
    /// Bytes of nested renders' parameters and of fetches' bodies so far.
    handed_over: usize,
    /// Timers and requests that are open.
    pub(super) open: usize,
    pub(super) fetches: usize,
    pub(super) cpu: Duration,
    headers: Vec<(String, String)>,
    cookies: Vec<Cookie>,
    header_bytes: usize,
    cookie_bytes: usize,
    overflow: Option<&'static str>,
    /// Where the rest of a streamed answer goes.
    pub(super) stream: Option<OpenStream>,
}

impl Running {
    pub(super) fn new(
        host: Arc<dyn HostCalls>,
        limits: Limits,
        deadline: Instant,
        ticket: u64,
    ) -> Self {
        Self {
            ticket,
            render_id: None,
            host,
            limits,
            deadline,
            answered: false,
            handed_over: 0,
            open: 0,
            fetches: 0,
            cpu: Duration::ZERO,
            headers: Vec::new(),
            cookies: Vec::new(),
            header_bytes: 0,
            cookie_bytes: 0,
            overflow: None,
            stream: None,
        }
    }

    /// Takes what the call hands to the registry, unless it is more than an answer may be long.
    pub(super) fn hand_over(&mut self, bytes: usize) -> bool {
        self.handed_over = self.handed_over.saturating_add(bytes);
        self.handed_over <= self.limits.output_bytes
    }

    /// Takes one more timer or request, unless too many are open.
    pub(super) fn open(&mut self) -> bool {
        let free = self.open < OPEN_MAX;
        self.open += usize::from(free);
        free
    }

    pub(super) fn set_header(&mut self, name: String, value: String) {
        if self.overflow.is_some() {
            return;
        }
        self.header_bytes += name.len() + value.len();
        if let Some(header) = self.headers.iter_mut().find(|header| header.0 == name) {
            header.1 = value;
        } else {
            self.headers.push((name, value));
        }
        if self.headers.len() > self.limits.headers || self.header_bytes > HEADER_BYTES_MAX {
            self.overflow = Some("response headers");
            self.headers.clear();
        }
    }

    pub(super) fn set_cookie(&mut self, cookie: Cookie, bytes: usize) {
        if self.overflow.is_some() {
            return;
        }
        self.cookie_bytes += bytes;
        self.cookies.push(cookie);
        if self.cookies.len() > self.limits.headers || self.cookie_bytes > HEADER_BYTES_MAX {
            self.overflow = Some("cookies");
            self.cookies.clear();
        }
    }

    /// Turns the result into what the caller gets.
    pub(super) fn outcome(&mut self, result: Result<Answer, Failure>) -> Outcome {
        let too_large = match (self.overflow, &result) {
            (Some(what), _) => Some(Failure::TooLarge(what.to_owned())),
            (None, Ok(answer)) => too_long(answer, self.limits.output_bytes),
            (None, Err(_)) => None,
        };
        let result = match too_large {
            Some(failure) => Err(failure),
            None => result,
        };
        Outcome {
            result,
            headers: std::mem::take(&mut self.headers),
            cookies: std::mem::take(&mut self.cookies),
            cpu: self.cpu,
        }
    }
}

fn too_long(answer: &Answer, bytes_max: usize) -> Option<Failure> {
    let bytes = match answer {
        Answer::Model(model) => model.len(),
        Answer::Html(html) => html.len(),
        // Measured as it is written.
        Answer::Stream(_) | Answer::Empty => 0,
    };
    Failure::too_long(bytes, bytes_max)
}

/// What JavaScript asked for; carried out when it has returned.
#[derive(Debug)]
pub(super) enum Effect {
    /// The call is answered.
    Settle(CallId, Result<Answer, Failure>),
    /// The call is answered with a stream; the token is cancelled when its reader goes away.
    Streamed(CallId, ModelStream, CancellationToken),
    /// The plugins are registered: the call starts.
    Proceed(CallId),
    /// The plugins cannot be registered in this isolate any more: the next call gets another.
    Discard,
    /// The provider's model, to be rendered by the view.
    Deliver(CallId, Persistent<Value<'static>>),
    /// The heap limit was reached while the call ran.
    Exhausted(CallId),
    SetTimer {
        call: CallId,
        timer: u32,
        delay: Duration,
    },
    ClearTimer(u32),
    Render {
        call: CallId,
        request: u32,
        items: Vec<NestedRender>,
    },
    Fetch {
        call: CallId,
        request: u32,
        fetch: FetchRequest,
    },
}

/// Parses JSON that JavaScript wrote; what is nested too deeply is `null`.
pub(super) fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}
