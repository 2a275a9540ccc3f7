//! States of releases, and channels: what an Ochre registry has beside the protocol.

use std::{collections::BTreeMap, time::Duration};

use ochre_model::{ChannelName, ComponentId, ComponentName, ReleaseState};
use reqwest::{Method, RequestBuilder, StatusCode, header::ACCEPT};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    Client, ExchangeError,
    exchange::{self, Answer, ErrorBody},
};

/// The first segment of every URL.
const ROOT: &str = "~components";

/// A version and its state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionState {
    /// The exact version.
    pub version: String,
    /// `active`, `experimental`, `deprecated`, `yanked`, or any other text of its `package.json`.
    pub state: String,
    /// Why, where it was told.
    pub reason: Option<String>,
    /// Since when, where it was set after publishing: milliseconds since 1970.
    pub since: Option<u64>,
}

/// A channel and what it points to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChannelState {
    /// The version; `None` when the channel is gone.
    pub version: Option<String>,
    /// What it pointed to before, newest first.
    #[serde(default)]
    pub earlier: Vec<EarlierTarget>,
}

/// What a channel pointed to at some time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EarlierTarget {
    /// The version.
    pub version: String,
    /// Since when: milliseconds since 1970.
    pub since: u64,
}

/// A component's versions, newest first, and channels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Lifecycle {
    /// The component.
    pub name: String,
    /// The version that is answered when none is asked for.
    pub newest: Option<String>,
    /// Every version.
    pub versions: Vec<VersionState>,
    /// Every channel.
    pub channels: BTreeMap<String, ChannelState>,
}

/// What happens to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelChange {
    /// It points to this exact version, and comes to be if it is not there.
    MoveTo(String),
    /// It points to what it pointed to before, yanked versions passed over.
    RollBack,
    /// It is no more.
    Remove,
}

/// What a channel must point to for a change to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChannelGuard {
    /// Whatever it points to.
    #[default]
    None,
    /// The channel is not there; only for [`ChannelChange::MoveTo`].
    Absent,
    /// This version.
    At(String),
}

/// Why a state or a channel was not changed or not told.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// 401: wrong or missing credentials.
    #[error("registry requires other credentials")]
    Unauthorized,
    /// The registry has no states and channels, or does not tell.
    #[error("registry has no states and channels that can be changed or read")]
    Unsupported,
    /// 412: the channel points elsewhere.
    #[error("channel points to {}", current.as_deref().unwrap_or("nothing"))]
    Moved {
        /// What it points to; `None` when it is not there.
        current: Option<String>,
    },
    /// The registry refused it: nothing was changed.
    #[error("{message}")]
    Refused {
        /// `version_not_found`, `channel_not_found`, `version_yanked`, `no_earlier_version`,
        /// `store_read_only`, `storage_full`, …
        code: String,
        /// The registry's words.
        message: String,
    },
    /// 503: the change may have been made; it may be asked for again.
    #[error("registry cannot change it now: {message}")]
    Unavailable {
        /// The registry's words.
        message: String,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// A version that can be no part of a URL.
    #[error("`{0}` cannot be put into a URL")]
    Url(String),
    /// The exchange itself failed.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

// === impl Client ===

impl Client {
    /// Gives a release another state; `reason` is one line of at most 512 bytes. Asking again
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`].
    pub async fn set_state(
        &self,
        id: &ComponentId,
        state: ReleaseState,
        reason: Option<&str>,
    ) -> Result<VersionState, LifecycleError> {
        let mut body = Map::from_iter([("state".to_owned(), json!(state))]);
        body.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
        let segments = [ROOT, id.name.as_str(), id.version.as_str(), "state"];
        let request = self.change(Method::PUT, self.lifecycle_url(&segments)?);
        self.answer(request.json(&body)).await
    }

    /// Changes a channel; what it is then. Moving and removing may be asked for again.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`].
    pub async fn change_channel(
        &self,
        (name, channel): (&ComponentName, &ChannelName),
        change: &ChannelChange,
        guard: &ChannelGuard,
    ) -> Result<ChannelState, LifecycleError> {
        let mut segments = vec![ROOT, name.as_str(), "channels", channel.as_str()];
        let mut body = Map::new();
        body.extend(match guard {
            ChannelGuard::None => None,
            ChannelGuard::Absent => Some(("ifCurrent".to_owned(), Value::Null)),
            ChannelGuard::At(version) => Some(("ifCurrent".to_owned(), json!(version))),
        });
        let request = match change {
            ChannelChange::MoveTo(version) => {
                body.insert("version".to_owned(), json!(version));
                let url = self.lifecycle_url(&segments)?;
                self.change(Method::PUT, url).json(&body)
            }
            ChannelChange::RollBack => {
                segments.push("rollback");
                let url = self.lifecycle_url(&segments)?;
                self.change(Method::POST, url).json(&body)
            }
            ChannelChange::Remove => {
                let mut url = self.lifecycle_url(&segments)?;
                if let ChannelGuard::At(version) = guard {
                    url.query_pairs_mut().append_pair("ifCurrent", version);
                }
                self.change(Method::DELETE, url)
            }
        };
        self.answer(request).await
    }

    /// Tells the versions of a component with their states, and its channels.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`].
    pub async fn lifecycle(&self, name: &ComponentName) -> Result<Lifecycle, LifecycleError> {
        let url = self.lifecycle_url(&[ROOT, name.as_str()])?;
        let request = self.request(Method::GET, url);
        let request = request.header(ACCEPT, "application/json");
        let answer = self.attempts(None).send(request).await?;
        match answer.status {
            // Discovery is off.
            StatusCode::UNAUTHORIZED => Err(LifecycleError::Unsupported),
            _ => decide(&answer),
        }
    }

    fn change(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.request(method, url);
        match &self.options().credentials {
            Some(credentials) => credentials.apply(request),
            None => request,
        }
    }

    fn lifecycle_url(&self, segments: &[&str]) -> Result<Url, LifecycleError> {
        self.url(segments)
            .ok_or_else(|| LifecycleError::Url(segments.join("/")))
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, LifecycleError> {
        decide(&exchange::send(request, self.options().answer_bytes_max).await?)
    }
}

/// What the registry decided.
fn decide<T: DeserializeOwned>(answer: &Answer) -> Result<T, LifecycleError> {
    if answer.status == StatusCode::OK {
        return Ok(answer.json()?);
    }
    let ErrorBody {
        code,
        message,
        details,
        ..
    } = answer.error_body();
    Err(match (answer.status, code) {
        (StatusCode::UNAUTHORIZED, _) => LifecycleError::Unauthorized,
        (StatusCode::PRECONDITION_FAILED, _) => {
            let current = details.as_ref().and_then(|details| details.get("current"));
            let current = current.and_then(Value::as_str).map(str::to_owned);
            LifecycleError::Moved { current }
        }
        (StatusCode::SERVICE_UNAVAILABLE, _) => LifecycleError::Unavailable {
            message,
            retry_after: answer.retry_after,
        },
        // Other registries know no such path; Ochre tells why in a code of its own.
        (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, None) => {
            LifecycleError::Unsupported
        }
        (StatusCode::NOT_FOUND, Some(code)) if code == "NOT_FOUND" || code == "not_found" => {
            LifecycleError::Unsupported
        }
        // 403 is a node that serves from a replica, 507 a store without room.
        (
            StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::INSUFFICIENT_STORAGE,
            Some(code),
        ) => LifecycleError::Refused { code, message },
        _ => LifecycleError::Exchange(answer.unexpected()),
    })
}
