//! What a running component may ask of the registry: other components, and `fetch`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use ochre_engine::driver::{FetchRequest, FetchResponse, HostCalls, NestedRender};
use ochre_model::Parameters;
use serde_json::Value;

use super::{Content, RenderRequest, Renderer, Rendering};
use crate::{extract::Caller, fallback::Foreign};

/// Nested components of one call rendered at once.
const CONCURRENCY: usize = 10;

/// How deep a request is in other components, and how many more they may render together.
#[derive(Clone, Debug)]
pub struct Nesting {
    depth: usize,
    budget: Arc<AtomicUsize>,
}

/// The registry as one running component sees it.
#[derive(Debug)]
pub(super) struct RenderHost {
    renderer: Arc<Renderer>,
    nesting: Nesting,
    label: Arc<str>,
    /// Who asked for the component that renders others.
    caller: Arc<Caller>,
}

// === impl Nesting ===

impl Nesting {
    /// A request from outside, with what its components may render together.
    pub(super) fn outermost(budget: Arc<AtomicUsize>) -> Self {
        Self { depth: 0, budget }
    }

    /// Whether the request comes from outside.
    pub(super) fn is_outermost(&self) -> bool {
        self.depth == 0
    }

    fn take_one(&self) -> bool {
        self.budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

// === impl RenderHost ===

impl RenderHost {
    pub(super) fn new(renderer: Arc<Renderer>, request: &RenderRequest, label: &Arc<str>) -> Self {
        Self {
            renderer,
            nesting: Nesting {
                depth: request.nesting.depth + 1,
                budget: Arc::clone(&request.nesting.budget),
            },
            label: Arc::clone(label),
            caller: Arc::clone(&request.caller),
        }
    }

    async fn render_one(&self, item: NestedRender) -> Result<String, String> {
        let settings = &self.renderer.options.settings;
        if self.nesting.depth > settings.nesting_max {
            return Err(format!(
                "render_depth: components are nested deeper than {}",
                settings.nesting_max
            ));
        }
        if !self.nesting.take_one() {
            return Err(format!(
                "render_budget: one request renders at most {} nested components",
                settings.nested_renders_max
            ));
        }
        let request = RenderRequest {
            name: item.name,
            version: item.version,
            parameters: Parameters::from(item.parameters),
            action: None,
            omit_href: false,
            may_stream: false,
            caller: Arc::new(Caller::nested(
                item.headers,
                item.ip.unwrap_or_default(),
                &self.caller,
            )),
            nesting: self.nesting.clone(),
        };
        match Box::pin(self.renderer.render(request)).await {
            Rendering::Success(success) => match success.content {
                Content::Html(html) => Ok(html),
                Content::Model(_) | Content::Stream(_) => Ok(String::new()),
            },
            Rendering::Info(_) => Ok(String::new()),
            Rendering::Foreign(foreign) => foreign_html(&foreign),
            Rendering::Failure(failure) => Err(match failure.error() {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
        }
    }
}

/// The HTML of another registry's answer, or its error.
fn foreign_html(foreign: &Foreign) -> Result<String, String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match foreign.status {
        200 => Ok(text(foreign.response.get("html"))),
        _ => Err(text(foreign.response.get("error"))),
    }
}

#[async_trait]
impl HostCalls for RenderHost {
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        stream::iter(items)
            .map(|item| self.render_one(item))
            .buffered(CONCURRENCY)
            .collect()
            .await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        self.renderer.egress.fetch(request).await
    }

    fn console(&self, level: &str, line: &str) {
        tracing::info!(component = %self.label, level, line, "component wrote to its console");
    }
}
