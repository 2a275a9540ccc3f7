//! The one trait through which JavaScript of components is executed.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    conduct::Conduct,
    plugin::Plugin,
    script::Script,
    serial::{micros, present},
    stream::ModelStream,
    template::TemplatePack,
};

/// Executes the programs of releases. Implementations pass the suite in `contract` (feature `testing`).
#[async_trait]
pub trait Driver: Debug + Send + Sync {
    /// Short name for metrics and logs: `quickjs`, `node`.
    fn name(&self) -> &'static str;

    /// Compiles and evaluates `program` once, so that later calls find it ready. What is wrong with
    /// its scripts is told by the calls.
    ///
    /// # Errors
    ///
    /// As [`Driver::call`].
    async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError>;

    /// Executes one entry of `program`.
    ///
    /// What the component itself did wrong is in [`Outcome::result`]; `Err` means that the call
    /// was not carried out at all.
    ///
    /// # Errors
    ///
    /// [`EngineError::Overloaded`] when the queue is full, or the call's deadline came while it
    /// waited there; [`EngineError::Suspended`] after calls of the same program that had to be
    /// stopped; [`EngineError::Crashed`] when the
    /// executing thread or process died, and the call may have been seen outside: it is begun
    /// again by the driver where that is safe, and by nobody else.
    async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError>;

    /// How the driver is doing.
    fn health(&self) -> DriverHealth;

    /// How each driver is doing that this one is made of, by name.
    fn healths(&self) -> Vec<(&'static str, DriverHealth)> {
        vec![(self.name(), self.health())]
    }
}

/// The state of a driver at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverHealth {
    /// Calls that wait for a thread or process.
    pub queue_depth: usize,
    /// Threads that were given up because a script could not be stopped; each costs a core until
    /// the process ends.
    pub abandoned: usize,
    /// Worker processes that ended and were replaced.
    pub restarts: u64,
    /// Whether so many were given up that the node should be started again.
    pub is_exhausted: bool,
}

/// The scripts of one release, loaded once and shared by all calls.
#[derive(Debug)]
pub struct Program {
    /// `name@version`, for messages.
    pub label: Arc<str>,
    /// Identifies the content: equal digests may share an isolate.
    pub digest: Arc<str>,
    /// `server.js`, when the release has a data provider.
    pub provider: Option<Script>,
    /// `template.js` and what renders it, when its template type is rendered here.
    pub view: Option<View>,
    /// `process.env` of the provider, `NODE_ENV` included.
    pub environment: Map<String, Value>,
    /// Whether `console` of the provider reaches the log.
    pub console: bool,
    /// The registry's plugins, which the provider finds as `context.plugins`.
    pub plugins: Arc<[Arc<Plugin>]>,
    /// How the program behaved so far; starts as `Conduct::default()`.
    pub conduct: Conduct,
}

impl Program {
    /// Bytes of all scripts.
    pub(crate) fn script_bytes(&self) -> usize {
        let view = self.view.iter().flat_map(|view| {
            let pack = &view.pack;
            let runtimes = pack.runtimes.iter().map(|runtime| &runtime.script);
            [&view.script, &pack.adapter].into_iter().chain(runtimes)
        });
        let scripts = self.provider.iter().chain(view);
        scripts.map(|script| script.source.len()).sum()
    }
}

/// A compiled view and the pack that renders it.
#[derive(Clone, Debug)]
pub struct View {
    /// `template.js`.
    pub script: Script,
    /// `oc.files.template.hashKey`: the view's key in `oc.components`.
    pub key: Arc<str>,
    /// What renders views of this type.
    pub pack: Arc<TemplatePack>,
}

/// What one call executes. The model never leaves the engine for [`Entry::DataAndRender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The provider: answers the view-model as JSON.
    Data,
    /// The view, with [`Call::input`] as its model: answers HTML.
    Render,
    /// The provider, then the view with its model: answers HTML.
    DataAndRender,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What to execute.
    pub entry: Entry,
    /// JSON object: the provider's context ([`Entry::Data`], [`Entry::DataAndRender`]) or the
    /// view's model ([`Entry::Render`]). A number that JSON cannot hold stands in
    /// `nonFinite: {"<parameter>": "NaN" | "Infinity" | "-Infinity"}` of the context (a member
    /// beside `params`) and is put into `params` by the driver.
    pub input: Bytes,
    /// What is streamed when the provider asks for it ([`Entry::Data`] alone): the answer's JSON
    /// object, whose member `data` is replaced by the view-model. None where nothing is streamed:
    /// then promises in a model are told as `{}`.
    pub envelope: Option<Bytes>,
    /// `id` given to the model before it is rendered.
    pub render_id: Option<String>,
    /// What the provider may ask of the registry while it runs.
    pub host: Arc<dyn HostCalls>,
    /// Bounds of this call.
    pub limits: Limits,
}

impl Call {
    /// A call that may ask for nothing: for programs that are made ready.
    pub(crate) fn without_host(limits: Limits) -> Self {
        Self {
            entry: Entry::Data,
            input: Bytes::new(),
            envelope: None,
            render_id: None,
            host: Arc::new(NoHost),
            limits,
        }
    }
}

/// Bounds of one call; each is a setting of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time from start to answer, awaits included.
    pub deadline: Duration,
    /// Longest uninterrupted run of JavaScript.
    pub cpu_slice: Duration,
    /// Heap of one isolate, in bytes.
    pub memory_bytes: usize,
    /// Stack of one isolate, in bytes.
    pub stack_bytes: usize,
    /// Longest answer (model JSON or HTML), in bytes.
    pub output_bytes: usize,
    /// Most response headers, and separately most cookies.
    pub headers: usize,
    /// Most fetches.
    pub fetches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            cpu_slice: Duration::from_secs(1),
            memory_bytes: 64 * 1024 * 1024,
            stack_bytes: 512 * 1024,
            output_bytes: 10 * 1024 * 1024,
            headers: 64,
            fetches: 20,
        }
    }
}

/// What a call brought.
#[derive(Debug)]
pub struct Outcome {
    /// The answer, or what the component did wrong.
    pub result: Result<Answer, Failure>,
    /// Headers set with `context.setHeader`, in order, names lower-cased.
    pub headers: Vec<(String, String)>,
    /// Cookies set with `context.setCookie`, in order; valid for failures too.
    pub cookies: Vec<Cookie>,
    /// CPU time of the executing thread.
    pub cpu: Duration,
}

impl Outcome {
    /// An outcome without headers and cookies.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            headers: Vec::new(),
            cookies: Vec::new(),
            cpu: Duration::ZERO,
        }
    }
}

/// A successful answer.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The view-model as JSON text (`JSON.stringify` semantics).
    Model(Bytes),
    /// [`Call::envelope`] with the view-model in it, piece by piece in the turbo-stream encoding:
    /// the provider set `component.props[context.streamSymbol]`. The call goes on until the stream
    /// has ended or was dropped, within its deadline.
    Stream(ModelStream),
    /// HTML of the view.
    Html(String),
    /// The provider called `setEmptyResponse` (or returned its mark); of a [`Entry::Data`] call
    /// the model is `{"__oc_emptyResponse":true}` and comes as [`Answer::Model`].
    Empty,
}

/// A cookie as the component set it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cookie {
    /// Name.
    pub name: String,
    /// Any JSON value; none is `undefined`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub value: Option<Value>,
    /// Options as given (`maxAge` in ms, `path`, `httpOnly`, …), when given.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub options: Option<Value>,
}

/// What a component did wrong, with what its caller is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "detail")]
pub enum Failure {
    /// `require` of something that is not available.
    MissingDependencies(Vec<String>),
    /// The provider failed to load, threw, rejected, or called back with an error.
    Provider(ProviderError),
    /// The provider did not answer within the deadline or its CPU slice.
    Timeout(#[serde(with = "micros")] Duration),
    /// The heap limit was reached.
    Memory,
    /// The view failed: an `Error` as `{"name","message","stack", own properties}`, or the value
    /// that was thrown.
    View(Value),
    /// The model cannot be told as JSON (circular, `BigInt`); text as `String(error)`.
    NotSerializable(String),
    /// The answer, or the headers, passed a limit; the text names it.
    TooLarge(String),
}

impl Failure {
    /// The failure of an answer that is longer than it may be.
    pub(crate) fn too_long(bytes: usize, bytes_max: usize) -> Option<Self> {
        let text = || format!("output of {bytes} bytes, {bytes_max} are allowed");
        (bytes > bytes_max).then(|| Self::TooLarge(text()))
    }
}

/// An error of a data provider, as OC's clients see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderError {
    /// `err.message`.
    pub message: Option<String>,
    /// `err.stack`.
    pub stack: Option<String>,
    /// `err` itself: own enumerable properties of an `Error`, or the value thrown.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub original: Option<Value>,
    /// `Number(err.status)` when it is a number other than 0 and `NaN`.
    pub status: Option<f64>,
}

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue of the driver is full.
    #[error("engine queue is full")]
    Overloaded,
    /// The program blocked its thread before and is refused for a while.
    #[error("program blocked the engine and is refused for {} ms", .0.as_millis())]
    Suspended(Duration),
    /// What was to execute the call is still being started.
    #[error("engine workers are being started")]
    NotReady,
    /// What executed the call ended again and again, or until the call's deadline, and nothing says
    /// that the call was to blame. Nothing of it was seen outside.
    #[error("engine worker ended again and again")]
    Lost,
    /// The thread or process that executed the call died; some of it may have been seen outside.
    #[error("engine worker died")]
    Crashed,
    /// The driver does not execute such programs; the text says why.
    #[error("program is not supported: {0}")]
    Unsupported(String),
}

/// What a running provider may ask of the registry.
#[async_trait]
pub trait HostCalls: Debug + Send + Sync {
    /// Renders other components: `context.renderComponent(s)`.
    ///
    /// One result for each item, in order: HTML, or the `error` text.
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>>;

    /// Carries out one `fetch`.
    ///
    /// # Errors
    ///
    /// The message that the component's promise is rejected with.
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String>;

    /// One line of `console` output; called only for programs with `console` on.
    fn console(&self, level: &str, line: &str);
}

/// Stands in where no call is: a program that is made ready may ask for nothing.
#[derive(Debug)]
pub(crate) struct NoHost;

#[async_trait]
impl HostCalls for NoHost {
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        let refused = || Err("no request is being answered".to_owned());
        items.iter().map(|_| refused()).collect()
    }

    async fn fetch(&self, _request: FetchRequest) -> Result<FetchResponse, String> {
        Err("no request is being answered".to_owned())
    }

    fn console(&self, _level: &str, _line: &str) {}
}

/// One item of `context.renderComponents`, parameters already merged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NestedRender {
    /// Component name as the caller wrote it.
    pub name: String,
    /// Requested version, `""` for the newest.
    pub version: String,
    /// Parameters, an object.
    pub parameters: Map<String, Value>,
    /// Request headers for the nested component, names lower-cased.
    pub headers: Map<String, Value>,
    /// `ip` option.
    pub ip: Option<String>,
}

/// A `fetch` call.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Method, upper case.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body, whole.
    pub body: Option<Bytes>,
    /// `redirect`: `follow`, `error` or `manual`.
    pub redirect: String,
}

/// Answer to a `fetch` call.
#[derive(Clone, Debug)]
pub struct FetchResponse {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub status_text: String,
    /// URL after redirects.
    pub url: String,
    /// Whether a redirect was followed.
    pub redirected: bool,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body, whole, within the host's limit.
    pub body: Bytes,
}
