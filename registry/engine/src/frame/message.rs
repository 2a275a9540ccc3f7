//! Headers of frames, as JSON objects with the member names in camel case.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    driver::{Cookie, EngineError, Entry, Failure, Limits, NestedRender},
    serial::micros,
};

/// Version of the frames; a worker of another version is not used.
pub const PROTOCOL: u32 = 1;

/// Header of READY.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// [`PROTOCOL`] of the worker.
    pub protocol: u32,
}

/// Header of CALL.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begin {
    /// Number of the program.
    pub program: u32,
    /// What to do.
    pub task: Task,
    /// `id` given to the model before it is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_id: Option<String>,
    /// Bytes of [`crate::driver::Call::envelope`] at the end of the raw bytes, after the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<usize>,
    /// Bounds of the call, counted from the arrival of the frame.
    pub limits: Bounds,
}

/// What a CALL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// [`crate::driver::Entry::Data`].
    Data,
    /// [`crate::driver::Entry::Render`].
    Render,
    /// [`crate::driver::Entry::DataAndRender`].
    DataAndRender,
    /// Loads what the program has; answered with `empty`.
    Warm,
}

/// [`Limits`] as numbers: microseconds, bytes, counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of Limits")]
pub struct Bounds {
    #[serde(with = "micros")]
    pub deadline: Duration,
    #[serde(with = "micros")]
    pub cpu_slice: Duration,
    pub memory_bytes: usize,
    pub stack_bytes: usize,
    pub output_bytes: usize,
    pub headers: usize,
    pub fetches: usize,
}

/// Header of DONE; exactly one of `answer`, `failure` and `refused` is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Done {
    /// What the raw bytes are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerKind>,
    /// What the component did wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why the call was not carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// Response headers in order, names lower-cased.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Cookies in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<Cookie>,
    /// CPU time of the call.
    #[serde(with = "micros")]
    pub cpu: Duration,
    /// The call may still ask the host; END tells when it will not any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// What the raw bytes of DONE are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerKind {
    /// JSON of the view-model.
    Model,
    /// HTML, UTF-8.
    Html,
    /// Nothing: the provider wants nothing rendered.
    Empty,
    /// Nothing: CHUNKs follow, the last one of no bytes.
    Stream,
    /// As `stream`; nothing could be encoded, and the one CHUNK is the error's text.
    FailedStream,
}

/// [`EngineError`] as `{"kind": …, "detail": …}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "detail")]
pub enum Refusal {
    /// The worker's queue is full, or the deadline came there.
    Overloaded,
    /// The program is refused for this time.
    Suspended(#[serde(with = "micros")] Duration),
    /// What was to execute the call inside the worker is not there yet.
    NotReady,
    /// What executed the call inside the worker ended for another's fault.
    Lost,
    /// What executed the call inside the worker died.
    Crashed,
    /// Not executed by this kind of worker.
    Unsupported(String),
}

/// Header of HOST.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    tag = "kind",
    rename_all_fields = "camelCase"
)]
pub enum HostCall {
    /// `context.renderComponent(s)`.
    Render {
        /// The call that asks.
        call: u32,
        /// What to render.
        items: Vec<NestedRender>,
    },
    /// `fetch`; the raw bytes are the body.
    Fetch {
        /// The call that asks.
        call: u32,
        /// Method, upper case.
        method: String,
        /// Absolute URL.
        url: String,
        /// Headers in order.
        headers: Vec<(String, String)>,
        /// `follow`, `error` or `manual`.
        redirect: String,
        /// Whether there is a body, which may be empty.
        has_body: bool,
    },
    /// One line of `console`; not answered.
    Console {
        /// The call that wrote it.
        call: u32,
        /// `log`, `error`, …
        level: String,
        /// The line.
        line: String,
    },
}

/// Header of REPLY.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    tag = "kind",
    rename_all_fields = "camelCase"
)]
pub enum Reply {
    /// One result for each item, in order; the HTML of all follows as raw bytes.
    Rendered {
        /// Results.
        results: Vec<RenderedItem>,
    },
    /// The answer to a fetch; the raw bytes are its body.
    Fetched {
        /// Status code.
        status: u16,
        /// Reason phrase.
        status_text: String,
        /// URL after redirects.
        url: String,
        /// Whether a redirect was followed.
        redirected: bool,
        /// Headers in order.
        headers: Vec<(String, String)>,
    },
    /// The promise of the fetch is rejected with this.
    Rejected {
        /// The message.
        message: String,
    },
}

/// Result of one nested render: `{"html": bytes}` or `{"error": text}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RenderedItem {
    /// Bytes of its HTML in the raw bytes.
    Html(usize),
    /// OC's `error` text.
    Error(String),
}

impl HostCall {
    /// The call that asks.
    pub fn call(&self) -> u32 {
        match self {
            Self::Render { call, .. } | Self::Fetch { call, .. } | Self::Console { call, .. } => {
                *call
            }
        }
    }
}

impl From<Entry> for Task {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Data => Self::Data,
            Entry::Render => Self::Render,
            Entry::DataAndRender => Self::DataAndRender,
        }
    }
}

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Self {
        Self {
            deadline: limits.deadline,
            cpu_slice: limits.cpu_slice,
            memory_bytes: limits.memory_bytes,
            stack_bytes: limits.stack_bytes,
            output_bytes: limits.output_bytes,
            headers: limits.headers,
            fetches: limits.fetches,
        }
    }
}

impl From<Bounds> for Limits {
    fn from(bounds: Bounds) -> Self {
        Self {
            deadline: bounds.deadline,
            cpu_slice: bounds.cpu_slice,
            memory_bytes: bounds.memory_bytes,
            stack_bytes: bounds.stack_bytes,
            output_bytes: bounds.output_bytes,
            headers: bounds.headers,
            fetches: bounds.fetches,
        }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overloaded => Self::Overloaded,
            EngineError::Suspended(wait) => Self::Suspended(wait),
            EngineError::NotReady => Self::NotReady,
            EngineError::Lost => Self::Lost,
            EngineError::Crashed => Self::Crashed,
            EngineError::Unsupported(why) => Self::Unsupported(why),
        }
    }
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Overloaded => Self::Overloaded,
            Refusal::Suspended(wait) => Self::Suspended(wait),
            Refusal::NotReady => Self::NotReady,
            Refusal::Lost => Self::Lost,
            Refusal::Crashed => Self::Crashed,
            Refusal::Unsupported(why) => Self::Unsupported(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Cookie, Done, Duration, Failure, Refusal};
    use crate::driver::ProviderError;

    fn cookie(value: Option<Value>) -> Cookie {
        Cookie {
            name: "name".to_owned(),
            value,
            options: None,
        }
    }

    #[test]
    fn outcome_of_a_call_is_told_whole() {
        let done = Done {
            failure: Some(Failure::Provider(ProviderError {
                original: Some(Value::Null),
                status: Some(404.0),
                ..ProviderError::default()
            })),
            cookies: vec![cookie(None), cookie(Some(Value::Null))],
            cpu: Duration::from_micros(7),
            ..Done::default()
        };

        let told = serde_json::to_value(&done).unwrap();
        let again: Done = serde_json::from_value(told.clone()).unwrap();

        let error = json!({ "message": null, "stack": null, "original": null, "status": 404.0 });
        let expected = json!({
            "failure": { "kind": "provider", "detail": error },
            "cookies": [{ "name": "name" }, { "name": "name", "value": null }],
            "cpu": 7,
        });
        assert_eq!(told, expected);
        assert_eq!(again.failure, done.failure);
        assert_eq!(again.cookies, done.cookies);
    }

    #[test]
    fn failures_and_refusals_are_kinds_with_details() {
        let told = |failure| serde_json::to_value::<Failure>(failure).unwrap();
        assert_eq!(told(Failure::Memory), json!({ "kind": "memory" }));
        assert_eq!(
            told(Failure::Timeout(Duration::from_secs(1))),
            json!({ "kind": "timeout", "detail": 1_000_000 })
        );
        assert_eq!(
            serde_json::to_value(Refusal::Crashed).unwrap(),
            json!({ "kind": "crashed" })
        );
    }
}
