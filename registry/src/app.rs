//! The one composition root: builds every part from the settings, binds, serves, drains.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use ochre_cdn_sync::{Feed, Lookup, WakeUp, WakeUpError, Watch};
use ochre_model::{Chain, Clock, SystemClock};
use ochre_store::{Backend, Catalog, ComponentStore, OpenError, StoreSettings};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assembly::{self, AssemblyError, Ground, Parts, Replica, assemble},
    directory::{self, DescribeParts},
    drivers,
    metrics::Metrics,
    packs::Packs,
    plugins::{self, PluginError},
    samples, server,
    settings::Settings,
    tasks::{self, TaskParts},
    write_gate::WriteGate,
};

/// Longest wait for the first read of the manifest before the node serves without it.
const FIRST_READ: Duration = Duration::from_secs(3);

/// Polls of the manifest for each look at the template packs in the store.
const PACKS_POLLS: u32 = 4;

/// A node, bound and ready to serve.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    parts: Parts,
    settings: Settings,
    samples: Vec<String>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The address is in use, or not this machine's.
    #[error("cannot listen on {address}: choose another address with --listen or `http.listen`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("store cannot be opened")]
    Store(#[source] Box<OpenError>),
    /// The engine cannot be started.
    #[error("JavaScript engine cannot be started")]
    Engine(#[from] drivers::StartError),
    /// A part cannot be built from its settings.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The wake-up cannot be set up.
    #[error("wake-up cannot be used")]
    WakeUp(#[from] WakeUpError),
    /// A plugin cannot be used.
    #[error("plugins cannot be used")]
    Plugins(#[from] PluginError),
    /// Metric families clash.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

// === impl App ===

impl App {
    /// Builds every part, binds the listener and reads the manifest once.
    ///
    /// # Errors
    ///
    /// [`BuildError`]. A store that does not answer is no error: the node starts, and is not ready
    /// until it does.
    pub async fn build(settings: Settings) -> Result<Self, BuildError> {
        let address = settings.http.listen;
        let listener =
            TcpListener::bind(address).map_err(|source| BuildError::Bind { address, source })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
        let store = open(&settings, &clock, &metrics)
            .map_err(Box::new)
            .map_err(BuildError::Store)?;
        let plugins = plugins::load(&settings).await?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (replica, begun) = follow(&store, &settings)?;
        // Before the first poll, which may write already what other registries have published.
        let gate = WriteGate::test(&store, settings.publish.primary_url.as_deref()).await;
        replicate(&replica, begun, (&tasks, &stop)).await;
        let driver = drivers::start(&settings.engine).await?;
        let parts = assemble(Ground {
            settings: &settings,
            replica: &replica,
            plugins,
            driver,
            store,
            clock,
            metrics,
            gate,
        })?;
        let task_parts = TaskParts {
            watch: replica.watch.clone(),
            feed: replica.watch.feed().clone(),
            catalog: Arc::clone(&replica.catalog),
            store: parts.store.clone(),
            releases: Arc::clone(&parts.releases),
            packs: Arc::clone(&parts.packs),
            own: Arc::clone(&parts.own),
            metrics: Arc::clone(&parts.metrics),
            gate: Arc::clone(&parts.gate),
        };
        tasks::start(
            task_parts,
            (
                settings.sync.poll_interval * PACKS_POLLS,
                settings.tasks.reconcile_interval,
            ),
            (&tasks, &stop),
        );
        if settings.discovery.ui {
            let describing = directory::run(DescribeParts {
                directory: Arc::clone(&parts.directory),
                store: parts.store.clone(),
                watch: replica.watch.clone(),
            });
            tasks.spawn(stop.clone().run_until_cancelled_owned(describing));
        }
        let samples = publish_samples(&settings, &replica, &parts).await;
        Ok(Self {
            listener,
            parts,
            settings,
            samples,
            stop,
            tasks,
        })
    }

    /// Serves until `signal` is there, then drains: readiness first, requests in flight, publishes.
    ///
    /// # Errors
    ///
    /// When the server cannot be started or fails.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> io::Result<()> {
        let Self {
            listener,
            parts,
            settings,
            samples,
            stop,
            tasks,
        } = self;
        let http = &settings.http;
        let server = server::start(listener, &parts, &settings)?;
        let handle = server.handle();
        let url = http.public_url();
        tracing::info!("listening on {}, answering as {url}", http.listen);
        if settings.lets_anyone_publish() {
            tracing::warn!("anyone who reaches this node may publish: set `auth.logins`");
        }
        for name in samples {
            tracing::info!("published the sample component {name}: try curl {url}{name}");
        }
        let drain = async {
            signal.await;
            tracing::info!("stopping: no new requests, those in flight are finished");
            parts.readiness.drain();
            parts.events.end();
            tokio::time::sleep(http.drain_delay).await;
            handle.stop(true).await;
        };
        // A server that fails ends by itself, without a signal.
        let mut server = std::pin::pin!(server);
        let served = tokio::select! {
            served = &mut server => served,
            () = drain => server.await,
        };
        if !parts.store.committer().drain(http.shutdown_timeout).await {
            tracing::error!("a publish did not finish in time; another node will finish it");
        }
        stop.cancel();
        tasks.wait().await;
        tracing::info!("stopped");
        served
    }
}

/// Tries what a node of `settings` takes from its machine: plugins, Node, certificates of Redis.
///
/// # Errors
///
/// [`BuildError`], as the node itself would fail at start.
pub async fn check(settings: &Settings) -> Result<(), BuildError> {
    plugins::load(settings).await?;
    drivers::check(&settings.engine).await?;
    WakeUp::check(&settings.redis, &settings.storage)?;
    Ok(())
}

/// The store of `settings`, for an operator's command.
///
/// # Errors
///
/// When it cannot be opened.
pub fn store(settings: &Settings) -> anyhow::Result<ComponentStore> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
    Ok(open(settings, &clock, &metrics)?)
}

/// The template packs of the store of `settings`.
///
/// # Errors
///
/// When the store cannot be opened.
pub fn packs(settings: &Settings) -> anyhow::Result<Packs> {
    Ok(assembly::packs(settings, &store(settings)?))
}

fn open(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<ComponentStore, OpenError> {
    // One TLS provider for the process; a second app in it finds the first one's.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let observer = Arc::clone(metrics) as Arc<dyn ochre_store::StoreObserver>;
    let store = ComponentStore::open(&settings.storage, Arc::clone(clock), Some(observer))?;
    let Some(origin) = &settings.origin else {
        return Ok(store);
    };
    let reading = StoreSettings {
        read_only: true,
        ..origin.clone()
    };
    let reading = ComponentStore::open(&reading, Arc::clone(clock), None)?;
    Ok(store.with_origin(reading, origin.retry_timeout))
}

/// What is to be followed, and the task that reads what can be read before anything is written.
fn follow(
    store: &ComponentStore,
    settings: &Settings,
) -> Result<(Replica, JoinHandle<()>), WakeUpError> {
    let catalog = Arc::new(Catalog::default());
    let watch = Watch::new(
        store.clone(),
        Arc::clone(&catalog),
        Feed::with_capacity(settings.events.history),
        &settings.sync,
    );
    let lookup = Lookup::new(store.clone(), watch.clone(), &settings.sync);
    let following = (watch.clone(), settings.sync.poll_interval);
    let wakeup = WakeUp::new(&settings.redis, &settings.storage, following)?;
    let beginning = watch.clone();
    let begun = tokio::spawn(async move { beginning.begin().await });
    let replica = Replica {
        catalog,
        watch,
        lookup,
        wakeup,
    };
    Ok((replica, begun))
}

/// Follows the shared manifest, and waits until there is something to serve.
async fn replicate(
    replica: &Replica,
    begun: JoinHandle<()>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) {
    let (watch, stopped) = (replica.watch.clone(), stop.clone());
    let first_poll = watch.polled();
    tasks.spawn(async move {
        // One that panicked leaves everything to the first poll.
        let _ = begun.await;
        watch.run(stopped).await;
    });
    let first = async {
        tokio::select! {
            loaded = replica.watch.loaded() => loaded,
            polled = first_poll => polled,
        }
    };
    match tokio::time::timeout(FIRST_READ, first).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "the shared manifest could not be read yet");
        }
        Err(_) => tracing::error!("the shared manifest was not read in time; trying on"),
    }
    if let Some(waking) = replica.wakeup.clone() {
        let stopped = stop.clone();
        tasks.spawn(async move { waking.run(stopped).await });
    }
}

/// Publishes the samples into an empty local folder, and gives their names.
async fn publish_samples(settings: &Settings, replica: &Replica, parts: &Parts) -> Vec<String> {
    let is_folder = settings.storage.backend == Backend::Folder;
    // Not yet read is not empty.
    let is_empty = replica.watch.status().loaded && replica.catalog.load().is_empty();
    let is_written = !settings.storage.read_only;
    if settings.samples.publish && is_folder && is_written && is_empty {
        samples::publish(&parts.publisher).await
    } else {
        Vec::new()
    }
}
