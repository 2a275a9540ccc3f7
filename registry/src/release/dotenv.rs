//! The `.env` file of a release, in the grammar of npm's `dotenv`.

/// Names and values in the order of the file; of repeated names the last one counts.
///
/// Source: npm `dotenv` 17, `lib/main.js` (`LINE` and `parse`).
pub(super) fn parse(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let Some((name, value)) = assignment(&rest[..line_end]) else {
            rest = rest.get(line_end + 1..).unwrap_or_default();
            continue;
        };
        let offset = line_end - value.len();
        let (value, consumed) = value_at(&rest[offset..]);
        variables.retain(|(other, _)| other != name);
        variables.push((name.to_owned(), value));
        let next = offset + consumed;
        let skip = rest[next..]
            .find('\n')
            .map_or(rest.len(), |end| next + end + 1);
        rest = &rest[skip..];
    }
    variables
}

/// `NAME = rest of line` or `NAME: rest of line`; the value's start is untrimmed text.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(char::is_whitespace))
        .map_or(line, str::trim_start);
    let end = line.find(|byte: char| !(byte.is_ascii_alphanumeric() || "_.-".contains(byte)))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return None;
    }
    let trimmed = rest.trim_start();
    let value = trimmed.strip_prefix('=').or_else(|| {
        trimmed
            .strip_prefix(':')
            .filter(|_| trimmed.len() == rest.len())
            .filter(|after| after.starts_with(char::is_whitespace))
    })?;
    Some((name, value.trim_start()))
}

/// The value that `text` starts with, and how many bytes of `text` it takes.
fn value_at(text: &str) -> (String, usize) {
    if let Some(quote) = text.chars().next().filter(|first| "'\"`".contains(*first))
        && let Some(length) = closing(&text[1..], quote)
    {
        let inner = &text[1..=length];
        let value = if quote == '"' {
            inner.replace("\\n", "\n").replace("\\r", "\r")
        } else {
            inner.to_owned()
        };
        return (value, length + 2);
    }
    let end = text.find(['\n', '#']).unwrap_or(text.len());
    (text[..end].trim().to_owned(), end)
}

/// Length of the text before the closing quote; a backslash keeps a quote from closing.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == quote && !escaped {
            return Some(at);
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_is_that_of_dotenv() {
        let file = b"# comment\nPLAIN=value # trailing\r\nexport EXPORTED = x\nEMPTY=\nSINGLE='a # b'\n\
            DOUBLE=\"line\\nbreak\"\nMULTI=\"first\nsecond\"\nTICK=`it's`\nCOLON: y\nnot a variable\n\
            PLAIN2=a=b\nLAST=1\nLAST=2";
        let expected = [
            ("PLAIN", "value"),
            ("EXPORTED", "x"),
            ("EMPTY", ""),
            ("SINGLE", "a # b"),
            ("DOUBLE", "line\nbreak"),
            ("MULTI", "first\nsecond"),
            ("TICK", "it's"),
            ("COLON", "y"),
            ("PLAIN2", "a=b"),
            ("LAST", "2"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();

        assert_eq!(parse(file), expected);
    }
}
