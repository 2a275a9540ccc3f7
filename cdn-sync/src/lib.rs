//! Follows the manifest that all registries of a store share.
//!
//! Start with [`Watch`], which keeps a node's catalog like the store's; [`Lookup`] finds exact
//! versions that it does not know yet; [`Feed`] tells subscribers what has changed.

mod feed;
mod lookup;
mod settings;
mod watch;

pub use feed::{Feed, FeedError, FeedEvent, Subscription};
pub use lookup::{Lookup, LookupError};
pub use settings::WatchSettings;
pub use watch::{RefreshError, Watch, WatchStatus};
