//! What the change feed tells its subscribers.

use crate::{ChannelName, ComponentId, ComponentName, ReleaseState, Version};

/// One difference between two revisions of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A release became visible.
    Published(ComponentId),
    /// A release is no longer listed (an explicit removal).
    Removed(ComponentId),
    /// A release got another state.
    StateChanged {
        /// The release.
        id: ComponentId,
        /// Its state now.
        state: ReleaseState,
    },
    /// A channel points elsewhere.
    ChannelMoved {
        /// The component.
        name: ComponentName,
        /// The channel.
        channel: ChannelName,
        /// What it points to now; none when it was removed.
        version: Option<Version>,
    },
}
