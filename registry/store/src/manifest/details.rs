//! `components-details.json`: dates and sizes.

use std::collections::{BTreeMap, HashSet};

use ochre_model::json::JsonError;
use ochre_model::{ComponentName, Version, VersionDetails, WireError, each_component, json};

use super::file::{Compared, Manifest};
use crate::catalog::{ComponentVersions, Components, VersionSummary};

/// Details by version.
type Versions = BTreeMap<String, VersionDetails>;

/// `components-details.json`.
#[derive(Debug)]
pub(crate) struct Details;

// === impl Details ===

impl Manifest for Details {
    /// What is said of versions that the catalog does not list, or of which it says something else.
    type Surplus = Versions;

    const VERSION_BYTES: usize = 60;

    fn compare(bytes: &[u8], known: &Components) -> Result<Compared<Versions>, WireError> {
        let mut surplus: BTreeMap<String, Versions> = BTreeMap::new();
        let mut complete: HashSet<ComponentName> = HashSet::with_capacity(known.len());
        let last_edit = each_component(bytes, |name, mut listed: Versions| {
            let mut is_surplus = listed.is_empty();
            if let Some((name, versions)) = known.get_key_value(name.as_str()) {
                is_surplus = false;
                let mut found = 0;
                listed.retain(|text, details| {
                    let summary = text.parse::<Version>().ok();
                    let summary = summary.and_then(|version| versions.details(&version));
                    found += usize::from(summary.is_some());
                    summary.is_none_or(|summary| details_of(summary) != *details)
                });
                if found == versions.versions().len() {
                    complete.insert(name.clone());
                }
            }
            if is_surplus || !listed.is_empty() {
                surplus.entry(name).or_default().append(&mut listed);
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
        surplus: Option<&Versions>,
    ) -> Result<(), JsonError> {
        let mut separator = b'{';
        let mut member = |text: &str, details: &VersionDetails| {
            bytes.push(std::mem::replace(&mut separator, b','));
            json::write(text, bytes)?;
            bytes.push(b':');
            json::write(details, bytes)
        };
        for (version, summary) in known.into_iter().flat_map(ComponentVersions::iter) {
            let text = version.as_str();
            // What is there already stays.
            if !surplus.is_some_and(|surplus| surplus.contains_key(text)) {
                member(text, &details_of(summary))?;
            }
        }
        for (text, details) in surplus.into_iter().flatten() {
            member(text, details)?;
        }
        if separator == b'{' {
            bytes.push(b'{');
        }
        bytes.push(b'}');
        Ok(())
    }
}

fn details_of(summary: &VersionSummary) -> VersionDetails {
    VersionDetails {
        publish_date: summary.publish_date,
        template_size: summary.template_size,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::manifest::file;

    fn known() -> Components {
        let summary = VersionSummary {
            publish_date: 12,
            state: Some("deprecated".to_owned()),
            ..VersionSummary::default()
        };
        let versions = ["1.0.0", "1.1.0"].map(|text| (text.parse().unwrap(), summary.clone()));
        let component = (
            "a".parse().unwrap(),
            Arc::new(versions.into_iter().collect()),
        );
        [component].into_iter().collect()
    }

    fn text(surplus: &BTreeMap<String, Versions>) -> String {
        String::from_utf8(file::text::<Details>(&known(), surplus, 7).unwrap()).unwrap()
    }

    #[test]
    fn details_have_the_shape_of_open_components() {
        assert_eq!(
            text(&BTreeMap::new()),
            concat!(
                r#"{"lastEdit":7,"components":{"a":{"1.0.0":{"publishDate":12},"#,
                r#""1.1.0":{"publishDate":12}}}}"#
            )
        );
    }

    #[test]
    fn what_is_there_stays_and_what_is_missing_comes_beside_it() {
        let file = concat!(
            r#"{"lastEdit":7,"components":{"a":{"1.0.0":{"publishDate":3},"x":{"publishDate":4}},"#,
            r#""e":{},"z":{"1.0.0":{"publishDate":5,"templateSize":6}}}}"#
        );
        let compared = Details::compare(file.as_bytes(), &known()).unwrap();
        assert!(compared.lacks);
        let united = text(&compared.surplus);
        assert_eq!(
            united,
            concat!(
                r#"{"lastEdit":7,"components":{"a":{"1.1.0":{"publishDate":12},"#,
                r#""1.0.0":{"publishDate":3},"x":{"publishDate":4}},"#,
                r#""e":{},"z":{"1.0.0":{"publishDate":5,"templateSize":6}}}}"#
            )
        );
        let compared = Details::compare(united.as_bytes(), &known()).unwrap();
        assert!(!compared.lacks && compared.surplus["a"].len() == 2);
        assert_eq!(text(&compared.surplus), united);
    }
}
