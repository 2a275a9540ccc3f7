//! The life of a release after it was published: its state, and the channels that point to it.

mod failure;

use std::{sync::Arc, time::Duration};

use ochre_cdn_sync::Watch;
use ochre_model::{ChannelName, ComponentId, ComponentName, ReleaseState, StateNote};
use ochre_store::{
    ChannelAction, ComponentStore, ComponentVersions, Expected, IndexEdit, StoreChange,
    VersionSummary,
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::{
    auth::Principal,
    error::ApiError,
    write_gate::{WriteGate, WriteState},
};

/// Changes made at once; others wait for their turn.
const AT_ONCE: usize = 64;

/// Changes states and channels.
#[derive(Debug)]
pub struct Lifecycle {
    store: ComponentStore,
    watch: Watch,
    gate: Arc<WriteGate>,
    turns: Semaphore,
    queue_timeout: Duration,
}

/// A state to set.
#[derive(Clone, Debug)]
pub struct StateRequest {
    /// The release.
    pub id: ComponentId,
    /// Its state from now on.
    pub state: ReleaseState,
    /// Why.
    pub note: Option<StateNote>,
}

/// A channel to change.
#[derive(Clone, Debug)]
pub struct ChannelRequest {
    /// The component.
    pub name: ComponentName,
    /// The channel.
    pub channel: ChannelName,
    /// What happens to it.
    pub action: ChannelAction,
    /// What it must point to, or else nothing happens.
    pub expected: Expected,
}

// === impl Lifecycle ===

impl Lifecycle {
    /// Puts the parts together; a change waits at most `queue_timeout` for its turn.
    pub fn new(
        (store, watch): (ComponentStore, Watch),
        gate: Arc<WriteGate>,
        queue_timeout: Duration,
    ) -> Self {
        Self {
            store,
            watch,
            gate,
            turns: Semaphore::new(AT_ONCE),
            queue_timeout,
        }
    }

    /// Gives a release another state; what it has then.
    ///
    /// # Errors
    ///
    /// 404 for what is not published, 503 and 507 when the store cannot be written.
    pub async fn set_state(
        &self,
        request: StateRequest,
        by: &Principal,
    ) -> Result<Value, ApiError> {
        let StateRequest { id, state, note } = request;
        let change = StoreChange::Edit(IndexEdit::SetState {
            id: id.clone(),
            state,
            note,
        });
        let component = self.commit(change, by).await?;
        let details = component.details(&id.version).cloned().unwrap_or_default();
        let mut answer = Map::new();
        answer.insert("name".into(), json!(id.name.as_str()));
        answer.append(&mut version_entry(id.version.as_str(), &details));
        Ok(Value::Object(answer))
    }

    /// Changes a channel; what it is then.
    ///
    /// # Errors
    ///
    /// 404 for what is not there, 409 for what may not be, 412 for a channel that does not point
    /// where it was expected to, 503 and 507 when the store cannot be written.
    pub async fn set_channel(
        &self,
        request: ChannelRequest,
        by: &Principal,
    ) -> Result<Value, ApiError> {
        let ChannelRequest {
            name,
            channel,
            action,
            expected,
        } = request;
        let change = StoreChange::Edit(IndexEdit::Channel {
            name: name.clone(),
            channel: channel.clone(),
            action,
            expected,
        });
        let component = self.commit(change, by).await?;
        let mut answer = json!({ "name": name.as_str(), "channel": channel.as_str() });
        let entry = channel_entry(&component, channel.as_str());
        answer["version"] = Value::Null;
        if let (Value::Object(answer), Some(mut entry)) = (&mut answer, entry) {
            answer.append(&mut entry);
        }
        Ok(answer)
    }

    async fn commit(
        &self,
        change: StoreChange,
        by: &Principal,
    ) -> Result<Arc<ComponentVersions>, ApiError> {
        match &*self.gate.state() {
            WriteState::Safe => {}
            WriteState::Unknown => return Err(failure::not_ready()),
            WriteState::Unsafe(reason) => return Err(failure::read_only(reason)),
            WriteState::ReadOnly(text) => return Err(failure::replica(text)),
        }
        let turn = tokio::time::timeout(self.queue_timeout, self.turns.acquire());
        let Ok(Ok(_turn)) = turn.await else {
            return Err(failure::too_many());
        };
        let committed = self.store.committer().commit(change).await;
        let committed = committed.map_err(failure::commit)?;
        self.watch.apply(&committed);
        tracing::info!(
            publisher = by.user,
            component.name = %committed.name,
            generation = committed.generation,
            "changed a state or a channel"
        );
        Ok(committed.component)
    }
}

/// Every version of a component with its state, and every channel with what it points to.
pub(crate) fn describe(name: &str, component: &ComponentVersions) -> Value {
    let versions = component.iter().rev();
    let versions = versions.map(|(version, details)| version_entry(version.as_str(), details));
    let channels = component.channels().filter_map(|(channel, _)| {
        let entry = channel_entry(component, channel.as_str())?;
        Some((channel.to_string(), Value::Object(entry)))
    });
    json!({
        "name": name,
        "newest": component.resolve("").map(ToString::to_string),
        "versions": versions.map(Value::Object).collect::<Vec<_>>(),
        "channels": channels.collect::<Map<_, _>>(),
    })
}

/// `{"version","publishDate"?,"state","reason"?,"since"?}`; dates in milliseconds since 1970.
fn version_entry(version: &str, details: &VersionSummary) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("version".into(), json!(version));
    if details.publish_date > 0 {
        entry.insert("publishDate".into(), json!(details.publish_date));
    }
    let active = ReleaseState::Active.as_str();
    entry.insert("state".into(), json!(details.state().unwrap_or(active)));
    if let Some(status) = &details.status {
        if let Some(note) = &status.note {
            entry.insert("reason".into(), json!(note));
        }
        entry.insert("since".into(), json!(status.at));
    }
    entry
}

/// `{"version","since","earlier":[{"version","since"}]}`, newest first; none where it is not.
fn channel_entry(component: &ComponentVersions, channel: &str) -> Option<Map<String, Value>> {
    let channel = component.channel(channel)?;
    let earlier = channel.earlier().iter();
    let earlier =
        earlier.map(|target| json!({ "version": target.version.as_str(), "since": target.at }));
    let mut entry = Map::new();
    entry.insert("version".into(), json!(channel.version()?.as_str()));
    entry.insert("since".into(), json!(channel.at()));
    entry.insert("earlier".into(), earlier.collect());
    Some(entry)
}
