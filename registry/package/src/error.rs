//! Why a package is refused.

use std::io;

use bytesize::ByteSize;
use ochre_model::ManifestError;

/// A package is refused. `Display` is the cause as its publisher may read it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The archive could not be read from where it lies; not the publisher's fault.
    #[error("archive could not be read")]
    Unreadable(#[source] io::Error),
    /// More unpacked bytes than allowed.
    #[error("archive unpacks to more than {limit}")]
    UnpackedTooLarge {
        /// The limit.
        limit: ByteSize,
    },
    /// More unpacked bytes for each packed byte than allowed.
    #[error("archive unpacks to more than {limit} times its size")]
    RatioTooHigh {
        /// The limit.
        limit: u64,
    },
    /// More files and folders than allowed.
    #[error("archive has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// Not gzip, or damaged.
    #[error("archive is not valid gzip")]
    Gzip(#[source] io::Error),
    /// Not tar, damaged, or cut off.
    #[error("archive is not a valid tar")]
    Tar(#[source] io::Error),
    /// Something follows the end of the tar or of the gzip stream.
    #[error("archive has data after its end")]
    TrailingData,
    /// A header of the tar is malformed, or two readers could understand it differently.
    #[error("archive has a malformed header: {0}")]
    Header(&'static str),
    /// Neither a file nor a folder.
    #[error("entry type of `{path}` is not allowed: {kind}")]
    EntryType {
        /// Path in the archive.
        path: String,
        /// As `symlink`.
        kind: &'static str,
    },
    /// A path that is not safe everywhere.
    #[error("path `{path}` is not allowed: {problem}")]
    Path {
        /// Path in the archive.
        path: String,
        /// As `it has a part ".."`.
        problem: &'static str,
    },
    /// Two entries for one path, or a file where another entry needs a folder.
    #[error("path `{path}` is in the archive twice")]
    Duplicate {
        /// Path in the archive.
        path: String,
    },
    /// `package.json`, or a file that it needs, is absent.
    #[error("archive has no `_package/{path}`")]
    MissingFile {
        /// Path in the package.
        path: &'static str,
    },
    /// `package.json` is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

// === impl PackageError ===

impl PackageError {
    /// `unpacked_too_large`, `too_many_entries`, `package_unreadable`, or `package_not_valid` for
    /// all that is wrong with the package itself.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "package_unreadable",
            Self::UnpackedTooLarge { .. } | Self::RatioTooHigh { .. } => "unpacked_too_large",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::Gzip(_)
            | Self::Tar(_)
            | Self::TrailingData
            | Self::Header(_)
            | Self::EntryType { .. }
            | Self::Path { .. }
            | Self::Duplicate { .. }
            | Self::MissingFile { .. }
            | Self::Manifest(_) => "package_not_valid",
        }
    }
}
