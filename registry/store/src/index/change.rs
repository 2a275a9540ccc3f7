//! What a write of the index changes: facts, each of which can be applied again and in any order.

use std::sync::Arc;

use ochre_model::{ChannelName, ComponentId, ComponentName, ReleaseStatus, Version};
use serde::{Deserialize, Serialize};

use crate::catalog::{ComponentVersions, Components, VersionSummary};

/// One change of what is published.
///
/// States and channels carry the time of their write, which grows with each: of two facts about one
/// thing the later counts, whichever is learnt first. So catalogs that know different parts of the
/// same past unite to the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum IndexChange {
    /// A version is listed.
    Add {
        /// The release.
        id: ComponentId,
        /// What lists need to know of it.
        details: VersionSummary,
    },
    /// A release has a state.
    State {
        /// The release.
        id: ComponentId,
        /// Its state, and since when.
        status: Arc<ReleaseStatus>,
    },
    /// A channel points somewhere.
    Channel {
        /// The component.
        name: ComponentName,
        /// The channel.
        channel: ChannelName,
        /// What it points to; none when it is removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
        /// Since when: milliseconds since 1970.
        at: u64,
    },
}

// === impl IndexChange ===

impl IndexChange {
    /// The component that it concerns.
    pub(crate) fn name(&self) -> &ComponentName {
        match self {
            Self::Add { id, .. } | Self::State { id, .. } => &id.name,
            Self::Channel { name, .. } => name,
        }
    }

    /// When it was made; 0 for a version that is listed.
    pub(crate) fn at(&self) -> u64 {
        match self {
            Self::Add { .. } => 0,
            Self::State { status, .. } => status.at,
            Self::Channel { at, .. } => *at,
        }
    }

    /// Whether applying it would change anything: not if the catalog has it already, or something
    /// later, or lacks the version that it speaks of.
    pub(crate) fn is_news(&self, components: &Components) -> bool {
        let versions = components.get(self.name());
        match self {
            Self::Add { id, .. } => !versions.is_some_and(|all| all.contains(&id.version)),
            Self::State { id, status } => {
                let details = versions.and_then(|all| all.details(&id.version));
                details.is_some_and(|details| {
                    let known = details.status.as_ref();
                    known.is_none_or(|known| known.at < status.at)
                })
            }
            Self::Channel { channel, at, .. } => versions.is_some_and(|all| {
                let known = all.known_channel(channel);
                known.is_none_or(|known| known.at < *at)
            }),
        }
    }

    /// Whether the catalog shows that this very change was written.
    pub(crate) fn is_in(&self, components: &Components) -> bool {
        let Some(versions) = components.get(self.name()) else {
            return false;
        };
        match self {
            Self::Add { id, .. } => versions.contains(&id.version),
            Self::State { id, status } => {
                let details = versions.details(&id.version);
                details.is_some_and(|details| details.status.as_ref() == Some(status))
            }
            Self::Channel {
                channel,
                version,
                at,
                ..
            } => versions.known_channel(channel).is_some_and(|known| {
                let now = known.at == *at && known.version == *version;
                let mut earlier = known.earlier.iter();
                now || earlier
                    .any(|target| target.at == *at && Some(&target.version) == version.as_ref())
            }),
        }
    }
}

/// Applies one change; false when it is no [news](IndexChange::is_news).
pub(crate) fn apply(components: &mut Components, change: &IndexChange) -> bool {
    if !change.is_news(components) {
        return false;
    }
    match change {
        IndexChange::Add { id, details } => components.insert(id, details),
        IndexChange::State { id, status } => {
            components.edit(&id.name, |all| all.set_status(&id.version, status))
        }
        IndexChange::Channel {
            name,
            channel,
            version,
            at,
        } => components.edit(name, |all| all.point(channel, version.as_ref(), *at)),
    }
}

/// Everything that a catalog knows.
pub(crate) fn facts(known: &Components) -> impl Iterator<Item = IndexChange> {
    known.iter().flat_map(|(name, versions)| {
        let additions = versions.iter().map(|(version, details)| IndexChange::Add {
            id: ComponentId {
                name: name.clone(),
                version: version.clone(),
            },
            details: details.clone(),
        });
        additions.chain(marks(name, versions))
    })
}

/// What was said of a component's releases since they were published, and every move that its
/// channels remember.
pub(crate) fn marks(
    name: &ComponentName,
    versions: &ComponentVersions,
) -> impl Iterator<Item = IndexChange> {
    let states = versions.iter().filter_map(|(version, details)| {
        let status = details.status.clone()?;
        let id = ComponentId {
            name: name.clone(),
            version: version.clone(),
        };
        Some(IndexChange::State { id, status })
    });
    let moves = versions.known_channels().flat_map(|(channel, known)| {
        known.moves().map(|(version, at)| IndexChange::Channel {
            name: name.clone(),
            channel: channel.clone(),
            version: version.cloned(),
            at,
        })
    });
    states.chain(moves)
}

#[cfg(test)]
impl Components {
    /// What changes, written as JSON, come to; each must be news.
    pub(crate) fn of_changes(texts: &[&str]) -> Self {
        let mut components = Self::default();
        for text in texts {
            let change = serde_json::from_str(text).unwrap();
            assert!(apply(&mut components, &change), "{text}");
        }
        components
    }
}

#[cfg(test)]
mod tests {
    use ochre_model::ReleaseState;

    use super::*;

    fn id(text: &str) -> ComponentId {
        text.parse().unwrap()
    }

    fn add(text: &str) -> IndexChange {
        IndexChange::Add {
            id: id(text),
            details: VersionSummary::default(),
        }
    }

    fn state(text: &str, state: ReleaseState, at: u64) -> IndexChange {
        IndexChange::State {
            id: id(text),
            status: Arc::new(ReleaseStatus {
                state,
                note: None,
                at,
            }),
        }
    }

    fn channel(name: &str, version: Option<&str>, at: u64) -> IndexChange {
        IndexChange::Channel {
            name: "a".parse().unwrap(),
            channel: name.parse().unwrap(),
            version: version.map(|text| text.parse().unwrap()),
            at,
        }
    }

    fn components(changes: &[IndexChange]) -> Components {
        let mut components = Components::default();
        for change in changes {
            apply(&mut components, change);
        }
        components
    }

    fn history() -> Vec<IndexChange> {
        vec![
            add("a@1.0.0"),
            add("a@1.1.0"),
            channel("stable", Some("1.0.0"), 3),
            state("a@1.1.0", ReleaseState::Yanked, 4),
            channel("stable", Some("1.1.0"), 5),
            state("a@1.1.0", ReleaseState::Active, 6),
            channel("next", Some("1.1.0"), 7),
            channel("next", None, 8),
        ]
    }

    #[test]
    fn changes_are_written_compactly_and_read_again() {
        let texts = [
            r#"{"add":{"id":"a@1.0.0","details":{"publishDate":0}}}"#,
            r#"{"state":{"id":"a@1.0.0","status":{"state":"yanked","at":4}}}"#,
            r#"{"channel":{"name":"a","channel":"next","version":"1.1.0","at":7}}"#,
            r#"{"channel":{"name":"a","channel":"next","at":8}}"#,
        ];
        let changes = [
            add("a@1.0.0"),
            state("a@1.0.0", ReleaseState::Yanked, 4),
            channel("next", Some("1.1.0"), 7),
            channel("next", None, 8),
        ];
        for (text, change) in texts.into_iter().zip(changes) {
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
            assert_eq!(serde_json::from_str::<IndexChange>(text).unwrap(), change);
        }
    }

    #[test]
    fn a_change_is_applied_once_and_never_over_a_later_one() {
        let mut known = components(&history());
        for change in history() {
            assert!(!apply(&mut known, &change), "{change:?}");
        }
        assert_eq!(known, components(&history()));
        let unknown = state("a@9.9.9", ReleaseState::Yanked, 99);
        assert!(!apply(&mut known, &unknown));
        assert!(!apply(
            &mut known,
            &state("b@1.0.0", ReleaseState::Yanked, 99)
        ));
    }

    #[test]
    fn catalogs_that_know_different_parts_of_the_past_unite_to_the_same() {
        let whole = components(&history());
        for known in 0..history().len() {
            let mut left = components(&history()[..known]);
            let mut right = whole.clone();
            right.merge(&left);
            left.merge(&whole);
            assert_eq!(left, whole, "the older learns, {known}");
            assert_eq!(right, whole, "the newer keeps, {known}");
        }
    }

    #[test]
    fn facts_tell_all_that_a_catalog_knows_the_past_of_channels_included() {
        let known = components(&[history(), vec![channel("next", Some("1.0.0"), 9)]].concat());
        let told: Vec<IndexChange> = facts(&known).collect();
        assert_eq!(components(&told), known);
    }

    #[test]
    fn a_change_is_found_where_it_was_made_also_behind_a_later_move() {
        let known = components(&history());
        assert!(channel("stable", Some("1.0.0"), 3).is_in(&known));
        assert!(channel("stable", Some("1.1.0"), 5).is_in(&known));
        assert!(!channel("stable", Some("1.1.0"), 4).is_in(&known));
        assert!(state("a@1.1.0", ReleaseState::Active, 6).is_in(&known));
        assert!(!state("a@1.1.0", ReleaseState::Yanked, 4).is_in(&known));
    }
}
