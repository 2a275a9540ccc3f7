//! Connections whose client does not read: they end, and with them what is held for it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Bytes of an answer that a client has the time for, while the answer waits for it.
const PACE: usize = 64 * 1024;

/// A connection that fails when its client takes too long for [`PACE`] bytes of an answer.
#[derive(Debug)]
pub(crate) struct PacedWrites<T> {
    io: T,
    timeout: Duration,
    /// Bytes taken since the answer began to wait for the client.
    taken: usize,
    /// Runs while it does.
    waiting: Option<Pin<Box<Sleep>>>,
}

// === impl PacedWrites ===

impl<T> PacedWrites<T> {
    pub(crate) fn new(io: T, timeout: Duration) -> Self {
        Self {
            io,
            timeout,
            taken: 0,
            waiting: None,
        }
    }

    fn begin_anew(&mut self) {
        self.taken = 0;
        self.waiting = None;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PacedWrites<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PacedWrites<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(context, bytes) {
            self.taken += written.as_ref().copied().unwrap_or(0);
            if self.taken >= PACE {
                self.begin_anew();
            }
            return Poll::Ready(written);
        }
        let timeout = self.timeout;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(waiting.as_mut().poll(context));
        tracing::debug!("a client did not read its answer in time; its connection is closed");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Called when the whole answer was taken.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.begin_anew();
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// What the connection holds.
    const PIECE: usize = PACE / 4;

    static ANSWER: [u8; 256 * 1024] = [0; 256 * 1024];

    fn connection(timeout: Duration) -> (PacedWrites<DuplexStream>, DuplexStream) {
        let (server, client) = duplex(PIECE);
        (PacedWrites::new(server, timeout), client)
    }

    #[tokio::test]
    async fn writing_to_a_client_that_reads_nothing_fails() {
        let (mut writes, _client) = connection(Duration::from_millis(10));
        let error = writes.write_all(&ANSWER).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn client_that_takes_too_little_does_not_gain_time() {
        let (mut writes, mut client) = connection(Duration::from_hours(1));
        assert!(poll!(Box::pin(writes.write_all(&ANSWER))).is_pending());
        let deadline = writes.waiting.as_ref().unwrap().deadline();
        for _ in 0..2 {
            client.read_exact(&mut [0; PIECE]).await.unwrap();
            assert!(poll!(Box::pin(writes.write_all(&ANSWER))).is_pending());
            assert_eq!(writes.waiting.as_ref().unwrap().deadline(), deadline);
        }
    }

    #[tokio::test]
    async fn client_that_reads_on_gains_time() {
        let (mut writes, mut client) = connection(Duration::from_hours(1));
        assert!(poll!(Box::pin(writes.write_all(&ANSWER))).is_pending());
        let deadline = writes.waiting.as_ref().unwrap().deadline();
        for _ in 0..4 {
            client.read_exact(&mut [0; PIECE]).await.unwrap();
            assert!(poll!(Box::pin(writes.write_all(&ANSWER))).is_pending());
        }
        assert!(writes.waiting.as_ref().unwrap().deadline() > deadline);
    }

    #[tokio::test]
    async fn time_between_answers_does_not_count() {
        let (mut writes, mut client) = connection(Duration::from_hours(1));
        assert!(poll!(Box::pin(writes.write_all(&vec![0; 2 * PIECE]))).is_pending());
        client.read_exact(&mut [0; PIECE]).await.unwrap();
        writes.flush().await.unwrap();
        assert!(writes.waiting.is_none());
    }
}
