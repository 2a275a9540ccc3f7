//! Tells a webhook which cache keys have changed, with a signature.
//!
//! `POST` of JSON. The header [`TIMESTAMP_HEADER`] holds seconds since 1970, [`SIGNATURE_HEADER`]
//! `v1=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the body.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ochre_model::{Chain, Clock, ComponentId, ComponentName};
use reqwest::{Client, header::CONTENT_TYPE, redirect::Policy};
use ring::hmac;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{MirrorMetrics, PurgeSettings};

/// Header with the time of the message.
const TIMESTAMP_HEADER: &str = "ochre-timestamp";

/// Header with the signature.
const SIGNATURE_HEADER: &str = "ochre-signature";

/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Collects changed keys and delivers them, beside the mirror.
#[derive(Debug)]
pub struct Purge {
    settings: PurgeSettings,
    url: String,
    key: hmac::Key,
    client: Client,
    clock: Arc<dyn Clock>,
    metrics: Arc<MirrorMetrics>,
    waiting: Mutex<Waiting>,
    /// How many keys wait or are being delivered.
    open: watch::Sender<usize>,
}

/// What the receiver gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    /// Tells messages apart; the same for all attempts to deliver one.
    id: String,
    /// Whether every key has to be purged: more have changed than could be kept.
    all: bool,
    /// Changed keys, as in `Surrogate-Key` and `Cache-Tag`: names, and `name@version`.
    keys: Vec<String>,
}

/// The webhook cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("HTTP client of `purge.url` cannot be built")]
pub struct PurgeError(#[source] reqwest::Error);

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<String>,
    known: BTreeSet<String>,
    all: bool,
}

// === impl Purge ===

impl Purge {
    /// A queue for the webhook, if there is one. Messages go once it is [run](Self::run).
    ///
    /// # Errors
    ///
    /// [`PurgeError`].
    pub fn new(
        settings: &PurgeSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<MirrorMetrics>,
    ) -> Result<Option<Arc<Self>>, PurgeError> {
        let Some(url) = settings.url.clone() else {
            return Ok(None);
        };
        // One TLS provider for the process; one that is set already stays.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(Policy::none())
            .user_agent(concat!("ochre-cdn-sync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(PurgeError)?;
        let secret = settings
            .secret
            .as_ref()
            .map_or("", |secret| secret.expose());
        Ok(Some(Arc::new(Self {
            url,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            settings: settings.clone(),
            client,
            clock,
            metrics,
            waiting: Mutex::default(),
            open: watch::Sender::new(0),
        })))
    }

    /// Has the keys of releases purged. Never waits; a full queue becomes one message that asks
    /// for everything.
    pub fn changed(&self, ids: &[ComponentId]) {
        self.add(
            ids.iter()
                .flat_map(|id| [id.name.to_string(), id.to_string()]),
        );
    }

    /// Has the keys of components purged, as [`Purge::changed`].
    pub fn changed_names(&self, names: &BTreeSet<ComponentName>) {
        self.add(names.iter().map(ToString::to_string));
    }

    fn add(&self, keys: impl Iterator<Item = String>) {
        let mut waiting = self.waiting();
        keys.for_each(|key| waiting.add(key));
        if waiting.order.len() > self.settings.queue {
            *waiting = Waiting {
                all: true,
                ..Waiting::default()
            };
        }
        let count = waiting.len();
        drop(waiting);
        self.open.send_modify(|open| *open = (*open).max(count));
    }

    /// Delivers what waits until cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let work = async {
            let mut open = self.open.subscribe();
            loop {
                while let Some(message) = self.next_message() {
                    let delivered = self.deliver(&message).await;
                    self.metrics.purged(delivered);
                }
                self.settle();
                // The sender lives as long as this.
                let _ = open.wait_for(|open| *open > 0).await;
            }
        };
        let _ = stop.run_until_cancelled(work).await;
    }

    /// Waits until nothing waits any more, at most for `bound`; false when something still does.
    pub async fn drain(&self, bound: Duration) -> bool {
        let mut open = self.open.subscribe();
        let drained = open.wait_for(|open| *open == 0);
        tokio::time::timeout(bound, drained).await.is_ok()
    }

    /// Everything was delivered, unless something came meanwhile.
    fn settle(&self) {
        let waiting = self.waiting();
        self.open.send_replace(waiting.len());
    }

    fn next_message(&self) -> Option<Message> {
        let mut waiting = self.waiting();
        if waiting.len() == 0 {
            return None;
        }
        let batch = self.settings.batch.min(waiting.order.len());
        let keys: Vec<String> = waiting.order.drain(..batch).collect();
        for key in &keys {
            waiting.known.remove(key);
        }
        Some(Message {
            id: uuid::Uuid::new_v4().to_string(),
            all: std::mem::take(&mut waiting.all),
            keys,
        })
    }

    async fn deliver(&self, message: &Message) -> bool {
        let mut pause = Duration::from_millis(500);
        let body = serde_json::to_string(message).unwrap_or_default();
        for attempt in 1..=self.settings.attempts {
            match self.post(&body).await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(
                    attempt,
                    event.id = %message.id,
                    error,
                    "the purge webhook was not reached"
                ),
            }
            if attempt < self.settings.attempts {
                tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        tracing::error!(
            event.id = %message.id,
            "gave up telling the purge webhook of {} keys: caches may hold old answers",
            message.keys.len()
        );
        false
    }

    async fn post(&self, body: &str) -> Result<(), String> {
        let timestamp = self.clock.now_ms() / 1000;
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP_HEADER, timestamp)
            .header(SIGNATURE_HEADER, signature(&self.key, timestamp, body))
            .body(body.to_owned());
        let answer = request
            .send()
            .await
            // The address may hold a secret.
            .map_err(|error| Chain(&error.without_url()).to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status()))
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    fn add(&mut self, key: String) {
        if !self.all && self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
    }

    fn len(&self) -> usize {
        self.order.len() + usize::from(self.all)
    }
}

/// The signature of a message: `v1=` and 64 hexadecimal digits.
fn signature(key: &hmac::Key, timestamp: u64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{timestamp}.{body}").as_bytes());
    format!("v1={}", hex::encode(tag))
}

#[cfg(test)]
mod tests {
    use ochre_model::SystemClock;
    use ochre_store::{Secret, contract::id};
    use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

    use super::*;

    const SECRET: &str = "a secret of some length";

    fn purge(url: String, queue: usize) -> Arc<Purge> {
        let settings = PurgeSettings {
            url: Some(url),
            secret: Some(Secret::new(SECRET)),
            queue,
            ..PurgeSettings::default()
        };
        let metrics = Arc::new(MirrorMetrics::new().unwrap());
        let purge = Purge::new(&settings, Arc::new(SystemClock), metrics).unwrap();
        purge.unwrap()
    }

    /// As a receiver checks it.
    fn message(request: &Request) -> Message {
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let body = std::str::from_utf8(&request.body).unwrap();
        let signed = format!("{}.{body}", header(TIMESTAMP_HEADER));
        let tag = header(SIGNATURE_HEADER);
        let tag = hex::decode(tag.strip_prefix("v1=").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
        serde_json::from_str(body).unwrap()
    }

    #[tokio::test]
    async fn changed_keys_are_posted_with_a_signature_and_repeated_until_taken() {
        let server = MockServer::start().await;
        let failing = Mock::given(method("POST")).respond_with(ResponseTemplate::new(500));
        failing.up_to_n_times(1).mount(&server).await;
        let taken = Mock::given(method("POST")).respond_with(ResponseTemplate::new(204));
        taken.mount(&server).await;
        let purge = purge(server.uri(), 100);
        purge.changed(&[id("a", "1.0.0"), id("a", "1.1.0")]);
        let stop = CancellationToken::new();
        let (running, ended) = (Arc::clone(&purge), stop.clone());
        let task = tokio::spawn(async move { running.run(ended).await });

        assert!(purge.drain(Duration::from_mins(1)).await);
        stop.cancel();
        task.await.unwrap();

        let requests = server.received_requests().await.unwrap();
        let messages: Vec<Message> = requests.iter().map(message).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0], messages[1]);
        assert_eq!(messages[0].keys, ["a", "a@1.0.0", "a@1.1.0"]);
        assert!(!messages[0].all);
    }

    #[tokio::test]
    async fn a_full_queue_asks_for_everything() {
        let purge = purge("http://127.0.0.1:9/".to_owned(), 3);
        purge.changed(&[id("a", "1.0.0"), id("b", "1.1.0")]);
        purge.changed(&[id("c", "1.0.0")]);
        let message = purge.next_message().unwrap();
        assert!(message.all && message.keys.is_empty());
        assert_eq!(purge.next_message(), None);
    }
}
