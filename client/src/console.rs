//! What people read on standard error, and programs on standard output.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
};

use serde_json::Value;

/// An error and everything behind it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

/// A line as a terminal may have it: whatever would move a cursor, change colours, start another
/// line or turn the direction of text is shown instead of done.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        if one.is_control() || is_formatting(one) {
            shown.extend(one.escape_default());
        } else {
            shown.push(one);
        }
    }
    shown
}

/// Marks and overrides of direction, separators of lines, and what has no width.
fn is_formatting(one: char) -> bool {
    matches!(one, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Tells a person what goes on.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    // Nobody who closed standard error misses it.
    drop(writeln!(
        io::stderr().lock(),
        "{}",
        visible(&line.to_string())
    ));
}

/// Tells a person several lines.
pub(crate) fn say_lines(lines: &[String]) {
    for line in lines {
        say(format_args!("{line}"));
    }
}

/// Answers a line on standard output.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    drop(writeln!(
        io::stdout().lock(),
        "{}",
        visible(&line.to_string())
    ));
}

/// Answers a document on standard output.
pub(crate) fn print_json(document: &Value) {
    drop(writeln!(io::stdout().lock(), "{}", escaped(document)));
}

/// JSON in which nothing moves a cursor either; it is the same document.
fn escaped(document: &Value) -> String {
    let mut shown = String::new();
    for one in format!("{document:#}").chars() {
        // Such characters stand in texts alone, and all of them have 16 bits.
        if one != '\n' && (one.is_control() || is_formatting(one)) {
            shown.extend(format!("\\u{:04x}", u32::from(one)).chars());
        } else {
            shown.push(one);
        }
    }
    shown
}

/// Shows how far an upload is, on a terminal alone.
pub(crate) fn progress(registry: &str, total: usize) -> impl Fn(usize) + Send + 'static {
    let is_terminal = io::stderr().is_terminal();
    let registry = visible(registry);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\r\nok\u{9b}31m\u{202e}\u{2066}\u{7f}";

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let shown = visible(HOSTILE);
        assert_eq!(
            shown,
            r"\u{1b}[2J\u{1b}]0;x\u{7}\r\nok\u{9b}31m\u{202e}\u{2066}\u{7f}"
        );
        assert_eq!(visible("Grüße, 世界 👋"), "Grüße, 世界 👋");
    }

    #[test]
    fn document_stays_the_same() {
        let document = json!({ HOSTILE: [HOSTILE, "Grüße"] });
        let shown = escaped(&document);
        assert!(
            !shown.contains(|one: char| one != '\n' && (one.is_control() || is_formatting(one)))
        );
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), document);
    }
}
