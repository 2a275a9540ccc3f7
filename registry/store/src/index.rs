//! The index: Ochre's own catalog, one object that grows by compare-and-swap.

mod writer;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ochre_model::{ComponentName, Version};
use serde::{Deserialize, Serialize};

pub(crate) use self::writer::{Addition, IndexWriter, Written, blocking};
use crate::{
    catalog::{Components, VersionSummary},
    compare_swap::{Revision, SwapError},
};

/// The only format written and understood.
const FORMAT: u32 = 1;

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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexFile {
    generation: u64,
    last_edit: u64,
    components: BTreeMap<ComponentName, BTreeMap<Version, VersionSummary>>,
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
        if format != FORMAT {
            return Err(IndexError::UnknownFormat(format));
        }
        let file: IndexFile = serde_json::from_slice(bytes).map_err(malformed)?;
        let components = file.components.into_iter().map(|(name, versions)| {
            let parsed = versions.into_iter().collect();
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
        let file = IndexFileRef {
            format: FORMAT,
            generation: self.generation,
            last_edit: self.last_edit,
            components: self
                .components
                .iter()
                .map(|(name, versions)| (name, versions.iter().collect()))
                .collect(),
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
        };
        state.components.insert(&id, &details);
        let bytes = state.to_bytes().unwrap();
        let read = IndexState::parse(&bytes, Revision::Number(7), &state.components).unwrap();
        assert_eq!((read.generation, read.last_edit), (7, 1000));
        assert!(Arc::ptr_eq(
            read.components.get("hello").unwrap(),
            state.components.get("hello").unwrap()
        ));
    }

    #[test]
    fn an_unknown_format_is_refused_and_garbage_is_damage() {
        let parse = |text: &str| {
            IndexState::parse(text.as_bytes(), Revision::Number(1), &Components::default())
        };
        assert!(matches!(
            parse(r#"{"format":2,"anything":true}"#),
            Err(IndexError::UnknownFormat(2))
        ));
        for text in ["", "{", "[]", r#"{"format":1}"#, "null"] {
            assert!(
                matches!(parse(text), Err(IndexError::Malformed(_))),
                "{text}"
            );
        }
    }
}
