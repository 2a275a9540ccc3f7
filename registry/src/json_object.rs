//! A JSON object written member by member, so that large members are copied once.

use bytes::Bytes;
use ochre_model::json;
use serde::Serialize;

/// A JSON object under construction; members stay in the order they were written.
#[derive(Debug)]
pub(crate) struct JsonObject {
    text: Vec<u8>,
}

// === impl JsonObject ===

impl JsonObject {
    /// An empty object with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut text = Vec::with_capacity(capacity + 2);
        text.push(b'{');
        Self { text }
    }

    /// Adds a member.
    pub(crate) fn member(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.key(key);
        let start = self.text.len();
        // Values are strings, numbers and `Value`s: all of them can be told as JSON.
        if json::write(value, &mut self.text).is_err() {
            self.text.truncate(start);
            self.text.extend_from_slice(b"null");
        }
    }

    /// Adds a member whose value is JSON text already.
    pub(crate) fn raw_member(&mut self, key: &str, json: &[u8]) {
        self.key(key);
        self.text.extend_from_slice(json);
    }

    /// The object's text.
    pub(crate) fn finish(mut self) -> Bytes {
        self.text.push(b'}');
        Bytes::from(self.text)
    }

    fn key(&mut self, key: &str) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        // Writing a string to a vector cannot fail.
        let _infallible = json::write(key, &mut self.text);
        self.text.push(b':');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_raw_ones_their_text() {
        let mut object = JsonObject::with_capacity(0);
        object.member("z", "a\"b");
        object.raw_member("a", b"{\"x\":1.50}");
        object.member("n", &1);

        assert_eq!(object.finish(), r#"{"z":"a\"b","a":{"x":1.50},"n":1}"#);
    }
}
