//! Named channels: a word that stands where a version could.

use std::{str::FromStr, sync::Arc};

use crate::{Range, Version, text::checked_text};

/// Longest accepted name, in bytes.
const NAME_MAX: usize = 32;

/// What npm's clients would take for its own tag.
const RESERVED: &str = "latest";

/// Name of a channel: a lower-case letter, then up to 31 of `a-z 0-9 -`. No version, no range
/// (`x`, `v1`) and not `latest`, so that no request that means something today changes its meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// The text is no name of a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "channel is not a lower-case letter followed by up to 31 of a-z, 0-9 and `-`, or it is \
     `latest` or reads as a version"
)]
pub struct ChannelError;

// === impl ChannelName ===

checked_text!(ChannelName);

impl FromStr for ChannelName {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        let legal = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let ours = begins && legal && text.len() <= NAME_MAX && text != RESERVED;
        if ours && text.parse::<Version>().is_err() && text.parse::<Range>().is_err() {
            Ok(Self(Arc::from(text)))
        } else {
            Err(ChannelError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_channels() {
        for text in ["stable", "next", "canary-2", "a", "team-a-"] {
            assert_eq!(text.parse::<ChannelName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_means_something_else_is_no_channel() {
        let long = "a".repeat(NAME_MAX + 1);
        for text in [
            "", "latest", "x", "v1", "v1.0.0", "1.0.0", "Stable", "-a", "1st", "a.b", "~a", "a_b",
            "é", &long,
        ] {
            assert_eq!(text.parse::<ChannelName>(), Err(ChannelError), "{text}");
        }
    }
}
