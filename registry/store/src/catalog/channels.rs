//! The channels of one component, and what they pointed to before.

use std::collections::BTreeMap;

use ochre_model::{ChannelName, Version};
use serde::{Deserialize, Serialize};

/// Earlier targets that a channel remembers.
const EARLIER_MAX: usize = 10;

/// Every channel of one component, removed ones included.
pub(crate) type Channels = BTreeMap<ChannelName, Channel>;

/// One channel: what it points to, and what it pointed to before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// What it points to; none when the channel was removed, which is remembered so that an older
    /// state of the catalog does not bring it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Version>,
    /// When it came to point there: milliseconds since 1970, growing with each change of a catalog.
    pub(crate) at: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier: Vec<Target>,
}

/// What a channel pointed to at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The version.
    pub version: Version,
    /// Since when: milliseconds since 1970.
    pub at: u64,
}

// === impl Channel ===

impl Channel {
    /// What it points to; none when it was removed.
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// Since when it points there: milliseconds since 1970.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What it pointed to before, newest first, at most ten.
    pub fn earlier(&self) -> &[Target] {
        &self.earlier
    }

    /// Where it has been pointed, and when: what is remembered of it, oldest first.
    pub(crate) fn moves(&self) -> impl Iterator<Item = (Option<&Version>, u64)> {
        let earlier = self.earlier.iter().rev();
        let past = earlier.map(|target| (Some(&target.version), target.at));
        past.chain([(self.version(), self.at)])
    }

    /// Points elsewhere, or nowhere; false when a later move is known.
    ///
    /// A move to an earlier target goes back: what came after it is forgotten.
    pub(crate) fn point(&mut self, version: Option<&Version>, at: u64) -> bool {
        if self.at >= at {
            return false;
        }
        let before = self.version.take().map(|version| Target {
            version,
            at: self.at,
        });
        let back = version.and_then(|version| {
            let mut earlier = self.earlier.iter();
            earlier.position(|target| target.version == *version)
        });
        match (version, back) {
            (None, _) => self.earlier.clear(),
            (Some(_), Some(position)) => drop(self.earlier.drain(..=position)),
            (Some(_), None) => {
                self.earlier.splice(0..0, before);
                self.earlier.truncate(EARLIER_MAX);
            }
        }
        self.version = version.cloned();
        self.at = at;
        true
    }
}

/// Takes over what `other` knows better; false when that is nothing.
pub(crate) fn join(mine: &mut Channels, other: &Channels) -> bool {
    let mut changed = false;
    for (name, theirs) in other {
        let known = mine.get(name);
        if known.is_none_or(|known| known.at < theirs.at) {
            mine.insert(name.clone(), theirs.clone());
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn earlier(channel: &Channel) -> Vec<&str> {
        let texts = channel.earlier.iter().map(|target| target.version.as_str());
        texts.collect()
    }

    #[test]
    fn a_channel_remembers_where_it_was_and_forgets_what_it_went_back_from() {
        let mut channel = Channel::default();
        for (at, text) in [(1, "1.0.0"), (2, "2.0.0"), (3, "3.0.0")] {
            assert!(channel.point(Some(&version(text)), at));
        }
        assert_eq!(earlier(&channel), ["2.0.0", "1.0.0"]);
        assert!(!channel.point(Some(&version("9.0.0")), 3), "not later");
        assert!(channel.point(Some(&version("1.0.0")), 4));
        assert_eq!(earlier(&channel), Vec::<&str>::new());
        assert!(channel.point(None, 5));
        assert_eq!(channel.version(), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut channel = Channel::default();
        for at in 1..100 {
            channel.point(Some(&version(&format!("{at}.0.0"))), at);
        }
        assert_eq!(channel.earlier.len(), EARLIER_MAX);
        assert_eq!(earlier(&channel)[0], "98.0.0");
    }
}
