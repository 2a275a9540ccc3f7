//! Rendering compiled views on the caller's side.

use std::{error::Error, fmt, sync::Arc};

use moka::future::Cache;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::{Client, ExchangeError, TemplateReference};

/// Makes HTML of the compiled views of one template type.
///
/// It runs on the task that asks for a component: move long work elsewhere, and bound it, since a
/// view is code of whoever published the component.
pub trait TemplateRenderer: fmt::Debug + Send + Sync {
    /// The template type (`oc-template-handlebars`).
    fn template_type(&self) -> &str;

    /// Version of the renderer, told to registries.
    fn version(&self) -> &str;

    /// Renders one component.
    ///
    /// # Errors
    ///
    /// Whatever the renderer fails with; the component counts as failed.
    fn render(&self, view: &View<'_>) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// A compiled view and what it is to show.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The view's key in `oc.components`.
    pub key: &'a str,
    /// The script, as it was published.
    pub script: &'a str,
    /// The view-model.
    pub data: &'a Value,
}

/// Why a view was not fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ViewError {
    /// The registry told no URL.
    #[error("`{0}` is no URL of a view")]
    Url(String),
    /// The URL answers with another status than 200.
    #[error("view was answered with status {0}")]
    Status(u16),
    /// The answer is not UTF-8.
    #[error("view is no text")]
    Text,
    /// The exchange itself failed.
    #[error("view could not be fetched")]
    Exchange(#[source] Arc<ExchangeError>),
}

/// Compiled views by their key, which names their content.
#[derive(Clone, Debug)]
pub(crate) struct Views {
    kept: Cache<String, Arc<str>>,
}

// === impl Views ===

impl Views {
    /// `capacity`: bytes of scripts.
    pub(crate) fn new(capacity: u64) -> Self {
        let weigh = |_: &String, script: &Arc<str>| u32::try_from(script.len()).unwrap_or(u32::MAX);
        let kept = Cache::builder().max_capacity(capacity).weigher(weigh);
        Self { kept: kept.build() }
    }

    /// The script of a view; one exchange, however many ask for it at once.
    ///
    /// `is_final`: whether the key names the content for ever.
    ///
    /// # Errors
    ///
    /// [`ViewError`].
    pub(crate) async fn script(
        &self,
        client: &Client,
        template: &TemplateReference,
        is_final: bool,
    ) -> Result<Arc<str>, ViewError> {
        if !is_final || template.key.is_empty() {
            return fetch(client, &template.src).await;
        }
        self.kept
            .try_get_with_by_ref(&template.key, fetch(client, &template.src))
            .await
            .map_err(Arc::unwrap_or_clone)
    }
}

async fn fetch(client: &Client, src: &str) -> Result<Arc<str>, ViewError> {
    // A view may be told without a scheme, for pages of either.
    let url = client
        .root()
        .join(src)
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| ViewError::Url(src.to_owned()))?;
    let request = client.request(Method::GET, url);
    let answer = client
        .attempts(None)
        .send(request)
        .await
        .map_err(|error| ViewError::Exchange(Arc::new(error)))?;
    if answer.status != StatusCode::OK {
        return Err(ViewError::Status(answer.status.as_u16()));
    }
    answer.text().map(Arc::from).ok_or(ViewError::Text)
}
