//! How an installed pack is kept: what it is, beside its files.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileSpec, KeptFile, Runtime, TemplatePack, spec};

/// What a kept pack is, beside its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackManifest {
    /// Template type that the pack stands for.
    pub template_type: String,
    /// Version of OC's package of that type.
    pub template_version: String,
    /// The framework's files, in the order in which they are evaluated.
    pub files: Vec<PackFile>,
}

/// One kept file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackFile {
    /// npm package it came from.
    pub npm_package: String,
    /// Version of that package.
    pub version: String,
    /// Path inside the package.
    pub path: String,
    /// What the adapter requires it as; none when only browsers load it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// Why a kept pack cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackError {
    /// No adapter renders this type.
    #[error("template type `{0}` has no adapter")]
    UnknownType(String),
    /// A file of the manifest is not there.
    #[error("file `{0}` of the template pack is missing")]
    Missing(String),
    /// A file is not the one that was installed.
    #[error("file `{file}` of the template pack has digest {found}, {expected} is expected")]
    Damaged {
        /// `handlebars@4.7.9/dist/handlebars.runtime.min.js`.
        file: String,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
}

// === impl PackManifest ===

impl PackManifest {
    /// Puts a pack together from its kept files, given in the manifest's order.
    ///
    /// # Errors
    ///
    /// [`PackError`].
    pub fn load(&self, contents: &[Bytes]) -> Result<Arc<TemplatePack>, PackError> {
        let spec = spec(&self.template_type)
            .ok_or_else(|| PackError::UnknownType(self.template_type.clone()))?;
        if let Some(missing) = self.files.get(contents.len()) {
            return Err(PackError::Missing(missing.origin()));
        }
        let mut runtimes = Vec::new();
        let mut files = Vec::new();
        for (file, content) in self.files.iter().zip(contents) {
            file.check(content)?;
            if let Some(module) = &file.module {
                let source = String::from_utf8_lossy(content);
                runtimes.push(Runtime::new(module, &file.origin(), &source));
            }
            files.push(KeptFile {
                origin: file.clone(),
                content: content.clone(),
            });
        }
        let pack = spec.with_runtimes(runtimes);
        Ok(Arc::new(TemplatePack {
            version: self.template_version.as_str().into(),
            files,
            ..pack
        }))
    }
}

// === impl PackFile ===

impl PackFile {
    /// How a file is kept whose content is `content`.
    pub(super) fn new(file: &FileSpec, content: &[u8]) -> Self {
        Self {
            npm_package: file.package.name.to_owned(),
            version: file.package.version.to_owned(),
            path: file.path.to_owned(),
            module: file.module.map(str::to_owned),
            sha256: digest(content),
        }
    }

    /// Where it was published: `handlebars@4.7.9/dist/handlebars.runtime.min.js`.
    pub fn origin(&self) -> String {
        format!("{}@{}/{}", self.npm_package, self.version, self.path)
    }

    fn check(&self, content: &[u8]) -> Result<(), PackError> {
        let found = digest(content);
        if found == self.sha256 {
            return Ok(());
        }
        Err(PackError::Damaged {
            file: self.origin(),
            expected: self.sha256.clone(),
            found,
        })
    }
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{PackError, PackManifest};
    use crate::template::{HANDLEBARS, spec};

    #[test]
    fn kept_pack_is_loaded_again() {
        let content = [Bytes::from("1")];
        let manifest = spec(HANDLEBARS).unwrap().manifest(&content);
        let json = serde_json::to_string(&manifest).unwrap();
        let kept: PackManifest = serde_json::from_str(&json).unwrap();

        let pack = kept.load(&content).unwrap();

        assert_eq!(&*pack.template_type, "oc-template-handlebars");
        assert_eq!(
            &*pack.runtimes[0].script.origin,
            "handlebars@4.7.9/dist/handlebars.runtime.min.js"
        );
        assert_eq!(pack.files[0].content, "1");
    }

    #[test]
    fn damaged_runtime_is_refused() {
        let manifest = spec(HANDLEBARS).unwrap().manifest(&[Bytes::from("1")]);
        let loaded = manifest.load(&[Bytes::from("2")]);
        assert!(matches!(loaded, Err(PackError::Damaged { .. })));
    }

    #[test]
    fn pack_without_its_file_is_refused() {
        let manifest = spec(HANDLEBARS).unwrap().manifest(&[Bytes::from("1")]);
        assert!(matches!(manifest.load(&[]), Err(PackError::Missing(_))));
    }
}
