//! Names of components and of releases.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Version,
    text::{self, checked_text},
};

/// Longest accepted name, in bytes.
const NAME_MAX: usize = 255;

/// Name of a component: one or more of `A-Z a-z 0-9 _ -`, and not `_package`.
///
/// Source: `packages/oc/src/registry/domain/validators/index.ts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentName(Arc<str>);

/// The text is no component name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component name is not valid")]
pub struct NameError;

/// One release: a component's name and an exact version. As text: `name@version`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    /// The component.
    pub name: ComponentName,
    /// The exact version, as published.
    pub version: Version,
}

/// The text does not name a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("release is not given as name@version")]
pub struct IdError;

// === impl ComponentName ===

checked_text!(ComponentName);

impl FromStr for ComponentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if legal && !text.is_empty() && text.len() <= NAME_MAX && text != "_package" {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NameError)
        }
    }
}

// === impl ComponentId ===

impl fmt::Display for ComponentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.name, self.version)
    }
}

impl FromStr for ComponentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (name, version) = text.split_once('@').ok_or(IdError)?;
        Ok(Self {
            name: name.parse().map_err(|_| IdError)?,
            version: version.parse().map_err(|_| IdError)?,
        })
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Serialize for ComponentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_open_components_are_accepted() {
        for name in ["hello-world", "Header_2", "a", "constructor", "-"] {
            assert_eq!(name.parse::<ComponentName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_texts_are_no_names() {
        let long = "a".repeat(NAME_MAX + 1);
        for text in ["", "_package", "a.b", "..", "a/b", "é", "a b", "~x", &long] {
            assert_eq!(text.parse::<ComponentName>(), Err(NameError), "{text}");
        }
    }

    #[test]
    fn a_release_is_read_as_it_is_written() {
        let id: ComponentId = "hello@1.0.0-rc.1".parse().unwrap();
        assert_eq!(id.to_string(), "hello@1.0.0-rc.1");
        for text in ["hello", "hello@", "@1.0.0", "hello@1.x", "a b@1.0.0"] {
            assert_eq!(text.parse::<ComponentId>(), Err(IdError), "{text}");
        }
    }
}
