//! Source text and where it came from.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::quickjs::Bytecode;

/// A classic (sloppy-mode) script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Name for stack traces (`hello@1.0.0/server.js`); never a path of this machine.
    pub origin: Arc<str>,
    /// Source text.
    pub source: Arc<str>,
    /// Lower-case hexadecimal SHA-256 of the source.
    pub digest: Arc<str>,
    /// What the embedded driver compiled, shared by all clones of this script.
    pub(crate) bytecode: Arc<OnceLock<Bytecode>>,
}

impl Script {
    /// Takes `source` as it is; `origin` is its name in stack traces.
    pub fn new(origin: impl Into<Arc<str>>, source: impl Into<Arc<str>>) -> Self {
        let source = source.into();
        Self {
            origin: origin.into(),
            digest: hex::encode(Sha256::digest(source.as_bytes())).into(),
            source,
            bytecode: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn digest_is_that_of_the_source() {
        let script = Script::new("a@1.0.0/server.js", "abc");
        assert_eq!(
            &*script.digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
