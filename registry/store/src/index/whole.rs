//! The index as one text, formats 1 and 2: found in stores of older releases, and written there until
//! an operator says that no such release runs any more.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ochre_model::{ChannelName, ComponentName, Version};
use serde::{Deserialize, Serialize};

use super::{IndexError, IndexState};
use crate::{
    catalog::{Channel, Channels, ComponentVersions, Components, VersionSummary},
    compare_swap::Revision,
};

/// The format of an index without states and channels, which every release of Ochre understands.
pub(super) const PLAIN: u32 = 1;

/// The format of one with them: who does not know them must not write it again without them.
pub(super) const MARKED: u32 = 2;

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

/// Reads an index, sharing with `known` what has not changed.
pub(super) fn parse(
    bytes: &[u8],
    revision: Revision,
    known: &Components,
) -> Result<IndexState, IndexError> {
    let file: IndexFile = serde_json::from_slice(bytes).map_err(IndexError::damaged)?;
    let components = file.components.into_iter().map(|(name, versions)| {
        let mut parsed: ComponentVersions = versions.into_iter().collect();
        if let Some(channels) = file.channels.get(&name) {
            parsed.join_channels(channels);
        }
        let shared = known.get(&name).filter(|known| ***known == parsed);
        let versions = shared.map_or_else(|| Arc::new(parsed), Arc::clone);
        (name, versions)
    });
    Ok(IndexState {
        generation: file.generation,
        last_edit: file.last_edit,
        components: components.collect(),
        revision: Some(revision),
        log: None,
    })
}

/// The text to store.
pub(super) fn to_bytes(state: &IndexState) -> Result<Bytes, IndexError> {
    let components = || state.components.iter();
    let marked = components().any(|(_, versions)| versions.is_marked());
    let channels = components().filter_map(|(name, versions)| {
        let channels: BTreeMap<_, _> = versions.known_channels().collect();
        (!channels.is_empty()).then_some((name, channels))
    });
    let file = IndexFileRef {
        format: if marked { MARKED } else { PLAIN },
        generation: state.generation,
        last_edit: state.last_edit,
        components: components()
            .map(|(name, versions)| (name, versions.iter().collect()))
            .collect(),
        channels: channels.collect(),
    };
    serde_json::to_vec(&file)
        .map(Bytes::from)
        .map_err(IndexError::unwritable)
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
        let bytes = to_bytes(&state).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.starts_with(r#"{"format":1,"#) && !text.contains("channels"));
        let read = parse(&bytes, Revision::Number(7), &state.components).unwrap();
        assert_eq!((read.generation, read.last_edit), (7, 1000));
        assert!(Arc::ptr_eq(
            read.components.get("hello").unwrap(),
            state.components.get("hello").unwrap()
        ));
    }

    #[test]
    fn states_and_channels_are_kept_in_a_format_that_older_releases_refuse() {
        let state = IndexState {
            components: Components::of_changes(&[
                r#"{"add":{"id":"a@1.0.0","details":{}}}"#,
                r#"{"state":{"id":"a@1.0.0","status":{"state":"deprecated","note":"old","at":4}}}"#,
                r#"{"channel":{"name":"a","channel":"stable","version":"1.0.0","at":5}}"#,
                r#"{"channel":{"name":"a","channel":"next","at":6}}"#,
            ]),
            ..IndexState::default()
        };
        let bytes = to_bytes(&state).unwrap();
        assert!(bytes.starts_with(br#"{"format":2,"#));
        let none = Components::default();
        let read = parse(&bytes, Revision::Number(7), &none).unwrap();
        assert_eq!(read.components, state.components);
    }
}
