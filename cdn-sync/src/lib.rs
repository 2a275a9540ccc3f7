//! Follows the manifest that all registries of a store share, and copies what is published there.
//!
//! Start with [`Watch`], which keeps a node's catalog like the store's; [`Lookup`] finds exact
//! versions that it does not know yet; [`Feed`] tells subscribers what has changed; [`WakeUp`] has
//! nodes tell each other of it through Redis. [`mirror`] copies releases to CDNs and to stores of
//! other regions: the program `ochre-cdn-sync`. [`configuration`] and [`telemetry`] are what all
//! programs of Ochre do alike.

pub mod configuration;
mod feed;
mod lookup;
pub mod mirror;
pub mod program;
mod settings;
pub mod telemetry;
mod wakeup;
mod watch;

pub use feed::{Cursor, CursorError, Feed, FeedError, FeedEvent, Resumed, Subscription};
pub use lookup::{Lookup, LookupError};
pub use settings::WatchSettings;
pub use wakeup::{RedisSettings, WakeUp, WakeUpError, WakeUpStatus};
pub use watch::{RefreshError, Watch, WatchStatus};
