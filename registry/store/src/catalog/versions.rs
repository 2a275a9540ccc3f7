//! The versions of one component, and what is said of them.

use std::{collections::BTreeMap, sync::Arc};

use ochre_model::{ChannelName, ReleaseState, ReleaseStatus, Version};
use serde::{Deserialize, Serialize};

use super::channels::{self, Channel, Channels};

/// What lists and searches need to know of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionSummary {
    /// `oc.date`: milliseconds since 1970, 0 when unknown.
    #[serde(default)]
    pub publish_date: u64,
    /// `oc.files.template.size`: bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_size: Option<u64>,
    /// `oc.state`, as published: `deprecated`, `experimental` or any other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The state that was set after it was published, which counts instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Arc<ReleaseStatus>>,
}

/// The versions of one component, ascending as npm orders them, and its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentVersions {
    versions: Vec<Version>,
    details: Vec<VersionSummary>,
    /// None where no channel ever was: nearly everywhere.
    channels: Option<Box<Channels>>,
}

// === impl VersionSummary ===

impl VersionSummary {
    /// The state that counts: what was set later, or else `oc.state`; none for `active`.
    pub fn state(&self) -> Option<&str> {
        match &self.status {
            Some(status) if status.state == ReleaseState::Active => None,
            Some(status) => Some(status.state.as_str()),
            None => self.state.as_deref(),
        }
    }

    /// Whether it is out of ranges.
    pub fn is_yanked(&self) -> bool {
        let status = self.status.as_ref();
        status.is_some_and(|status| status.state == ReleaseState::Yanked)
    }

    /// Takes over a later status; false when the known one is as late.
    fn join(&mut self, status: &Arc<ReleaseStatus>) -> bool {
        let known = self.status.as_ref();
        let later = known.is_none_or(|known| known.at < status.at);
        if later {
            self.status = Some(Arc::clone(status));
        }
        later
    }
}

// === impl ComponentVersions ===

impl ComponentVersions {
    /// The versions, ascending as npm orders them.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// What is known of one version.
    pub fn details(&self, version: &Version) -> Option<&VersionSummary> {
        let position = self.versions.binary_search(version).ok()?;
        self.details.get(position)
    }

    /// Every version with what is known of it, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Version, &VersionSummary)> {
        self.versions.iter().zip(&self.details)
    }

    /// Whether the version is listed.
    pub fn contains(&self, version: &Version) -> bool {
        self.versions.binary_search(version).is_ok()
    }

    /// The version that a request means: what a channel of that name points to, or else as
    /// [`ochre_model::resolve`], where yanked versions answer to nothing but their text.
    pub fn resolve(&self, requested: &str) -> Option<&Version> {
        let channel = self.channels.as_ref().and_then(|all| all.get(requested));
        if let Some(version) = channel.and_then(Channel::version) {
            return Some(version);
        }
        ochre_model::resolve_offered(&self.versions, requested, |version| {
            !self.details(version).is_some_and(VersionSummary::is_yanked)
        })
    }

    /// One channel, unless it was removed or never was.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        let channel = self.channels.as_ref()?.get(name)?;
        channel.version.is_some().then_some(channel)
    }

    /// Every channel that there is, alphabetical.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, &Channel)> {
        let known = self.known_channels();
        known.filter(|(_, channel)| channel.version.is_some())
    }

    /// Whether a state was ever set or a channel ever made.
    pub(crate) fn is_marked(&self) -> bool {
        let mut details = self.details.iter();
        self.channels.is_some() || details.any(|details| details.status.is_some())
    }

    /// Every channel, removed ones included.
    pub(crate) fn known_channels(&self) -> impl Iterator<Item = (&ChannelName, &Channel)> {
        self.channels.iter().flat_map(|channels| channels.iter())
    }

    /// What is remembered of a channel, even if it was removed.
    pub(crate) fn known_channel(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.as_ref()?.get(name)
    }

    /// Adds a version; of one that is there already only a later status is taken over.
    pub(super) fn insert(&mut self, version: &Version, details: &VersionSummary) -> bool {
        match self.versions.binary_search(version) {
            Ok(position) => match (self.details.get_mut(position), &details.status) {
                (Some(known), Some(status)) => known.join(status),
                _ => false,
            },
            Err(position) => {
                // Nearly all of them stay as they are: room for more would be lost.
                self.versions.reserve_exact(1);
                self.details.reserve_exact(1);
                self.versions.insert(position, version.clone());
                self.details.insert(position, details.clone());
                true
            }
        }
    }

    /// Sets a status; false for an unknown version or when a later one is known.
    pub(crate) fn set_status(&mut self, version: &Version, status: &Arc<ReleaseStatus>) -> bool {
        let position = self.versions.binary_search(version).ok();
        let details = position.and_then(|position| self.details.get_mut(position));
        details.is_some_and(|details| details.join(status))
    }

    /// Points a channel elsewhere, or nowhere; false when a later move is known.
    pub(crate) fn point(&mut self, name: &ChannelName, to: Option<&Version>, at: u64) -> bool {
        let channels = self.channels.get_or_insert_default();
        channels.entry(name.clone()).or_default().point(to, at)
    }

    /// Takes over channels as they are elsewhere, each where it is later.
    pub(crate) fn join_channels(&mut self, other: &Channels) -> bool {
        !other.is_empty() && channels::join(self.channels.get_or_insert_default(), other)
    }

    /// The versions that are to be kept, with the channels that point to them, and the others.
    pub(crate) fn partition(&self, keep: impl Fn(&Version) -> bool) -> (Self, Vec<Version>) {
        let (kept, others): (Vec<_>, Vec<_>) = self.iter().partition(|(version, _)| keep(version));
        let mut part: Self = kept
            .into_iter()
            .map(|(version, details)| (version.clone(), details.clone()))
            .collect();
        let mut channels = self.channels.as_deref().cloned().unwrap_or_default();
        channels.retain(|_, channel| channel.version().is_none_or(&keep));
        part.join_channels(&channels);
        let others = others.into_iter().map(|(version, _)| version.clone());
        (part, others.collect())
    }

    /// Takes over whatever `other` lists beside or knows better; false when that is nothing.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (version, details) in other.iter() {
            changed |= self.insert(version, details);
        }
        match &other.channels {
            Some(channels) => changed | self.join_channels(channels),
            None => changed,
        }
    }
}

impl FromIterator<(Version, VersionSummary)> for ComponentVersions {
    fn from_iter<I: IntoIterator<Item = (Version, VersionSummary)>>(items: I) -> Self {
        let (mut versions, mut details): (Vec<Version>, Vec<_>) = items.into_iter().unzip();
        // What Ochre writes is in order.
        if !versions.is_sorted_by(|before, after| before < after) {
            let unordered = versions.into_iter().zip(details);
            let sorted: BTreeMap<Version, VersionSummary> = unordered.collect();
            (versions, details) = sorted.into_iter().unzip();
        }
        versions.shrink_to_fit();
        details.shrink_to_fit();
        Self {
            versions,
            details,
            channels: None,
        }
    }
}
