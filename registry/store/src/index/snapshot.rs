//! Snapshots: the whole index of one moment, in an object that never changes.
//!
//! One zstd frame of JSON texts, one a line: first what it is, then each component in alphabetical
//! order as `[name, [[version, publishDate, templateSize, more?], …], channels?]`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    sync::Arc,
};

use bytes::Bytes;
use ochre_model::{ComponentName, ReleaseStatus, Version};
use serde::{Deserialize, Serialize};

use super::{IndexError, log::Position};
use crate::catalog::{Channels, ComponentVersions, Components, VersionSummary};

/// The format written and understood.
const FORMAT: u32 = 1;

/// zstd level: the one that costs little.
const LEVEL: i32 = 1;

/// Largest accepted text, unpacked.
const TEXT_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    at: Position,
    components: usize,
}

/// What few versions have.
#[derive(Serialize, Deserialize)]
struct More {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Arc<ReleaseStatus>>,
}

#[derive(Deserialize)]
struct Item(Version, u64, Option<u64>, #[serde(default)] Option<More>);

#[derive(Deserialize)]
struct Component(ComponentName, Vec<Item>, #[serde(default)] Option<Channels>);

#[derive(Serialize)]
#[serde(untagged)]
enum ItemRef<'a> {
    Plain(&'a Version, u64, Option<u64>),
    Marked(&'a Version, u64, Option<u64>, More),
}

/// Packs a whole index.
pub(super) fn pack(components: &Components, at: Position) -> Result<Bytes, IndexError> {
    let failed = |error: std::io::Error| IndexError::Unavailable(Arc::new(error));
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).map_err(failed)?;
    let header = Header {
        format: FORMAT,
        at,
        components: components.len(),
    };
    let mut line = serde_json::to_vec(&header).map_err(IndexError::unwritable)?;
    for (name, versions) in components.iter() {
        line.push(b'\n');
        encoder.write_all(&line).map_err(failed)?;
        line.clear();
        let items: Vec<ItemRef<'_>> = versions.iter().map(ItemRef::new).collect();
        let mut channels = versions.known_channels().peekable();
        let written = if channels.peek().is_none() {
            serde_json::to_writer(&mut line, &(name, items))
        } else {
            let channels: std::collections::BTreeMap<_, _> = channels.collect();
            serde_json::to_writer(&mut line, &(name, items, channels))
        };
        written.map_err(IndexError::unwritable)?;
    }
    line.push(b'\n');
    encoder.write_all(&line).map_err(failed)?;
    encoder.finish().map(Bytes::from).map_err(failed)
}

/// Reads a whole index, sharing with `known` what is equal.
pub(super) fn unpack(
    bytes: &[u8],
    at: Position,
    known: &Components,
) -> Result<Components, IndexError> {
    let decoder = zstd::Decoder::with_buffer(bytes).map_err(IndexError::damaged)?;
    let mut lines = BufReader::with_capacity(256 * 1024, decoder.take(TEXT_MAX));
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let read = lines.read_until(b'\n', line);
        read.map_err(IndexError::damaged)
    };
    next(&mut line)?;
    let header: Header = serde_json::from_slice(&line).map_err(IndexError::damaged)?;
    if header.format != FORMAT {
        return Err(IndexError::UnknownFormat(header.format));
    }
    if header.at != at {
        return Err(IndexError::damaged("snapshot is of another moment"));
    }
    let mut components: Vec<(ComponentName, Arc<ComponentVersions>)> =
        Vec::with_capacity(header.components.min(1 << 20));
    while next(&mut line)? > 0 {
        let component: Component = serde_json::from_slice(&line).map_err(IndexError::damaged)?;
        components.push(component.shared_with(known));
    }
    if components.len() != header.components {
        return Err(IndexError::damaged("snapshot is cut off"));
    }
    Ok(components.into_iter().collect())
}

// === impl Component ===

impl Component {
    fn shared_with(self, known: &Components) -> (ComponentName, Arc<ComponentVersions>) {
        let Self(name, items, channels) = self;
        let mut versions: ComponentVersions = items.into_iter().map(Item::into_pair).collect();
        if let Some(channels) = channels {
            versions.join_channels(&channels);
        }
        match known.get_key_value(name.as_str()) {
            Some((name, known)) if **known == versions => (name.clone(), Arc::clone(known)),
            _ => (name, Arc::new(versions)),
        }
    }
}

// === impl Item ===

impl Item {
    fn into_pair(self) -> (Version, VersionSummary) {
        let Self(version, publish_date, template_size, more) = self;
        let (state, status) = more.map_or((None, None), |more| (more.state, more.status));
        let summary = VersionSummary {
            publish_date,
            template_size,
            state,
            status,
        };
        (version, summary)
    }
}

// === impl ItemRef ===

impl<'a> ItemRef<'a> {
    fn new((version, summary): (&'a Version, &VersionSummary)) -> Self {
        let (date, size) = (summary.publish_date, summary.template_size);
        if summary.state.is_none() && summary.status.is_none() {
            return Self::Plain(version, date, size);
        }
        let more = More {
            state: summary.state.clone(),
            status: summary.status.clone(),
        };
        Self::Marked(version, date, size, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components() -> Components {
        Components::of_changes(&[
            r#"{"add":{"id":"b@1.0.0","details":{"publishDate":5}}}"#,
            r#"{"add":{"id":"a@1.0.0","details":{"templateSize":7,"state":"experimental"}}}"#,
            r#"{"add":{"id":"a@1.10.0","details":{"publishDate":5,"templateSize":7}}}"#,
            r#"{"state":{"id":"a@1.0.0","status":{"state":"deprecated","note":"old","at":4}}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"1.0.0","at":5}}"#,
            r#"{"channel":{"name":"a","channel":"next","at":6}}"#,
        ])
    }

    #[test]
    fn it_is_read_as_it_was_written_and_shares_what_is_known() {
        let components = components();
        let at = Position::default().next();
        let bytes = pack(&components, at).unwrap();
        let read = unpack(&bytes, at, &Components::default()).unwrap();
        assert_eq!(read, components);
        let shared = unpack(&bytes, at, &components).unwrap();
        for (name, versions) in components.iter() {
            assert!(Arc::ptr_eq(versions, shared.get(name).unwrap()));
        }
        let none = Components::default();
        assert_eq!(unpack(&pack(&none, at).unwrap(), at, &none).unwrap(), none);
    }

    #[test]
    fn damage_and_other_moments_are_noticed() {
        let at = Position::default().next();
        let none = Components::default();
        let bytes = pack(&components(), at).unwrap();
        let damaged = |bytes: &[u8], at| {
            let read = unpack(bytes, at, &none);
            assert!(matches!(read, Err(IndexError::Malformed(_))), "{read:?}");
        };
        damaged(&bytes, at.next());
        for end in [0, 1, 20, bytes.len() - 1] {
            damaged(&bytes[..end], at);
        }
        let text = format!(
            r#"{{"format":1,"at":{},"components":1}}"#,
            serde_json::json!(at)
        );
        damaged(&zstd::encode_all(text.as_bytes(), 1).unwrap(), at);
        let text = text.replace(r#""format":1"#, r#""format":9"#);
        let unknown = unpack(&zstd::encode_all(text.as_bytes(), 1).unwrap(), at, &none);
        assert!(matches!(unknown, Err(IndexError::UnknownFormat(9))));
    }
}
