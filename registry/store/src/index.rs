//! The index: Ochre's own catalog, one object that grows by compare-and-swap.

mod change;
mod edit;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ochre_model::{ChannelName, ComponentName, Version};
use serde::{Deserialize, Serialize};

pub use self::{
    change::IndexChange,
    edit::{ChannelAction, EditRefusal, Expected},
};
pub(crate) use self::{
    change::apply,
    edit::IndexEdit,
    writer::{IndexWriter, WriteError, Written, blocking},
};
use crate::{
    catalog::{Channel, Channels, ComponentVersions, Components, VersionSummary},
    compare_swap::{Revision, SwapError},
};

/// The format of an index without states and channels, which every release of Ochre understands.
const PLAIN: u32 = 1;

/// The format of one with them: who does not know them must not write it again without them.
const MARKED: u32 = 2;

/// One state of the index.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexState {
    /// Number of the write, growing by one.
    pub(crate) generation: u64,
    pub(crate) last_edit: u64,
    pub(crate) components: Components,
    /// None when the index does not exist.
    pub(crate) revision: Option<Revision>,
}

/// A failed read or write of the index.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexError {
    /// The index holds something else than an index.
    #[error("index is damaged")]
    Malformed(#[source] Arc<serde_json::Error>),
    /// A newer Ochre wrote the index.
    #[error("index has the unknown format {0}: run the release of Ochre that wrote it")]
    UnknownFormat(u32),
    /// Too many others wrote at the same time.
    #[error("index is written by too many others at once")]
    Contended,
    /// The store has no room left.
    #[error("store is full")]
    Full,
    /// The store did not answer as it should.
    #[error("index cannot be read or written")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexFileRef<'a> {
    format: u32,
    generation: u64,
    last_edit: u64,
    components: BTreeMap<&'a ComponentName, BTreeMap<&'a Version, &'a VersionSummary>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    channels: BTreeMap<&'a ComponentName, BTreeMap<&'a ChannelName, &'a Channel>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexFile {
    generation: u64,
    last_edit: u64,
    components: BTreeMap<ComponentName, BTreeMap<Version, VersionSummary>>,
    #[serde(default)]
    channels: BTreeMap<ComponentName, Channels>,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

// === impl IndexState ===

impl IndexState {
    /// Reads an index, sharing with `known` what has not changed.
    pub(crate) fn parse(
        bytes: &[u8],
        revision: Revision,
        known: &Components,
    ) -> Result<Self, IndexError> {
        let malformed = |error| IndexError::Malformed(Arc::new(error));
        let FormatOnly { format } = serde_json::from_slice(bytes).map_err(malformed)?;
        if format != PLAIN && format != MARKED {
            return Err(IndexError::UnknownFormat(format));
        }
        let file: IndexFile = serde_json::from_slice(bytes).map_err(malformed)?;
        let components = file.components.into_iter().map(|(name, versions)| {
            let mut parsed: ComponentVersions = versions.into_iter().collect();
            if let Some(channels) = file.channels.get(&name) {
                parsed.join_channels(channels);
            }
            let shared = known.get(&name).filter(|known| ***known == parsed);
            let versions = shared.map_or_else(|| Arc::new(parsed), Arc::clone);
            (name, versions)
        });
        Ok(Self {
            generation: file.generation,
            last_edit: file.last_edit,
            components: components.collect(),
            revision: Some(revision),
        })
    }

    /// The text to store.
    pub(crate) fn to_bytes(&self) -> Result<Bytes, IndexError> {
        let components = || self.components.iter();
        let marked = components().any(|(_, versions)| versions.is_marked());
        let channels = components().filter_map(|(name, versions)| {
            let channels: BTreeMap<_, _> = versions.known_channels().collect();
            (!channels.is_empty()).then_some((name, channels))
        });
        let file = IndexFileRef {
            format: if marked { MARKED } else { PLAIN },
            generation: self.generation,
            last_edit: self.last_edit,
            components: components()
                .map(|(name, versions)| (name, versions.iter().collect()))
                .collect(),
            channels: channels.collect(),
        };
        serde_json::to_vec(&file)
            .map(Bytes::from)
            .map_err(|error| IndexError::Malformed(Arc::new(error)))
    }
}

// === impl IndexError ===

impl From<SwapError> for IndexError {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::Store(source) if crate::retry::is_full(&source) => Self::Full,
            other => Self::Unavailable(Arc::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_it_was_written_and_shares_what_is_known() {
        let mut state = IndexState {
            generation: 7,
            last_edit: 1000,
            ..IndexState::default()
        };
        let id = ochre_model::ComponentId {
            name: "hello".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        };
        let details = VersionSummary {
            publish_date: 5,
            template_size: Some(9),
            state: Some("deprecated".to_owned()),
            status: None,
        };
        state.components.insert(&id, &details);
        let bytes = state.to_bytes().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.starts_with(r#"{"format":1,"#) && !text.contains("channels"));
        let read = IndexState::parse(&bytes, Revision::Number(7), &state.components).unwrap();
        assert_eq!((read.generation, read.last_edit), (7, 1000));
        assert!(Arc::ptr_eq(
            read.components.get("hello").unwrap(),
            state.components.get("hello").unwrap()
        ));
    }

    #[test]
    fn states_and_channels_are_kept_in_a_format_that_older_releases_refuse() {
        let mut state = IndexState::default();
        let changes = [
            r#"{"add":{"id":"a@1.0.0","details":{}}}"#,
            r#"{"state":{"id":"a@1.0.0","status":{"state":"deprecated","note":"old","at":4}}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"1.0.0","at":5}}"#,
            r#"{"channel":{"name":"a","channel":"next","at":6}}"#,
        ];
        for change in changes {
            let change = serde_json::from_str(change).unwrap();
            assert!(apply(&mut state.components, &change));
        }
        let bytes = state.to_bytes().unwrap();
        assert!(bytes.starts_with(br#"{"format":2,"#));
        let none = Components::default();
        let read = IndexState::parse(&bytes, Revision::Number(7), &none).unwrap();
        assert_eq!(read.components, state.components);
    }

    #[test]
    fn an_unknown_format_is_refused_and_garbage_is_damage() {
        let parse = |text: &str| {
            IndexState::parse(text.as_bytes(), Revision::Number(1), &Components::default())
        };
        assert!(matches!(
            parse(r#"{"format":3,"anything":true}"#),
            Err(IndexError::UnknownFormat(3))
        ));
        for text in ["", "{", "[]", r#"{"format":1}"#, "null"] {
            assert!(
                matches!(parse(text), Err(IndexError::Malformed(_))),
                "{text}"
            );
        }
    }
}
