//! The words of the OpenComponents protocol, and nothing that does I/O.
//!
//! Start with [`ComponentId`], then [`PackageJson`] (what a release says of itself),
//! [`resolve`] (how a requested version is resolved) and [`Parameters`] (what a caller asks for).

mod chain;
mod change;
mod channel;
mod clock;
mod component;
mod grammar;
pub mod json;
mod manifest;
mod parameter;
mod query;
mod range;
mod state;
mod text;
mod version;
mod wire;

pub use chain::Chain;
pub use change::Change;
pub use channel::{ChannelError, ChannelName};
pub use clock::{Clock, SystemClock};
pub use component::{ComponentId, ComponentName, IdError, NameError};
pub use manifest::{
    DataProviderFile, ManifestError, ManifestLimits, OcBlock, OcFiles, PackageJson, TemplateFile,
};
pub use parameter::{NonFinite, ParameterSpec, ParameterValue, Parameters, ParametersError};
pub use query::{FormError, encode_uri_component, href, parse as parse_query, parse_form};
pub use range::{Range, RangeError, resolve, resolve_offered};
pub use state::{NoteError, ReleaseState, ReleaseStatus, StateError, StateNote};
pub use version::{Version, VersionError, VersionNumber};
pub use wire::{ComponentsDetails, ComponentsJson, VersionDetails, WireError, each_component};
