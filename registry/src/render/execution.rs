//! The JavaScript part of a render: one call of the engine, and what becomes of its outcome.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ochre_engine::driver::{Answer, Call, Entry, Outcome};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use uuid::Uuid;

use super::{
    Content, Prepared, RenderFailure, RenderMode, RenderRequest, Renderer, StreamedModel, Success,
    context, envelope,
    nested::RenderHost,
    wrapper::{self, Wrapper},
};
use crate::release::Release;

impl Renderer {
    /// Runs the provider, and in rendered mode the view.
    pub(super) async fn execute(
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
        let outcome = self.call(release, call).await?;
        self.finish(request, prepared, (outcome, render_id, permit))
    }

    async fn call(
        self: &Arc<Self>,
        release: &Arc<Release>,
        call: Call,
    ) -> Result<Outcome, RenderFailure> {
        let called = self.driver.call(&release.program, call).await;
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
                    self.packs
                        .known()
                        .with_own_urls(html, &request.caller.base_url),
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
            templates: &known.infos(&request.caller.base_url),
        })
    }
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
        status: prepared.status,
        requested: request.version.clone(),
        href: (!request.omit_href).then_some(prepared.href),
        content,
        headers: Vec::new(),
        cookies: Vec::new(),
        render_id: None,
    }
}
