//! What every proxy of the harness does: copy bytes between a caller and a server.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

/// Bytes read at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Copies one direction of a connection, until one side ends it or a part does not pass.
pub(crate) async fn relay<P: Future<Output = bool>>(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    passes: impl Fn(&[u8]) -> P,
) {
    let mut bytes = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let part = &bytes[..length];
        if !passes(part).await || to.write_all(part).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
