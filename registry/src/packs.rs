//! Template packs: the framework runtimes that render template types, kept in the store.

mod known;
mod npm;
mod storage;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Guard};
use ochre_engine::template::{self, PACKS, PackManifest, PackSpec, TemplatePack, spec};
use ochre_model::Chain;
use ochre_store::ComponentStore;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::base_url::BaseUrls;

pub use known::KnownTypes;
pub use npm::{NpmError, NpmRegistry};
pub use storage::PackStorage;

/// Longest time to load or install a pack while a caller waits for it.
const LOAD_MAX: Duration = Duration::from_secs(15);

/// Time after a failure before a pack is tried again, and between two looks for a type that is not
/// installed.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// `[templates]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateSettings {
    /// Template types that are served beside OC's own (es6, handlebars, jade) and those that
    /// `templates add` put into the store.
    pub types: Vec<String>,
    /// Fetch a missing pack from the npm registry when the first component needs it.
    pub auto_install: bool,
    /// URL of the npm registry. Default: what npm itself is configured with (`npm_config_registry`,
    /// the user's `.npmrc`, or `npm config get registry`).
    pub npm_registry: Option<String>,
    /// Serve the scripts that browsers need to render a type (React, the Handlebars runtime, …)
    /// from the packs, rather than name a public CDN.
    pub serve_externals: bool,
}

/// Finds packs: built in, in memory, in the store, or from the npm registry.
#[derive(Debug)]
pub struct Packs {
    storage: PackStorage,
    settings: TemplateSettings,
    base_urls: BaseUrls,
    loaded: Mutex<BTreeMap<String, Arc<TemplatePack>>>,
    known: ArcSwap<KnownTypes>,
    changed: Notify,
    /// When the installed types were last listed; held while they are.
    listed: tokio::sync::Mutex<Option<Instant>>,
    /// For each type when the last attempt to load its pack failed; held while it is loaded.
    failed: BTreeMap<&'static str, tokio::sync::Mutex<Option<Instant>>>,
}

/// What an installation is doing.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A package is being fetched.
    Fetching {
        /// `react-dom`.
        package: &'a str,
        /// `18.3.1`.
        version: &'a str,
    },
    /// Its archive has the pinned hash, and its files were taken.
    Checked {
        /// Files taken from it.
        files: usize,
        /// Bytes of them.
        bytes: usize,
    },
    /// The pack is in the store.
    Kept,
}

/// Why a pack cannot be had or installed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There is no pack for this type.
    #[error("no template pack is known for `{0}`: {known} are", known = all_types())]
    Unknown(String),
    /// The pack has another version.
    #[error("pack of `{template_type}` has version {known}, not {asked}")]
    Version {
        /// The template type.
        template_type: String,
        /// Version that this registry knows.
        known: &'static str,
        /// Version that was asked for.
        asked: String,
    },
    /// The runtime could not be fetched.
    #[error("runtime of `{template_type}` could not be fetched")]
    Fetch {
        /// The template type.
        template_type: String,
        /// Why.
        #[source]
        source: NpmError,
    },
    /// The store failed.
    #[error("store could not be asked for the template pack")]
    Store(#[source] ochre_store::ReadError),
    /// It is not in the store, and is not fetched without being asked to.
    #[error("it is not installed: run `ochre-registry templates add {0}`")]
    NotInstalled(String),
    /// Another executable put other versions into the store.
    #[error("its files are of other versions: run `ochre-registry templates add {0}`")]
    Outdated(String),
    /// An attempt a moment ago failed.
    #[error("template pack could not be loaded a moment ago")]
    FailedBefore,
    /// The store or the npm registry takes too long.
    #[error("template pack was not loaded in time")]
    TooSlow,
    /// The manifest of the pack in the store is none.
    #[error("manifest of the template pack cannot be understood")]
    Manifest(#[source] serde_json::Error),
    /// The pack in the store is not the one that was installed.
    #[error("template pack is damaged")]
    Damaged(#[source] template::PackError),
}

// === impl Packs ===

impl Packs {
    /// Knows the built-in packs; others are looked for when they are needed.
    ///
    /// `base_urls`: of this registry.
    pub fn new(store: ComponentStore, settings: TemplateSettings, base_urls: BaseUrls) -> Self {
        let es6 = template::es6();
        let unlocked = |spec: &PackSpec| (spec.template_type, tokio::sync::Mutex::new(None));
        Self {
            known: ArcSwap::from_pointee(KnownTypes::new(&settings, &[], &base_urls)),
            loaded: Mutex::new(BTreeMap::from([(es6.template_type.to_string(), es6)])),
            storage: PackStorage::new(store),
            settings,
            base_urls,
            changed: Notify::new(),
            listed: tokio::sync::Mutex::new(None),
            failed: PACKS.iter().map(unlocked).collect(),
        }
    }

    /// Packs in a new store in memory; nothing is fetched.
    #[cfg(test)]
    pub(crate) fn in_memory() -> (ComponentStore, Arc<Self>) {
        let memory = ochre_store::StoreSettings {
            backend: ochre_store::Backend::Memory,
            ..ochre_store::StoreSettings::default()
        };
        let clock = Arc::new(ochre_model::SystemClock);
        let store = ComponentStore::open(&memory, clock, None).unwrap();
        let settings = TemplateSettings {
            auto_install: false,
            ..TemplateSettings::default()
        };
        let base_urls = BaseUrls::new(&crate::settings::HttpSettings::default());
        let packs = Self::new(store.clone(), settings, base_urls);
        (store, Arc::new(packs))
    }

    /// The types that are served.
    pub fn known(&self) -> Guard<Arc<KnownTypes>> {
        self.known.load()
    }

    /// Whether components of this type are served, now that the store was looked into; while it is
    /// for another caller, by what is known.
    pub async fn look_for(&self, template_type: &str) -> bool {
        if spec(template_type).is_none() {
            return false;
        }
        if let Ok(mut listed) = self.listed.try_lock()
            && listed.is_none_or(|at| at.elapsed() >= RETRY_AFTER)
        {
            *listed = Some(Instant::now());
            let refreshed = tokio::time::timeout(LOAD_MAX, self.refresh()).await;
            if let Err(error) = refreshed.unwrap_or(Err(PackError::TooSlow)) {
                tracing::warn!(error = %Chain(&error), "installed template types were not listed");
            }
        }
        self.known().contains(template_type)
    }

    /// Lists the types that are installed, and serves those.
    ///
    /// # Errors
    ///
    /// [`PackError::Store`]: what was known stays.
    pub async fn refresh(&self) -> Result<(), PackError> {
        let installed = self.storage.types().await?;
        let known = KnownTypes::new(&self.settings, &installed, &self.base_urls);
        if **self.known.load() != known {
            self.known.store(Arc::new(known));
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Waits until the types that are served have changed; for one caller at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether views of this type can be rendered once their pack is there.
    pub fn has_spec(&self, template_type: &str) -> bool {
        spec(template_type).is_some()
    }

    /// The pack of a type, if it is in memory.
    pub fn loaded(&self, template_type: &str) -> Option<Arc<TemplatePack>> {
        self.lock().get(template_type).map(Arc::clone)
    }

    /// The pack of a type: from memory, the store, or installed when that is allowed.
    ///
    /// Concurrent callers share one attempt; after a failure the next attempt is some seconds off.
    ///
    /// # Errors
    ///
    /// [`PackError`].
    pub async fn get(&self, template_type: &str) -> Result<Arc<TemplatePack>, PackError> {
        let unknown = || PackError::Unknown(template_type.to_owned());
        let spec = spec(template_type).ok_or_else(unknown)?;
        let failed = self.failed.get(template_type).ok_or_else(unknown)?;
        // One at a time: whoever waited finds what the one before it loaded, or that it failed.
        let mut failed = failed.lock().await;
        if let Some(pack) = self.loaded(template_type) {
            return Ok(pack);
        }
        if failed.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return Err(PackError::FailedBefore);
        }
        let loaded = tokio::time::timeout(LOAD_MAX, self.load(spec)).await;
        match loaded.unwrap_or(Err(PackError::TooSlow)) {
            Ok(pack) => {
                *failed = None;
                self.lock()
                    .insert(template_type.to_owned(), Arc::clone(&pack));
                Ok(pack)
            }
            Err(error) => {
                *failed = Some(Instant::now());
                tracing::error!(
                    template.r#type = template_type,
                    error = %Chain(&error),
                    "template pack was not loaded; its components cannot be rendered now"
                );
                Err(error)
            }
        }
    }

    /// Fetches the pack of a type from the npm registry and keeps it in the store.
    ///
    /// # Errors
    ///
    /// [`PackError`].
    pub async fn install(
        &self,
        spec: &'static PackSpec,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), PackError> {
        let (manifest, contents) = self.fetch(spec, progress).await?;
        self.storage.write(&manifest, &contents).await?;
        progress(Progress::Kept);
        Ok(())
    }

    /// The packs that are installed.
    ///
    /// # Errors
    ///
    /// [`PackError::Store`], [`PackError::Manifest`].
    pub async fn installed(&self) -> Result<Vec<PackManifest>, PackError> {
        let mut manifests = Vec::new();
        for template_type in self.storage.types().await? {
            manifests.extend(self.storage.manifest(&template_type).await?);
        }
        Ok(manifests)
    }

    /// Takes the pack of a type out of the store; false when it is not there.
    ///
    /// # Errors
    ///
    /// [`PackError::Store`].
    pub async fn remove(&self, template_type: &str) -> Result<bool, PackError> {
        self.storage.remove(template_type).await
    }

    async fn load(&self, spec: &'static PackSpec) -> Result<Arc<TemplatePack>, PackError> {
        let kept = self.storage.read(spec.template_type).await?;
        // URLs and the adapter are this executable's: files of other versions do not go with them.
        let is_outdated = match kept {
            Some((manifest, contents)) if spec.is_of(&manifest) => {
                return manifest.load(&contents).map_err(PackError::Damaged);
            }
            other => other.is_some(),
        };
        if !self.settings.auto_install {
            let name = spec.template_type.to_owned();
            return Err(if is_outdated {
                PackError::Outdated(name)
            } else {
                PackError::NotInstalled(name)
            });
        }
        let (manifest, contents) = self.fetch(spec, &|_| {}).await?;
        if let Err(error) = self.storage.write(&manifest, &contents).await {
            // Rendering goes on; the next node fetches it again.
            tracing::warn!(error = %Chain(&error), "template pack was not kept in the store");
        }
        tracing::info!(
            template.r#type = spec.template_type,
            template.version = spec.template_version,
            "installed a template pack"
        );
        manifest.load(&contents).map_err(PackError::Damaged)
    }

    async fn fetch(
        &self,
        spec: &'static PackSpec,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(PackManifest, Vec<bytes::Bytes>), PackError> {
        let failed = |source| PackError::Fetch {
            template_type: spec.template_type.to_owned(),
            source,
        };
        let setting = self.settings.npm_registry.as_deref();
        let registry = NpmRegistry::find(setting).await.map_err(failed)?;
        let contents = registry.files(spec, progress).await.map_err(failed)?;
        Ok((spec.manifest(&contents), contents))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<TemplatePack>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `oc-template-jade, oc-template-handlebars, …`
fn all_types() -> String {
    let types: Vec<_> = PACKS.iter().map(|spec| spec.template_type).collect();
    types.join(", ")
}

// === impl TemplateSettings ===

impl TemplateSettings {
    /// What cannot be used, each with its fix.
    pub(crate) fn problems(&self) -> Vec<String> {
        let unknown = self
            .types
            .iter()
            .filter(|name| *name != template::ES6 && spec(name).is_none());
        let mut problems: Vec<_> = unknown
            .map(|name| {
                let known = all_types();
                format!("`templates.types` has {name:?}: give any of {known}")
            })
            .collect();
        if let Some(url) = &self.npm_registry
            && url::Url::parse(url).is_err()
        {
            problems.push(format!(
                "`templates.npm_registry` is {url:?}: give an absolute http or https URL"
            ));
        }
        problems
    }
}

impl Default for TemplateSettings {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            auto_install: true,
            npm_registry: None,
            serve_externals: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ochre_engine::template::HANDLEBARS;

    use super::*;

    #[tokio::test]
    async fn files_of_other_versions_are_as_good_as_none() {
        let spec = spec(HANDLEBARS).unwrap();
        let contents = vec![Bytes::from_static(b"x"); spec.files.len()];
        let (_store, packs) = Packs::in_memory();
        let error = packs.load(spec).await.unwrap_err();
        assert!(matches!(error, PackError::NotInstalled(_)), "{error}");

        let mut manifest = spec.manifest(&contents);
        packs.storage.write(&manifest, &contents).await.unwrap();
        assert_eq!(&*packs.load(spec).await.unwrap().template_type, HANDLEBARS);

        "0.0.1".clone_into(&mut manifest.files[0].version);
        packs.storage.write(&manifest, &contents).await.unwrap();
        let error = packs.load(spec).await.unwrap_err();
        assert!(matches!(error, PackError::Outdated(_)), "{error}");
    }

    #[tokio::test]
    async fn nobody_waits_for_the_list_that_another_caller_asks_for() {
        let (_store, packs) = Packs::in_memory();
        let listing = packs.listed.lock().await;
        let looked = tokio::time::timeout(Duration::from_secs(5), packs.look_for(HANDLEBARS));
        assert!(looked.await.unwrap());
        drop(listing);
    }
}
