//! Components as parts of a page: always HTML, whatever happens.

use std::{error::Error, sync::Arc};

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::{
    Client, Content, Failover, Mode, RenderError, RenderOptions, RenderRequest, Rendered,
    TemplateReference, TemplateRenderer, View, ViewError, failover::attribute, template::Views,
};

/// Bytes of compiled views that are kept.
const VIEWS: u64 = 32 * 1024 * 1024;

/// Renders components into pages on the server: by the registry, or here where a
/// [`TemplateRenderer`] knows the template type; what fails is replaced by its [`Failover`].
///
/// Cheap to clone; clones share connections and compiled views.
#[derive(Clone, Debug)]
pub struct PageRenderer {
    client: Client,
    templates: Vec<Arc<dyn TemplateRenderer>>,
    views: Views,
    failover: Failover,
    container: bool,
    render_info: bool,
}

/// A part of a page.
#[derive(Debug)]
pub struct Fragment {
    /// To be put into the page as it is: the component, or what stands in for it.
    pub html: String,
    /// Headers of the component's answer; empty when it failed.
    pub headers: HeaderMap,
    /// Why something else stands in for the component.
    pub failure: Option<FragmentError>,
}

/// Why a component is not in its page.
#[derive(Debug, thiserror::Error)]
pub enum FragmentError {
    /// The registry did not give it; components of one batch may share the error.
    #[error("component was not rendered")]
    Render(#[source] Arc<RenderError>),
    /// Its view could not be fetched.
    #[error("view of `{component}` could not be had")]
    View {
        /// The component.
        component: String,
        /// Why.
        #[source]
        source: ViewError,
    },
    /// Its view could not be rendered.
    #[error("view of `{component}` could not be rendered")]
    Template {
        /// The component.
        component: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

// === impl PageRenderer ===

impl PageRenderer {
    /// Lets the registry render everything, and puts nothing in place of what fails.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            templates: Vec::new(),
            views: Views::new(VIEWS),
            failover: Failover::default(),
            container: false,
            render_info: true,
        }
    }

    /// Renders the views of one more template type here.
    #[must_use]
    pub fn template(mut self, renderer: Arc<dyn TemplateRenderer>) -> Self {
        self.templates.push(renderer);
        self
    }

    /// Puts this in place of what fails.
    #[must_use]
    pub fn failover(mut self, failover: Failover) -> Self {
        self.failover = failover;
        self
    }

    /// Whether HTML that is made here is wrapped in an `<oc-component>`. Default: no.
    #[must_use]
    pub fn container(mut self, container: bool) -> Self {
        self.container = container;
        self
    }

    /// Whether HTML that is made here tells the browser client its version. Default: yes.
    #[must_use]
    pub fn render_info(mut self, render_info: bool) -> Self {
        self.render_info = render_info;
        self
    }

    /// Renders one component.
    pub async fn render(&self, request: &RenderRequest, options: &RenderOptions) -> Fragment {
        let answer = self
            .client
            .render(request, &self.negotiating(options))
            .await;
        let answer = answer.map_err(FragmentError::from);
        self.fragment(request, options, answer).await
    }

    /// Renders many components in one exchange; the parts stand in the order of `requests`.
    pub async fn render_many(
        &self,
        requests: &[RenderRequest],
        options: &RenderOptions,
    ) -> Vec<Fragment> {
        let answers = self
            .client
            .render_many(requests, &self.negotiating(options))
            .await;
        let answers: Vec<Result<Rendered, FragmentError>> = match answers {
            Ok(answers) => answers
                .into_iter()
                .map(|answer| answer.map_err(FragmentError::from))
                .collect(),
            Err(error) => {
                let error = Arc::new(error);
                let failed = |_| Err(FragmentError::Render(Arc::clone(&error)));
                requests.iter().map(failed).collect()
            }
        };
        let mut fragments = Vec::with_capacity(answers.len());
        for (request, answer) in requests.iter().zip(answers) {
            fragments.push(self.fragment(request, options, answer).await);
        }
        fragments
    }

    /// Asks for data where it can be rendered here.
    fn negotiating(&self, options: &RenderOptions) -> RenderOptions {
        let mut options = options.clone();
        options.templates = self
            .templates
            .iter()
            .map(|template| {
                let name = template.template_type().to_owned();
                (name, template.version().to_owned())
            })
            .collect();
        options.mode = if options.templates.is_empty() {
            Mode::Rendered
        } else {
            Mode::Unrendered
        };
        options
    }

    async fn fragment(
        &self,
        request: &RenderRequest,
        options: &RenderOptions,
        answer: Result<Rendered, FragmentError>,
    ) -> Fragment {
        let content = match answer {
            Ok(mut answer) => {
                let headers = std::mem::take(&mut answer.headers);
                let html = self.html(request, options, answer).await;
                html.map(|html| (html, headers))
            }
            Err(failure) => Err(failure),
        };
        match content {
            Ok((html, headers)) => Fragment {
                html,
                headers,
                failure: None,
            },
            Err(failure) => Fragment {
                html: self.failover.html(request, options),
                headers: HeaderMap::new(),
                failure: Some(failure),
            },
        }
    }

    async fn html(
        &self,
        request: &RenderRequest,
        options: &RenderOptions,
        answer: Rendered,
    ) -> Result<String, FragmentError> {
        let (data, template) = match &answer.content {
            Content::Rendered { html } => return Ok(html.clone()),
            Content::Unrendered { data, template } => (data, template),
        };
        if let Some(renderer) = self.renderer_of(&template.template_type) {
            return self
                .rendered_here(&answer, (data, template), renderer)
                .await;
        }
        // Views from before template packages are told unrendered to whoever asks so.
        let mut options = options.clone();
        options.mode = Mode::Rendered;
        let again = self.client.render(request, &options).await;
        match again?.content {
            Content::Rendered { html } => Ok(html),
            Content::Unrendered { template, .. } => Err(FragmentError::Template {
                component: answer.name,
                source: format!("nothing renders `{}`", template.template_type).into(),
            }),
        }
    }

    fn renderer_of(&self, template_type: &str) -> Option<&dyn TemplateRenderer> {
        let mapped = match template_type {
            "handlebars" => "oc-template-handlebars",
            "jade" => "oc-template-jade",
            other => other,
        };
        let found = self
            .templates
            .iter()
            .find(|template| template.template_type() == mapped)?;
        Some(&**found)
    }

    async fn rendered_here(
        &self,
        answer: &Rendered,
        (data, template): (&Value, &TemplateReference),
        renderer: &dyn TemplateRenderer,
    ) -> Result<String, FragmentError> {
        let is_final = answer.component_type != "oc-component-local";
        let script = self
            .views
            .script(&self.client, template, is_final)
            .await
            .map_err(|source| FragmentError::View {
                component: answer.name.clone(),
                source,
            })?;
        let view = View {
            key: &template.key,
            script: &script,
            data,
        };
        let html = renderer
            .render(&view)
            .map_err(|source| FragmentError::Template {
                component: answer.name.clone(),
                source,
            })?;
        Ok(self.wrapped(html, answer, &template.key))
    }

    fn wrapped(&self, mut html: String, answer: &Rendered, key: &str) -> String {
        if self.render_info {
            html += &render_info(&answer.name, &answer.version);
        }
        if !self.container {
            return html;
        }
        format!(
            "<oc-component href=\"{}\" data-hash=\"{}\" data-name=\"{}\" data-rendered=\"true\" \
             data-version=\"{}\">{html}</oc-component>",
            attribute(answer.href.as_deref().unwrap_or_default()),
            attribute(key),
            attribute(&answer.name),
            attribute(&answer.version),
        )
    }
}

impl From<RenderError> for FragmentError {
    fn from(error: RenderError) -> Self {
        Self::Render(Arc::new(error))
    }
}

/// The script by which the browser client knows what a page holds.
fn render_info(name: &str, version: &str) -> String {
    // Neither can end the script: `<` is written as an escape.
    let text = |value: &str| Value::from(value).to_string().replace('<', "\\u003c");
    format!(
        "<script>window.oc=window.oc||{{}};oc.renderedComponents=oc.renderedComponents||{{}};\
         oc.renderedComponents[{}]={};</script>",
        text(name),
        text(version)
    )
}
