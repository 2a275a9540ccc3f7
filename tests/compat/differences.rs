//! The list of deliberate differences: `differences.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Deserialize;

use crate::compare::Mismatch;

const LIST: &str = include_str!("differences.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    difference: Vec<Difference>,
}

/// One reason, with every request and every field that it explains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    reason: String,
    requests: Vec<String>,
    fields: Vec<String>,
}

/// The deliberate differences, and which of them were seen.
#[derive(Debug)]
pub(crate) struct Differences {
    listed: BTreeSet<(String, String)>,
    seen: BTreeSet<(String, String)>,
    unexplained: BTreeMap<Vec<String>, Vec<String>>,
}

impl Differences {
    /// Reads the list; an entry without a reason, or listed twice, is an error.
    pub(crate) fn read() -> Result<Self, String> {
        let list: List = toml::from_str(LIST).map_err(|error| error.to_string())?;
        let mut listed = BTreeSet::new();
        for difference in list.difference {
            if difference.reason.trim().is_empty() {
                return Err(format!("no reason is given for {:?}", difference.requests));
            }
            for request in &difference.requests {
                for field in &difference.fields {
                    if !listed.insert((request.clone(), field.clone())) {
                        return Err(format!("{field} of {request} is listed twice"));
                    }
                }
            }
        }
        Ok(Self {
            listed,
            seen: BTreeSet::new(),
            unexplained: BTreeMap::new(),
        })
    }

    /// Whether everything in which the answers to `request` differ is listed; otherwise a
    /// description of the rest.
    pub(crate) fn outcome(
        &mut self,
        request: &str,
        mismatches: Vec<Mismatch>,
    ) -> Result<(), String> {
        let mut unexplained = Vec::new();
        for mismatch in mismatches {
            let key = (request.to_owned(), mismatch.field.clone());
            if self.listed.contains(&key) {
                self.seen.insert(key);
            } else {
                unexplained.push(mismatch);
            }
        }
        if unexplained.is_empty() {
            return Ok(());
        }
        let fields = unexplained.iter().map(|mismatch| mismatch.field.clone());
        let alike = self.unexplained.entry(fields.collect()).or_default();
        alike.push(request.to_owned());
        let lines: Vec<String> = unexplained.iter().map(ToString::to_string).collect();
        Err(format!("{request}\n{}", lines.join("\n")))
    }

    /// The unexplained differences as entries of the list, their reasons still to be given.
    pub(crate) fn proposal(&self) -> String {
        let mut text = String::new();
        for (fields, requests) in &self.unexplained {
            text.push_str("[[difference]]\nreason = \"\"\nfields = [\n");
            for field in fields {
                writeln!(text, "    {},", toml::Value::from(field.as_str())).ok();
            }
            text.push_str("]\nrequests = [\n");
            for request in requests {
                writeln!(text, "    {},", toml::Value::from(request.as_str())).ok();
            }
            text.push_str("]\n\n");
        }
        text
    }

    /// Entries that no longer differ.
    pub(crate) fn stale(&self) -> Vec<String> {
        let stale = self.listed.difference(&self.seen);
        stale
            .map(|(request, field)| format!("{field} of {request}"))
            .collect()
    }
}
