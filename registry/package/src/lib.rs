//! The archive that a publisher sends: read within limits, never extracted by path, and built.
//!
//! Start with [`read`]; [`Limits`] says what it refuses and [`PackageError`] how.

mod builder;
mod entry;
mod error;
mod limits;
mod metered;
mod path;
mod pax;
mod reader;

pub use builder::{BuildError, PackageBuilder};
pub use error::PackageError;
pub use limits::Limits;
pub use reader::{Package, PackageFile, read};
