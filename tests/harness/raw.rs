//! HTTP as bytes, for requests that no client would send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// A bare TCP connection to a registry.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
}

impl RawConnection {
    /// Connects to `address` (host and port).
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await;
        Self {
            stream: stream.expect("the registry accepts connections"),
        }
    }

    /// Sends bytes. Gives `false` when the other side has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads until the end of the header block; empty when the connection closed before.
    pub async fn read_head(&mut self, bound: Duration) -> String {
        let read = async {
            let mut seen = Vec::new();
            let mut byte = [0];
            while !seen.ends_with(b"\r\n\r\n") {
                match self.stream.read(&mut byte).await {
                    Ok(1) => seen.push(byte[0]),
                    _ => break,
                }
            }
            String::from_utf8_lossy(&seen).into_owned()
        };
        within("the answer's head", bound, read).await
    }

    /// Reads until the other side closes the connection.
    pub async fn read_to_end(&mut self, bound: Duration) -> String {
        let read = async {
            let mut seen = Vec::new();
            drop(self.stream.read_to_end(&mut seen).await);
            String::from_utf8_lossy(&seen).into_owned()
        };
        within("the connection to close", bound, read).await
    }
}
