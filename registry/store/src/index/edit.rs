//! What is asked of the index, and whether it may be done now.

use std::sync::Arc;

use ochre_model::{
    ChannelName, ComponentId, ComponentName, ReleaseState, ReleaseStatus, StateNote, Version,
};

use super::IndexChange;
use crate::catalog::{ComponentVersions, Components, VersionSummary};

/// Channels that one component may have had, removed ones included.
const CHANNELS_MAX: usize = 64;

/// Something asked of the index. What it changes depends on the state that it meets.
#[derive(Clone, Debug)]
pub enum IndexEdit {
    /// Another state of a release.
    SetState {
        /// The release.
        id: ComponentId,
        /// Its state from now on.
        state: ReleaseState,
        /// Why.
        note: Option<StateNote>,
    },
    /// Another target of a channel.
    Channel {
        /// The component.
        name: ComponentName,
        /// The channel.
        channel: ChannelName,
        /// What happens to it.
        action: ChannelAction,
        /// What it must point to, or else nothing happens.
        expected: Expected,
    },
}

/// What happens to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAction {
    /// It points to this version, and comes to be if it is not there.
    MoveTo(Version),
    /// It points to what it pointed to before; versions that are yanked or not listed are passed
    /// over.
    RollBack,
    /// It is no more.
    Remove,
}

/// What a channel must point to for a change to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it points to.
    #[default]
    Anything,
    /// The channel is not there.
    Absence,
    /// This version.
    Version(Version),
}

/// Why a change of a state or a channel was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditRefusal {
    /// The version is not listed.
    #[error("version is not published")]
    UnknownVersion,
    /// The component has no such channel.
    #[error("channel does not exist")]
    UnknownChannel,
    /// A channel would come to point to a yanked version.
    #[error("version is yanked")]
    Yanked,
    /// The channel points to something else than expected.
    #[error("channel does not point where it was expected to")]
    Moved {
        /// What it points to; none when it is not there.
        current: Option<Version>,
    },
    /// There is nothing to go back to.
    #[error("channel has no earlier version that can be offered")]
    NoEarlier,
    /// The component has had too many channels.
    #[error("component has had {CHANNELS_MAX} channels, the most that it may have")]
    TooManyChannels,
}

/// What an edit comes to.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// This is to be written.
    Change(IndexChange),
    /// It is so already.
    Nothing,
    Refused(EditRefusal),
}

// === impl IndexEdit ===

impl IndexEdit {
    /// The component that it is about.
    pub(crate) fn name(&self) -> &ComponentName {
        match self {
            Self::SetState { id, .. } => &id.name,
            Self::Channel { name, .. } => name,
        }
    }

    /// The version that must be listed first.
    pub(crate) fn needs(&self) -> Option<ComponentId> {
        match self {
            Self::SetState { id, .. } => Some(id.clone()),
            Self::Channel {
                name,
                action: ChannelAction::MoveTo(version),
                ..
            } => Some(ComponentId {
                name: name.clone(),
                version: version.clone(),
            }),
            Self::Channel { .. } => None,
        }
    }

    /// What the edit comes to in this state, if written at this time, or as soon after it as
    /// counts against what is known.
    pub(crate) fn decide(&self, components: &Components, at: u64) -> Decision {
        let decided = match self {
            Self::SetState { id, state, note } => set_state(components, id, (*state, note), at),
            Self::Channel {
                name,
                channel,
                action,
                expected,
            } => components
                .get(name)
                .ok_or(EditRefusal::UnknownVersion)
                .and_then(|versions| {
                    let target = target(versions, channel, action, expected)?;
                    let known = versions.known_channel(channel);
                    Ok(target.map(|version| IndexChange::Channel {
                        name: name.clone(),
                        channel: channel.clone(),
                        version,
                        at: at.max(known.map_or(0, |known| known.at + 1)),
                    }))
                }),
        };
        match decided {
            Ok(Some(change)) => Decision::Change(change),
            Ok(None) => Decision::Nothing,
            Err(refusal) => Decision::Refused(refusal),
        }
    }
}

fn set_state(
    components: &Components,
    id: &ComponentId,
    (state, note): (ReleaseState, &Option<StateNote>),
    at: u64,
) -> Result<Option<IndexChange>, EditRefusal> {
    let known = components
        .get(&id.name)
        .and_then(|all| all.details(&id.version));
    let known = known.ok_or(EditRefusal::UnknownVersion)?;
    let same = match &known.status {
        Some(status) => status.state == state && status.note == *note,
        None => state == ReleaseState::Active && known.state.is_none(),
    };
    let before = known.status.as_ref();
    Ok((!same).then(|| IndexChange::State {
        id: id.clone(),
        status: Arc::new(ReleaseStatus {
            state,
            note: note.clone(),
            at: at.max(before.map_or(0, |before| before.at + 1)),
        }),
    }))
}

/// Where the channel is to point, none within when nowhere; none when it does so already.
#[expect(
    clippy::option_option,
    reason = "to change nothing is another thing than to point nowhere"
)]
fn target(
    versions: &ComponentVersions,
    name: &ChannelName,
    action: &ChannelAction,
    expected: &Expected,
) -> Result<Option<Option<Version>>, EditRefusal> {
    let channel = versions.channel(name.as_str());
    let current = channel.and_then(|channel| channel.version());
    let wanted = match action {
        ChannelAction::MoveTo(version) => Some(version),
        _ => None,
    };
    // Who asks again for what has happened has been heard.
    let done = match action {
        ChannelAction::MoveTo(_) => current == wanted,
        ChannelAction::Remove => current.is_none() && versions.known_channel(name).is_some(),
        ChannelAction::RollBack => false,
    };
    if done {
        return Ok(None);
    }
    let met = match expected {
        Expected::Anything => true,
        Expected::Absence => current.is_none(),
        Expected::Version(version) => current == Some(version),
    };
    if !met {
        let current = current.cloned();
        return Err(EditRefusal::Moved { current });
    }
    let yanked = |version: &Version| {
        versions
            .details(version)
            .is_some_and(VersionSummary::is_yanked)
    };
    match action {
        ChannelAction::MoveTo(version) if !versions.contains(version) => {
            Err(EditRefusal::UnknownVersion)
        }
        ChannelAction::MoveTo(version) if yanked(version) => Err(EditRefusal::Yanked),
        ChannelAction::MoveTo(version) => {
            let new = versions.known_channel(name).is_none();
            if new && versions.known_channels().count() >= CHANNELS_MAX {
                return Err(EditRefusal::TooManyChannels);
            }
            Ok(Some(Some(version.clone())))
        }
        ChannelAction::RollBack => {
            let channel = channel.ok_or(EditRefusal::UnknownChannel)?;
            let mut earlier = channel.earlier.iter().map(|target| &target.version);
            let back = earlier.find(|version| versions.contains(version) && !yanked(version));
            Ok(Some(Some(back.cloned().ok_or(EditRefusal::NoEarlier)?)))
        }
        ChannelAction::Remove if current.is_none() => Err(EditRefusal::UnknownChannel),
        ChannelAction::Remove => Ok(Some(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::apply;

    #[test]
    fn a_channel_goes_back_to_nothing_that_is_not_listed() {
        let mut components = Components::of_changes(&[
            r#"{"add":{"id":"a@1.0.0","details":{}}}"#,
            r#"{"add":{"id":"a@3.0.0","details":{}}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"1.0.0","at":1}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"2.0.0","at":2}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"3.0.0","at":3}}"#,
        ]);
        let back = IndexEdit::Channel {
            name: "a".parse().unwrap(),
            channel: "stable".parse().unwrap(),
            action: ChannelAction::RollBack,
            expected: Expected::Anything,
        };
        let Decision::Change(change) = back.decide(&components, 4) else {
            panic!("there is an earlier version");
        };
        assert!(apply(&mut components, &change));
        let versions = components.get("a").unwrap();
        assert_eq!(versions.resolve("stable").unwrap().as_str(), "1.0.0");
    }
}
