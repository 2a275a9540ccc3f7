//! The one composition root: builds every part from the settings, binds, serves, drains.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use ochre_cdn_sync::{Feed, Lookup, Watch};
use ochre_engine::driver::Driver;
use ochre_model::{Clock, SystemClock, Version};
use ochre_store::{Backend, Catalog, ComponentStore, OpenError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assets::Assets,
    auth::Authenticator,
    directory::{self, DescribeParts, Directory},
    discovery::Discovery,
    drivers,
    egress::Egress,
    externals::Externals,
    fallback::Fallback,
    metrics::Metrics,
    packs::Packs,
    plugins::{self, PluginError, Plugins},
    public_path::PublicPaths,
    publish::{Publisher, PublisherParts},
    readiness::Readiness,
    release::{Releases, ReleasesConfig},
    render::{RenderOptions, RenderParts, Renderer},
    samples, server,
    settings::Settings,
    tasks::{self, TaskParts},
    telemetry::Chain,
    ui::{Ui, UiParts},
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
    /// The HTTP client of `fetch` cannot be built.
    #[error("HTTP client cannot be built")]
    Egress(#[from] reqwest::Error),
    /// A setting that passed its check after all cannot be used.
    #[error("`http.oc_version` is no version")]
    OcVersion(#[from] ochre_model::VersionError),
    /// A plugin cannot be used.
    #[error("plugins cannot be used")]
    Plugins(#[from] PluginError),
    /// Metric families clash.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Everything that handlers use, each as its own `web::Data`.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) store: ComponentStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) releases: Arc<Releases>,
    pub(crate) renderer: Arc<Renderer>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) externals: Arc<Externals>,
    pub(crate) packs: Arc<Packs>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ui: Arc<Ui>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) gate: Arc<WriteGate>,
}

/// What is followed and kept of the store.
struct Replica {
    catalog: Arc<Catalog>,
    watch: Watch,
    lookup: Lookup,
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
        // In this order: the first poll may write already what other registries have published.
        let gate = WriteGate::test(&store).await;
        let replica = replicate(&store, &settings, (&tasks, &stop)).await;
        let driver = drivers::start(&settings.engine).await?;
        let built = (store, clock, metrics, gate);
        let parts = assemble(&settings, (&replica, &plugins, driver), built)?;
        let task_parts = TaskParts {
            watch: replica.watch.clone(),
            feed: replica.watch.feed().clone(),
            catalog: Arc::clone(&replica.catalog),
            store: parts.store.clone(),
            releases: Arc::clone(&parts.releases),
            packs: Arc::clone(&parts.packs),
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
                feed: replica.watch.feed().clone(),
            });
            tasks.spawn(stop.clone().run_until_cancelled_owned(describing));
        }
        let samples = publish_samples(&settings, &replica.catalog, &parts).await;
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
        for name in samples {
            tracing::info!("published the sample component {name}: try curl {url}{name}");
        }
        let drain = async {
            signal.await;
            tracing::info!("stopping: no new requests, those in flight are finished");
            parts.readiness.drain();
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

/// The template packs of the store of `settings`.
///
/// # Errors
///
/// When the store cannot be opened.
pub fn packs(settings: &Settings) -> anyhow::Result<Packs> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
    let store = open(settings, &clock, &metrics)?;
    Ok(new_packs(settings, &store))
}

fn new_packs(settings: &Settings, store: &ComponentStore) -> Packs {
    let url = settings.http.public_url();
    Packs::new(store.clone(), settings.templates.clone(), &url)
}

fn new_assets(
    settings: &Settings,
    replica: &Replica,
    store: &ComponentStore,
    metrics: &Arc<Metrics>,
) -> Assets {
    Assets::new(
        (
            store.clone(),
            Arc::clone(&replica.catalog),
            replica.lookup.clone(),
        ),
        (
            settings.cache.assets.as_u64(),
            settings.storage.retry_timeout,
        ),
        Arc::clone(metrics),
    )
}

/// Puts the use-cases together.
fn assemble(
    settings: &Settings,
    (replica, plugins, driver): (&Replica, &Plugins, Arc<dyn Driver>),
    (store, clock, metrics, gate): (ComponentStore, Arc<dyn Clock>, Arc<Metrics>, Arc<WriteGate>),
) -> Result<Parts, BuildError> {
    let packs = Arc::new(new_packs(settings, &store));
    let releases = Arc::new(Releases::new(releases_config(
        settings,
        (&store, &packs),
        plugins,
        &metrics,
    )));
    let render_parts = RenderParts {
        watch: replica.watch.clone(),
        lookup: replica.lookup.clone(),
        releases: Arc::clone(&releases),
        driver: Arc::clone(&driver),
        packs: Arc::clone(&packs),
        egress: Egress::new(&settings.fetch)?,
        fallback: Fallback::new(&settings.fallback, &settings.http.public_url())?,
        metrics: Arc::clone(&metrics),
    };
    let options = render_options(settings, store.kind())?;
    let renderer = Arc::new(Renderer::new(render_parts, options));
    let assets = Arc::new(new_assets(settings, replica, &store, &metrics));
    let publisher = Publisher::new(
        PublisherParts {
            store: store.clone(),
            watch: replica.watch.clone(),
            assets: Arc::clone(&assets),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            oc_version: settings.http.oc_version.parse()?,
            gate: Arc::clone(&gate),
        },
        settings.publish.clone(),
    );
    let discovery = discovery(settings, replica, (&releases, &renderer));
    let (directory, ui) = pages(
        settings,
        replica,
        (Arc::clone(&renderer), Arc::clone(&packs)),
    );
    let readiness = Readiness::new(
        (replica.watch.clone(), driver),
        Arc::clone(&clock),
        Arc::clone(&gate),
    );
    Ok(Parts {
        store,
        clock,
        metrics,
        releases,
        renderer,
        publisher: Arc::new(publisher),
        assets,
        externals: Arc::new(Externals::new(Arc::clone(&packs))),
        packs,
        discovery: Arc::new(discovery),
        directory,
        ui,
        readiness: Arc::new(readiness),
        authenticator: Arc::new(Authenticator::new(&settings.auth)),
        gate,
    })
}

fn discovery(
    settings: &Settings,
    replica: &Replica,
    (releases, renderer): (&Arc<Releases>, &Arc<Renderer>),
) -> Discovery {
    let discovery = Discovery::new(
        replica.watch.clone(),
        Arc::clone(releases),
        Arc::clone(renderer),
        (settings.discovery.clone(), settings.http.oc_version.clone()),
    );
    discovery.with_dependencies(drivers::dependencies(&settings.engine))
}

/// What the pages list, and the pages.
fn pages(
    settings: &Settings,
    replica: &Replica,
    (renderer, packs): (Arc<Renderer>, Arc<Packs>),
) -> (Arc<Directory>, Arc<Ui>) {
    let directory = Arc::new(Directory::new(
        Arc::clone(&replica.catalog),
        settings.discovery.experimental,
    ));
    let ui = Ui::new(UiParts {
        watch: replica.watch.clone(),
        directory: Arc::clone(&directory),
        renderer,
        packs,
        robots: settings.discovery.robots,
        oc_version: settings.http.oc_version.clone(),
    });
    (directory, Arc::new(ui))
}

fn open(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<ComponentStore, OpenError> {
    // One TLS provider for the process; a second app in it finds the first one's.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let observer = Arc::clone(metrics) as Arc<dyn ochre_store::StoreObserver>;
    ComponentStore::open(&settings.storage, Arc::clone(clock), Some(observer))
}

/// Follows the shared manifest, and waits until it was read once.
async fn replicate(
    store: &ComponentStore,
    settings: &Settings,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Replica {
    let catalog = Arc::new(Catalog::default());
    let watch = Watch::new(
        store.clone(),
        Arc::clone(&catalog),
        Feed::new(),
        &settings.sync,
    );
    let lookup = Lookup::new(store.clone(), watch.clone(), &settings.sync);
    let (polling, stop) = (watch.clone(), stop.clone());
    tasks.spawn(async move { polling.run(stop).await });
    let first = tokio::time::timeout(FIRST_READ, watch.refresh()).await;
    match first {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "the shared manifest could not be read yet");
        }
        Err(_) => tracing::error!("the shared manifest was not read in time; trying on"),
    }
    Replica {
        catalog,
        watch,
        lookup,
    }
}

fn releases_config(
    settings: &Settings,
    (store, packs): (&ComponentStore, &Arc<Packs>),
    plugins: &Plugins,
    metrics: &Arc<Metrics>,
) -> ReleasesConfig {
    ReleasesConfig {
        store: store.clone(),
        packs: Arc::clone(packs),
        paths: PublicPaths::new(
            settings.storage.public_url.as_deref(),
            &settings.storage.components_dir,
            &settings.http.public_url(),
        ),
        environment: settings.render.env.clone(),
        plugins: Arc::clone(plugins),
        concurrency: settings.render.component_concurrency,
        deadline: settings.storage.retry_timeout,
        capacity: settings.cache.releases.as_u64(),
        metrics: Arc::clone(metrics),
    }
}

fn render_options(
    settings: &Settings,
    store_kind: &'static str,
) -> Result<RenderOptions, BuildError> {
    Ok(RenderOptions {
        settings: settings.render.clone(),
        limits: settings.engine.call_limits(),
        base_url: Arc::from(settings.http.public_url()),
        oc_version: settings.http.oc_version.parse::<Version>()?,
        store_kind,
        store_deadline: settings.storage.retry_timeout,
        expose_stacks: settings.errors.expose_stacks,
    })
}

/// Publishes the samples into an empty local folder, and gives their names.
async fn publish_samples(settings: &Settings, catalog: &Catalog, parts: &Parts) -> Vec<String> {
    let is_folder = settings.storage.backend == Backend::Folder;
    if settings.samples.publish && is_folder && catalog.load().is_empty() {
        samples::publish(&parts.publisher).await
    } else {
        Vec::new()
    }
}
