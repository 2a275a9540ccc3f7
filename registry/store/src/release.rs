//! The release object: claim, commit point and backup of one `name@version`, in one put.
//!
//! `ochre-release/1 <length of the header, 10 digits>\n`, the header as JSON, then the bytes of
//! all files one after another as one zstd frame. The header alone is what most readers need; it
//! lies at the front, where a range request reaches it.

use std::io::Read as _;

use bytes::Bytes;
use ochre_model::{ComponentId, PackageJson};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::VersionSummary,
    digest::{Digest, FileDigest},
    key::PACKAGE_JSON,
};

/// First bytes of every release object of the format written here.
const MAGIC: &str = "ochre-release/1 ";

/// First bytes of a release object of any format.
const MAGIC_ANY: &[u8] = b"ochre-release/";

/// Length of the first line.
const PREAMBLE: usize = MAGIC.len() + 10 + 1;

/// Largest accepted header.
pub(crate) const HEADER_MAX: u64 = 16 * 1024 * 1024;

/// Largest accepted release object.
pub(crate) const OBJECT_MAX: u64 = 512 * 1024 * 1024;

/// Largest accepted sum of a release's files, unpacked.
const FILES_MAX: u64 = 512 * 1024 * 1024;

/// zstd level: the one that costs little.
const LEVEL: i32 = 3;

/// What a release object says of its release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Release {
    /// Tells the publishers of one version apart.
    pub(crate) token: String,
    /// Component name, for people who look into the object.
    pub(crate) name: String,
    /// Version, likewise.
    pub(crate) version: String,
    /// Who published, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<String>,
    /// When: milliseconds since 1970.
    pub(crate) date: u64,
    /// Whether another registry published it and Ochre took it over.
    #[serde(default)]
    pub(crate) adopted: bool,
    /// Every file but `package.json`, in the order of the archive.
    pub(crate) files: Vec<FileDigest>,
    /// The final `package.json`, to the byte.
    pub(crate) package: String,
}

/// A release with the bytes of its files.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseArchive {
    pub(crate) release: Release,
    /// Path and bytes, without `package.json`.
    pub(crate) files: Vec<(String, Bytes)>,
}

/// What the front of a release object told.
#[derive(Debug)]
pub(crate) enum Header {
    Whole(Release),
    /// The header ends after so many bytes of the object.
    Needs(u64),
}

/// The object is no release object that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("release object has an unknown format: run the release of Ochre that wrote it")]
    UnknownFormat,
    #[error("release object is damaged")]
    Damaged,
    #[error("release object has a damaged header")]
    Header(#[source] serde_json::Error),
    #[error("release object has a damaged archive")]
    Archive(#[source] std::io::Error),
}

// === impl Release ===

impl Release {
    /// Reads the header from the front of an object.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Header, FormatError> {
        let end = header_end(bytes)?;
        let Some(header) = bytes.get(PREAMBLE..end) else {
            return Ok(Header::Needs(end as u64));
        };
        serde_json::from_slice(header)
            .map(Header::Whole)
            .map_err(FormatError::Header)
    }

    /// Bytes of memory it takes, roughly.
    pub(crate) fn weight(&self) -> u32 {
        let files: usize = self.files.iter().map(|file| file.path.len() + 80).sum();
        u32::try_from(files + self.package.len() + 300).unwrap_or(u32::MAX)
    }

    /// What the index needs of it.
    pub(crate) fn details(&self) -> VersionSummary {
        details_of(self.package.as_bytes())
    }

    /// What is known of the file, if the release has it. `package.json` is one of its files.
    pub(crate) fn file(&self, path: &str) -> Option<FileDigest> {
        if path == PACKAGE_JSON {
            return Some(FileDigest::of(PACKAGE_JSON, self.package.as_bytes()));
        }
        self.files.iter().find(|file| file.path == path).cloned()
    }

    /// Whether both releases hold the same files; when and by whom they were published and how
    /// they were packed does not count.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        fn sorted(release: &Release) -> Vec<(&str, Digest)> {
            let mut files: Vec<_> = release
                .files
                .iter()
                .map(|file| (file.path.as_str(), file.sha256))
                .collect();
            files.sort_unstable_by_key(|(path, _)| *path);
            files
        }
        sorted(self) == sorted(other) && content(&self.package) == content(&other.package)
    }
}

// === impl ReleaseArchive ===

impl ReleaseArchive {
    /// Describes files that are to be published.
    pub(crate) fn new(
        id: &ComponentId,
        package: String,
        publisher: Option<String>,
        mut files: Vec<(String, Bytes)>,
    ) -> Self {
        files.sort_by(|left, right| left.0.cmp(&right.0));
        let details = details_of(package.as_bytes());
        let digests = files
            .iter()
            .map(|(path, bytes)| FileDigest::of(path, bytes))
            .collect();
        let release = Release {
            token: uuid::Uuid::new_v4().to_string(),
            name: id.name.to_string(),
            version: id.version.to_string(),
            publisher,
            date: details.publish_date,
            adopted: false,
            files: digests,
            package,
        };
        Self { release, files }
    }

    /// The object to store.
    pub(crate) fn to_bytes(&self) -> Result<Bytes, FormatError> {
        let header = serde_json::to_vec(&self.release).map_err(FormatError::Header)?;
        let mut object = format!("{MAGIC}{:010}\n", header.len()).into_bytes();
        object.extend_from_slice(&header);
        let mut encoder =
            zstd::stream::Encoder::new(object, LEVEL).map_err(FormatError::Archive)?;
        for (_, bytes) in &self.files {
            std::io::Write::write_all(&mut encoder, bytes).map_err(FormatError::Archive)?;
        }
        let object = encoder.finish().map_err(FormatError::Archive)?;
        Ok(object.into())
    }

    /// Reads an object whole and checks every file against its digest.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let end = header_end(bytes)?;
        let Header::Whole(release) = Release::parse(bytes)? else {
            return Err(FormatError::Damaged);
        };
        let archive = bytes.get(end..).ok_or(FormatError::Damaged)?;
        let total: u64 = release
            .files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.size));
        if total > FILES_MAX {
            return Err(FormatError::Damaged);
        }
        let decoder = zstd::stream::Decoder::new(archive).map_err(FormatError::Archive)?;
        let mut unpacked = Vec::new();
        decoder
            .take(total + 1)
            .read_to_end(&mut unpacked)
            .map_err(FormatError::Archive)?;
        let mut rest = Bytes::from(unpacked);
        let mut files = Vec::with_capacity(release.files.len());
        for file in &release.files {
            let size = usize::try_from(file.size).map_err(|_| FormatError::Damaged)?;
            if size > rest.len() {
                return Err(FormatError::Damaged);
            }
            let content = rest.split_to(size);
            if !file.matches(&content) {
                return Err(FormatError::Damaged);
            }
            files.push((file.path.clone(), content));
        }
        if !rest.is_empty() {
            return Err(FormatError::Damaged);
        }
        Ok(Self { release, files })
    }
}

/// What the index needs of a `package.json`; one that cannot be read tells nothing.
pub(crate) fn details_of(package: &[u8]) -> VersionSummary {
    let Ok(package) = PackageJson::parse_stored(package) else {
        return VersionSummary::default();
    };
    let oc = package.oc();
    VersionSummary {
        publish_date: oc.date.unwrap_or_default(),
        template_size: oc.files.template.size,
        state: oc.state.clone(),
        status: None,
    }
}

/// JSON text without a byte order mark.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// A `package.json` without what publishing added.
fn content(package: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(without_mark(package.as_bytes())).ok()?;
    if let Some(oc) = value.get_mut("oc").and_then(Value::as_object_mut) {
        oc.shift_remove("date");
        oc.shift_remove("publisher");
    }
    Some(value)
}

/// Where the header ends.
fn header_end(bytes: &[u8]) -> Result<usize, FormatError> {
    if !bytes.starts_with(MAGIC.as_bytes()) {
        return Err(if bytes.starts_with(MAGIC_ANY) {
            FormatError::UnknownFormat
        } else {
            FormatError::Damaged
        });
    }
    let length = bytes
        .get(MAGIC.len()..PREAMBLE - 1)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse::<usize>().ok())
        .filter(|length| *length as u64 <= HEADER_MAX)
        .ok_or(FormatError::Damaged)?;
    if bytes.get(PREAMBLE - 1) != Some(&b'\n') {
        return Err(FormatError::Damaged);
    }
    Ok(PREAMBLE + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(package: &str, files: &[(&str, &str)]) -> ReleaseArchive {
        let id = ComponentId {
            name: "hello".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        };
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Bytes::from((*text).to_owned())))
            .collect();
        ReleaseArchive::new(&id, package.to_owned(), None, files)
    }

    #[test]
    fn a_release_is_read_as_it_was_written() {
        let written = archive(
            r#"{"oc":{"date":5,"state":"x","files":{"template":{"type":"oc-template-es6","hashKey":"h","src":"template.js","size":9}}}}"#,
            &[("template.js", "t"), ("a/empty", ""), ("server.js", "s")],
        );
        let bytes = written.to_bytes().unwrap();
        let read = ReleaseArchive::parse(&bytes).unwrap();
        assert_eq!(read.release, written.release);
        assert_eq!(read.files, written.files);
        assert_eq!(
            read.release.details(),
            VersionSummary {
                publish_date: 5,
                template_size: Some(9),
                state: Some("x".to_owned()),
                status: None,
            }
        );
    }

    #[test]
    fn the_header_tells_how_much_of_the_object_it_needs() {
        let bytes = archive("{}", &[("template.js", "t")]).to_bytes().unwrap();
        let Header::Needs(length) = Release::parse(&bytes[..PREAMBLE]).unwrap() else {
            panic!("the header is not whole");
        };
        let length = usize::try_from(length).unwrap();
        let header = Release::parse(&bytes[..length]).unwrap();
        assert!(matches!(header, Header::Whole(_)));
    }

    #[test]
    fn damage_and_unknown_formats_are_told_apart() {
        let bytes = archive("{}", &[("template.js", "some text")])
            .to_bytes()
            .unwrap();
        for cut in 0..bytes.len() {
            assert!(ReleaseArchive::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        let later = [b"ochre-release/2 ", &bytes[16..]].concat();
        assert!(matches!(
            ReleaseArchive::parse(&later),
            Err(FormatError::UnknownFormat)
        ));
    }

    #[test]
    fn content_is_the_same_whoever_published_it_and_when() {
        let first = archive(
            r#"{"name":"a","oc":{"date":1,"publisher":"x","v":1}}"#,
            &[("b", "1"), ("a", "2")],
        );
        let again = archive(
            r#"{"oc":{"v":1,"date":2},"name":"a"}"#,
            &[("a", "2"), ("b", "1")],
        );
        let other = archive(
            r#"{"oc":{"v":2,"date":2},"name":"a"}"#,
            &[("a", "2"), ("b", "1")],
        );
        let files = archive(r#"{"oc":{"v":1},"name":"a"}"#, &[("a", "2")]);
        assert!(first.release.same_content(&again.release));
        assert!(!first.release.same_content(&other.release));
        assert!(!first.release.same_content(&files.release));
    }
}
