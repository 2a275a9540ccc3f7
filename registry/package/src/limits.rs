//! Bounds of a package.

use bytesize::ByteSize;
use ochre_model::ManifestLimits;
use serde::{Deserialize, Serialize};

/// Bounds of a package; what passes one is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most bytes of the unpacked archive, headers included. Default 200 MiB; above it the
    /// publisher is told `unpacked_too_large`.
    pub unpacked: ByteSize,
    /// Most unpacked bytes for each packed byte. Default 200; above it the publisher is told
    /// `unpacked_too_large`.
    pub ratio: u64,
    /// Unpacked bytes up to which `ratio` does not count. Default 1 MiB.
    pub ratio_after: ByteSize,
    /// Most files and folders. Default 5,000; above it the publisher is told
    /// `too_many_entries`.
    pub entries: usize,
    /// Longest path, in bytes. Default 1,024.
    pub path_bytes: usize,
    /// Most parts of a path. Default 32.
    pub path_depth: usize,
    /// Longest `package.json`. Default 1 MiB.
    pub manifest: ByteSize,
    /// Most parameters that a component declares. Default 500.
    pub parameters: usize,
}

// === impl Limits ===

impl Limits {
    /// The bounds of the `package.json` in it.
    pub fn manifest(&self) -> ManifestLimits {
        ManifestLimits {
            bytes: usize::try_from(self.manifest.as_u64()).unwrap_or(usize::MAX),
            parameters: self.parameters,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked: ByteSize::mib(200),
            ratio: 200,
            ratio_after: ByteSize::mib(1),
            entries: 5_000,
            path_bytes: 1_024,
            path_depth: 32,
            manifest: ByteSize::mib(1),
            parameters: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_settings() {
        let limits: Limits = toml::from_str("unpacked = \"10MiB\"\nentries = 7").unwrap();
        assert_eq!(limits.unpacked, ByteSize::mib(10));
        assert_eq!(limits.entries, 7);
        assert_eq!(limits.ratio, Limits::default().ratio);
        assert!(toml::from_str::<Limits>("unknown = 1").is_err());
    }
}
