//! `components.json`: names and versions.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use ochre_model::{ComponentName, Version, WireError, each_component, json, json::JsonError};

use serde::Deserialize;

use super::file::{Compared, Manifest};
use crate::catalog::{ComponentVersions, Components};

/// `components.json`.
#[derive(Debug)]
pub(crate) struct List;

/// One version, as the file has it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

// === impl List ===

impl Manifest for List {
    /// Texts that the catalog does not list, be they versions or not.
    type Surplus = Vec<String>;

    const VERSION_BYTES: usize = 10;

    fn compare(bytes: &[u8], known: &Components) -> Result<Compared<Vec<String>>, WireError> {
        let mut surplus: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut complete: HashSet<ComponentName> = HashSet::with_capacity(known.len());
        let mut listed: Vec<bool> = Vec::new();
        let last_edit = each_component(bytes, |name, mut texts: Vec<Text<'_>>| {
            if let Some((name, versions)) = known.get_key_value(name.as_str()) {
                let versions = versions.versions();
                let is_equal = texts
                    .iter()
                    .map(|Text(text)| text.as_ref())
                    .eq(versions.iter().map(Version::as_str));
                if is_equal {
                    texts.clear();
                } else {
                    listed.clear();
                    listed.resize(versions.len(), false);
                    texts.retain(|Text(text)| match position(versions, text) {
                        Some(position) => {
                            listed[position] = true;
                            false
                        }
                        None => true,
                    });
                }
                if is_equal || listed.iter().all(|listed| *listed) {
                    complete.insert(name.clone());
                }
            } else if texts.is_empty() {
                // A component without versions is kept as it is.
                surplus.entry(name.clone()).or_default();
            }
            if !texts.is_empty() {
                let texts = texts.into_iter().map(|Text(text)| text.into_owned());
                surplus.entry(name).or_default().extend(texts);
            }
        })?;
        Ok(Compared {
            last_edit,
            surplus,
            lacks: complete.len() < known.len(),
        })
    }

    fn write(
        bytes: &mut Vec<u8>,
        known: Option<&ComponentVersions>,
        surplus: Option<&Vec<String>>,
    ) -> Result<(), JsonError> {
        let versions = known.map(ComponentVersions::versions).unwrap_or_default();
        let mut texts: Vec<&str> = versions.iter().map(Version::as_str).collect();
        if let Some(surplus) = surplus {
            texts.extend(surplus.iter().map(String::as_str));
            texts.sort_by_cached_key(|text| {
                let version = text.parse::<Version>().ok();
                (version.is_none(), version, (*text).to_owned())
            });
            texts.dedup();
        }
        json::write(&texts, bytes)
    }
}

/// Where a version is in the catalog's.
fn position(versions: &[Version], text: &str) -> Option<usize> {
    let version: Version = text.parse().ok()?;
    versions.binary_search(&version).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::manifest::file;

    fn known(components: &[(&str, &[&str])]) -> Components {
        let component = |(name, texts): &(&str, &[&str])| {
            let versions = texts.iter().map(|text| text.parse().unwrap());
            let versions = versions.map(|version| (version, crate::VersionSummary::default()));
            (name.parse().unwrap(), Arc::new(versions.collect()))
        };
        components.iter().map(component).collect()
    }

    #[test]
    fn what_others_wrote_is_kept_and_the_order_is_npms() {
        let text = br#"{"lastEdit":5,"components":{"a":["nonsense","1.9.0","v1.0.0"],"b c":["1"],"e":[]}}"#;
        let known = known(&[("a", &["1.9.0", "1.10.0"]), ("d", &["1.0.0"])]);
        let compared = List::compare(text, &known).unwrap();
        assert!(compared.lacks);
        assert_eq!(compared.last_edit, 5);
        assert_eq!(compared.surplus["a"], ["nonsense", "v1.0.0"]);
        let text = file::text::<List>(&known, &compared.surplus, 6).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            concat!(
                r#"{"lastEdit":6,"components":{"a":["v1.0.0","1.9.0","1.10.0","nonsense"],"#,
                r#""b c":["1"],"d":["1.0.0"],"e":[]}}"#
            )
        );
    }

    #[test]
    fn a_file_lacks_what_only_the_catalog_lists() {
        let lacks = |text: &str, known| List::compare(text.as_bytes(), known).unwrap().lacks;
        let known = known(&[("a", &["1.0.0", "1.1.0"]), ("b", &["1.0.0"])]);
        for (components, expected) in [
            (r#"{"a":["1.0.0","1.1.0"],"b":["1.0.0"]}"#, false),
            (
                r#"{"b":["1.0.0","2.0.0"],"a":["1.1.0","1.0.0"],"c":[]}"#,
                false,
            ),
            (r#"{"a":["1.0.0","1.0.0"],"b":["1.0.0"]}"#, true),
            (r#"{"a":["1.0.0","1.1.0"]}"#, true),
            ("{}", true),
        ] {
            let text = format!(r#"{{"lastEdit":1,"components":{components}}}"#);
            assert_eq!(lacks(&text, &known), expected, "{components}");
        }
    }
}
