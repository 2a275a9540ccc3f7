//! Reads a shared file one component at a time: the whole needs many times its size in memory.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};

use super::{WireError, deserialize};

/// Reads `components.json` or `components-details.json` and hands over each component with what
/// the file says of it; the answer is `lastEdit`.
///
/// # Errors
///
/// [`WireError`], as when the file is read whole; what was handed over before counts for nothing.
pub fn each_component<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    mut each: impl FnMut(String, T),
) -> Result<u64, WireError> {
    deserialize(bytes, File(&mut each, PhantomData))
}

/// The object that the file is.
struct File<'a, F, T>(&'a mut F, PhantomData<T>);

/// Its member `components`.
struct Components<'a, F, T>(&'a mut F, PhantomData<T>);

#[derive(Deserialize)]
struct Milliseconds(#[serde(deserialize_with = "super::milliseconds")] u64);

impl<'de, F: FnMut(String, T), T: Deserialize<'de>> DeserializeSeed<'de> for File<'_, F, T> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, T), T: Deserialize<'de>> Visitor<'de> for File<'_, F, T> {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with lastEdit and components")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u64, A::Error> {
        let mut last_edit = None;
        let mut is_complete = false;
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "lastEdit" => last_edit = Some(members.next_value::<Milliseconds>()?.0),
                "components" => {
                    members.next_value_seed(Components(&mut *self.0, PhantomData))?;
                    is_complete = true;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        if !is_complete {
            return Err(de::Error::missing_field("components"));
        }
        last_edit.ok_or_else(|| de::Error::missing_field("lastEdit"))
    }
}

impl<'de, F: FnMut(String, T), T: Deserialize<'de>> DeserializeSeed<'de> for Components<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, T), T: Deserialize<'de>> Visitor<'de> for Components<'_, F, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of components")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key()? {
            (self.0)(name, members.next_value()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_handed_over_in_its_order() {
        let text =
            r#"{"x":[{}],"components":{"b":["1.0.0"],"a":["1.0.0","1.0.1"]},"lastEdit":7.0}"#;
        let mut seen = Vec::new();
        let last_edit = each_component(text.as_bytes(), |name, versions: Vec<String>| {
            seen.push((name, versions.len()));
        });
        assert_eq!(last_edit.unwrap(), 7);
        assert_eq!(seen, [("b".to_owned(), 1), ("a".to_owned(), 2)]);
    }

    #[test]
    fn a_damaged_file_is_told_as_when_it_is_read_whole() {
        for (text, place) in [
            (
                r#"{"lastEdit":1,"components":{"a":["1.0.0",null]}}"#,
                "components.a[1]",
            ),
            (r#"{"lastEdit":-1,"components":{}}"#, "lastEdit"),
            (r#"{"lastEdit":1}"#, "."),
            (r#"{"components":{}}"#, "."),
            ("[]x", "."),
            ("null", "."),
            ("", "."),
        ] {
            let read = each_component(text.as_bytes(), |_, _: Vec<String>| {});
            let error = read.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{place}` is not valid"),
                "{text}"
            );
        }
    }
}
