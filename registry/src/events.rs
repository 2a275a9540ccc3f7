//! `~events`: what changes, as server-sent events.
//!
//! Source of the format: the HTML standard, "Server-sent events".

mod stream;
mod text;

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;
use ochre_cdn_sync::{Cursor, Watch};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use self::stream::Writer;
use crate::{served::Served, settings::EventSettings};

/// Pieces of text that wait for a slow reader.
const PIECES: usize = 4;

/// Opens streams of changes, and ends them when the node stops.
#[derive(Debug)]
pub struct Events {
    watch: Watch,
    served: Served,
    settings: EventSettings,
    places: Arc<Semaphore>,
    runtime: Handle,
    ended: CancellationToken,
}

/// Where a reader wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what changes from now on.
    Now,
    /// After the event of this id.
    After(Cursor),
    /// After an event that no node has sent.
    Unknown,
}

/// What one reader wants.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// Where to begin.
    pub start: Start,
    /// Names of components; none means all.
    pub components: BTreeSet<String>,
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many are open as may be.
    #[error("there are as many streams of events as this node allows")]
    Full,
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
    /// Nothing is known yet.
    #[error("the shared manifest was not read yet")]
    NotLoaded,
}

/// The text of a stream; never fails, and ends with the node or when it is not read.
#[derive(Debug)]
pub struct EventStream(mpsc::Receiver<Bytes>);

// === impl Events ===

impl Events {
    /// Streams are written on the tokio runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(watch: Watch, served: Served, settings: EventSettings) -> Self {
        let places = settings.streams_max.min(Semaphore::MAX_PERMITS);
        Self {
            watch,
            served,
            settings,
            places: Arc::new(Semaphore::new(places)),
            runtime: Handle::current(),
            ended: CancellationToken::new(),
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn open(&self, request: StreamRequest) -> Result<EventStream, Refusal> {
        if self.ended.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        if !self.watch.status().loaded {
            return Err(Refusal::NotLoaded);
        }
        let permit = Arc::clone(&self.places).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::Full)?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let writer = Writer {
            watch: self.watch.clone(),
            served: self.served.clone(),
            components: request.components,
            times: (self.settings.heartbeat, self.settings.patience),
            sender,
        };
        let ended = self.ended.clone();
        self.runtime.spawn(async move {
            let _ = ended.run_until_cancelled(writer.run(request.start)).await;
            drop(permit);
        });
        Ok(EventStream(pieces))
    }

    /// How many streams are open.
    pub fn open_count(&self) -> usize {
        let places = self.settings.streams_max.min(Semaphore::MAX_PERMITS);
        places.saturating_sub(self.places.available_permits())
    }

    /// Ends every stream; there will be no more.
    pub fn end(&self) {
        self.ended.cancel();
    }
}

// === impl EventStream ===

impl Stream for EventStream {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
