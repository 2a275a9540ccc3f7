//! The render use-case: from a name, a requested version and parameters to an answer.

mod context;
pub(crate) mod envelope;
mod failure;
mod negotiation;
mod nested;
mod rendering;
mod wrapper;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ochre_cdn_sync::{Lookup, Watch};
use ochre_engine::driver::{Answer, Call, Driver, EngineError, Entry, Limits, Outcome};
use ochre_model::{ComponentId, ComponentName, Parameters, Version};
use ochre_store::CatalogSnapshot;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tracing::{Span, field::Empty, instrument};
use uuid::Uuid;

use crate::{
    egress::Egress,
    extract::Caller,
    fallback::Fallback,
    metrics::Metrics,
    oc_client::{self, OcClient},
    packs::Packs,
    plugins::Plugins,
    release::{Release, Releases},
    served::Served,
    settings::RenderSettings,
};

pub use failure::RenderFailure;
pub(crate) use failure::{RENDER_ERROR, oc_version_text};
pub use negotiation::RenderMode;
pub use nested::Nesting;
pub use rendering::{Content, Info, Rendering, StreamedModel, Success};

use self::{nested::RenderHost, wrapper::Wrapper};

/// Renders components.
#[derive(Debug)]
pub struct Renderer {
    watch: Watch,
    lookup: Lookup,
    releases: Arc<Releases>,
    own: Arc<OcClient>,
    driver: Arc<dyn Driver>,
    packs: Arc<Packs>,
    egress: Egress,
    fallback: Option<Arc<Fallback>>,
    metrics: Arc<Metrics>,
    options: RenderOptions,
}

/// The parts that a renderer works with.
#[derive(Debug)]
pub struct RenderParts {
    /// Knows what is published.
    pub watch: Watch,
    /// Asks the store for exact versions that the catalog does not know.
    pub lookup: Lookup,
    /// Releases ready to serve.
    pub releases: Arc<Releases>,
    /// The component that the node brings by itself.
    pub own: Arc<OcClient>,
    /// Executes JavaScript.
    pub driver: Arc<dyn Driver>,
    /// What renders views.
    pub packs: Arc<Packs>,
    /// `fetch` of components.
    pub egress: Egress,
    /// Is asked for what is not published here.
    pub fallback: Option<Arc<Fallback>>,
    /// Where renders are counted.
    pub metrics: Arc<Metrics>,
}

/// What an operator decided about rendering.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// `[render]`.
    pub settings: RenderSettings,
    /// Bounds of one call.
    pub limits: Limits,
    /// OC version compared with `minOcVersion`.
    pub oc_version: Version,
    /// Which components are answered.
    pub served: Served,
    /// OC's name of the store (`s3`), as in "not found on s3 cdn".
    pub store_kind: &'static str,
    /// Longest wait for the store.
    pub store_deadline: Duration,
    /// Tell callers the stack of a component's error.
    pub expose_stacks: bool,
}

/// One component asked by one caller.
#[derive(Clone, Debug)]
pub struct RenderRequest {
    /// Component name as the caller wrote it.
    pub name: String,
    /// Requested version; `""` for the newest.
    pub version: String,
    /// Parameters, in order.
    pub parameters: Parameters,
    /// Name of a server action.
    pub action: Option<String>,
    /// Leave `href` out of the answer.
    pub omit_href: bool,
    /// Whether the answer may be a stream; else promises of the component are told as `{}`.
    pub may_stream: bool,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// How deep in other components this one is.
    pub nesting: Nesting,
}

/// A request on its way: what was found out so far.
struct Prepared {
    release: Arc<Release>,
    parameters: Parameters,
    mode: RenderMode,
    href: String,
}

// === impl Renderer ===

impl Renderer {
    /// Puts the parts together.
    pub fn new(parts: RenderParts, options: RenderOptions) -> Self {
        Self {
            watch: parts.watch,
            lookup: parts.lookup,
            releases: parts.releases,
            own: parts.own,
            driver: parts.driver,
            packs: parts.packs,
            egress: parts.egress,
            fallback: parts.fallback,
            metrics: parts.metrics,
            options,
        }
    }

    /// Whether this node answers for a component at all.
    pub fn serves(&self, name: &str) -> bool {
        self.options.served.includes(name)
    }

    /// What the operator adds to `context.plugins`.
    pub fn plugins(&self) -> &Plugins {
        self.releases.plugins()
    }

    /// Everything that this node answers for: what is published, and the component that it brings.
    pub fn published(&self) -> Arc<CatalogSnapshot> {
        self.own.beside(&self.watch.catalog().load())
    }

    /// A nesting for a request from outside.
    pub fn outermost(&self) -> Nesting {
        let budget = self.options.settings.nested_renders_max;
        Nesting::outermost(Arc::new(AtomicUsize::new(budget)))
    }

    /// Renders one component for one caller; every failure is an answer.
    #[instrument(
        level = "debug",
        skip_all,
        fields(component.name = %request.name, component.requested = %request.version,
            component.version = Empty, render.mode = Empty)
    )]
    pub async fn render(self: &Arc<Self>, request: RenderRequest) -> Rendering {
        let started = Instant::now();
        let mut mode = "none";
        let rendering = match self.answer(&request, &mut mode).await {
            Ok(rendering) => rendering,
            Err(failure) => Rendering::Failure(failure.of(&request)),
        };
        let outcome = match &rendering {
            Rendering::Info(_) | Rendering::Success(_) => "ok",
            Rendering::Foreign(_) => "fallback",
            Rendering::Failure(failure) => failure.outcome(),
        };
        self.metrics
            .render_finished(mode, outcome, started.elapsed());
        rendering
    }

    /// The release that a request means.
    ///
    /// # Errors
    ///
    /// [`RenderFailure`]: not found, or not to be had now.
    pub async fn resolve(
        &self,
        name: &str,
        requested: &str,
    ) -> Result<Arc<Release>, RenderFailure> {
        let id = self.resolve_id(name, requested).await?;
        let loaded = self.releases.get(&id).await;
        loaded.map_err(|error| RenderFailure::unreadable(&error))
    }

    async fn answer(
        self: &Arc<Self>,
        request: &RenderRequest,
        mode: &mut &'static str,
    ) -> Result<Rendering, RenderFailure> {
        let release = match self.resolve(&request.name, &request.version).await {
            Ok(release) => release,
            Err(failure) => return self.fall_back(request, failure).await,
        };
        Span::current().record("component.version", release.id.version.as_str());
        if negotiation::wants_info(&request.caller) {
            return Ok(Rendering::Info(Info {
                name: request.name.clone(),
                requested: request.version.clone(),
                version: release.id.version.to_string(),
            }));
        }
        let template_type = &release.template_type;
        if !self.packs.known().contains(template_type) {
            // Its pack may have been installed a moment ago.
            self.packs.look_for(template_type).await;
        }
        let mut prepared = self.prepare(request, release)?;
        if prepared.mode == RenderMode::Rendered {
            let with_view = self.releases.with_view(prepared.release).await;
            prepared.release = with_view.map_err(|error| RenderFailure::no_view(&error))?;
        }
        *mode = prepared.mode.as_str();
        Span::current().record("render.mode", *mode);
        let success = self.execute(request, prepared).await?;
        Ok(Rendering::Success(Box::new(success)))
    }

    /// Asks the fallback registry for what is not published here.
    async fn fall_back(
        &self,
        request: &RenderRequest,
        failure: RenderFailure,
    ) -> Result<Rendering, RenderFailure> {
        let fallback = self.fallback.as_deref();
        let fallback = fallback.filter(|fallback| fallback.admits(&request.caller));
        let may_be_there = failure.is_absence() && request.name.parse::<ComponentName>().is_ok();
        let Some(fallback) = fallback.filter(|_| may_be_there) else {
            return Err(failure);
        };
        let answered = fallback.component(request).await;
        answered
            .map(Rendering::Foreign)
            .map_err(|error| RenderFailure::fallback(&error))
    }

    /// What is asked for what is not published here.
    pub fn fallback(&self) -> Option<&Fallback> {
        self.fallback.as_deref()
    }

    async fn resolve_id(&self, name: &str, requested: &str) -> Result<ComponentId, RenderFailure> {
        let kind = self.options.store_kind;
        let Ok(name) = name.parse::<ComponentName>() else {
            return Err(RenderFailure::unknown_component(name, kind));
        };
        if !self.serves(name.as_str()) {
            return Err(RenderFailure::unknown_component(name.as_str(), kind));
        }
        let catalog = self.watch.catalog().load();
        let found = if name.as_str() == oc_client::NAME {
            find(&self.published(), &name, requested)
        } else {
            find(&catalog, &name, requested)
        };
        drop(catalog);
        if let Some(id) = found {
            return Ok(id);
        }
        // Another node may have published it a moment ago: ask the store before saying 404.
        if let Ok(version) = requested.parse::<Version>() {
            let id = ComponentId {
                name: name.clone(),
                version,
            };
            let looked_up = timeout(self.options.store_deadline, self.lookup.find(&id)).await;
            match looked_up {
                Ok(Ok(true)) => return Ok(id),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => return Err(RenderFailure::lookup(&error)),
                Err(late) => return Err(RenderFailure::store_too_slow(&late)),
            }
        } else if !self.watch.status().loaded {
            return Err(RenderFailure::not_loaded());
        }
        Err(
            if name.as_str() == oc_client::NAME
                || self.watch.catalog().load().get(name.as_str()).is_some()
            {
                RenderFailure::unknown_version(name.as_str(), requested, kind)
            } else {
                RenderFailure::unknown_component(name.as_str(), kind)
            },
        )
    }

    /// Everything that is decided before JavaScript runs, in OC's order.
    fn prepare(
        &self,
        request: &RenderRequest,
        release: Arc<Release>,
    ) -> Result<Prepared, RenderFailure> {
        let oc = release.manifest.oc();
        let plugins = self.releases.plugins();
        let is_missing = |name: &&String| !plugins.iter().any(|plugin| *plugin.name == **name);
        let missing: Vec<String> = oc.plugins.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            return Err(RenderFailure::missing_plugins(&missing));
        }
        let mut parameters = request.parameters.clone();
        parameters.apply_defaults(&oc.parameters);
        parameters.sanitise(&oc.parameters);
        if request.action.is_none() {
            parameters
                .validate(&oc.parameters)
                .map_err(|error| RenderFailure::invalid_parameters(error.to_string()))?;
        }
        let template = &oc.files.template;
        if let Some(minimum) = &template.min_oc_version
            && minimum
                .parse::<Version>()
                .is_ok_and(|minimum| minimum > self.options.oc_version)
        {
            let own = &self.options.oc_version;
            return Err(RenderFailure::oc_version_too_low(minimum, own.as_str()));
        }
        if !self.packs.known().contains(&release.template_type) {
            return Err(RenderFailure::unknown_template(&release.template_type));
        }
        let mode = negotiation::render_mode(
            &request.caller,
            request.action.is_some(),
            &template.template_type,
            &release.template_type,
        );
        let href = ochre_model::href(
            &request.caller.base_url,
            &request.name,
            &request.version,
            &parameters,
        );
        Ok(Prepared {
            release,
            parameters,
            mode,
            href,
        })
    }

    async fn execute(
        self: &Arc<Self>,
        request: &RenderRequest,
        prepared: Prepared,
    ) -> Result<Success, RenderFailure> {
        let release = &prepared.release;
        let has_provider = release.manifest.oc().files.data_provider.is_some()
            && self.options.settings.data_provider;
        if let Some(missing) = release.missing.filter(|_| has_provider) {
            return Err(RenderFailure::unresolved(missing));
        }
        if prepared.mode == RenderMode::Rendered && release.program.view.is_none() {
            return Err(RenderFailure::unknown_template(&release.template_type));
        }
        let (entry, input) = match (has_provider, prepared.mode) {
            (false, _) => (
                Entry::Render,
                context::props_model(&prepared.parameters, release, &request.caller.base_url),
            ),
            (true, mode) => {
                let entry = if mode == RenderMode::Rendered {
                    Entry::DataAndRender
                } else {
                    Entry::Data
                };
                (entry, self.context(request, &prepared))
            }
        };
        if prepared.mode == RenderMode::Unrendered && !has_provider {
            return Ok(success(request, prepared, Content::Model(input)));
        }
        let render_id = (prepared.mode == RenderMode::Rendered).then(|| Uuid::new_v4().to_string());
        // Nested renders have a budget of their own; waiting for a permit that a parent of theirs
        // holds would be waiting for themselves.
        let permit = if request.nesting.is_outermost() {
            Some(self.permit(release).await?)
        } else {
            None
        };
        let envelope = (entry == Entry::Data && request.may_stream && release.may_stream)
            .then(|| envelope(request, &prepared));
        let call = Call {
            entry,
            input,
            envelope,
            render_id: render_id.clone(),
            host: Arc::new(RenderHost::new(
                Arc::clone(self),
                request,
                &release.program.label,
            )),
            limits: self.options.limits,
        };
        let outcome = self.call(request, release, call).await?;
        self.finish(request, prepared, (outcome, render_id, permit))
    }

    async fn call(
        self: &Arc<Self>,
        request: &RenderRequest,
        release: &Arc<Release>,
        call: Call,
    ) -> Result<Outcome, RenderFailure> {
        let mut called = self.driver.call(&release.program, call.clone()).await;
        // A neighbor in the same isolate was stopped. Reading may be tried again; acting may not.
        if matches!(called, Err(EngineError::Crashed)) && request.action.is_none() {
            called = self.driver.call(&release.program, call).await;
        }
        let (outcome, cpu) = match &called {
            Ok(Outcome {
                result: Ok(_), cpu, ..
            }) => ("ok", *cpu),
            Ok(Outcome { cpu, .. }) => ("failed", *cpu),
            Err(_) => ("not_run", Duration::ZERO),
        };
        self.metrics.driver_called(self.driver.name(), outcome, cpu);
        called.map_err(|error| RenderFailure::engine(&error))
    }

    async fn permit(&self, release: &Arc<Release>) -> Result<OwnedSemaphorePermit, RenderFailure> {
        let permits = Arc::clone(&release.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waited = timeout(self.options.limits.deadline, permits.acquire_owned());
        match waited.await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(RenderFailure::too_busy()),
        }
    }

    fn finish(
        &self,
        request: &RenderRequest,
        prepared: Prepared,
        (outcome, render_id, permit): (Outcome, Option<String>, Option<OwnedSemaphorePermit>),
    ) -> Result<Success, RenderFailure> {
        let answer = match outcome.result {
            Ok(answer) => answer,
            Err(failure) => {
                let label = &prepared.release.program.label;
                let failure = RenderFailure::component(failure, label, self.options.expose_stacks);
                return Err(failure.with_cookies(outcome.cookies));
            }
        };
        let content = match answer {
            Answer::Model(model) => Content::Model(model),
            Answer::Stream(stream) => Content::Stream(StreamedModel {
                stream,
                deadline: self.options.limits.deadline,
                _permit: permit,
            }),
            Answer::Empty => Content::Html(String::new()),
            Answer::Html(html) => {
                let release = &prepared.release;
                let oc = release.manifest.oc();
                Content::Html(wrapper::wrap(
                    self.packs.known().with_own_urls(html),
                    &Wrapper {
                        name: release.id.name.as_str(),
                        version: release.id.version.as_str(),
                        href: &prepared.href,
                        key: &oc.files.template.hash_key,
                        id: render_id.as_deref().unwrap_or_default(),
                        container: oc.container,
                        render_info: oc.render_info,
                    },
                ))
            }
        };
        let headers = self.allowed_headers(request, &prepared.release, outcome.headers);
        let mut success = success(request, prepared, content);
        success.headers = headers;
        success.cookies = outcome.cookies;
        success.render_id = render_id;
        Ok(success)
    }

    /// Drops the headers that are not sent for a version that is not exact.
    fn allowed_headers(
        &self,
        request: &RenderRequest,
        release: &Release,
        mut headers: Vec<(String, String)>,
    ) -> Vec<(String, String)> {
        if request.version != release.id.version.as_str() {
            let skipped = &self.options.settings.skip_headers_on_weak_version;
            headers
                .retain(|(name, _)| !skipped.iter().any(|other| other.eq_ignore_ascii_case(name)));
        }
        headers
    }

    fn context(&self, request: &RenderRequest, prepared: &Prepared) -> Bytes {
        let known = self.packs.known();
        context::provider_context(&context::ContextParts {
            request,
            parameters: &prepared.parameters,
            release: &prepared.release,
            base_url: &request.caller.base_url,
            templates: known.infos(),
        })
    }
}

fn find(catalog: &CatalogSnapshot, name: &ComponentName, requested: &str) -> Option<ComponentId> {
    let versions = catalog.get(name.as_str())?;
    let version = ochre_model::resolve(versions.versions(), requested)?;
    Some(ComponentId {
        name: name.clone(),
        version: version.clone(),
    })
}

/// The answer around a view-model that is streamed.
fn envelope(request: &RenderRequest, prepared: &Prepared) -> Bytes {
    let href = (!request.omit_href).then_some(prepared.href.as_str());
    envelope::unrendered(
        &envelope::Envelope {
            release: &prepared.release,
            requested: &request.version,
            href,
            base_url: &request.caller.base_url,
        },
        b"null",
    )
}

fn success(request: &RenderRequest, prepared: Prepared, content: Content) -> Success {
    Success {
        release: prepared.release,
        requested: request.version.clone(),
        href: (!request.omit_href).then_some(prepared.href),
        content,
        headers: Vec::new(),
        cookies: Vec::new(),
        render_id: None,
    }
}
