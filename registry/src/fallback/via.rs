//! Which registries a request came through: RFC 9110 §7.6.3.

use sha2::{Digest, Sha256};

/// Begins the name of every registry of this kind.
const PREFIX: &str = "ochre-";

/// Most registries of this kind that a request passes.
const HOPS_MAX: usize = 4;

/// A `Via` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Via(String);

// === impl Via ===

impl Via {
    /// Takes a header as it was received.
    pub(crate) fn received(header: &str) -> Self {
        Self(header.to_owned())
    }

    /// What all nodes of one registry add.
    pub(super) fn of_registry(base_url: &str) -> Self {
        let digest = hex::encode(Sha256::digest(base_url));
        Self(format!("1.1 {PREFIX}{}", &digest[..12]))
    }

    /// Whether a request passed `other` already, or too many like it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let ours = self
            .0
            .split(',')
            .map(str::trim)
            .filter(|hop| hop.contains(PREFIX));
        let mut hops = 0;
        ours.inspect(|_| hops += 1).any(|hop| hop == other.0) || hops >= HOPS_MAX
    }

    /// The header with one more registry in it.
    pub(super) fn and(&self, other: &Self) -> String {
        if self.0.is_empty() {
            other.0.clone()
        } else {
            format!("{}, {}", self.0, other.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_name_is_found_among_others() {
        let own = Via::of_registry("https://a.example/");
        let other = Via::of_registry("https://b.example/");
        assert!(!Via::received("1.1 varnish, 1.1 cdn").holds(&own));
        assert!(!other.holds(&own));
        assert!(Via::received(&own.and(&other)).holds(&own));
        assert!(Via::received(&own.and(&other)).holds(&other));
    }

    #[test]
    fn chains_of_registries_end() {
        let mut via = Via::default();
        for name in 0..HOPS_MAX {
            let hop = Via::of_registry(&name.to_string());
            assert!(!via.holds(&Via::of_registry("own")), "{name}");
            via = Via(via.and(&hop));
        }
        assert!(via.holds(&Via::of_registry("own")));
    }
}
