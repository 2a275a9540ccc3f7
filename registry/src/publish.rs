//! The publish use-case: from an uploaded archive to a release that every node finds.

mod failure;
mod rules;
mod secrets;
mod upload;
mod validation;
mod view;

use std::{io::BufReader, sync::Arc};

use ochre_cdn_sync::Watch;
use ochre_model::{Clock, ComponentId, PackageJson, Version};
use ochre_package::{Package, PackageError};
use ochre_store::{ComponentStore, PublishRelease, StoreChange};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::{
    assets::Assets,
    auth::Principal,
    metrics::Metrics,
    packs::Packs,
    release::mapped_type,
    settings::PublishSettings,
    write_gate::{WriteGate, WriteState},
};

pub use failure::PublishFailure;
pub use upload::{Upload, UploadLimits, receive};

/// Publishes releases.
#[derive(Debug)]
pub struct Publisher {
    store: ComponentStore,
    watch: Watch,
    assets: Arc<Assets>,
    packs: Arc<Packs>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    settings: PublishSettings,
    oc_version: Version,
    uploads: Arc<Semaphore>,
    turns: Semaphore,
    view_checks: Arc<Semaphore>,
    gate: Arc<WriteGate>,
}

/// What a publisher works with.
#[derive(Debug)]
pub struct PublisherParts {
    /// Where releases are committed.
    pub store: ComponentStore,
    /// Learns of the release before the publish is answered.
    pub watch: Watch,
    /// Prepares static files.
    pub assets: Arc<Assets>,
    /// Which template types are served.
    pub packs: Arc<Packs>,
    /// Stamps `oc.date`.
    pub clock: Arc<dyn Clock>,
    /// Where publishes are counted.
    pub metrics: Arc<Metrics>,
    /// OC version compared with `minOcVersion` and with the CLI.
    pub oc_version: Version,
    /// Whether the store passed its self-test.
    pub gate: Arc<WriteGate>,
}

/// One publish, its archive received whole.
#[derive(Debug)]
pub struct PublishRequest {
    /// Name in the URL, decoded.
    pub name: String,
    /// Version in the URL, decoded.
    pub version: String,
    /// `User-Agent` of the publisher.
    pub user_agent: Option<String>,
    /// Who publishes.
    pub principal: Principal,
    /// Check everything, store nothing.
    pub is_dry_run: bool,
    /// The archive.
    pub upload: Upload,
}

// === impl Publisher ===

impl Publisher {
    /// Puts the parts together.
    pub fn new(parts: PublisherParts, settings: PublishSettings) -> Self {
        Self {
            uploads: Arc::new(Semaphore::new(settings.uploads_max)),
            turns: Semaphore::new(settings.concurrency),
            view_checks: Arc::new(Semaphore::new(view::AT_ONCE)),
            store: parts.store,
            watch: parts.watch,
            assets: parts.assets,
            packs: parts.packs,
            clock: parts.clock,
            metrics: parts.metrics,
            oc_version: parts.oc_version,
            gate: parts.gate,
            settings,
        }
    }

    /// Limits of an upload.
    pub fn upload_max(&self) -> u64 {
        self.settings.upload_max.as_u64()
    }

    /// Leave to receive an upload; it is held until the publish is answered.
    ///
    /// # Errors
    ///
    /// When the node only reads, or as many uploads as may be are on their way for too long.
    pub async fn admit(&self) -> Result<OwnedSemaphorePermit, PublishFailure> {
        if let WriteState::ReadOnly(text) = &*self.gate.state() {
            return Err(PublishFailure::replica(text));
        }
        let permit = Arc::clone(&self.uploads).acquire_owned();
        match tokio::time::timeout(self.settings.queue_timeout, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(PublishFailure::too_many()),
        }
    }

    /// Publishes one release, or says in OC's words why not. Gives what its publisher should know.
    ///
    /// # Errors
    ///
    /// [`PublishFailure`].
    pub async fn publish(&self, request: PublishRequest) -> Result<Vec<String>, PublishFailure> {
        let result = self.checked(request).await;
        self.metrics.publish_finished(match &result {
            Ok(_) => "ok",
            Err(failure) => failure.outcome(),
        });
        result
    }

    /// Says whether a `package.json` could be published, as far as it can be told without the
    /// archive: `{"packageJson":{…}}`.
    ///
    /// # Errors
    ///
    /// [`PublishFailure`], in the words of OC's validation.
    pub fn validate(
        &self,
        body: Option<&Value>,
        user_agent: Option<&str>,
    ) -> Result<(), PublishFailure> {
        validation::check(body, user_agent, (&self.settings, &self.oc_version))
    }

    async fn checked(&self, request: PublishRequest) -> Result<Vec<String>, PublishFailure> {
        if self.settings.strict_cli_version {
            rules::cli_version(request.user_agent.as_deref(), &self.oc_version)?;
        }
        let _turn = self.turn().await?;
        let (package, mut warnings) = self.read(request.upload).await?;
        let target = rules::Target {
            name: &request.name,
            version: &request.version,
            oc_version: &self.oc_version,
        };
        let id = rules::check(&package.manifest, &target)?;
        if self.settings.check_views {
            let warning = view::check(&package, &self.view_checks).await?;
            warnings.extend(warning.map(String::from));
        }
        match &*self.gate.state() {
            WriteState::Safe => {}
            WriteState::Unknown => return Err(PublishFailure::not_ready()),
            WriteState::Unsafe(reason) => return Err(PublishFailure::read_only(reason)),
            WriteState::ReadOnly(text) => return Err(PublishFailure::replica(text)),
        }
        warnings.extend(self.type_warning(&package.manifest).await);
        if request.is_dry_run {
            self.check_is_new(&id).await?;
            return Ok(warnings);
        }
        let user = request.principal.user.as_deref();
        let manifest = package.manifest.stamped(self.clock.now_ms(), user);
        self.commit(&id, (manifest, package), user).await?;
        Ok(warnings)
    }

    /// Waits for one of the publishes that may run at once.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, PublishFailure> {
        match tokio::time::timeout(self.settings.queue_timeout, self.turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(PublishFailure::too_many()),
        }
    }

    async fn read(&self, upload: Upload) -> Result<(Package, Vec<String>), PublishFailure> {
        let limits = self.settings.archive.clone();
        let read = move || {
            let package = ochre_package::read(BufReader::new(upload.file), &limits)?;
            let warnings = secrets::warnings(&package);
            Ok((package, warnings))
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| PublishFailure::died(&error))?
            .map_err(|error: PackageError| PublishFailure::archive(&error))
    }

    /// What to do where components of this type are not served, by this registry at least.
    async fn type_warning(&self, manifest: &PackageJson) -> Option<String> {
        let template_type = mapped_type(&manifest.oc().files.template.template_type);
        if self.packs.known().contains(&template_type) || self.packs.look_for(&template_type).await
        {
            return None;
        }
        let what_helps = if self.packs.has_spec(&template_type) {
            format!("run `ochre-registry templates add {template_type}`")
        } else {
            "no template pack is known for it".to_owned()
        };
        Some(format!(
            "components of the template type `{template_type}` are not served here: {what_helps}"
        ))
    }

    async fn check_is_new(&self, id: &ComponentId) -> Result<(), PublishFailure> {
        match self.store.find_version(id).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(PublishFailure::already_exists(id, self.store.kind(), None)),
            Err(error) => Err(PublishFailure::unreadable(&error)),
        }
    }

    async fn commit(
        &self,
        id: &ComponentId,
        (manifest, package): (PackageJson, Package),
        user: Option<&str>,
    ) -> Result<(), PublishFailure> {
        let files = package
            .files
            .into_iter()
            .map(|file| (file.path, file.bytes))
            .collect();
        let change = StoreChange::Publish(PublishRelease {
            id: id.clone(),
            manifest,
            files,
            publisher: user.map(String::from),
        });
        let committed = self.store.committer().commit(change).await;
        let kind = self.store.kind();
        let committed = committed.map_err(|error| PublishFailure::commit(&error, id, kind))?;
        self.watch.apply(&committed);
        self.assets.prepare(id.clone());
        tracing::debug!(publisher = user, "answered the publisher");
        Ok(())
    }
}
