//! An answer that is told piece by piece while the component's promises settle.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The pieces of a streamed answer, in order, each whole lines of the turbo-stream encoding.
///
/// Holds what the reader has not taken yet, which is bounded by [`Limits::output_bytes`]: the
/// writer ends a stream that is longer. Dropping it cancels the call.
///
/// [`Limits::output_bytes`]: crate::driver::Limits::output_bytes
pub struct ModelStream {
    /// Whether nothing could be encoded: the one piece is the error's text, to be answered as 500.
    pub is_failed: bool,
    pieces: UnboundedReceiver<Bytes>,
    _reading: DropGuard,
}

/// The writing side of a [`ModelStream`]; dropping it ends the stream.
#[derive(Clone, Debug)]
pub struct StreamWriter {
    pieces: UnboundedSender<Bytes>,
    abandoned: CancellationToken,
}

/// A stream that has not ended. Dropping it tells its reader that the rest will not come.
#[derive(Debug)]
pub(crate) struct OpenStream {
    writer: StreamWriter,
    /// Bytes that may still be written.
    left: usize,
    has_ended: bool,
}

// === impl ModelStream ===

impl ModelStream {
    /// Makes a stream and its writing side.
    pub fn channel(is_failed: bool) -> (StreamWriter, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let abandoned = CancellationToken::new();
        let writer = StreamWriter {
            pieces: sender,
            abandoned: abandoned.clone(),
        };
        let stream = Self {
            is_failed,
            pieces: receiver,
            _reading: abandoned.drop_guard(),
        };
        (writer, stream)
    }
}

impl Stream for ModelStream {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.pieces.poll_recv(context)
    }
}

impl fmt::Debug for ModelStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ModelStream {{ is_failed: {} }}", self.is_failed)
    }
}

/// Only the same stream would be equal, and there are never two of one.
impl PartialEq for ModelStream {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

// === impl StreamWriter ===

impl StreamWriter {
    /// Adds a piece; a reader that has gone away does not need it.
    pub fn write(&self, piece: impl Into<Bytes>) {
        let _ = self.pieces.send(piece.into());
    }

    /// Is cancelled when the reader has gone away, or has read everything.
    pub fn abandoned(&self) -> CancellationToken {
        self.abandoned.clone()
    }
}

// === impl OpenStream ===

impl OpenStream {
    /// `left`: bytes that may still be written.
    pub(crate) fn new(writer: StreamWriter, left: usize) -> Self {
        Self {
            writer,
            left,
            has_ended: false,
        }
    }

    /// Adds a piece; too long a stream ends. `most`: bytes allowed in all, for the message.
    pub(crate) fn write(mut self, piece: impl Into<Bytes>, most: usize) -> Option<Self> {
        let piece = piece.into();
        if piece.len() > self.left {
            self.end(Some(format!("Error: output is longer than {most} bytes")));
            return None;
        }
        self.left -= piece.len();
        self.writer.write(piece);
        Some(self)
    }

    /// Ends the stream, with the text of an error when it could not be told to its end.
    pub(crate) fn end(mut self, error: Option<String>) {
        if let Some(error) = error {
            self.writer.write(error);
        }
        self.has_ended = true;
    }

    /// Whether nobody reads the stream any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.writer.abandoned.is_cancelled()
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if !self.has_ended {
            self.writer.write("Error: component was stopped");
        }
    }
}
