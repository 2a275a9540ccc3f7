//! What a registry holds.

use ochre_model::ComponentName;
use reqwest::{Method, StatusCode, header::ACCEPT};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::{Client, ExchangeError, exchange};

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

/// A component of a registry and its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The component.
    pub name: String,
    /// The newest version; `None` when the registry does not tell (`discovery.api` is off).
    pub version: Option<String>,
    /// Every version, ascending; empty when the registry does not tell.
    pub all_versions: Vec<String>,
}

/// What a registry is and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryInfo {
    /// What it says of itself.
    pub discovery: Discovery,
    /// Whether it wants requests; `None` for registries that do not tell.
    pub is_ready: Option<bool>,
}

/// A component in an answer with members of `package.json`, or just its URL.
#[derive(Deserialize)]
#[serde(untagged)]
enum ListEntry {
    Described(Described),
    Url(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(default)]
    href: String,
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    all_versions: Vec<String>,
}

#[derive(Deserialize)]
struct List {
    components: Vec<ListEntry>,
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

    /// Lists the components of the registry with their versions, by name.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`].
    pub async fn list_versions(&self) -> Result<Vec<Listed>, ExchangeError> {
        let mut url = self.root().clone();
        url.set_query(Some("meta=name,version,allVersions"));
        let request = self
            .request(Method::GET, url)
            .header(ACCEPT, "application/json");
        let answer = self.attempts(None).send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.unexpected());
        }
        let list: List = answer.json()?;
        let mut listed: Vec<Listed> = list.components.into_iter().map(Listed::from).collect();
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    /// Tells what the registry is, and whether it is ready.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`] when it does not say what it is.
    pub async fn registry_info(&self) -> Result<RegistryInfo, ExchangeError> {
        let discovery = self.list().await?;
        let is_ready = match self.url(&["~ready"]) {
            Some(url) => self.is_ready(url).await,
            None => None,
        };
        Ok(RegistryInfo {
            discovery,
            is_ready,
        })
    }

    /// The route is Ochre's own; other registries take it for a component that does not exist.
    async fn is_ready(&self, url: Url) -> Option<bool> {
        let request = self.request(Method::GET, url);
        let answer = exchange::send(request, self.options().answer_bytes_max).await;
        match answer.ok()?.status {
            StatusCode::OK => Some(true),
            StatusCode::SERVICE_UNAVAILABLE => Some(false),
            _ => None,
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

// === impl Listed ===

impl From<ListEntry> for Listed {
    fn from(entry: ListEntry) -> Self {
        let named = |href: &str| {
            let path = href.trim_end_matches('/');
            path.rsplit('/').next().unwrap_or(path).to_owned()
        };
        match entry {
            ListEntry::Url(href) => Self {
                name: named(&href),
                version: None,
                all_versions: Vec::new(),
            },
            ListEntry::Described(described) => Self {
                name: described.name.unwrap_or_else(|| named(&described.href)),
                version: described.version,
                all_versions: described.all_versions,
            },
        }
    }
}
