//! An error told with its causes.

use std::{error::Error, fmt};

/// An error with its sources, on one line: `outer: middle: inner`.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

// === impl Chain ===

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
