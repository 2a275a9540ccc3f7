//! Follows the manifest that all registries of a store share.
//!
//! Start with [`Watch`], which keeps a node's catalog like the store's; [`Lookup`] finds exact
//! versions that it does not know yet; [`Feed`] tells subscribers what has changed.
//! [`configuration`] and [`telemetry`] are what all programs of Ochre do alike.

pub mod configuration;
mod feed;
mod lookup;
mod settings;
pub mod telemetry;
mod watch;

pub use feed::{Feed, FeedError, FeedEvent, Subscription};
pub use lookup::{Lookup, LookupError};
pub use settings::WatchSettings;
pub use watch::{RefreshError, Watch, WatchStatus};
