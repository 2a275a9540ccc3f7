//! The one place that knows where things lie in the store and how they are labelled.

use object_store::{
    Attribute, Attributes,
    path::{Path, PathPart},
};
use ochre_model::{ComponentId, ComponentName};

/// Cache lifetime of what never changes: one year.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Longest accepted key, in bytes (the limit of S3 and GCS).
const KEY_MAX: usize = 1024;

/// Name of the file whose presence makes a version visible to every registry.
pub const PACKAGE_JSON: &str = "package.json";

/// How an object is labelled when it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    /// Content type, content encoding, cache control.
    pub(crate) attributes: Attributes,
    /// Whether everybody may read it.
    pub(crate) public: bool,
}

/// Prefixes of one store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    components: String,
    own: String,
}

/// An object of the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoreKey<'a> {
    /// `components.json`, shared with every other registry.
    Manifest,
    /// `components-details.json`, shared with every other registry.
    Details,
    /// The folder of all components.
    Components,
    /// The folder of one release.
    Version(&'a ComponentId),
    /// One file of a release, by its path in the package.
    File(&'a ComponentId, &'a str),
    /// The folder of everything that only Ochre sees.
    Own,
    /// Ochre's catalog: an object, or the folder of its revisions.
    Index,
    /// The folder of all snapshots of the catalog.
    IndexSnapshots,
    /// What the last export of the manifests wrote.
    Exported,
    /// The folder of all release objects.
    Releases,
    /// The claim, commit point and backup of one release.
    Release(&'a ComponentId),
    /// The folder of all markers of unfinished publishes.
    PendingAll,
    /// The marker of one unfinished publish.
    Pending(&'a str),
    /// The exact spelling of a name, under its lower-case form.
    Name(&'a ComponentName),
    /// A pre-compressed file of a release: encoding, then path in the package.
    Variant(&'a ComponentId, &'a str, &'a str),
    /// The folder of all template packs.
    Packs,
    /// A template pack.
    Pack(&'a str),
    /// The lock file of a manifest, in a folder.
    Lock(&'a str),
    /// A key of the start-up self-test.
    Probe(&'a str),
}

/// The text cannot be the key of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be stored under that path")]
pub struct KeyError(pub String);

// === impl Layout ===

impl Layout {
    pub(crate) fn new(components_dir: &str) -> Self {
        let components = components_dir.trim_matches('/').to_owned();
        let own = format!("{components}.ochre");
        Self { components, own }
    }

    /// Where `key` lies.
    pub(crate) fn path(&self, key: StoreKey<'_>) -> Result<Path, KeyError> {
        let Self { components, own } = self;
        let text = match key {
            StoreKey::Manifest => format!("{components}/components.json"),
            StoreKey::Details => format!("{components}/components-details.json"),
            StoreKey::Components => components.clone(),
            StoreKey::Version(id) => format!("{components}/{}/{}", id.name, id.version),
            StoreKey::File(id, path) => {
                check(path)?;
                format!("{components}/{}/{}/{path}", id.name, id.version)
            }
            StoreKey::Own => own.clone(),
            StoreKey::Index => format!("{own}/index"),
            StoreKey::IndexSnapshots => format!("{own}/index-snapshots"),
            StoreKey::Exported => format!("{own}/exported"),
            StoreKey::Releases => format!("{own}/releases"),
            StoreKey::Release(id) => format!("{own}/releases/{}/{}", id.name, id.version),
            StoreKey::PendingAll => format!("{own}/pending"),
            StoreKey::Pending(token) => format!("{own}/pending/{token}"),
            StoreKey::Name(name) => {
                format!("{own}/names/{}", name.as_str().to_ascii_lowercase())
            }
            StoreKey::Variant(id, encoding, path) => {
                check(encoding)?;
                check(path)?;
                format!(
                    "{own}/variants/{}/{}/{encoding}/{path}",
                    id.name, id.version
                )
            }
            StoreKey::Packs => format!("{own}/templates"),
            StoreKey::Pack(pack) => {
                check(pack)?;
                format!("{own}/templates/{pack}")
            }
            StoreKey::Lock(name) => format!("{own}/locks/{name}"),
            StoreKey::Probe(name) => format!("{own}/probe/{name}"),
        };
        if text.len() > KEY_MAX {
            return Err(KeyError(text));
        }
        Path::parse(&text).map_err(|_| KeyError(text))
    }
}

// === impl StoreKey ===

impl StoreKey<'_> {
    /// Labels for the object. Only files of a release are ever public.
    pub(crate) fn labels(self) -> Labels {
        let mut attributes = Attributes::new();
        let mut public = false;
        match self {
            Self::File(_, path) => {
                let media = media_type(path);
                if let Some(content_type) = media.content_type {
                    attributes.insert(Attribute::ContentType, content_type.into());
                }
                if media.gzip {
                    attributes.insert(Attribute::ContentEncoding, "gzip".into());
                }
                public = !is_private(path);
                if public {
                    attributes.insert(Attribute::CacheControl, IMMUTABLE.into());
                }
            }
            Self::Manifest | Self::Details | Self::Index => {
                attributes.insert(Attribute::ContentType, "application/json".into());
                attributes.insert(Attribute::CacheControl, "no-cache".into());
            }
            _ => {}
        }
        Labels { attributes, public }
    }
}

/// How a file of a package is labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// Content type without parameters; none when the extension is unknown.
    pub content_type: Option<&'static str>,
    /// Whether the bytes are gzip (the name ends with `.gz`).
    pub gzip: bool,
}

/// Tells the labels of a file from its path.
///
/// A `.gz` suffix means gzip content of the inner extension's type. Beside OC's own table the
/// usual types of web files are known.
///
/// Source: `packages/oc-storage-adapters-utils/src/get-mime-type.ts`, `get-file-info.ts`.
pub fn media_type(path: &str) -> MediaType {
    let lower = path.to_ascii_lowercase();
    let (inner, gzip) = lower
        .strip_suffix(".gz")
        .map_or((lower.as_str(), false), |inner| (inner, true));
    let name = inner.rsplit('/').next().unwrap_or(inner);
    let content_type = name
        .rsplit_once('.')
        .and_then(|(_, extension)| content_type(extension));
    MediaType { content_type, gzip }
}

/// Whether a file of a package must never be served or mirrored: `/server.js` anywhere in the
/// path, or any segment that starts with a dot. `package.json` is public.
///
/// Source: `packages/oc-s3-storage-adapter/src/index.ts`.
pub fn is_private(path: &str) -> bool {
    format!("/{path}").contains("/server.js") || path.split('/').any(|part| part.starts_with('.'))
}

fn content_type(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" => "application/javascript",
        "css" => "text/css",
        "map" | "json" => "application/json",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "html" | "htm" => "text/html",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        "txt" => "text/plain",
        "xml" => "application/xml",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// Refuses what one of the backends could not hold, or would hold elsewhere.
fn check(path: &str) -> Result<(), KeyError> {
    let refused = || KeyError(path.to_owned());
    if path.is_empty() || path.contains('\\') {
        return Err(refused());
    }
    for part in path.split('/') {
        // A folder store keeps half-written files as `name#1`.
        let staged = part.rsplit_once('#').is_some_and(|(_, digits)| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if part.is_empty() || staged || PathPart::parse(part).is_err() {
            return Err(refused());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ComponentId {
        ComponentId {
            name: "Hello".parse().unwrap(),
            version: "1.0.0+b".parse().unwrap(),
        }
    }

    #[test]
    fn keys_keep_the_layout_of_open_components() {
        let layout = Layout::new("components/");
        let id = id();
        let path = |key| layout.path(key).unwrap().to_string();
        assert_eq!(path(StoreKey::Manifest), "components/components.json");
        assert_eq!(
            path(StoreKey::File(&id, "img/a b#x.png")),
            "components/Hello/1.0.0+b/img/a b#x.png"
        );
        assert_eq!(
            path(StoreKey::Release(&id)),
            "components.ochre/releases/Hello/1.0.0+b"
        );
        assert_eq!(
            path(StoreKey::Name(&id.name)),
            "components.ochre/names/hello"
        );
    }

    #[test]
    fn paths_that_leave_the_release_are_refused() {
        let layout = Layout::new("components");
        let id = id();
        for path in [
            "", "../x", "a//b", "/a", "a/", "a/./b", "a\\b", "a\nb", "a#1",
        ] {
            assert!(layout.path(StoreKey::File(&id, path)).is_err(), "{path:?}");
        }
    }

    #[test]
    fn server_code_and_dot_files_are_private() {
        for path in [
            "server.js",
            "server.js.map",
            "x/server.json",
            ".env",
            "a/.git/b",
        ] {
            assert!(is_private(path), "{path}");
        }
        for path in ["template.js", "package.json", "img/server.png", "a.env"] {
            assert!(!is_private(path), "{path}");
        }
    }

    #[test]
    fn media_types_follow_the_extension() {
        let type_of = |path| media_type(path).content_type;
        assert_eq!(type_of("template.js"), Some("application/javascript"));
        assert_eq!(type_of("a/B.SVG"), Some("image/svg+xml"));
        assert_eq!(type_of("font.woff2"), Some("font/woff2"));
        assert_eq!(type_of("LICENSE"), None);
        let zipped = media_type("styles.css.gz");
        assert_eq!((zipped.content_type, zipped.gzip), (Some("text/css"), true));
    }
}
