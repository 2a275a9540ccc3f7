//! What a registry holds.

use ochre_model::ComponentName;
use reqwest::{Method, StatusCode, header::ACCEPT};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Client, ExchangeError};

/// What a registry says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// The registry's own URL.
    pub href: String,
    /// The `OpenComponents` version that it is compatible with.
    pub oc_version: String,
    /// `oc-registry`, or `oc-registry-local` for a developer's.
    #[serde(rename = "type")]
    pub registry_type: String,
    /// URL of each component.
    pub components: Vec<String>,
}

/// What a registry knows of one version.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The component.
    pub name: String,
    /// The version that was chosen.
    pub version: String,
    /// Every published version, ascending.
    pub all_versions: Vec<String>,
    /// The version that was asked for, as sent; empty for the newest.
    pub request_version: String,
    /// The rest of the published `package.json`, `oc` block included.
    #[serde(flatten)]
    pub package: Map<String, Value>,
}

/// Why nothing is known of a version.
#[derive(Debug, thiserror::Error)]
pub enum InfoError {
    /// The version can be no part of a URL.
    #[error("`{0}` is no version")]
    Version(String),
    /// 404: no such component, or no version that satisfies the request.
    #[error("component was not found: {message}")]
    NotFound {
        /// The registry's words.
        message: String,
    },
    /// The exchange itself failed, or the registry does not tell (`discovery` is off).
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

// === impl Client ===

impl Client {
    /// Lists the components of the registry.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`].
    pub async fn list(&self) -> Result<Discovery, ExchangeError> {
        let request = self
            .request(Method::GET, self.root().clone())
            .header(ACCEPT, "application/json");
        let answer = self.attempts(None).send(request).await?;
        if answer.status == StatusCode::OK {
            answer.json()
        } else {
            Err(answer.unexpected())
        }
    }

    /// Tells about a component; `version` is exact or an npm range, `None` is the newest.
    ///
    /// # Errors
    ///
    /// [`InfoError::NotFound`] when no published version satisfies the request.
    pub async fn info(
        &self,
        name: &ComponentName,
        version: Option<&str>,
    ) -> Result<Info, InfoError> {
        let mut segments = vec![name.as_str()];
        segments.extend(version);
        segments.push("~info");
        let url = self
            .url(&segments)
            .ok_or_else(|| InfoError::Version(version.unwrap_or_default().to_owned()))?;

        let request = self
            .request(Method::GET, url)
            .header(ACCEPT, "application/json");
        let answer = self.attempts(None).send(request).await?;

        match answer.status {
            StatusCode::OK => Ok(answer.json()?),
            StatusCode::NOT_FOUND => Err(InfoError::NotFound {
                message: answer.error_body().message,
            }),
            _ => Err(answer.unexpected().into()),
        }
    }
}
