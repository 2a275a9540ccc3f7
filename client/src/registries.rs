//! Which registries are meant.

use std::{io, path::Path};

use bytesize::ByteSize;
use ochre_client::{Client, ClientError, ClientOptions};
use serde::Deserialize;

use crate::disk::{self, DiskError};

/// The file in which `oc registry add` keeps registries.
const OC_JSON: &str = "oc.json";

/// Largest `oc.json`.
const OC_JSON_MAX: ByteSize = ByteSize::mib(1);

#[derive(Deserialize)]
struct OcJson {
    #[serde(default)]
    registries: Vec<String>,
}

/// Why no registry is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistriesError {
    /// Nothing names one.
    #[error(
        "no registry is named: give --registry URL, set OCHRE_REGISTRIES, or run where an {OC_JSON} \
         has `registries`"
    )]
    None,
    /// `oc.json` is there and of no use.
    #[error("{OC_JSON} cannot be used")]
    Unreadable(#[source] DiskError),
    /// `oc.json` is no JSON, or `registries` no list of texts.
    #[error("{OC_JSON} is not valid: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Several in one text.
    #[error("a registry's URL has a space in it: put commas between registries")]
    Spaced,
    /// A text that is no URL.
    #[error("{0}: give the registry's URL, such as http://localhost:3000/")]
    Client(#[from] ClientError),
}

/// The registries that were named, or else those of `oc.json` in `folder`; each once.
pub(crate) fn named(given: &[String], folder: &Path) -> Result<Vec<String>, RegistriesError> {
    let mut urls: Vec<String> = Vec::new();
    let known = if given.iter().any(|url| !url.trim().is_empty()) {
        given.to_vec()
    } else {
        of_oc_json(folder)?
    };
    for url in known {
        if url.trim().contains(char::is_whitespace) {
            return Err(RegistriesError::Spaced);
        }
        let url = url.trim().trim_end_matches('/').to_owned() + "/";
        if url != "/" && !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.is_empty() {
        return Err(RegistriesError::None);
    }
    Ok(urls)
}

/// A client for each of the registries.
pub(crate) fn clients(
    given: &[String],
    options: &ClientOptions,
) -> Result<Vec<(String, Client)>, RegistriesError> {
    named(given, Path::new("."))?
        .into_iter()
        .map(|url| {
            let client = Client::new(&url, options.clone())?;
            Ok((client.registry().to_string(), client))
        })
        .collect()
}

fn of_oc_json(folder: &Path) -> Result<Vec<String>, RegistriesError> {
    match disk::read(&folder.join(OC_JSON), OC_JSON_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(|config: OcJson| config.registries)
            .map_err(RegistriesError::Malformed),
        Err(DiskError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        Err(error) => Err(RegistriesError::Unreadable(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn login_of_a_registry_is_not_shown() {
        let given = ["http://ada:secret@r/oc".to_owned()];
        let clients = clients(&given, &ClientOptions::default()).unwrap();
        let (shown, client) = clients.first().unwrap();
        assert_eq!(shown, "http://r/oc/");
        assert!(client.has_credentials());
    }

    #[test]
    fn given_registries_win_over_oc_json() {
        let folder = tempfile::tempdir().unwrap();
        let urls = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(ToString::to_string).collect();
            named(&given, folder.path())
        };
        assert!(matches!(urls(&[]), Err(RegistriesError::None)));
        fs::write(
            folder.path().join(OC_JSON),
            r#"{"registries":["http://a/","http://b"]}"#,
        )
        .unwrap();
        assert_eq!(urls(&[]).unwrap(), ["http://a/", "http://b/"]);
        assert_eq!(urls(&[""]).unwrap(), ["http://a/", "http://b/"]);
        assert_eq!(
            urls(&["http://c", "http://c/", " http://d/oc/ "]).unwrap(),
            ["http://c/", "http://d/oc/"]
        );
        assert!(matches!(
            urls(&["http://c http://d"]),
            Err(RegistriesError::Spaced)
        ));
        fs::write(folder.path().join(OC_JSON), "[").unwrap();
        assert!(matches!(urls(&[]), Err(RegistriesError::Malformed(_))));
    }
}
