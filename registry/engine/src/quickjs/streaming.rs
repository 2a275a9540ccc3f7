//! The writing side of a streamed answer while its call goes on.

use std::rc::Rc;

use rquickjs::{Object, String as JsString};

use super::{
    call::{CallId, Effect, Running},
    host::{Shared, define, text_of},
};
use crate::{
    driver::{Answer, Failure},
    stream::{ModelStream, OpenStream},
};

// === impl Running ===

impl Running {
    /// Adds a piece to the call's stream; too long a stream ends.
    fn write(&mut self, piece: String) {
        let most = self.limits.output_bytes;
        let stream = self.stream.take();
        self.stream = stream.and_then(|stream| stream.write(piece, most));
    }
}

/// The native functions that stream.
pub(super) fn install(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(
        host,
        "streamed",
        move |call: CallId, first: JsString<'_>| {
            begin(&state, call, text_of(&first)?);
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    let state = Rc::clone(shared);
    define(host, "piece", move |call: CallId, piece: JsString<'_>| {
        let piece = text_of(&piece)?;
        state.with_call(call, |running| running.write(piece));
        Ok::<_, rquickjs::Error>(())
    })?;
    let state = Rc::clone(shared);
    define(
        host,
        "ended",
        move |call: CallId, error: Option<JsString<'_>>| {
            let error = error.map(|error| text_of(&error)).transpose()?;
            let stream = state.with_call(call, |running| running.stream.take());
            if let Some(stream) = stream {
                stream.end(error);
            }
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    let state = Rc::clone(shared);
    define(
        host,
        "unstreamable",
        move |call: CallId, error: JsString<'_>| {
            let (writer, reader) = ModelStream::channel(true);
            writer.write(text_of(&error)?);
            state.settle(call, Ok(Answer::Stream(reader)));
            Ok::<_, rquickjs::Error>(())
        },
    )
}

fn begin(shared: &Shared, call: CallId, first: String) {
    let most = shared.with_call(call, |running| running.limits.output_bytes);
    if first.len() > most {
        let text = format!("output of {} bytes, {most} are allowed", first.len());
        return shared.settle(call, Err(Failure::TooLarge(text)));
    }
    let (writer, reader) = ModelStream::channel(false);
    let left = most - first.len();
    writer.write(first);
    shared.push(Effect::Streamed(call, reader, writer.abandoned()));
    shared.with_call(call, |running| {
        running.stream = Some(OpenStream::new(writer, left));
    });
}
