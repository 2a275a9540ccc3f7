//! The text of a manifest: compared with the catalog and written from it, one component at a time.

use std::collections::BTreeMap;

use ochre_model::{
    WireError,
    json::{self, JsonError},
};

use crate::catalog::{ComponentVersions, Components};

/// One of the two files.
pub(crate) trait Manifest: std::fmt::Debug + Send + 'static {
    /// What it says of one component beyond the catalog.
    type Surplus: Clone + std::fmt::Debug + Send + Sync;

    /// Bytes that one version takes, about.
    const VERSION_BYTES: usize;

    /// Compares a file with the catalog.
    fn compare(bytes: &[u8], known: &Components) -> Result<Compared<Self::Surplus>, WireError>;

    /// Appends the value of one component: what the catalog knows of it, and the surplus.
    fn write(
        bytes: &mut Vec<u8>,
        known: Option<&ComponentVersions>,
        surplus: Option<&Self::Surplus>,
    ) -> Result<(), JsonError>;
}

/// Surplus by component name.
pub(crate) type SurplusOf<S> = BTreeMap<String, S>;

/// What a file holds, seen from the catalog.
#[derive(Clone, Debug)]
pub(crate) struct Compared<S> {
    pub(crate) last_edit: u64,
    /// What the catalog does not know, or knows otherwise: nothing, or little.
    pub(crate) surplus: SurplusOf<S>,
    /// Whether the file lacks something that the catalog has.
    pub(crate) lacks: bool,
}

// === impl Compared ===

impl<S> Default for Compared<S> {
    /// A file that is not there.
    fn default() -> Self {
        Self {
            last_edit: 0,
            surplus: BTreeMap::new(),
            lacks: true,
        }
    }
}

/// The whole file: the catalog and the surplus, components in alphabetical order.
pub(super) fn text<M: Manifest>(
    known: &Components,
    surplus: &SurplusOf<M::Surplus>,
    last_edit: u64,
) -> Result<Vec<u8>, JsonError> {
    let capacity = 64 + known.len() * 48 + known.version_count() * M::VERSION_BYTES;
    let mut bytes = Vec::with_capacity(capacity);
    bytes.extend_from_slice(b"{\"lastEdit\":");
    json::write(&last_edit, &mut bytes)?;
    bytes.extend_from_slice(b",\"components\":{");
    let mut separator: &[u8] = b"";
    let mut component = |name: &str, known, surplus| {
        bytes.extend_from_slice(separator);
        separator = b",";
        json::write(name, &mut bytes)?;
        bytes.push(b':');
        M::write(&mut bytes, known, surplus)
    };
    let mut others = surplus.iter().peekable();
    for (name, versions) in known.iter() {
        let name = name.as_str();
        while let Some((other, surplus)) = others.next_if(|(other, _)| other.as_str() < name) {
            component(other, None, Some(surplus))?;
        }
        let surplus = others.next_if(|(other, _)| other.as_str() == name);
        component(name, Some(versions), surplus.map(|(_, surplus)| surplus))?;
    }
    for (other, surplus) in others {
        component(other, None, Some(surplus))?;
    }
    bytes.extend_from_slice(b"}}");
    Ok(bytes)
}
