//! What people read on standard error, and programs on standard output.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
};

use serde_json::Value;

/// An error and everything behind it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

/// Tells a person what goes on.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    // Nobody who closed standard error misses it.
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Answers on standard output.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// Answers a document on standard output.
pub(crate) fn print_json(document: &Value) {
    print(format_args!("{document:#}"));
}

/// Shows how far an upload is, on a terminal alone.
pub(crate) fn progress(registry: &str, total: usize) -> impl Fn(usize) + Send + 'static {
    let is_terminal = io::stderr().is_terminal();
    let registry = registry.to_owned();
    move |sent| {
        if is_terminal {
            let percent = sent * 100 / total.max(1);
            let mut stderr = io::stderr().lock();
            drop(write!(stderr, "\r\x1b[2K{registry}: uploading {percent} %"));
            drop(stderr.flush());
        }
    }
}

/// Takes the line of [`progress`] away again.
pub(crate) fn clear_progress() {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        drop(write!(stderr, "\r\x1b[2K"));
    }
}

/// `12 B`, `3.4 KiB`, …
pub(crate) fn size(bytes: usize) -> String {
    bytesize::ByteSize::b(bytes as u64).to_string()
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut said = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Some libraries repeat their cause.
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said = text;
            }
            source = error.source();
        }
        Ok(())
    }
}
