//! What renders one template type on the registry.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::script::Script;

/// Type of views that need no framework.
pub const ES6: &str = "oc-template-es6";
/// Type of precompiled Handlebars views; the legacy type `handlebars` is the same.
pub const HANDLEBARS: &str = "oc-template-handlebars";

/// Packs that can be installed: where the framework's runtime is published, pinned.
pub const PACKS: &[PackSpec] = &[PackSpec {
    template_type: HANDLEBARS,
    template_version: "6.0.26",
    npm_package: "handlebars",
    version: "4.7.9",
    file: "dist/handlebars.runtime.min.js",
    integrity: "sha512-4E71E0rpOaQuJR2A3xDZ+GM1HyWYv1clR58tC8emQNeQe3RH7MAzSbat+V0wG78LQBo6m6bzSG/L4pBuCsgnUQ==",
}];

/// An adapter of ours plus the framework's own published runtime.
#[derive(Debug)]
pub struct TemplatePack {
    /// `oc-template-handlebars`.
    pub template_type: Arc<str>,
    /// Version told in `context.templates` and to callers.
    pub version: Arc<str>,
    /// The framework's runtime file, when the type needs one.
    pub runtime: Option<Script>,
    /// Our script: defines how a view of this type is rendered.
    ///
    /// Its completion value is a function. It is called with the native HTML escape after the
    /// runtime was evaluated, and answers `link(view, key)`; that is called once with what the
    /// view put into `oc.components`, and answers `render(model)`, which answers HTML or throws.
    pub adapter: Script,
    /// Scripts a browser needs to render this type.
    pub externals: Vec<External>,
}

/// A script that a browser loads before it renders a view; members in OC's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// Global variable that tells whether it is loaded already.
    pub global: serde_json::Value,
    /// npm package name.
    pub name: String,
    /// Where to load it from.
    pub url: String,
}

/// A pack that can be installed: which file of which npm package is its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackSpec {
    /// Template type that the pack renders.
    pub template_type: &'static str,
    /// Version of OC's package of that type that the pack stands for.
    pub template_version: &'static str,
    /// npm package of the framework.
    pub npm_package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Path of the runtime inside the package.
    pub file: &'static str,
    /// Subresource integrity of the package's archive, as the npm registry tells it.
    pub integrity: &'static str,
}

/// How a pack is kept: what it is, beside its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackManifest {
    /// Template type that the pack renders.
    pub template_type: String,
    /// Version of OC's package of that type that the pack stands for.
    pub template_version: String,
    /// The framework's runtime.
    pub runtime: PackFile,
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
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// Why a kept pack cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackError {
    /// No adapter renders this type.
    #[error("template type `{0}` has no adapter")]
    UnknownType(String),
    /// The runtime is not the one that was installed.
    #[error(
        "runtime of template pack `{template_type}` has digest {found}, {expected} is expected"
    )]
    Damaged {
        /// Template type of the pack.
        template_type: String,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
}

impl PackSpec {
    /// Scripts a browser needs to render this type.
    pub fn externals(&self) -> Vec<External> {
        match self.template_type {
            HANDLEBARS => handlebars_externals(),
            _ => Vec::new(),
        }
    }

    /// The manifest of this pack with `runtime` as the content of its file.
    pub fn manifest(&self, runtime: &Script) -> PackManifest {
        PackManifest {
            template_type: self.template_type.to_owned(),
            template_version: self.template_version.to_owned(),
            runtime: PackFile {
                npm_package: self.npm_package.to_owned(),
                version: self.version.to_owned(),
                path: self.file.to_owned(),
                sha256: runtime.digest.to_string(),
            },
        }
    }
}

impl PackManifest {
    /// Puts a pack together from its kept runtime.
    ///
    /// # Errors
    ///
    /// [`PackError::Damaged`] when `source` is not the file of the manifest;
    /// [`PackError::UnknownType`] when no adapter renders the type.
    pub fn load(&self, source: &str) -> Result<Arc<TemplatePack>, PackError> {
        let file = &self.runtime;
        let origin = format!("{}@{}/{}", file.npm_package, file.version, file.path);
        let runtime = Script::new(origin, source);
        if *runtime.digest != *file.sha256 {
            return Err(PackError::Damaged {
                template_type: self.template_type.clone(),
                expected: file.sha256.clone(),
                found: runtime.digest.to_string(),
            });
        }
        match self.template_type.as_str() {
            HANDLEBARS => Ok(handlebars(&self.template_version, runtime)),
            other => Err(PackError::UnknownType(other.to_owned())),
        }
    }
}

/// The pack of `oc-template-es6`: needs no framework.
pub fn es6() -> Arc<TemplatePack> {
    static PACK: LazyLock<Arc<TemplatePack>> = LazyLock::new(|| {
        Arc::new(TemplatePack {
            template_type: ES6.into(),
            version: "2.0.0".into(),
            runtime: None,
            adapter: Script::new("ochre:es6", include_str!("template/es6.js")),
            externals: Vec::new(),
        })
    });
    Arc::clone(&PACK)
}

/// The pack of `oc-template-handlebars`.
///
/// `version`: of OC's package, told to components. `runtime`: the file
/// `dist/handlebars.runtime.min.js` of the npm package `handlebars`.
pub fn handlebars(version: &str, runtime: Script) -> Arc<TemplatePack> {
    Arc::new(TemplatePack {
        template_type: HANDLEBARS.into(),
        version: version.into(),
        runtime: Some(runtime),
        adapter: Script::new("ochre:handlebars", include_str!("template/handlebars.js")),
        externals: handlebars_externals(),
    })
}

fn handlebars_externals() -> Vec<External> {
    vec![External {
        global: "Handlebars".into(),
        name: "handlebars".to_owned(),
        url: "https://unpkg.com/handlebars@4.7.7/dist/handlebars.runtime.min.js".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::{PACKS, PackError, PackManifest, Script};

    #[test]
    fn kept_pack_is_loaded_again() {
        let manifest = PACKS[0].manifest(&Script::new("runtime", "1"));
        let json = serde_json::to_string(&manifest).unwrap();
        let kept: PackManifest = serde_json::from_str(&json).unwrap();

        let pack = kept.load("1").unwrap();

        assert_eq!(&*pack.template_type, "oc-template-handlebars");
        assert_eq!(
            &*pack.runtime.as_ref().unwrap().origin,
            "handlebars@4.7.9/dist/handlebars.runtime.min.js"
        );
    }

    #[test]
    fn damaged_runtime_is_refused() {
        let manifest = PACKS[0].manifest(&Script::new("runtime", "1"));
        assert!(matches!(manifest.load("2"), Err(PackError::Damaged { .. })));
    }
}
