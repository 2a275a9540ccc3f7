//! Puts the use-cases of a node together from its settings and the ground they stand on.

use std::sync::Arc;

use ochre_cdn_sync::{Lookup, WakeUp, Watch};
use ochre_engine::driver::Driver;
use ochre_model::{Clock, Version};
use ochre_store::{Catalog, ComponentStore};

use crate::{
    assets::Assets,
    auth::Authenticator,
    base_url::BaseUrls,
    browser_client::BrowserClient,
    directory::Directory,
    discovery::Discovery,
    drivers,
    egress::Egress,
    events::Events,
    externals::Externals,
    fallback::Fallback,
    lifecycle::Lifecycle,
    metrics::Metrics,
    oc_client::{OcClient, OcClientError},
    packs::Packs,
    plugins::Plugins,
    public_path::PublicPaths,
    publish::{Publisher, PublisherParts},
    readiness::Readiness,
    release::{Releases, ReleasesConfig},
    render::{RenderOptions, RenderParts, Renderer},
    served::Served,
    settings::{PreloadError, Settings},
    ui::{PreviewOptions, Ui, UiParts},
    write_gate::WriteGate,
};

/// Everything that handlers use, each as its own `web::Data`.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) store: ComponentStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) releases: Arc<Releases>,
    pub(crate) own: Arc<OcClient>,
    pub(crate) renderer: Arc<Renderer>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) externals: Arc<Externals>,
    pub(crate) packs: Arc<Packs>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ui: Arc<Ui>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) gate: Arc<WriteGate>,
    pub(crate) events: Arc<Events>,
    pub(crate) wakeup: Arc<Option<WakeUp>>,
}

/// What is followed and kept of the store.
pub(crate) struct Replica {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) watch: Watch,
    pub(crate) lookup: Lookup,
    pub(crate) wakeup: Option<WakeUp>,
}

/// What was started before the use-cases.
pub(crate) struct Ground<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) replica: &'a Replica,
    pub(crate) plugins: Plugins,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) store: ComponentStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) gate: Arc<WriteGate>,
}

/// Why a part cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// An HTTP client cannot be built.
    #[error("HTTP client cannot be built")]
    Http(#[from] reqwest::Error),
    /// A setting that passed its check after all cannot be used.
    #[error("`http.oc_version` is no version")]
    OcVersion(#[from] ochre_model::VersionError),
    /// The component that the node brings by itself cannot be made.
    #[error("component `oc-client` cannot be made")]
    OcClient(#[from] OcClientError),
    /// What previews run first was readable when the settings were checked.
    #[error("preview pages cannot be made")]
    Preview(#[from] PreloadError),
}

/// Puts the use-cases together.
///
/// # Errors
///
/// [`AssemblyError`].
pub(crate) fn assemble(ground: Ground<'_>) -> Result<Parts, AssemblyError> {
    let packs = Arc::new(packs(ground.settings, &ground.store));
    let own = ground.own_component(&packs)?;
    let releases = Arc::new(Releases::new(ground.releases(&packs, &own)));
    let renderer = Arc::new(ground.renderer((&releases, &packs, &own))?);
    let assets = Arc::new(ground.assets(&releases));
    let publisher = Arc::new(ground.publisher((&assets, &packs))?);
    let directory = Arc::new(Directory::new(
        Arc::clone(&ground.replica.catalog),
        Arc::clone(&own),
        (
            ground.settings.discovery.lists_experimental(),
            Served::new(&ground.settings.render.components),
        ),
    ));
    Ok(Parts {
        ui: Arc::new(ground.ui((&directory, &renderer, &packs))?),
        discovery: Arc::new(ground.discovery(&releases, &renderer)),
        readiness: Arc::new(ground.readiness()),
        events: Arc::new(ground.events()),
        wakeup: Arc::new(ground.replica.wakeup.clone()),
        lifecycle: Arc::new(ground.lifecycle()),
        authenticator: Arc::new(Authenticator::new(&ground.settings.auth)),
        externals: Arc::new(Externals::new(Arc::clone(&packs))),
        store: ground.store,
        clock: ground.clock,
        metrics: ground.metrics,
        gate: ground.gate,
        releases,
        own,
        renderer,
        publisher,
        assets,
        packs,
        directory,
    })
}

/// The template packs in `store`.
pub(crate) fn packs(settings: &Settings, store: &ComponentStore) -> Packs {
    let base_urls = BaseUrls::new(&settings.http);
    Packs::new(store.clone(), settings.templates.clone(), base_urls)
}

// === impl Ground ===

impl Ground<'_> {
    /// The component that the node brings by itself, with the browser client.
    fn own_component(&self, packs: &Arc<Packs>) -> Result<Arc<OcClient>, AssemblyError> {
        let browser = BrowserClient::new(
            self.settings.client.clone(),
            Arc::clone(packs),
            (
                self.settings.templates.serve_externals,
                BaseUrls::new(&self.settings.http),
            ),
        );
        Ok(Arc::new(OcClient::new(self.oc_version()?, browser)?))
    }

    fn releases(&self, packs: &Arc<Packs>, own: &Arc<OcClient>) -> ReleasesConfig {
        let settings = self.settings;
        let base_url = settings.http.public_url();
        let components_dir = &settings.storage.components_dir;
        let public_url = settings.storage.public_url.as_deref();
        ReleasesConfig {
            store: self.store.clone(),
            packs: Arc::clone(packs),
            own: Arc::clone(own),
            paths: PublicPaths::new(public_url, components_dir, &base_url),
            // It is in no bucket: the node itself has its files.
            own_paths: PublicPaths::served_below(&base_url),
            environment: settings.render.env.clone(),
            plugins: Arc::clone(&self.plugins),
            concurrency: settings.render.component_concurrency,
            deadline: settings.storage.answer_timeout,
            capacity: settings.cache.releases.as_u64(),
            loads: settings.cache.loads,
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn renderer(
        &self,
        (releases, packs, own): (&Arc<Releases>, &Arc<Packs>, &Arc<OcClient>),
    ) -> Result<Renderer, AssemblyError> {
        let settings = self.settings;
        let parts = RenderParts {
            watch: self.replica.watch.clone(),
            lookup: self.replica.lookup.clone(),
            releases: Arc::clone(releases),
            own: Arc::clone(own),
            driver: Arc::clone(&self.driver),
            packs: Arc::clone(packs),
            egress: Egress::new(&settings.fetch)?,
            fallback: Fallback::new(&settings.fallback, &settings.http.public_url())?,
            metrics: Arc::clone(&self.metrics),
        };
        let options = RenderOptions {
            settings: settings.render.clone(),
            limits: settings.engine.call_limits(),
            served: Served::new(&settings.render.components),
            oc_version: self.oc_version()?,
            store_kind: self.store.kind(),
            store_deadline: settings.storage.answer_timeout,
            expose_stacks: settings.errors.expose_stacks,
        };
        Ok(Renderer::new(parts, options))
    }

    fn assets(&self, releases: &Releases) -> Assets {
        let published = (
            self.store.clone(),
            Arc::clone(&self.replica.catalog),
            self.replica.lookup.clone(),
        );
        let limits = (
            self.settings.cache.assets.as_u64(),
            self.settings.storage.answer_timeout,
        );
        let told = (Arc::clone(&self.metrics), Arc::clone(releases.outage()));
        Assets::new(published, limits, told)
    }

    fn publisher(
        &self,
        (assets, packs): (&Arc<Assets>, &Arc<Packs>),
    ) -> Result<Publisher, AssemblyError> {
        let parts = PublisherParts {
            store: self.store.clone(),
            watch: self.replica.watch.clone(),
            assets: Arc::clone(assets),
            packs: Arc::clone(packs),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            oc_version: self.oc_version()?,
            gate: Arc::clone(&self.gate),
        };
        Ok(Publisher::new(parts, self.settings.publish.clone()))
    }

    fn lifecycle(&self) -> Lifecycle {
        Lifecycle::new(
            (self.store.clone(), self.replica.watch.clone()),
            Arc::clone(&self.gate),
            self.settings.publish.queue_timeout,
        )
    }

    fn discovery(&self, releases: &Arc<Releases>, renderer: &Arc<Renderer>) -> Discovery {
        let settings = self.settings;
        let discovery = Discovery::new(
            self.replica.watch.clone(),
            Arc::clone(releases),
            Arc::clone(renderer),
            (settings.discovery.clone(), settings.http.oc_version.clone()),
        );
        discovery.with_dependencies(drivers::dependencies(&settings.engine))
    }

    fn ui(
        &self,
        (directory, renderer, packs): (&Arc<Directory>, &Arc<Renderer>, &Arc<Packs>),
    ) -> Result<Ui, AssemblyError> {
        Ok(Ui::new(UiParts {
            directory: Arc::clone(directory),
            renderer: Arc::clone(renderer),
            packs: Arc::clone(packs),
            dependencies: drivers::dependencies(&self.settings.engine),
            robots: self.settings.discovery.robots,
            oc_version: self.settings.http.oc_version.clone(),
            preview: self.preview()?,
        }))
    }

    fn preview(&self) -> Result<PreviewOptions, PreloadError> {
        let settings = self.settings;
        let imports = match &settings.preview.imports {
            imports if imports.is_empty() => &settings.client.imports,
            imports => imports,
        };
        Ok(PreviewOptions {
            preload: settings.preview.script()?,
            client: settings.fallback.client_url(),
            imports: imports.clone(),
        })
    }

    fn events(&self) -> Events {
        Events::new(
            self.replica.watch.clone(),
            Served::new(&self.settings.render.components),
            self.settings.events.clone(),
        )
    }

    fn readiness(&self) -> Readiness {
        Readiness::new(
            (self.replica.watch.clone(), Arc::clone(&self.driver)),
            Arc::clone(&self.gate),
        )
    }

    fn oc_version(&self) -> Result<Version, ochre_model::VersionError> {
        self.settings.http.oc_version.parse()
    }
}
