//! What the render use-case brings, before it is told as HTTP.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ochre_engine::{driver::Cookie, stream::ModelStream};
use ochre_model::ReleaseStatus;
use tokio::sync::OwnedSemaphorePermit;

use super::RenderFailure;
use crate::{fallback::Foreign, release::Release};

/// What is answered.
#[derive(Debug)]
pub enum Rendering {
    /// The version was resolved, nothing else.
    Info(Info),
    /// The component, rendered or not.
    Success(Box<Success>),
    /// What the fallback registry answered.
    Foreign(Box<Foreign>),
    /// Why there is no component.
    Failure(RenderFailure),
}

/// A resolved version.
#[derive(Debug)]
pub struct Info {
    /// Component name.
    pub name: String,
    /// Requested version.
    pub requested: String,
    /// Resolved version.
    pub version: String,
    /// The state that the release was given.
    pub status: Option<Arc<ReleaseStatus>>,
}

/// A component's answer.
#[derive(Debug)]
pub struct Success {
    /// The release that answered.
    pub release: Arc<Release>,
    /// The state that it was given.
    pub status: Option<Arc<ReleaseStatus>>,
    /// Requested version.
    pub requested: String,
    /// `href`, unless it was not wanted.
    pub href: Option<String>,
    /// HTML or view-model.
    pub content: Content,
    /// Response headers that the component set; names lower-cased.
    pub headers: Vec<(String, String)>,
    /// Cookies that the component set.
    pub cookies: Vec<Cookie>,
    /// The id in the HTML that no other rendering has.
    pub render_id: Option<String>,
}

/// HTML or view-model.
#[derive(Debug)]
pub enum Content {
    /// Rendered, wrapper included.
    Html(String),
    /// JSON text.
    Model(Bytes),
    /// The whole answer, in the turbo-stream encoding.
    Stream(StreamedModel),
}

/// A streamed answer, and what it holds while it goes on.
#[derive(Debug)]
pub struct StreamedModel {
    /// The pieces.
    pub stream: ModelStream,
    /// Longest time that the component may take for it.
    pub deadline: Duration,
    /// The component's turn; others wait for it.
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}
