//! Both directions of a connection: frames that wait to be sent, and frames that come in.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, BytesMut};
use tokio::{net::UnixStream, sync::Notify};

use super::{Frame, FrameError};

/// Bytes of one read, at least.
const READ_BYTES: usize = 64 * 1024;

/// A buffer that grew beyond this is not kept.
const KEPT_BYTES: usize = 1024 * 1024;

/// When frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// By whoever sends, if the socket takes them: no other thread has to wake.
    AtOnce,
    /// By the writing task: all frames of one turn of a single-threaded runtime in one write.
    Together,
}

/// Why a connection ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The socket failed.
    #[error("connection to the other side broke")]
    Socket(#[from] io::Error),
    /// The other side sent what cannot be read.
    #[error("other side sent what cannot be read")]
    Frame(#[from] FrameError),
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    stream: UnixStream,
    flush: Flush,
    /// While it holds something, the writing task is awake.
    waiting: Mutex<BytesMut>,
    wake: Notify,
}

impl Outbox {
    pub(crate) fn new(stream: UnixStream, flush: Flush) -> Self {
        Self {
            stream,
            flush,
            waiting: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Sends the frames that `put` adds to the buffer. A connection that is broken is told to the
    /// reader, not here.
    pub(crate) fn send<T>(&self, put: impl FnOnce(&mut BytesMut) -> T) -> T {
        let mut waiting = self.waiting();
        let is_first = waiting.is_empty();
        let answer = put(&mut waiting);
        if is_first && !waiting.is_empty() {
            if self.flush == Flush::AtOnce
                && let Ok(written) = self.stream.try_write(&waiting)
            {
                waiting.advance(written);
            }
            if waiting.is_empty() {
                Self::shrink(&mut waiting);
            } else {
                self.wake.notify_one();
            }
        }
        answer
    }

    /// Sends what waits and the frames that `put` adds, while the writing task cannot.
    pub(crate) fn send_now(&self, put: impl FnOnce(&mut BytesMut)) {
        self.send(put);
        let mut waiting = self.waiting();
        if let Ok(written) = self.stream.try_write(&waiting) {
            waiting.advance(written);
        }
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting().len()
    }

    /// The writing task: ends with the connection.
    pub(crate) async fn write_all(&self) -> io::Result<()> {
        loop {
            self.wake.notified().await;
            while !self.waiting().is_empty() {
                self.stream.writable().await?;
                let mut waiting = self.waiting();
                match self.stream.try_write(&waiting) {
                    Ok(written) => waiting.advance(written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                }
                if waiting.is_empty() {
                    Self::shrink(&mut waiting);
                }
            }
        }
    }

    /// The reading task: gives every frame to `on_frame`, until the other side closes.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`], also of what `on_frame` answers.
    pub(crate) async fn read_all(
        &self,
        frame_bytes_max: usize,
        mut on_frame: impl FnMut(Frame) -> Result<(), FrameError>,
    ) -> Result<(), ConnectionError> {
        let mut read = BytesMut::new();
        loop {
            self.stream.readable().await?;
            read.reserve(READ_BYTES);
            match self.stream.try_read_buf(&mut read) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            while let Some(frame) = super::take(&mut read, frame_bytes_max)? {
                on_frame(frame)?;
            }
        }
    }

    fn shrink(buffer: &mut BytesMut) {
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BytesMut> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
