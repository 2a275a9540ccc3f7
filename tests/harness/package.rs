//! Packages made by the tests: small components, and archives that no one should accept.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use ochre_package::PackageBuilder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

/// The key under which the views of test packages register.
const HASH_KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// A component as the compiler would have packaged it.
#[derive(Clone, Debug)]
pub struct TestPackage {
    manifest: Value,
    files: Vec<(String, Vec<u8>)>,
}

impl TestPackage {
    /// A component without a provider whose view says `Hello` and the parameter `name`.
    pub fn new(name: &str, version: &str) -> Self {
        let manifest = json!({
            "name": name,
            "version": version,
            "description": "A component of the tests",
            "oc": {
                "files": {
                    "template": {
                        "type": "oc-template-es6",
                        "hashKey": HASH_KEY,
                        "src": "template.js",
                        "version": "2.0.0",
                        "minOcVersion": "0.50.18",
                    },
                    "static": [],
                },
                "parameters": {},
                "version": "0.50.44",
                "packaged": true,
                "date": 1_700_000_000_000_u64,
            },
        });
        let package = Self {
            manifest,
            files: Vec::new(),
        };
        package.view("'<p>Hello ' + props.name + '</p>'")
    }

    /// Sets the view: a JavaScript expression over `props`.
    #[must_use]
    pub fn view(self, expression: &str) -> Self {
        let script = format!(
            "var oc=oc||{{}};oc.components=oc.components||{{}};\
             oc.components['{HASH_KEY}']=function(model){{\
             oc.es6Components=oc.es6Components||{{}};\
             oc.es6Components['{HASH_KEY}']=function(props,element){{\
             element.innerHTML={expression};}};\
             if(!model)return;return model.__html||'';}};"
        );
        self.file("template.js", script.into_bytes())
    }

    /// Sets the provider: the body of `function (context, callback)`.
    #[must_use]
    pub fn provider(self, body: &str) -> Self {
        let script = format!("module.exports.data=function(context,callback){{{body}\n}};");
        self.server(&script)
    }

    /// Sets the provider to one whose props are a JavaScript expression over `context`.
    #[must_use]
    pub fn props(self, expression: &str) -> Self {
        self.provider(&format!(
            "callback(null,{{component:{{key:'{HASH_KEY}',\
             src:context.staticPath+'template.js',props:Object.assign({expression},\
             {{_staticPath:context.staticPath,_baseUrl:context.baseUrl}}),esm:false}}}});"
        ))
    }

    /// Sets the whole of `server.js`.
    #[must_use]
    pub fn server(mut self, script: &str) -> Self {
        self.manifest["oc"]["files"]["dataProvider"] =
            json!({ "type": "node.js", "hashKey": HASH_KEY, "src": "server.js" });
        self.file("server.js", script.as_bytes().to_vec())
    }

    /// Sets a member of the `oc` block.
    #[must_use]
    pub fn oc(mut self, key: &str, value: Value) -> Self {
        self.manifest["oc"][key] = value;
        self
    }

    /// Changes the manifest in any way.
    #[must_use]
    pub fn manifest(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Adds or replaces a file; `path` is relative to the package.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), bytes));
        self
    }

    /// Leaves a file out, whatever the manifest says.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.files.retain(|(known, _)| known != path);
        self
    }

    /// Name in the manifest.
    pub fn name(&self) -> &str {
        self.manifest["name"].as_str().unwrap_or_default()
    }

    /// Version in the manifest.
    pub fn version(&self) -> &str {
        self.manifest["version"].as_str().unwrap_or_default()
    }

    /// Writes the package into a folder, as the compiler does.
    pub fn write_to(&self, folder: &Path) {
        let manifest = self.manifest.to_string().into_bytes();
        let manifest = [("package.json".to_owned(), manifest)];
        for (path, bytes) in manifest.iter().chain(&self.files) {
            let path = folder.join(path);
            let parent = path.parent().expect("a folder");
            fs::create_dir_all(parent).expect("a folder can be made");
            fs::write(path, bytes).expect("a file can be written");
        }
    }

    /// The `.tar.gz` that is uploaded.
    pub fn archive(&self) -> Vec<u8> {
        let mut builder = PackageBuilder::new().file("package.json", self.manifest.to_string());
        for (path, bytes) in &self.files {
            builder = builder.file(path, bytes.as_slice());
        }
        builder.build().expect("memory can be written")
    }
}

/// One entry of an archive, as it is written: nothing is checked.
#[derive(Clone, Debug)]
pub struct RawEntry {
    /// The path, byte for byte.
    pub path: Vec<u8>,
    /// The type flag of the tar header.
    pub kind: EntryType,
    /// Target, for links.
    pub link: Option<String>,
    /// Content.
    pub bytes: Vec<u8>,
}

impl RawEntry {
    /// A regular file.
    pub fn file(path: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            path: path.as_bytes().to_vec(),
            kind: EntryType::Regular,
            link: None,
            bytes: bytes.as_ref().to_vec(),
        }
    }
}

/// A `.tar.gz` of entries.
pub fn archive_of(entries: impl IntoIterator<Item = RawEntry>) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_entry_type(entry.kind);
        header.set_size(entry.bytes.len() as u64);
        let name = &mut header.as_old_mut().name;
        let length = entry.path.len().min(name.len());
        name[..length].copy_from_slice(&entry.path[..length]);
        if let Some(link) = &entry.link {
            header.set_link_name(link).expect("a short link");
        }
        header.set_cksum();
        let appended = builder.append(&header, entry.bytes.as_slice());
        appended.expect("memory can be written");
    }
    let mut encoder = builder.into_inner().expect("memory can be written");
    encoder.flush().expect("memory can be written");
    encoder.finish().expect("memory can be written")
}
