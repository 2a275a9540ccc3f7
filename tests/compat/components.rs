//! The components of the comparison: sources packaged by the real CLI, and variants of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ochre_tests::{RawEntry, Tools, archive_of, files_below, tests_folder};
use serde_json::Value;

/// Versions of the component `versions`, for everything that resolves them.
pub(crate) const VERSIONS: [&str; 8] = [
    "1.0.0",
    "1.0.1",
    "1.1.0",
    "1.2.0",
    "1.2.1",
    "2.0.0",
    "2.1.0-beta.1",
    "3.0.0-rc.1",
];

/// Versions of the component `prereleases`: none of them stable.
const PRERELEASES: [&str; 3] = ["1.0.0-alpha.1", "1.0.0-alpha.10", "1.0.0-alpha.2"];

/// What is published: `package.tar.gz` with the name and version in it.
#[derive(Clone, Debug)]
pub(crate) struct Packaged {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) archive: Vec<u8>,
}

/// All components, in the order in which they are published.
pub(crate) fn all(tools: &Tools) -> Vec<Packaged> {
    let mut packaged = Vec::new();
    for source in sources() {
        let folder = tools.package(&source);
        if source.ends_with("versions") {
            packaged.extend(VERSIONS.map(|version| variant(&folder, "versions", version, |_| {})));
            let prereleases = PRERELEASES;
            packaged.extend(
                prereleases.map(|version| variant(&folder, "prereleases", version, |_| {})),
            );
            packaged.extend(unusual(&folder));
        } else {
            packaged.push(as_packaged(&folder));
        }
        if source.ends_with("hello-handlebars") {
            packaged.push(old_compiler(&folder));
        }
    }
    packaged
}

/// Components whose manifest no compiler writes.
fn unusual(folder: &Path) -> [Packaged; 3] {
    let template = |key: &'static str, value: Value| {
        move |manifest: &mut Value| manifest["oc"]["files"]["template"][key] = value
    };
    [
        variant(
            folder,
            "unknown-template",
            "1.0.0",
            template("type", "oc-template-none".into()),
        ),
        variant(folder, "odd-state", "1.0.0", |manifest| {
            manifest["oc"]["state"] = "odd".into();
        }),
        variant(folder, "Case-Sensitive_1", "1.0.0", |_| {}),
    ]
}

/// `hello-handlebars` as a compiler of Handlebars 3 would have left it.
fn old_compiler(folder: &Path) -> Packaged {
    let mut entries = entries_of(folder);
    for entry in &mut entries {
        let text = String::from_utf8_lossy(&entry.bytes).into_owned();
        if entry.path.ends_with(b"/template.js") {
            let old = text.replace(
                "compiler:[8,\">= 4.3.0\"]",
                "compiler:[6,\">= 2.0.0-beta.1\"]",
            );
            assert_ne!(old, text, "the view names its compiler");
            entry.bytes = old.into_bytes();
        } else if entry.path.ends_with(b"/package.json") {
            entry.bytes = text
                .replace("\"hello-handlebars\"", "\"handlebars-old\"")
                .into_bytes();
        }
    }
    Packaged {
        name: "handlebars-old".to_owned(),
        version: "1.0.0".to_owned(),
        archive: archive_of(entries),
    }
}

fn sources() -> Vec<PathBuf> {
    let folder = tests_folder().join("fixtures/components");
    let entries = fs::read_dir(folder).expect("the fixtures are there");
    let mut sources: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    sources.sort();
    sources
}

fn as_packaged(folder: &Path) -> Packaged {
    let manifest = read_json(&folder.join("_package/package.json"));
    let text = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
    Packaged {
        name: text("name"),
        version: text("version"),
        archive: fs::read(folder.join("package.tar.gz")).expect("the archive is there"),
    }
}

/// A package under another name and version, with its manifest changed.
fn variant(folder: &Path, name: &str, version: &str, change: impl FnOnce(&mut Value)) -> Packaged {
    let mut manifest = read_json(&folder.join("_package/package.json"));
    manifest["name"] = name.into();
    manifest["version"] = version.into();
    change(&mut manifest);
    let mut entries = entries_of(folder);
    for entry in &mut entries {
        if entry.path.ends_with(b"_package/package.json") {
            entry.bytes = manifest.to_string().into_bytes();
        }
    }
    Packaged {
        name: name.to_owned(),
        version: version.to_owned(),
        archive: archive_of(entries),
    }
}

fn entries_of(folder: &Path) -> Vec<RawEntry> {
    files_below(&folder.join("_package"))
        .iter()
        .map(|file| {
            let path = file.strip_prefix(folder).expect("a file of the package");
            RawEntry::file(&path.to_string_lossy(), fs::read(file).expect("a file"))
        })
        .collect()
}

fn read_json(path: &Path) -> Value {
    let text = fs::read(path).expect("the manifest is there");
    serde_json::from_slice(&text).expect("the manifest is JSON")
}
