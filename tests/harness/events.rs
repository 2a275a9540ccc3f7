//! Reads a stream of server-sent events.

use std::time::Duration;

use serde_json::Value;

use crate::{TestRegistry, within};

/// How long a stream may be read.
const STREAM_TIMEOUT: Duration = Duration::from_mins(10);

/// How long an event may take.
const EVENT_BOUND: Duration = Duration::from_secs(45);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct SentEvent {
    /// The `event` field.
    pub kind: String,
    /// The `data` field.
    pub data: Value,
}

/// An open stream of events.
#[derive(Debug)]
pub struct EventReader {
    response: reqwest::Response,
    read: String,
    /// Id of the last event, as a browser would send it when it comes back.
    pub last_id: String,
    /// Comments seen: signs of life.
    pub comments: usize,
}

impl EventReader {
    /// Opens a stream, and reads its first event.
    pub async fn open(registry: &TestRegistry, path: &str) -> Self {
        Self::open_after(registry, path, "").await
    }

    /// Opens a stream after the event of an id.
    pub async fn open_after(registry: &TestRegistry, path: &str, last_id: &str) -> Self {
        let mut request = registry.request("GET", path).timeout(STREAM_TIMEOUT);
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let response = request.send().await.expect("the stream answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self {
            response,
            read: String::new(),
            last_id: last_id.to_owned(),
            comments: 0,
        };
        let hello = reader.next().await.expect("the stream begins");
        assert_eq!(hello.kind, "hello");
        reader
    }

    /// The next event; none when the stream has ended.
    pub async fn next(&mut self) -> Option<SentEvent> {
        within("the next event", EVENT_BOUND, self.read_event()).await
    }

    /// The next event as `kind name@version`; fails the test when the stream has ended.
    pub async fn next_release(&mut self) -> String {
        let event = self.next().await.expect("the stream goes on");
        let text = |key: &str| event.data[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}@{}", event.kind, text("name"), text("version"))
    }

    /// Waits for a comment in a stream where nothing happens.
    pub async fn sign_of_life(&mut self) {
        let seen = self.comments;
        let read = async {
            while self.comments == seen {
                let chunk = self.response.chunk().await.ok().flatten();
                let chunk = chunk.expect("the stream goes on");
                let text = String::from_utf8_lossy(&chunk).into_owned();
                self.comments += text.lines().filter(|line| line.starts_with(':')).count();
            }
        };
        within("a sign of life", EVENT_BOUND, read).await;
    }

    async fn read_event(&mut self) -> Option<SentEvent> {
        loop {
            while let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                if let Some(event) = self.take(&block) {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.read.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    fn take(&mut self, block: &str) -> Option<SentEvent> {
        let (mut kind, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut kind),
                Some(("data", value)) => data = serde_json::from_str(value).ok(),
                Some(("id", value)) => value.clone_into(&mut self.last_id),
                _ if line.starts_with(':') => self.comments += 1,
                _ => {}
            }
        }
        data.map(|data| SentEvent { kind, data })
    }
}
