//! The words of the OpenComponents protocol, and nothing that does I/O.
//!
//! Start with [`ComponentId`], then [`PackageJson`] (what a release says of itself) and
//! [`Range`] (how a requested version is resolved).

mod change;
mod clock;
mod component;
mod version;

pub use change::Change;
pub use clock::{Clock, SystemClock};
pub use component::{ComponentId, ComponentName, NameError};
pub use version::{Version, VersionError};
