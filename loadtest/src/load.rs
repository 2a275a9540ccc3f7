//! The closed loop: N connections, each with one request in flight.

use std::{
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use memchr::memmem::Finder;
use tokio::{net::TcpStream, task::LocalSet, time};

use crate::{
    cpu::{self, CpuError},
    registry::Registry,
    scenario::Scenario,
};

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest accepted answer, in bytes.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Pause of a connection after a failed request, so that a dead server is not hammered.
const FAILURE_PAUSE: Duration = Duration::from_millis(20);

/// Longest latency that is told exactly, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// How much of a wrong answer is shown, in bytes.
const EXCERPT_MAX: usize = 300;

/// How one measurement is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections, each with one request in flight.
    pub(crate) connections: u16,
    /// Load before the measurement begins.
    pub(crate) warmup: Duration,
    /// The measurement.
    pub(crate) duration: Duration,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Requests answered as expected.
    pub(crate) requests: u64,
    /// Requests not answered, or answered otherwise.
    pub(crate) errors: u64,
    /// How long was measured.
    pub(crate) elapsed: Duration,
    /// From sending to having checked the whole answer, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
    /// CPU time of the server's process tree, when its process is known.
    pub(crate) cpu: Option<Duration>,
}

/// Why a request has no correct answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    #[error("request could not be made")]
    Request(#[source] hyper::http::Error),
    #[error("exchange broke off")]
    Exchange(#[source] hyper::Error),
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    TimedOut,
    #[error("answer is larger than {ANSWER_MAX} bytes")]
    TooLarge,
    #[error("status {status}, expected text found {found} times: {excerpt}")]
    Wrong {
        status: u16,
        found: usize,
        excerpt: String,
    },
}

/// Why a measurement failed as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("latencies cannot be recorded")]
    Histogram(#[source] hdrhistogram::CreationError),
    #[error("CPU time of the server is unknown")]
    Cpu(#[source] CpuError),
}

/// What one connection has seen.
struct Tally {
    requests: u64,
    errors: u64,
    latency_us: Histogram<u64>,
}

/// Which requests count, told to all connections.
#[derive(Default)]
struct Phase {
    measuring: AtomicBool,
    finished: AtomicBool,
}

/// One connection and what it asks for.
struct Caller {
    registry: Registry,
    scenario: Scenario,
    marker: Finder<'static>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// Asks once, to fail early when the components or the marker are not as expected.
pub(crate) async fn probe(registry: &Registry, scenario: &Scenario) -> Result<(), AnswerError> {
    let mut caller = Caller::new(registry, scenario);
    LocalSet::new().run_until(caller.ask()).await
}

/// Puts `registry` under load and measures.
pub(crate) async fn run(
    registry: &Registry,
    scenario: &Scenario,
    load: Load,
) -> Result<Sample, LoadError> {
    let local = LocalSet::new();
    local.run_until(measure(registry, scenario, load)).await
}

async fn measure(
    registry: &Registry,
    scenario: &Scenario,
    load: Load,
) -> Result<Sample, LoadError> {
    let phase = Rc::new(Phase::default());
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        let caller = Caller::new(registry, scenario);
        let tally = Tally::new()?;
        connections.push(tokio::task::spawn_local(drive(
            caller,
            tally,
            Rc::clone(&phase),
        )));
    }

    time::sleep(load.warmup).await;
    let cpu_before = cpu_of(registry)?;
    let started = Instant::now();
    phase.measuring.store(true, Ordering::Relaxed);
    time::sleep(load.duration).await;
    phase.measuring.store(false, Ordering::Relaxed);
    let elapsed = started.elapsed();
    let cpu_after = cpu_of(registry)?;
    phase.finished.store(true, Ordering::Relaxed);

    let mut total = Tally::new()?;
    for connection in connections {
        // A connection that panicked would be a defect of this program, and its requests are lost.
        match connection.await {
            Ok(tally) => total.add(&tally),
            Err(_) => total.errors += 1,
        }
    }
    Ok(Sample {
        requests: total.requests,
        errors: total.errors,
        elapsed,
        latency_us: total.latency_us,
        cpu: cpu_before
            .zip(cpu_after)
            .map(|(before, after)| after.saturating_sub(before)),
    })
}

fn cpu_of(registry: &Registry) -> Result<Option<Duration>, LoadError> {
    registry
        .pid
        .map(cpu::used_by_tree)
        .transpose()
        .map_err(LoadError::Cpu)
}

/// Asks again and again until the measurement is over; only what ends inside it counts.
async fn drive(mut caller: Caller, mut tally: Tally, phase: Rc<Phase>) -> Tally {
    while !phase.finished.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let answered = caller.ask().await;
        let latency = sent.elapsed();
        let failed = answered.is_err();
        if phase.measuring.load(Ordering::Relaxed) {
            if failed {
                tally.errors += 1;
            } else {
                tally.requests += 1;
                let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
                tally.latency_us.saturating_record(micros);
            }
        }
        if failed {
            caller.connection = None;
            time::sleep(FAILURE_PAUSE).await;
        }
    }
    tally
}

// === impl Tally ===

impl Tally {
    fn new() -> Result<Self, LoadError> {
        let latency_us =
            Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).map_err(LoadError::Histogram)?;
        Ok(Self {
            requests: 0,
            errors: 0,
            latency_us,
        })
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        for value in other.latency_us.iter_recorded() {
            self.latency_us.saturating_record_n(
                value.value_iterated_to(),
                value.count_since_last_iteration(),
            );
        }
    }
}

// === impl Caller ===

impl Caller {
    fn new(registry: &Registry, scenario: &Scenario) -> Self {
        Self {
            registry: registry.clone(),
            scenario: scenario.clone(),
            marker: Finder::new(&scenario.marker).into_owned(),
            connection: None,
        }
    }

    /// Asks once and checks the answer.
    async fn ask(&mut self) -> Result<(), AnswerError> {
        time::timeout(ANSWER_TIMEOUT, self.exchange())
            .await
            .map_err(|_| AnswerError::TimedOut)?
    }

    async fn exchange(&mut self) -> Result<(), AnswerError> {
        let request = self.request().map_err(AnswerError::Request)?;
        let response = self
            .connected()
            .await?
            .send_request(request)
            .await
            .map_err(AnswerError::Exchange)?;
        let status = response.status();
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(AnswerError::Exchange)?;
            if let Some(data) = frame.data_ref() {
                if body.len() + data.len() > ANSWER_MAX {
                    return Err(AnswerError::TooLarge);
                }
                body.extend_from_slice(data);
            }
        }
        self.check(status, &body)
    }

    /// The open connection; opened anew when the server has closed it.
    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, AnswerError> {
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
        {
            return Ok(self.connection.insert(connection));
        }
        let connection = connect(&self.registry).await?;
        Ok(self.connection.insert(connection))
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let scenario = &self.scenario;
        let mut request = Request::builder()
            .method(&scenario.method)
            .uri(format!("{}{}", self.registry.prefix, scenario.target))
            .header(HOST, &self.registry.authority)
            .header(USER_AGENT, "ochre-loadtest")
            .header(ACCEPT, scenario.accept);
        if !scenario.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(scenario.body.clone()))
    }

    fn check(&self, status: StatusCode, body: &[u8]) -> Result<(), AnswerError> {
        let wanted = self.scenario.marker_count;
        let found = self.marker.find_iter(body).take(wanted).count();
        if status == StatusCode::OK && found == wanted {
            return Ok(());
        }
        let excerpt = &body[..body.len().min(EXCERPT_MAX)];
        Err(AnswerError::Wrong {
            status: status.as_u16(),
            found,
            excerpt: String::from_utf8_lossy(excerpt).into_owned(),
        })
    }
}

async fn connect(registry: &Registry) -> Result<SendRequest<Full<Bytes>>, AnswerError> {
    let stream = TcpStream::connect(registry.addresses.as_slice())
        .await
        .map_err(AnswerError::Connect)?;
    stream.set_nodelay(true).map_err(AnswerError::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(AnswerError::Exchange)?;
    // Its end shows in the sender: nobody needs the result.
    tokio::task::spawn_local(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests;
