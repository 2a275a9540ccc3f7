//! What the change feed tells its subscribers.

use crate::ComponentId;

/// One difference between two revisions of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A release became visible.
    Published(ComponentId),
    /// A release is no longer listed (an explicit removal).
    Removed(ComponentId),
}
