//! Styles, scripts and the icon of the pages, built into the executable.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::assets::{Effort, Encoding};

/// Length of the version in URLs, in characters.
const VERSION_LENGTH: usize = 12;

/// Name, type and content of every file.
const FILES: [(&str, &str, &str); 8] = [
    ("base.css", CSS, include_str!("../../ui/base.css")),
    ("list.css", CSS, include_str!("../../ui/list.css")),
    ("info.css", CSS, include_str!("../../ui/info.css")),
    ("preview.css", CSS, include_str!("../../ui/preview.css")),
    ("theme.js", SCRIPT, include_str!("../../ui/theme.js")),
    ("list.js", SCRIPT, include_str!("../../ui/list.js")),
    ("info.js", SCRIPT, include_str!("../../ui/info.js")),
    ("preview.js", SCRIPT, include_str!("../../ui/preview.js")),
];

const ICON: (&str, &str, &str) = (
    "icon.svg",
    "image/svg+xml",
    include_str!("../../ui/icon.svg"),
);

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All files of the pages, ready to be sent.
#[derive(Debug)]
pub struct UiFiles {
    version: String,
    files: Vec<UiFile>,
}

/// One file, in every encoding.
#[derive(Debug)]
pub struct UiFile {
    name: &'static str,
    /// `Content-Type`.
    pub content_type: &'static str,
    plain: Bytes,
    compressed: Vec<(Encoding, Bytes)>,
}

// === impl UiFiles ===

impl UiFiles {
    /// Compresses the files, and makes one version of all of them.
    pub fn new() -> Self {
        let mut sha = Sha256::new();
        let mut files = Vec::with_capacity(FILES.len() + 1);
        for (name, content_type, text) in FILES.into_iter().chain([ICON]) {
            sha.update(text);
            files.push(UiFile::new(name, content_type, text));
        }
        let mut version = hex::encode(sha.finalize());
        version.truncate(VERSION_LENGTH);
        Self { version, files }
    }

    /// The part of every file's URL that changes with the content of any.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A file by its name.
    pub fn get(&self, name: &str) -> Option<&UiFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl Default for UiFiles {
    fn default() -> Self {
        Self::new()
    }
}

// === impl UiFile ===

impl UiFile {
    fn new(name: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let plain = Bytes::from_static(text.as_bytes());
        let compressed = Encoding::COMPRESSED.into_iter();
        let compressed = compressed
            .filter_map(|encoding| Some((encoding, encoding.compressed(&plain, Effort::Kept)?)))
            .collect();
        Self {
            name,
            content_type,
            plain,
            compressed,
        }
    }

    /// The content in an encoding, or as it is where there is none; with what it is encoded in.
    pub fn body(&self, wanted: Encoding) -> (Option<Encoding>, Bytes) {
        let found = self
            .compressed
            .iter()
            .find(|(encoding, _)| *encoding == wanted);
        found.map_or_else(
            || (None, self.plain.clone()),
            |(encoding, body)| (Some(*encoding), body.clone()),
        )
    }
}
