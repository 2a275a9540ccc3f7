//! The render use-case: from a name, a requested version and parameters to an answer.

mod context;
pub(crate) mod envelope;
mod execution;
mod failure;
mod negotiation;
mod nested;
mod rendering;
mod resolution;
mod wrapper;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use ochre_cdn_sync::{Lookup, Watch};
use ochre_engine::driver::{Driver, Limits};
use ochre_model::{Parameters, ReleaseStatus, Version};
use ochre_store::CatalogSnapshot;
use tracing::{Span, field::Empty, instrument};

use crate::{
    egress::Egress,
    extract::Caller,
    fallback::Fallback,
    metrics::Metrics,
    oc_client::OcClient,
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
pub use resolution::Resolved;

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
    status: Option<Arc<ReleaseStatus>>,
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

    async fn answer(
        self: &Arc<Self>,
        request: &RenderRequest,
        mode: &mut &'static str,
    ) -> Result<Rendering, RenderFailure> {
        let resolved = match self.resolve(&request.name, &request.version).await {
            Ok(resolved) => resolved,
            Err(failure) => return self.fall_back(request, failure).await,
        };
        let release = &resolved.release;
        Span::current().record("component.version", release.id.version.as_str());
        if negotiation::wants_info(&request.caller) {
            return Ok(Rendering::Info(Info {
                name: request.name.clone(),
                requested: request.version.clone(),
                version: release.id.version.to_string(),
                status: resolved.status,
            }));
        }
        let template_type = &release.template_type;
        if !self.packs.known().contains(template_type) {
            // Its pack may have been installed a moment ago.
            self.packs.look_for(template_type).await;
        }
        let mut prepared = self.prepare(request, resolved)?;
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
        let named = (request.name.as_str(), request.version.as_str());
        let fallback = fallback.filter(|fallback| fallback.admits(&request.caller, named));
        let Some(fallback) = fallback.filter(|_| failure.is_absence()) else {
            return Err(failure);
        };
        let answered = fallback.component(request).await;
        answered
            .map(|foreign| Rendering::Foreign(Box::new(foreign)))
            .map_err(|error| RenderFailure::fallback(&error))
    }

    /// What is asked for what is not published here.
    pub fn fallback(&self) -> Option<&Fallback> {
        self.fallback.as_deref()
    }

    /// Everything that is decided before JavaScript runs, in OC's order.
    fn prepare(
        &self,
        request: &RenderRequest,
        Resolved { release, status }: Resolved,
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
            status,
            parameters,
            mode,
            href,
        })
    }
}
