//! What a template pack is made of, before it is fetched.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{External, PACKS, PackFile, PackManifest, Runtime, TemplatePack};
use crate::script::Script;

/// A version of an npm package, pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpmPackage {
    /// `react-dom`.
    pub name: &'static str,
    /// `18.3.1`.
    pub version: &'static str,
    /// Subresource integrity of the package's archive, as the npm registry tells it.
    pub integrity: &'static str,
}

/// A file of a framework that belongs to a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// The package that it is published in.
    pub package: &'static NpmPackage,
    /// Its path in the package.
    pub path: &'static str,
    /// What the adapter requires it as; none when only browsers load it.
    pub module: Option<&'static str>,
}

/// A script that browsers load before they render a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalSpec {
    /// Global variable that tells whether it is loaded already.
    pub global: &'static str,
    /// Paths below the package that the same script stands for.
    pub paths: &'static [&'static str],
    /// npm package name.
    pub name: &'static str,
    /// Where OC's package of the type says it is.
    pub url: &'static str,
    /// The file of the pack that can be served instead.
    pub file: &'static FileSpec,
}

/// A pack that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackSpec {
    /// Template type that the pack stands for.
    pub template_type: &'static str,
    /// Version of OC's package of that type.
    pub template_version: &'static str,
    /// The framework's files, in the order in which they are evaluated.
    pub files: &'static [&'static FileSpec],
    /// Scripts a browser needs to render this type.
    pub externals: &'static [ExternalSpec],
    /// Our script; see [`TemplatePack::adapter`].
    pub(super) adapter: &'static str,
    /// Modules of ours that the adapter requires: name and source.
    pub(super) modules: &'static [(&'static str, &'static str)],
}

/// The pack of a template type, if there is one that can be installed.
pub fn spec(template_type: &str) -> Option<&'static PackSpec> {
    PACKS
        .iter()
        .find(|spec| spec.template_type == template_type)
}

// === impl PackSpec ===

impl PackSpec {
    /// Scripts a browser needs to render this type, where OC's package says they are.
    pub fn externals(&self) -> Vec<External> {
        let external = |spec: &ExternalSpec| spec.at(spec.url.to_owned());
        self.externals.iter().map(external).collect()
    }

    /// The manifest of this pack with `contents` as its files, in their order.
    pub fn manifest(&self, contents: &[Bytes]) -> PackManifest {
        let files = self.files.iter().zip(contents);
        PackManifest {
            template_type: self.template_type.to_owned(),
            template_version: self.template_version.to_owned(),
            files: files
                .map(|(file, content)| PackFile::new(file, content))
                .collect(),
        }
    }

    /// Whether a kept pack is the one that this executable installs: the same versions of the same
    /// files.
    pub fn is_of(&self, kept: &PackManifest) -> bool {
        let is_same = |(file, kept): (&&FileSpec, &PackFile)| {
            file.package.name == kept.npm_package
                && file.package.version == kept.version
                && file.path == kept.path
                && file.module == kept.module.as_deref()
        };
        self.template_type == kept.template_type
            && self.template_version == kept.template_version
            && self.files.len() == kept.files.len()
            && self.files.iter().zip(&kept.files).all(is_same)
    }

    /// A pack of this type with `runtimes` as its framework.
    pub fn with_runtimes(&self, runtimes: Vec<Runtime>) -> TemplatePack {
        let own = self.modules.iter().map(|(module, source)| Runtime {
            module: (*module).into(),
            script: Runtime::new(module, module, source).script,
        });
        TemplatePack {
            template_type: self.template_type.into(),
            version: self.template_version.into(),
            runtimes: own.chain(runtimes).collect(),
            adapter: Script::new(self.origin(), self.adapter),
            files: Vec::new(),
        }
    }

    fn origin(&self) -> Arc<str> {
        let short = self.template_type.trim_start_matches("oc-template-");
        format!("ochre:{short}").into()
    }
}

// === impl ExternalSpec ===

impl ExternalSpec {
    /// This script, loaded from `url`.
    pub fn at(&self, url: String) -> External {
        let paths: Vec<_> = self.paths.iter().map(|path| (*path).to_owned()).collect();
        External {
            global: Value::from(self.global),
            paths: (!paths.is_empty()).then_some(paths),
            name: self.name.to_owned(),
            url,
        }
    }
}
