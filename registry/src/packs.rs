//! Template packs: the framework runtimes that render template types, kept in the store.

mod npm;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ochre_engine::{
    script::Script,
    template::{self, PACKS, PackManifest, PackSpec, TemplatePack},
};
use ochre_store::ComponentStore;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::telemetry::Chain;

pub use npm::{NpmError, NpmRegistry};

/// Template types that OC's registry knows without configuration: their components are served
/// unrendered even when no pack renders them here.
const KNOWN: [&str; 3] = [
    "oc-template-es6",
    "oc-template-handlebars",
    "oc-template-jade",
];

/// Longest time to load or install a pack while a caller waits for it.
const LOAD_MAX: Duration = Duration::from_secs(15);

/// Time after a failure before a pack is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// File of a pack that tells what it is.
const MANIFEST: &str = "pack.json";

/// File of a pack that holds the framework's runtime.
const RUNTIME: &str = "runtime.js";

/// `[templates]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateSettings {
    /// Fetch a missing pack from the npm registry when the first component needs it.
    pub auto_install: bool,
    /// URL of the npm registry. Default: what npm itself is configured with (`npm_config_registry`,
    /// the user's `.npmrc`, or `npm config get registry`).
    pub npm_registry: Option<String>,
}

/// Finds packs: built in, in memory, in the store, or from the npm registry.
#[derive(Debug)]
pub struct Packs {
    store: ComponentStore,
    settings: TemplateSettings,
    loaded: Mutex<BTreeMap<String, Arc<TemplatePack>>>,
    infos: Bytes,
    /// When the last attempt to load a pack failed; held while one is being loaded.
    failed: tokio::sync::Mutex<Option<Instant>>,
}

/// Why a pack cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There is no pack for this type.
    #[error("no template pack renders `{0}`")]
    Unknown(String),
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
    NotInstalled(&'static str),
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
    pub fn new(store: ComponentStore, settings: TemplateSettings) -> Self {
        let es6 = template::es6();
        Self {
            store,
            settings,
            infos: infos(&es6),
            loaded: Mutex::new(BTreeMap::from([(es6.template_type.to_string(), es6)])),
            failed: tokio::sync::Mutex::new(None),
        }
    }

    /// Whether components of this type are served at all.
    pub fn is_known(&self, template_type: &str) -> bool {
        KNOWN.contains(&template_type) || self.loaded(template_type).is_some()
    }

    /// `context.templates` as JSON text: type, version and externals of every type rendered here.
    pub fn infos(&self) -> &Bytes {
        &self.infos
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
        let spec =
            spec(template_type).ok_or_else(|| PackError::Unknown(template_type.to_owned()))?;
        // One at a time: whoever waited finds what the one before it loaded, or that it failed.
        let mut failed = self.failed.lock().await;
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
                Ok(self.keep(pack))
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
    pub async fn install(&self, template_type: &str) -> Result<Arc<TemplatePack>, PackError> {
        let spec =
            spec(template_type).ok_or_else(|| PackError::Unknown(template_type.to_owned()))?;
        let pack = self.fetch(spec).await?;
        Ok(self.keep(pack))
    }

    async fn load(&self, spec: &'static PackSpec) -> Result<Arc<TemplatePack>, PackError> {
        let manifest = self.stored(&key(spec, MANIFEST)).await?;
        let runtime = self.stored(&key(spec, RUNTIME)).await?;
        if let Some((manifest, runtime)) = manifest.zip(runtime) {
            return serde_json::from_slice::<PackManifest>(&manifest)
                .map_err(PackError::Manifest)?
                .load(&String::from_utf8_lossy(&runtime))
                .map_err(PackError::Damaged);
        }
        if self.settings.auto_install {
            self.fetch(spec).await
        } else {
            Err(PackError::NotInstalled(spec.template_type))
        }
    }

    async fn stored(&self, key: &str) -> Result<Option<Bytes>, PackError> {
        self.store.read_pack(key).await.map_err(PackError::Store)
    }

    async fn fetch(&self, spec: &'static PackSpec) -> Result<Arc<TemplatePack>, PackError> {
        let failed = |source| PackError::Fetch {
            template_type: spec.template_type.to_owned(),
            source,
        };
        let registry = NpmRegistry::find(self.settings.npm_registry.as_deref())
            .await
            .map_err(failed)?;
        let bytes = registry.file(spec).await.map_err(failed)?;
        let runtime = Script::new(spec.file, String::from_utf8_lossy(&bytes).into_owned());
        let manifest = spec.manifest(&runtime);
        let kept = self.keep_in_store(spec, &manifest, &bytes).await;
        if let Err(error) = kept {
            // Rendering goes on; the next node fetches it again.
            tracing::warn!(error = %Chain(&error), "template pack was not kept in the store");
        }
        tracing::info!(
            template.r#type = spec.template_type,
            template.version = spec.version,
            "installed a template pack"
        );
        manifest.load(&runtime.source).map_err(PackError::Damaged)
    }

    /// The manifest goes last: a pack without one is not there.
    async fn keep_in_store(
        &self,
        spec: &PackSpec,
        manifest: &PackManifest,
        runtime: &Bytes,
    ) -> Result<(), PackError> {
        let manifest = serde_json::to_vec(manifest).map_err(PackError::Manifest)?;
        for (file, bytes) in [(RUNTIME, runtime), (MANIFEST, &Bytes::from(manifest))] {
            let written = self.store.write_pack(&key(spec, file), bytes).await;
            written.map_err(PackError::Store)?;
        }
        Ok(())
    }

    fn keep(&self, pack: Arc<TemplatePack>) -> Arc<TemplatePack> {
        let template_type = pack.template_type.to_string();
        self.lock().insert(template_type, Arc::clone(&pack));
        pack
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<TemplatePack>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spec(template_type: &str) -> Option<&'static PackSpec> {
    PACKS
        .iter()
        .find(|spec| spec.template_type == template_type)
}

/// Where a file of a pack lies below the store's template prefix.
fn key(spec: &PackSpec, file: &str) -> String {
    format!("{}/{}/{file}", spec.template_type, spec.version)
}

fn infos(es6: &TemplatePack) -> Bytes {
    let es6 = json!({
        "type": es6.template_type,
        "version": es6.version,
        "externals": es6.externals,
    });
    let others = PACKS.iter().map(|spec| {
        json!({
            "type": spec.template_type,
            "version": spec.template_version,
            "externals": spec.externals(),
        })
    });
    let infos: Vec<_> = std::iter::once(es6).chain(others).collect();
    serde_json::to_vec(&infos).unwrap_or_default().into()
}

// === impl TemplateSettings ===

impl Default for TemplateSettings {
    fn default() -> Self {
        Self {
            auto_install: true,
            npm_registry: None,
        }
    }
}
