//! `components.json` and `components-details.json`, which all registries of a store share.

mod each;

use std::{collections::BTreeMap, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeSeed},
};

pub use self::each::each_component;
use crate::json;

/// Longest accepted file, in bytes: that of some four million versions.
const FILE_MAX: usize = 256 * 1024 * 1024;

/// `components.json`: every published version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentsJson {
    /// Milliseconds since 1970-01-01T00:00:00Z; only grows.
    #[serde(rename = "lastEdit", deserialize_with = "milliseconds")]
    pub last_edit: u64,
    /// Versions by component, ascending, as published.
    pub components: BTreeMap<String, Vec<String>>,
}

/// `components-details.json`: what lists show of every version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentsDetails {
    /// Milliseconds since 1970-01-01T00:00:00Z; only grows.
    #[serde(rename = "lastEdit", deserialize_with = "milliseconds")]
    pub last_edit: u64,
    /// Details by component and version.
    pub components: BTreeMap<String, BTreeMap<String, VersionDetails>>,
}

/// Details of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDetails {
    /// `oc.date` in milliseconds, 0 when unknown.
    #[serde(rename = "publishDate", default, deserialize_with = "milliseconds")]
    pub publish_date: u64,
    /// Bytes of the compiled view, when known.
    #[serde(
        rename = "templateSize",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_size"
    )]
    pub template_size: Option<u64>,
}

/// A shared file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Larger than 256 MiB.
    #[error("file is larger than {FILE_MAX} bytes")]
    TooLarge,
    /// Not JSON, or a member has a wrong type.
    #[error("`{place}` is not valid")]
    Malformed {
        /// Where, as `components.header[2]`; `.` is the whole file.
        place: String,
        /// What is wrong there.
        #[source]
        source: serde_json::Error,
    },
}

// === impl ComponentsJson ===

impl ComponentsJson {
    /// Reads the file; unknown members are ignored.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        parse(bytes)
    }

    /// The file as every registry writes it.
    ///
    /// # Errors
    ///
    /// [`json::JsonError`], which texts and numbers never cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>, json::JsonError> {
        json::to_vec(self)
    }
}

// === impl ComponentsDetails ===

impl ComponentsDetails {
    /// Reads the file; unknown members are ignored.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        parse(bytes)
    }

    /// The file as every registry writes it.
    ///
    /// # Errors
    ///
    /// [`json::JsonError`], which texts and numbers never cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>, json::JsonError> {
        json::to_vec(self)
    }
}

fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, WireError> {
    deserialize(bytes, PhantomData::<T>)
}

fn deserialize<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, WireError> {
    if bytes.len() > FILE_MAX {
        return Err(WireError::TooLarge);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let file = seed
        .deserialize(tracked)
        .map_err(|source| WireError::Malformed {
            place: track.path().to_string(),
            source,
        })?;
    deserializer.end().map_err(|source| WireError::Malformed {
        place: ".".to_owned(),
        source,
    })?;
    Ok(file)
}

/// A whole number that is not negative; JavaScript may print it with a fraction of zero.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    whole(&number).ok_or_else(|| de::Error::custom("expected a whole number, not negative"))
}

fn optional_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<serde_json::Number>::deserialize(deserializer)? {
        None => Ok(None),
        Some(number) => whole(&number)
            .map(Some)
            .ok_or_else(|| de::Error::custom("expected a whole number, not negative")),
    }
}

/// The number as a whole one: truncated, not negative, within what JavaScript holds exactly.
pub(crate) fn whole(number: &serde_json::Number) -> Option<u64> {
    /// 2^53.
    const MAX: f64 = 9_007_199_254_740_992.0;
    let number = number
        .as_f64()
        .filter(|number| (0.0..=MAX).contains(number))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0 and 2^53"
    )]
    Some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_written_and_read_as_open_components_does() {
        let text = r#"{"lastEdit":1795284103010,"components":{"a":["1.0.0","1.0.1"]}}"#;
        let components = ComponentsJson::parse(text.as_bytes()).unwrap();
        assert_eq!(components.components["a"], ["1.0.0", "1.0.1"]);
        assert_eq!(components.to_bytes().unwrap(), text.as_bytes());
    }

    #[test]
    fn details_are_written_and_read_as_open_components_does() {
        let text = concat!(
            r#"{"lastEdit":1,"components":{"a":{"1.0.0":{"publishDate":1795284102998,"#,
            r#""templateSize":2752},"1.0.1":{"publishDate":0}}}}"#
        );
        let details = ComponentsDetails::parse(text.as_bytes()).unwrap();
        assert_eq!(details.components["a"]["1.0.0"].template_size, Some(2752));
        assert_eq!(details.to_bytes().unwrap(), text.as_bytes());
    }

    #[test]
    fn unknown_members_are_ignored() {
        let text = r#"{"x":{},"lastEdit":1.0,"components":{}}"#;
        assert_eq!(ComponentsJson::parse(text.as_bytes()).unwrap().last_edit, 1);
    }

    #[test]
    fn wrong_types_are_told_with_their_place() {
        for (text, place) in [
            (
                r#"{"lastEdit":1,"components":{"a":["1.0.0",null]}}"#,
                "components.a[1]",
            ),
            (r#"{"lastEdit":1,"components":{"a":{}}}"#, "components.a"),
            (r#"{"lastEdit":-1,"components":{}}"#, "lastEdit"),
            (r#"{"lastEdit":1}"#, "."),
            ("[]x", "."),
            ("", "."),
        ] {
            let error = ComponentsJson::parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{place}` is not valid"),
                "{text}"
            );
        }
    }
}
