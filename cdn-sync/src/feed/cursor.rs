//! A place in the feed that every node of the store understands.

use std::{fmt, str::FromStr};

/// How far a subscriber has been told, written `{generation}.{node}.{revision}`.
///
/// All changes up to `generation` of the index are known to it, on whatever node; on `node` itself
/// everything up to the event `revision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Generation of the index; comparable between nodes.
    pub generation: u64,
    pub(super) node: u32,
    pub(super) revision: u64,
}

/// The text is no place in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("text is no place in the feed")]
pub struct CursorError;

// === impl Cursor ===

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            generation,
            node,
            revision,
        } = self;
        write!(formatter, "{generation}.{node:08x}.{revision}")
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.split('.');
        let (Some(generation), Some(node), Some(revision), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError);
        };
        Ok(Self {
            generation: generation.parse().map_err(|_| CursorError)?,
            node: u32::from_str_radix(node, 16).map_err(|_| CursorError)?,
            revision: revision.parse().map_err(|_| CursorError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let cursor = Cursor {
            generation: 12,
            node: 0xab,
            revision: 7,
        };
        assert_eq!(cursor.to_string(), "12.000000ab.7");
        assert_eq!("12.000000ab.7".parse(), Ok(cursor));
    }

    #[test]
    fn other_texts_are_no_places() {
        for text in ["", "12", "1.2", "1.zz.3", "1.2.3.4", "-1.0.0", "1.0.x"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
        let huge = format!("{}.0.0", "9".repeat(40));
        assert_eq!(huge.parse::<Cursor>(), Err(CursorError));
    }
}
