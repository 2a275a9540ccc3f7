//! Frames between the registry (the host) and its worker processes.
//!
//! One Unix socket for each worker, which the worker has as its standard input (descriptor 0,
//! read and written). Either side may write at any time; several frames may come in one read, and
//! a frame in several. The end of the stream ends the worker.
//!
//! ```text
//! u32 BE length | u8 kind | u32 BE id | payload        length = 5 + bytes of the payload
//! payload = header, one line of JSON (or nothing) | '\n' | raw bytes
//! ```
//!
//! Large texts are raw bytes, so that they are neither escaped nor parsed. Texts inside of headers
//! hold no raw newline, as JSON demands. Durations are whole microseconds.
//!
//! Host to worker ([`message`] has the headers as types):
//!
//! | kind | id | header | bytes |
//! |---|---|---|---|
//! | 1 LOAD | program | [`program::Load`] | none |
//! | 2 CALL | call | [`message::Begin`]: program, task, renderId, limits | the call's input, then its envelope |
//! | 3 REPLY | host call | [`message::Reply`] | HTML of all results in order, or a fetched body |
//! | 4 CANCEL | call | none: nobody waits for the answer | none |
//! | 5 FORGET | program | none: the number is not used again | none |
//!
//! Worker to host:
//!
//! | kind | id | header | bytes |
//! |---|---|---|---|
//! | 16 READY | 0 | [`message::Ready`], once, before anything else | none |
//! | 17 STARTED | call | none: JavaScript runs on its behalf from now on | none |
//! | 18 DONE | call | [`message::Done`] | the model or the HTML |
//! | 19 HOST | host call | [`message::HostCall`] | body of a fetch |
//! | 20 CHUNK | call | none: a piece of a stream that DONE began | the piece; none ends the stream |
//! | 21 END | call | none: the call asks nothing more, after a DONE with `open` | none |
//! | 22 PAUSED | 0 | none: no JavaScript runs | none |
//!
//! Numbers are the sender's: programs and calls are numbered by the host, host calls by the
//! worker, each counted up from 1 on one connection. LOAD comes before the first CALL of its
//! program. A HOST of kind `console` has no REPLY; an unknown id in REPLY or CANCEL is ignored:
//! its call is over.
//!
//! STARTED tells the host whom to blame when the worker does not answer, so it has to leave the
//! worker before JavaScript runs (at the start of a call, and when a call goes on after another
//! one ran), unless a thread of the worker can still write while JavaScript runs; then it may tell
//! runs that last long, and only those. DONE of that call ends the run, and so does PAUSED.

pub mod message;
pub(crate) mod outbox;
pub mod program;

use bytes::{Buf, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes of a frame that its length does not count.
const LENGTH_BYTES: usize = 4;
/// Kind and id.
const HEAD_BYTES: usize = 5;

/// Longest frame that a worker takes, in bytes after its length.
pub const HOST_FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a worker may send beside the longest answer, in bytes: headers, cookies, errors.
pub const WORKER_FRAME_OVERHEAD: usize = 4 * 1024 * 1024;

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the table of this module's documentation")]
pub enum Kind {
    Load = 1,
    Call = 2,
    Reply = 3,
    Cancel = 4,
    Forget = 5,
    Ready = 16,
    Started = 17,
    Done = 18,
    Host = 19,
    Chunk = 20,
    End = 21,
    Paused = 22,
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is about.
    pub kind: Kind,
    /// Program, call or host call.
    pub id: u32,
    payload: Bytes,
}

/// Why a frame cannot be read or written. The connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than the reader takes.
    #[error("frame of {0} bytes is too long")]
    TooLong(usize),
    /// Too short, without a header line, or of no known kind.
    #[error("frame is malformed")]
    Malformed,
    /// The header is not what the kind demands.
    #[error("header of a frame is malformed")]
    Header(#[from] serde_json::Error),
}

impl Frame {
    /// The header as a type.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: no header line, or not of this type.
    pub fn header<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        Ok(serde_json::from_slice(&self.payload[..self.line_end()?])?)
    }

    /// The raw bytes after the header.
    ///
    /// # Errors
    ///
    /// [`FrameError::Malformed`] without a header line.
    pub fn bytes(&self) -> Result<Bytes, FrameError> {
        Ok(self.payload.slice(self.line_end()? + 1..))
    }

    fn line_end(&self) -> Result<usize, FrameError> {
        let end = self.payload.iter().position(|byte| *byte == b'\n');
        end.ok_or(FrameError::Malformed)
    }
}

/// Takes the next whole frame out of what was read; none when more has to be read.
///
/// `frame_bytes_max`: longest frame, in bytes after its length.
///
/// # Errors
///
/// [`FrameError::TooLong`] and [`FrameError::Malformed`].
pub fn take(read: &mut BytesMut, frame_bytes_max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(length) = read.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) else {
        return Ok(None);
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > frame_bytes_max {
        return Err(FrameError::TooLong(length));
    }
    if length < HEAD_BYTES {
        return Err(FrameError::Malformed);
    }
    if read.len() - LENGTH_BYTES < length {
        return Ok(None);
    }
    read.advance(LENGTH_BYTES);
    let mut frame = read.split_to(length);
    let kind = Kind::of(frame.get_u8()).ok_or(FrameError::Malformed)?;
    let id = frame.get_u32();
    let payload = frame.freeze();
    Ok(Some(Frame { kind, id, payload }))
}

/// Adds a frame with a header and raw bytes to `out`.
///
/// # Errors
///
/// [`FrameError::TooLong`] past what a length can tell; `out` is as before then.
pub fn put(
    out: &mut BytesMut,
    (kind, id): (Kind, u32),
    header: &impl Serialize,
    bytes: &[&[u8]],
) -> Result<(), FrameError> {
    let start = out.len();
    let raw: usize = bytes.iter().map(|part| part.len()).sum();
    out.reserve(raw + 512);
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.extend_from_slice(&[kind as u8]);
    out.extend_from_slice(&id.to_be_bytes());
    serde_json::to_writer(bytes::BufMut::writer(&mut *out), header)
        .inspect_err(|_| out.truncate(start))?;
    out.extend_from_slice(b"\n");
    let length = out.len() - start - LENGTH_BYTES + raw;
    if length > HOST_FRAME_BYTES_MAX {
        out.truncate(start);
        return Err(FrameError::TooLong(length));
    }
    for part in bytes {
        out.extend_from_slice(part);
    }
    set_length(out, start, length);
    Ok(())
}

/// Adds a frame without a header to `out`.
pub fn put_mark(out: &mut BytesMut, kind: Kind, id: u32) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.extend_from_slice(&[kind as u8]);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(b"\n");
    set_length(out, start, HEAD_BYTES + 1);
}

fn set_length(out: &mut BytesMut, start: usize, length: usize) {
    // Lengths beyond HOST_FRAME_BYTES_MAX were refused.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Load,
            2 => Self::Call,
            3 => Self::Reply,
            4 => Self::Cancel,
            5 => Self::Forget,
            16 => Self::Ready,
            17 => Self::Started,
            18 => Self::Done,
            19 => Self::Host,
            20 => Self::Chunk,
            21 => Self::End,
            22 => Self::Paused,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BytesMut, FrameError, Kind, put, put_mark, take};

    #[test]
    fn frames_are_read_as_they_were_written() {
        let mut out = BytesMut::new();
        let header = json!({ "text": "a\nb" });
        put(&mut out, (Kind::Call, 7), &header, &[b"raw\n", b"bytes"]).unwrap();
        put_mark(&mut out, Kind::Started, u32::MAX);

        let call = take(&mut out, 1_000).unwrap().unwrap();
        let mark = take(&mut out, 1_000).unwrap().unwrap();

        assert_eq!((call.kind, call.id), (Kind::Call, 7));
        assert_eq!(call.header::<Value>().unwrap(), header);
        assert_eq!(call.bytes().unwrap(), "raw\nbytes");
        assert_eq!((mark.kind, mark.id), (Kind::Started, u32::MAX));
        assert_eq!(take(&mut out, 1_000).unwrap(), None);
    }

    #[test]
    fn layout_is_as_documented() {
        let mut out = BytesMut::new();
        put(&mut out, (Kind::Host, 258), &json!({}), &[b"x"]).unwrap();
        assert_eq!(&out[..], b"\x00\x00\x00\x09\x13\x00\x00\x01\x02{}\nx");
    }

    #[test]
    fn part_of_a_frame_waits_for_the_rest() {
        let mut whole = BytesMut::new();
        put(&mut whole, (Kind::Done, 1), &json!({}), &[b"model"]).unwrap();
        for length in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..length]);
            assert_eq!(take(&mut part, 1_000).unwrap(), None);
        }
    }

    #[test]
    fn frames_that_nobody_sends_are_refused() {
        let long = &mut BytesMut::from(&b"\xff\xff\xff\xff"[..]);
        assert!(matches!(take(long, 1_000), Err(FrameError::TooLong(_))));
        let short = &mut BytesMut::from(&b"\0\0\0\x04\x12\0\0\0"[..]);
        assert!(matches!(take(short, 1_000), Err(FrameError::Malformed)));
        let unknown = &mut BytesMut::from(&b"\0\0\0\x06\x63\0\0\0\0\n"[..]);
        assert!(matches!(take(unknown, 1_000), Err(FrameError::Malformed)));
        let mut no_line = BytesMut::from(&b"\0\0\0\x05\x12\0\0\0\0"[..]);
        let frame = take(&mut no_line, 1_000).unwrap().unwrap();
        assert!(matches!(frame.bytes(), Err(FrameError::Malformed)));
    }
}
