//! Whether publishing is safe: what the store's self-test found, asked again until it is known.
//! Until then nothing that is published is written, neither for a caller nor by a poll.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use ochre_model::Chain;
use ochre_store::{ComponentStore, ProbeError};
use tokio::sync::Mutex;

/// Longest self-test that the start of a node waits for.
const FIRST_TEST: Duration = Duration::from_secs(3);

/// Shortest and longest time between two self-tests of a store that did not answer.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What is known of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteState {
    /// It keeps conditional writes apart.
    Safe,
    /// It did not answer yet; the test goes on.
    Unknown,
    /// It does not; the text says what to do.
    Unsafe(String),
    /// Nothing is to be written: the node serves from a replica. The text says what to do.
    ReadOnly(String),
}

/// The answer of the self-test, shared by all who ask.
#[derive(Debug)]
pub struct WriteGate {
    state: ArcSwap<WriteState>,
    /// Held by the test that runs.
    testing: Mutex<()>,
}

// === impl WriteGate ===

impl WriteGate {
    /// Tests the store once, for a bounded time, and holds its writes until it has passed. A store
    /// that is only read is not tested: changes are made at `primary`.
    pub async fn test(store: &ComponentStore, primary: Option<&str>) -> Arc<Self> {
        if store.is_read_only() {
            let primary = primary.unwrap_or("the registry that it is a replica of");
            let text = format!("this registry is read-only: publish to {primary}");
            return Arc::new(Self {
                state: ArcSwap::from_pointee(WriteState::ReadOnly(text)),
                testing: Mutex::default(),
            });
        }
        store.hold_writes();
        let gate = Arc::new(Self {
            state: ArcSwap::from_pointee(WriteState::Unknown),
            testing: Mutex::default(),
        });
        // A task of its own: one that is not waited for any longer still cleans up behind itself.
        let first = tokio::spawn({
            let (gate, store) = (Arc::clone(&gate), store.clone());
            async move { gate.ask(&store).await }
        });
        if tokio::time::timeout(FIRST_TEST, first).await.is_err() {
            tracing::error!("the store's self-test did not end in time; publishing waits for it");
        }
        gate
    }

    /// Tests the store until it is known, then ends.
    pub async fn settle(self: Arc<Self>, store: ComponentStore) {
        let (mut pause, longest) = RETRY_AFTER;
        while *self.state() == WriteState::Unknown {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
            self.ask(&store).await;
        }
    }

    /// What is known now.
    pub fn state(&self) -> Arc<WriteState> {
        self.state.load_full()
    }

    async fn ask(&self, store: &ComponentStore) {
        let _testing = self.testing.lock().await;
        if *self.state() != WriteState::Unknown {
            return;
        }
        let state = match store.probe().await {
            Ok(()) => {
                tracing::info!("the store passed its self-test: releases can be published");
                store.release_writes();
                WriteState::Safe
            }
            // A race that nobody won proves nothing: its objects may have been taken away.
            Err(
                error @ (ProbeError::Unavailable(_)
                | ProbeError::Lock(_)
                | ProbeError::Race { winners: 0 }),
            ) => {
                tracing::warn!(error = %Chain(&error), "the store could not be tested yet");
                WriteState::Unknown
            }
            Err(error) => {
                tracing::error!(
                    error = %Chain(&error),
                    "the store failed its self-test: components are served, publishing is refused"
                );
                WriteState::Unsafe(error.to_string())
            }
        };
        self.state.store(Arc::new(state));
    }
}
