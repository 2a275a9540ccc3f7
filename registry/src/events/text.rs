//! The text of events.

use std::{collections::BTreeSet, fmt::Write as _};

use bytes::Bytes;
use ochre_cdn_sync::{Cursor, FeedEvent};
use ochre_model::{Change, ComponentId, Version};
use serde_json::{Value, json};

use crate::served::Served;

/// Changes in one piece of text.
const CHANGES_MAX: usize = 64;

/// A sign of life.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// What one reader sees.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    /// What the node serves.
    pub(super) served: &'a Served,
    /// What the reader asked for; none means all.
    pub(super) components: &'a BTreeSet<String>,
}

// === impl Filter ===

impl Filter<'_> {
    fn admits(&self, name: &str) -> bool {
        (self.components.is_empty() || self.components.contains(name)) && self.served.includes(name)
    }
}

/// The first event: where the stream begins, and after how long to come back when it breaks.
pub(super) fn hello(retry_ms: u64, place: Option<Cursor>, generation: u64) -> Bytes {
    let mut text = format!("retry: {retry_ms}\n");
    event(
        &mut text,
        ("hello", &json!({ "generation": generation })),
        place,
    );
    text.into()
}

/// The reader has missed something: it must read everything again.
pub(super) fn resync(place: Cursor) -> Bytes {
    let mut text = String::new();
    let data = json!({ "generation": place.generation });
    event(&mut text, ("resync", &data), Some(place));
    text.into()
}

/// The changes that a reader sees, in pieces. The last one has the id: who has read less comes
/// back for all of them.
pub(super) fn pieces(event_seen: &FeedEvent, place: Cursor, filter: &Filter<'_>) -> Vec<Bytes> {
    let changes = event_seen.changes.iter();
    let seen: Vec<(&str, Value)> = changes
        .filter_map(|change| told(change, filter))
        .map(|(kind, mut data)| {
            data["generation"] = event_seen.newest.into();
            (kind, data)
        })
        .collect();
    let Some(last) = seen.len().checked_sub(1) else {
        // Nothing to tell, but a place to come back to.
        return vec![format!("id: {place}\n\n").into()];
    };
    let mut pieces = Vec::with_capacity(seen.len().div_ceil(CHANGES_MAX));
    for (number, chunk) in seen.chunks(CHANGES_MAX).enumerate() {
        let mut text = String::new();
        for (position, (kind, data)) in chunk.iter().enumerate() {
            let is_last = number * CHANGES_MAX + position == last;
            event(&mut text, (*kind, data), is_last.then_some(place));
        }
        pieces.push(text.into());
    }
    pieces
}

/// Kind and data of a change; none when the reader does not see it.
fn told(change: &Change, filter: &Filter<'_>) -> Option<(&'static str, Value)> {
    let release =
        |id: &ComponentId| json!({ "name": id.name.as_str(), "version": id.version.as_str() });
    let (kind, name, data) = match change {
        Change::Published(id) => ("published", &id.name, release(id)),
        Change::Removed(id) => ("removed", &id.name, release(id)),
        Change::StateChanged { id, state } => {
            let mut data = release(id);
            data["state"] = state.as_str().into();
            ("state", &id.name, data)
        }
        Change::ChannelMoved {
            name,
            channel,
            version,
        } => {
            let version = version.as_ref().map(Version::as_str);
            let data = json!({
                "name": name.as_str(),
                "channel": channel.as_str(),
                "version": version,
            });
            ("channel", name, data)
        }
        _ => return None,
    };
    filter.admits(name.as_str()).then_some((kind, data))
}

fn event(text: &mut String, (kind, data): (&str, &Value), place: Option<Cursor>) {
    // JSON has no line breaks of its own, so the data is one line.
    let _ = write!(text, "event: {kind}\ndata: {data}\n");
    if let Some(place) = place {
        let _ = writeln!(text, "id: {place}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ochre_model::ReleaseState;

    use super::*;

    fn id(name: &str, version: &str) -> ComponentId {
        ComponentId {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
        }
    }

    fn shown(changes: Vec<Change>, components: &[&str]) -> Vec<String> {
        let event = FeedEvent {
            revision: 1,
            generation: 5,
            newest: 6,
            changes: Arc::from(changes),
        };
        let components = components.iter().map(|&name| name.to_owned()).collect();
        let filter = Filter {
            served: &Served::default(),
            components: &components,
        };
        let place = "5.0000000a.1".parse().unwrap();
        let pieces = pieces(&event, place, &filter).into_iter();
        pieces
            .map(|piece| String::from_utf8(piece.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn the_last_change_that_is_seen_has_the_id() {
        let changes = vec![
            Change::Published(id("a", "1.0.0")),
            Change::Removed(id("a", "1.0.1")),
            Change::Published(id("b", "1.0.0")),
        ];
        let text = "event: published\n\
            data: {\"name\":\"a\",\"version\":\"1.0.0\",\"generation\":6}\n\n\
            event: removed\n\
            data: {\"name\":\"a\",\"version\":\"1.0.1\",\"generation\":6}\n\
            id: 5.0000000a.1\n\n";
        assert_eq!(shown(changes, &["a"]), [text]);
    }

    #[test]
    fn an_event_without_anything_to_see_moves_the_place() {
        let changes = vec![Change::Published(id("b", "1.0.0"))];
        assert_eq!(shown(changes, &["a"]), ["id: 5.0000000a.1\n\n"]);
    }

    #[test]
    fn states_and_channels_are_told() {
        let text = shown(
            vec![
                Change::StateChanged {
                    id: id("a", "1.0.0"),
                    state: ReleaseState::Yanked,
                },
                Change::ChannelMoved {
                    name: "a".parse().unwrap(),
                    channel: "stable".parse().unwrap(),
                    version: None,
                },
            ],
            &[],
        );
        assert!(text[0].contains("event: state\ndata: {\"name\":\"a\",\"version\":\"1.0.0\","));
        assert!(text[0].contains("\"state\":\"yanked\""));
        let channel = "{\"name\":\"a\",\"channel\":\"stable\",\"version\":null,";
        assert!(text[0].contains(channel), "{text:?}");
    }

    #[test]
    fn many_changes_are_several_pieces_with_one_id() {
        let changes = (0..=CHANGES_MAX * 2)
            .map(|at| Change::Published(id("a", &format!("1.0.{at}"))))
            .collect();
        let pieces = shown(changes, &[]);
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces.concat().matches("id: ").count(), 1);
        assert!(pieces[2].ends_with("id: 5.0000000a.1\n\n"));
    }
}
