//! `package.json` of a release, and the `oc` block in it.

mod check;
mod oc;
mod unambiguous;

use serde_json::{Map, Value};

pub use oc::{DataProviderFile, OcBlock, OcFiles, TemplateFile};

use crate::json;

/// Longest `package.json` read from a store that others wrote, in bytes.
const STORED_MAX: usize = 16 * 1024 * 1024;

/// `package.json` of a release: what its author and its compiler wrote, whole and in order, and
/// what the registry reads in it.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageJson {
    raw: Map<String, Value>,
    oc: OcBlock,
}

/// Bounds of a `package.json` that is being published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestLimits {
    /// Longest file, in bytes (1 MiB).
    pub bytes: usize,
    /// Most declared parameters (500).
    pub parameters: usize,
}

/// A `package.json` is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Larger than the limit (16 MiB when stored).
    #[error("package.json is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// Not JSON, or nested deeper than 127 levels.
    #[error("package.json is not valid JSON at line {line} column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1; 0 at the end of a line.
        column: usize,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A field is not what it has to be.
    #[error("package.json: `{pointer}` {problem}")]
    Field {
        /// JSON pointer of the field; empty for the whole document.
        pointer: String,
        /// What is wrong, as `must be an object`.
        problem: String,
    },
}

// === impl ManifestLimits ===

impl Default for ManifestLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            parameters: 500,
        }
    }
}

// === impl PackageJson ===

impl PackageJson {
    /// Reads the `package.json` of a release that is being published, within the default limits.
    ///
    /// # Errors
    ///
    /// As [`PackageJson::parse_within`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        Self::parse_within(bytes, &ManifestLimits::default())
    }

    /// Reads the `package.json` of a release that is being published; a byte-order mark is
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`ManifestError`]; of several wrong fields the first is told. Repeated members and
    /// `__proto__` are refused at any depth.
    pub fn parse_within(bytes: &[u8], limits: &ManifestLimits) -> Result<Self, ManifestError> {
        let raw = unambiguous::parse(within(bytes, limits.bytes)?)?;
        check::document(&raw, limits)?;
        Self::from_value(raw)
    }

    /// Reads the `package.json` of a release that was published, perhaps by another registry:
    /// odd optional fields are as if they were absent.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] when it is too large, no JSON, or has no `oc.files.template`.
    pub fn parse_stored(bytes: &[u8]) -> Result<Self, ManifestError> {
        let raw = serde_json::from_slice(within(bytes, STORED_MAX)?).map_err(syntax)?;
        Self::from_value(raw)
    }

    /// The whole document, in JavaScript's order.
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }

    /// `name`, when it is a text.
    pub fn name(&self) -> Option<&str> {
        self.raw.get("name")?.as_str()
    }

    /// `version`, when it is a text.
    pub fn version(&self) -> Option<&str> {
        self.raw.get("version")?.as_str()
    }

    /// What OpenComponents reads.
    pub fn oc(&self) -> &OcBlock {
        &self.oc
    }

    /// The document as it is stored: `oc.date` and `oc.publisher` are those of the publish.
    ///
    /// `date_ms`: since 1970-01-01T00:00:00Z. Without a publisher the field is absent, whatever
    /// the package said.
    #[must_use]
    pub fn stamped(&self, date_ms: u64, publisher: Option<&str>) -> Self {
        let mut stamped = self.clone();
        if let Some(Value::Object(oc)) = stamped.raw.get_mut("oc") {
            oc.insert("date".to_owned(), Value::from(date_ms));
            match publisher {
                Some(publisher) => {
                    oc.insert("publisher".to_owned(), Value::from(publisher));
                }
                None => {
                    oc.shift_remove("publisher");
                }
            }
        }
        stamped.oc.date = Some(date_ms);
        stamped.oc.publisher = publisher.map(ToOwned::to_owned);
        stamped
    }

    /// The document as `JSON.stringify` prints it, with a newline at the end.
    ///
    /// # Panics
    ///
    /// Never: a JSON object always serialises.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "a JSON object always serialises")]
        let mut bytes = json::to_vec(&self.raw).expect("JSON of an object");
        bytes.push(b'\n');
        bytes
    }

    fn from_value(mut value: Value) -> Result<Self, ManifestError> {
        json::order_keys(&mut value);
        let Value::Object(raw) = value else {
            return Err(field("", "must be an object"));
        };
        let oc = OcBlock::from_raw(&raw)?;
        Ok(Self { raw, oc })
    }
}

fn within(bytes: &[u8], limit: usize) -> Result<&[u8], ManifestError> {
    if bytes.len() > limit {
        return Err(ManifestError::TooLarge { limit });
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

fn syntax(source: serde_json::Error) -> ManifestError {
    ManifestError::Syntax {
        line: source.line(),
        column: source.column(),
        source,
    }
}

fn field(pointer: &str, problem: &str) -> ManifestError {
    ManifestError::Field {
        pointer: pointer.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests;
