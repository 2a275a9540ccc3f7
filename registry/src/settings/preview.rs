//! `[preview]`: what previews run beside the component.

use std::{collections::BTreeMap, fs, io};

use serde::{Deserialize, Serialize};

/// Longest script that runs first, in bytes.
const PRELOAD_MAX: usize = 1024 * 1024;

/// `[preview]`: OC's `preload`, and the import map of its `oc.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreviewSettings {
    /// JavaScript that runs before everything else on a preview, or the file that holds it: a text
    /// without `;` and `{` is a file if there is one of that name, or if it ends as scripts do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preload: Option<String>,
    /// Import map of previews, bare name to URL; when empty `client.imports`, else that of the
    /// component.
    pub imports: BTreeMap<String, String>,
}

/// Why `preview.preload` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PreloadError {
    /// The file cannot be read.
    #[error("`preview.preload` is {name:?}, which cannot be read")]
    Unreadable {
        /// The file.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is too long for a page.
    #[error("`preview.preload` is longer than 1 MiB")]
    TooLong,
    /// It would end the element that it stands in.
    #[error(
        "`preview.preload` holds `</script` or `<!--`, which cannot stand in a script of a page"
    )]
    EndsScript,
}

// === impl PreviewSettings ===

impl PreviewSettings {
    /// What runs first, read from its file where it has one.
    ///
    /// Source: `packages/oc/src/registry/domain/options-sanitiser.ts`.
    ///
    /// # Errors
    ///
    /// [`PreloadError`].
    pub fn script(&self) -> Result<Option<String>, PreloadError> {
        let Some(given) = self.preload.as_deref().filter(|given| !given.is_empty()) else {
            return Ok(None);
        };
        let script = if given.contains([';', '{']) || !is_file(given) {
            given.to_owned()
        } else {
            fs::read_to_string(given).map_err(|source| PreloadError::Unreadable {
                name: given.to_owned(),
                source,
            })?
        };
        if script.len() > PRELOAD_MAX {
            return Err(PreloadError::TooLong);
        }
        let lower = script.to_ascii_lowercase();
        if lower.contains("</script") || lower.contains("<!--") {
            return Err(PreloadError::EndsScript);
        }
        Ok(Some(script))
    }

    /// Every value that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        let told = self.script().err().map(|error| error.to_string());
        told.into_iter().collect()
    }
}

/// A name that looks like a file is one, so that a missing one is told.
fn is_file(given: &str) -> bool {
    let path = std::path::Path::new(given);
    let is_named_so = path
        .extension()
        .is_some_and(|extension| matches!(extension.to_str(), Some("js" | "mjs" | "cjs")));
    is_named_so || path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(preload: &str) -> Result<Option<String>, PreloadError> {
        let settings = PreviewSettings {
            preload: Some(preload.to_owned()),
            ..PreviewSettings::default()
        };
        settings.script()
    }

    #[test]
    fn preload_is_a_script_or_a_file_that_holds_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("preload");
        fs::write(&file, "window.first = true").unwrap();

        let read = script(file.to_str().unwrap()).unwrap();
        assert_eq!(read.as_deref(), Some("window.first = true"));
        for inline in ["start()", "a = 1;", "if (a) { b() }"] {
            assert_eq!(script(inline).unwrap().as_deref(), Some(inline));
        }
        assert_eq!(script("").unwrap(), None);
    }

    #[test]
    fn what_cannot_stand_in_a_page_is_told() {
        assert!(matches!(
            script("missing.js"),
            Err(PreloadError::Unreadable { .. })
        ));
        assert!(matches!(
            script("a = '</SCRIPT>';"),
            Err(PreloadError::EndsScript)
        ));
        let long = "a;".repeat(PRELOAD_MAX);
        assert!(matches!(script(&long), Err(PreloadError::TooLong)));
    }
}
