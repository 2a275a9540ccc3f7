//! The connection to Redis: one, for messages in both directions, made again for ever.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ochre_store::{Digest, StoreSettings};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo, PushKind,
    RedisError, TlsCertificates, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior},
};

use super::{RedisSettings, Shared, WakeUpError, hints::Hints};

/// Shortest and longest pause before the next connection.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A connection that held this long was good.
const HELD: Duration = Duration::from_secs(10);

/// How often a silent connection is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Digits of the digest in the channel's name.
const DIGITS: usize = 16;

/// Where Redis is, and on which channel the nodes of one store talk.
pub(super) struct Link {
    client: Client,
    channel: String,
    timeout: Duration,
}

/// Why a connection is there no longer.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("connection was closed")]
    Closed,
    #[error("no answer in time")]
    Silent,
    #[error("node ends")]
    Ended,
}

// === impl Link ===

impl Link {
    pub(super) fn new(
        settings: &RedisSettings,
        storage: &StoreSettings,
    ) -> Result<Option<Self>, WakeUpError> {
        let Some(url) = &settings.url else {
            return Ok(None);
        };
        let info = url.expose().into_connection_info();
        let info = info.map_err(WakeUpError::Address)?;
        // Messages and answers come on one connection, which older protocols cannot do.
        let redis = info.redis_settings().clone();
        let info = info.set_redis_settings(redis.set_protocol(ProtocolVersion::RESP3));
        let client = match &settings.ca_file {
            None => Client::open(info),
            Some(file) => {
                let pem = std::fs::read(file).map_err(WakeUpError::Certificates)?;
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(pem),
                };
                Client::build_with_tls(info, certificates)
            }
        };
        Ok(Some(Self {
            client: client.map_err(WakeUpError::Address)?,
            channel: channel(&settings.channel, storage),
            timeout: settings.timeout,
        }))
    }

    /// Connects and subscribes; messages go to `hints`, the end of the connection to `lost`.
    async fn connect(
        &self,
        hints: &Arc<Hints>,
        lost: &Arc<Notify>,
    ) -> Result<MultiplexedConnection, LinkError> {
        let (hints, lost) = (Arc::clone(hints), Arc::clone(lost));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Message => take(&hints, &push.data),
                    PushKind::Disconnection => lost.notify_one(),
                    _ => {}
                }
                Ok::<(), Infallible>(())
            });
        let connecting = async {
            let connecting = self
                .client
                .get_multiplexed_async_connection_with_config(&config);
            let mut connection = connecting.await?;
            connection.subscribe(&self.channel).await?;
            Ok(connection)
        };
        // Each step has its bound; this one is for all of them, resolving the name included.
        tokio::time::timeout(self.timeout * 4, connecting)
            .await
            .unwrap_or(Err(LinkError::Silent))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the client: its address may hold a password.
        formatter
            .debug_struct("Link")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// Connects for ever, with longer pauses as long as it is in vain.
    pub(super) async fn keep_linked(&self) {
        let mut newest = self.watch.newest();
        let mut announced = None;
        let mut pause = PAUSES.0;
        let mut was_told = false;
        loop {
            let started = Instant::now();
            let Err(error) = self.talk(&mut newest, &mut announced).await;
            if matches!(error, LinkError::Ended) {
                return;
            }
            let was_connected = self.counters.connected.swap(false, Ordering::Relaxed);
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            if was_connected || !was_told {
                was_told = true;
                tracing::warn!(
                    %error,
                    "Redis is not connected: other nodes' changes are seen by polling alone"
                );
            }
            if started.elapsed() >= HELD {
                pause = PAUSES.0;
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Connects, and talks as long as the connection lives.
    async fn talk(
        &self,
        newest: &mut watch::Receiver<u64>,
        announced: &mut Option<u64>,
    ) -> Result<Infallible, LinkError> {
        let lost = Arc::new(Notify::new());
        let mut connection = self.link.connect(&self.hints, &lost).await?;
        self.counters.connected.store(true, Ordering::Relaxed);
        tracing::info!(channel = %self.link.channel, "Redis is connected");
        self.hints.gap();
        let mut pings = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let generation = *newest.borrow_and_update();
            if *announced != Some(generation) {
                self.announce(&mut connection, generation).await?;
                *announced = Some(generation);
            }
            tokio::select! {
                () = lost.notified() => return Err(LinkError::Closed),
                changed = newest.changed() => changed.map_err(|_| LinkError::Ended)?,
                _ = pings.tick() => redis::cmd("PING").exec_async(&mut connection).await?,
            }
        }
    }

    /// Tells the other nodes, unless one of them has told it.
    async fn announce(
        &self,
        connection: &mut MultiplexedConnection,
        generation: u64,
    ) -> Result<(), LinkError> {
        if generation == 0 || self.hints.has_heard(generation) {
            return Ok(());
        }
        let mut message = redis::cmd("PUBLISH");
        message.arg(&self.link.channel).arg(generation);
        message.exec_async(connection).await?;
        self.counters.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A message is the name of the channel and a text.
fn take(hints: &Hints, data: &[Value]) {
    match data {
        [_, Value::BulkString(payload)] => hints.message(payload),
        _ => hints.foreign(),
    }
}

/// A channel for the nodes of one store, however they reach it.
fn channel(prefix: &str, storage: &StoreSettings) -> String {
    let digest = Digest::of(storage.place().to_string().as_bytes()).to_string();
    format!("{prefix}:{digest:.DIGITS$}")
}

#[cfg(test)]
mod tests {
    use ochre_store::Backend;

    use super::*;

    #[test]
    fn nodes_of_one_store_share_a_channel_and_others_do_not() {
        let bucket = |bucket: &str, dir: &str, endpoint: Option<&str>| {
            let storage = StoreSettings {
                backend: Backend::S3,
                bucket: bucket.to_owned(),
                components_dir: dir.to_owned(),
                endpoint: endpoint.map(str::to_owned),
                ..StoreSettings::default()
            };
            channel("ochre", &storage)
        };
        let here = bucket("a", "components", None);
        assert!(here.starts_with("ochre:"));
        assert_eq!(here, bucket("a", "components/", Some("http://elsewhere")));
        assert_ne!(here, bucket("b", "components", None));
        assert_ne!(here, bucket("a", "other", None));
    }
}
