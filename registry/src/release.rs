//! Releases ready to serve: manifest, programs and what every answer repeats, kept in memory.

mod dotenv;
mod loading;
mod program;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use moka::future::Cache;
use ochre_engine::{driver::Program, template::TemplatePack};
use ochre_model::{ComponentId, PackageJson};
use ochre_store::{ComponentStore, ReadError, ReleaseFiles};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::instrument;

use self::{
    loading::{Loaded, Loading},
    program::{merged, program},
};
use crate::{
    metrics::Metrics,
    oc_client::OcClient,
    outage::Outage,
    packs::{PackError, Packs},
    plugins::Plugins,
    public_path::{PublicPaths, ReleaseUrls},
};

/// One release, ready to serve.
#[derive(Debug)]
pub struct Release {
    /// Name and version.
    pub id: ComponentId,
    /// `package.json`.
    pub manifest: PackageJson,
    /// Template type as a package name (`oc-template-handlebars` for `handlebars`).
    pub template_type: Arc<str>,
    /// The pack that renders the view was not in memory when the release was loaded.
    pub is_pack_missing: bool,
    /// Provider and view.
    pub program: Arc<Program>,
    /// Where callers find its files.
    pub urls: ReleaseUrls,
    /// `context.env` as JSON text.
    pub environment: Bytes,
    /// Whether its provider may ask for a stream: it names `context.streamSymbol`.
    pub may_stream: bool,
    /// What its provider needs and the store does not have.
    pub missing: Option<MissingFile>,
    /// Calls of this release that may run at once.
    pub permits: Arc<Semaphore>,
    /// Bytes of its files, for the cache.
    weight: u32,
}

/// A file that `package.json` declares and the store does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFile {
    /// `.env`.
    Environment,
    /// `server.js`.
    Provider,
}

/// Loads releases and keeps them, by bytes; concurrent loads of one release are one.
///
/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Releases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: ComponentStore,
    packs: Arc<Packs>,
    own: Arc<OcClient>,
    paths: PublicPaths,
    own_paths: PublicPaths,
    environment: BTreeMap<String, Value>,
    plugins: Plugins,
    concurrency: usize,
    deadline: Duration,
    cache: Cache<ComponentId, Arc<Release>>,
    loading: Arc<Loading>,
    outage: Arc<Outage>,
    metrics: Arc<Metrics>,
}

/// Why a view cannot be rendered now.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// What renders its type is not to be had.
    #[error("template pack is not to be had")]
    Pack(#[source] PackError),
    /// The release itself is not.
    #[error("release is not to be had")]
    Release(#[source] Arc<ReadError>),
}

/// What [`Releases`] is built from.
#[derive(Debug)]
pub struct ReleasesConfig {
    /// Where releases are loaded from.
    pub store: ComponentStore,
    /// What renders views.
    pub packs: Arc<Packs>,
    /// The component that the node brings by itself.
    pub own: Arc<OcClient>,
    /// Public URLs of files.
    pub paths: PublicPaths,
    /// Public URLs of the files of `own`.
    pub own_paths: PublicPaths,
    /// `render.env`.
    pub environment: BTreeMap<String, Value>,
    /// What the operator adds to `context.plugins`.
    pub plugins: Plugins,
    /// Calls of one release at once.
    pub concurrency: usize,
    /// Longest wait for the store.
    pub deadline: Duration,
    /// Bytes kept in memory.
    pub capacity: u64,
    /// Releases loaded at once.
    pub loads: usize,
    /// Where look-ups are counted.
    pub metrics: Arc<Metrics>,
}

// === impl Releases ===

impl Releases {
    /// Starts with nothing in memory; loads run on the tokio runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(config: ReleasesConfig) -> Self {
        Self(Arc::new(Shared {
            store: config.store,
            packs: config.packs,
            own: config.own,
            paths: config.paths,
            own_paths: config.own_paths,
            environment: config.environment,
            plugins: config.plugins,
            concurrency: config.concurrency,
            deadline: config.deadline,
            cache: Cache::builder()
                .max_capacity(config.capacity)
                .weigher(|_, release: &Arc<Release>| release.weight)
                .build(),
            loading: Arc::new(Loading::new(config.loads)),
            outage: Arc::new(Outage::new("what is in the store and not in memory")),
            metrics: config.metrics,
        }))
    }

    /// What the operator adds to `context.plugins`.
    pub fn plugins(&self) -> &Plugins {
        &self.0.plugins
    }

    /// Notes whether the store gives what requests need.
    pub fn outage(&self) -> &Arc<Outage> {
        &self.0.outage
    }

    /// The release, from memory or else from the store.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_release`]; failures are not kept. A load that takes longer than
    /// callers wait goes on.
    pub async fn get(&self, id: &ComponentId) -> Result<Arc<Release>, Arc<ReadError>> {
        let shared = &self.0;
        if let Some(release) = shared.cache.get(id).await {
            shared.metrics.cache_asked("releases", true);
            return Ok(release);
        }
        shared.metrics.cache_asked("releases", false);
        if id == shared.own.id() {
            // Not in the store, and so never behind what waits for it.
            return shared.load(id, None).await;
        }
        self.load_in_time(id, None).await
    }

    /// `package.json` of a release for lists, which show what it says and serve nothing of it:
    /// without loading the release in the place of those that are asked for.
    ///
    /// # Errors
    ///
    /// As [`ComponentStore::read_package_json`].
    pub async fn manifest(&self, id: &ComponentId) -> Result<PackageJson, Arc<ReadError>> {
        let shared = &self.0;
        let is_own = id == shared.own.id();
        // Not by asking for it: what a list passes by would count as wanted, and outlive what is.
        if is_own || shared.cache.contains_key(id) {
            return Ok(self.get(id).await?.manifest.clone());
        }
        let read = shared.store.read_package_json(id);
        match tokio::time::timeout(shared.deadline, read).await {
            Ok(read) => read.map_err(Arc::new),
            Err(late) => Err(Arc::new(ReadError::Unavailable(Arc::new(late)))),
        }
    }

    /// Waits for a load that began before, or begins one, unless there is another release in memory
    /// than `before`.
    async fn load_in_time(&self, id: &ComponentId, before: Option<Arc<Release>>) -> Loaded {
        let loading = self.0.loading.join(id, || {
            let (releases, id) = (self.clone(), id.clone());
            async move { releases.0.load(&id, before).await }
        });
        match tokio::time::timeout(self.0.deadline, loading).await {
            Ok(loaded) => loaded,
            Err(late) => Err(Arc::new(ReadError::Unavailable(Arc::new(late)))),
        }
    }

    /// The release with what renders its view: loads the pack, or installs it, where it is missing.
    /// If then the release cannot be read again, the one in memory stays.
    ///
    /// # Errors
    ///
    /// [`ViewError`].
    pub async fn with_view(&self, release: Arc<Release>) -> Result<Arc<Release>, ViewError> {
        if !release.is_pack_missing {
            return Ok(release);
        }
        self.0
            .packs
            .get(&release.template_type)
            .await
            .map_err(ViewError::Pack)?;
        let id = release.id.clone();
        let again = self.load_in_time(&id, Some(release)).await;
        again.map_err(ViewError::Release)
    }
}

// === impl Shared ===

impl Shared {
    /// Loads a release and keeps it in the place of `before`.
    async fn load(&self, id: &ComponentId, before: Option<Arc<Release>>) -> Loaded {
        // Callers share one release, and with it what bounds them: another may have loaded it.
        if let Some(kept) = self.cache.get(id).await
            && !before.is_some_and(|before| Arc::ptr_eq(&before, &kept))
        {
            return Ok(kept);
        }
        let loaded = self.read(id).await.map_err(Arc::new);
        match &loaded {
            Ok(release) => {
                if id != self.own.id() {
                    self.outage.succeeded();
                }
                self.cache.insert(id.clone(), Arc::clone(release)).await;
            }
            Err(error) if matches!(**error, ReadError::Unavailable(_)) => {
                self.outage.failed(&**error);
            }
            Err(_) => {}
        }
        loaded
    }

    #[instrument(skip_all, fields(component.name = %id.name, component.version = %id.version))]
    async fn read(&self, id: &ComponentId) -> Result<Arc<Release>, ReadError> {
        let files = if id == self.own.id() {
            self.own.release()
        } else {
            self.store.read_release(id).await?
        };
        let template = &files.manifest.oc().files.template;
        let template_type = mapped_type(&template.template_type);
        let pack = self.packs.loaded(&template_type);
        let is_pack_missing = pack.is_none() && self.packs.has_spec(&template_type);
        Ok(Arc::new(self.build(
            id,
            files,
            &template_type,
            Prepared {
                is_pack_missing,
                pack,
            },
        )))
    }

    fn build(
        &self,
        id: &ComponentId,
        files: ReleaseFiles,
        template_type: &str,
        prepared: Prepared,
    ) -> Release {
        let oc_files = &files.manifest.oc().files;
        let own = files.env.as_deref().map(dotenv::parse).unwrap_or_default();
        let missing = if oc_files.env.is_some() && files.env.is_none() {
            Some(MissingFile::Environment)
        } else {
            let is_missing = oc_files.data_provider.is_some() && files.server.is_none();
            is_missing.then_some(MissingFile::Provider)
        };
        let environment = merged(&self.environment, &own);
        let paths = if id == self.own.id() {
            &self.own_paths
        } else {
            &self.paths
        };
        let mut program = program(id, &files, &environment, prepared.pack);
        program.plugins = Arc::clone(&self.plugins);
        let weight = [&files.template, &files.server, &files.env]
            .into_iter()
            .flatten()
            .map(Bytes::len)
            .sum::<usize>()
            + 4096;
        let may_stream = program
            .provider
            .as_ref()
            .is_some_and(|provider| provider.source.contains("streamSymbol"));
        Release {
            may_stream,
            template_type: Arc::from(template_type),
            is_pack_missing: prepared.is_pack_missing,
            program: Arc::new(program),
            urls: paths.of(id),
            environment: serde_json::to_vec(&environment).unwrap_or_default().into(),
            missing,
            permits: Arc::new(Semaphore::new(self.concurrency)),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
            manifest: files.manifest,
            id: id.clone(),
        }
    }
}

/// What rendering a type needs, looked up before the release is built.
struct Prepared {
    is_pack_missing: bool,
    pack: Option<Arc<TemplatePack>>,
}

/// Legacy type names stand for template packages.
pub(crate) fn mapped_type(raw_type: &str) -> String {
    match raw_type {
        "jade" | "handlebars" => format!("oc-template-{raw_type}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases() -> Releases {
        let (store, packs) = Packs::in_memory();
        let own = OcClient::plain(Arc::clone(&packs));
        let paths = || PublicPaths::served_below("http://host/");
        Releases::new(ReleasesConfig {
            store,
            packs,
            own: Arc::new(own),
            paths: paths(),
            own_paths: paths(),
            environment: BTreeMap::new(),
            plugins: Plugins::default(),
            concurrency: 1,
            deadline: Duration::from_secs(5),
            capacity: 1024 * 1024,
            loads: 1,
            metrics: Arc::new(Metrics::new("0.0.0").unwrap()),
        })
    }

    #[tokio::test]
    async fn a_release_that_cannot_be_read_again_stays() {
        let releases = releases();
        let id = releases.0.own.id().clone();
        let first = releases.get(&id).await.unwrap();
        let again = releases.get(&id).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let missing = ComponentId {
            name: "gone".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        };
        releases
            .0
            .cache
            .insert(missing.clone(), Arc::clone(&first))
            .await;
        let again = releases.load_in_time(&missing, Some(first)).await;
        assert!(again.is_err());
        assert!(releases.get(&missing).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_goes_on_after_its_caller_has_gone() {
        let loading = Arc::new(Loading::new(1));
        let release = releases();
        let id = release.0.own.id().clone();
        let release = release.get(&id).await.unwrap();
        let (done, waiting) = tokio::sync::oneshot::channel::<()>();
        let join = loading.join(&id, || async move {
            waiting.await.unwrap();
            Ok(release)
        });
        drop(tokio::time::timeout(Duration::from_secs(1), join).await);
        let other = ComponentId {
            version: "9.9.9".parse().unwrap(),
            ..id.clone()
        };
        let refused = loading.join(&other, || async { unreachable!("there is no room") });
        assert!(refused.await.is_err());
        let second = loading.join(&id, || async { unreachable!("it is loaded already") });
        done.send(()).unwrap();
        assert!(second.await.is_ok());
    }
}
