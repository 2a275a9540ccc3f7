//! What workers answer and ask, in the terms of the driver.

use bytes::Bytes;

use crate::{
    driver::{Answer, EngineError, Failure, FetchRequest, HostCalls, Limits, Outcome},
    frame::message::{AnswerKind, Done, HostCall, RenderedItem, Reply},
    stream::{ModelStream, OpenStream},
};

/// What a DONE tells. A worker is not trusted with the limits of the answer.
///
/// `stream`: the reading side of a stream that begins.
pub(super) fn outcome(
    done: Done,
    (bytes, stream): (Bytes, Option<ModelStream>),
    limits: &Limits,
) -> Result<Outcome, EngineError> {
    if let Some(refusal) = done.refused {
        return Err(refusal.into());
    }
    let is_bounded = done.headers.len() <= limits.headers && done.cookies.len() <= limits.headers;
    let result = match (done.failure, done.answer) {
        (Some(failure), _) => Err(failure),
        (None, _) if !is_bounded => Err(Failure::TooLarge("response headers".to_owned())),
        (None, Some(kind)) => match stream {
            Some(stream) => Ok(Answer::Stream(stream)),
            None => answer(kind, bytes, limits)?,
        },
        (None, None) => return Err(EngineError::Crashed),
    };
    Ok(Outcome {
        result,
        headers: if is_bounded { done.headers } else { Vec::new() },
        cookies: if is_bounded { done.cookies } else { Vec::new() },
        cpu: done.cpu,
    })
}

fn answer(
    kind: AnswerKind,
    bytes: Bytes,
    limits: &Limits,
) -> Result<Result<Answer, Failure>, EngineError> {
    if let Some(failure) = Failure::too_long(bytes.len(), limits.output_bytes) {
        return Ok(Err(failure));
    }
    match kind {
        AnswerKind::Model => Ok(Ok(Answer::Model(bytes))),
        AnswerKind::Html => match String::from_utf8(bytes.into()) {
            Ok(html) => Ok(Ok(Answer::Html(html))),
            Err(_) => Err(EngineError::Crashed),
        },
        AnswerKind::Empty => Ok(Ok(Answer::Empty)),
        AnswerKind::Stream | AnswerKind::FailedStream => Err(EngineError::Crashed),
    }
}

/// The two sides of the stream that a DONE begins.
pub(super) fn stream(done: &Done, limits: &Limits) -> Option<(OpenStream, ModelStream)> {
    let is_failed = match done.answer? {
        AnswerKind::Stream => false,
        AnswerKind::FailedStream => true,
        AnswerKind::Model | AnswerKind::Html | AnswerKind::Empty => return None,
    };
    let (writer, reader) = ModelStream::channel(is_failed);
    Some((OpenStream::new(writer, limits.output_bytes), reader))
}

/// Carries out what a call asks; answers the reply's header and its raw bytes in parts.
pub(super) async fn carry_out(
    asked: HostCall,
    bytes: Bytes,
    host: &dyn HostCalls,
) -> (Reply, Vec<Bytes>) {
    match asked {
        HostCall::Render { items, .. } => rendered(host.render(items).await),
        HostCall::Fetch {
            method,
            url,
            headers,
            redirect,
            has_body,
            ..
        } => {
            let request = FetchRequest {
                method,
                url,
                headers,
                body: has_body.then_some(bytes),
                redirect,
            };
            fetch(request, host).await
        }
        HostCall::Console { level, line, .. } => {
            host.console(&level, &line);
            rendered(Vec::new())
        }
    }
}

fn rendered(results: Vec<Result<String, String>>) -> (Reply, Vec<Bytes>) {
    let mut parts = Vec::new();
    let results = results.into_iter().map(|result| match result {
        Ok(html) => {
            let bytes = html.len();
            parts.push(Bytes::from(html));
            RenderedItem::Html(bytes)
        }
        Err(error) => RenderedItem::Error(error),
    });
    let results = results.collect();
    (Reply::Rendered { results }, parts)
}

async fn fetch(request: FetchRequest, host: &dyn HostCalls) -> (Reply, Vec<Bytes>) {
    match host.fetch(request).await {
        Ok(response) => {
            let reply = Reply::Fetched {
                status: response.status,
                status_text: response.status_text,
                url: response.url,
                redirected: response.redirected,
                headers: response.headers,
            };
            (reply, vec![response.body])
        }
        Err(message) => (Reply::Rejected { message }, Vec::new()),
    }
}
