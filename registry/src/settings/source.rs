//! Reads the settings of a node from a file and the environment.

use std::path::Path;

use ochre_cdn_sync::configuration;

pub use ochre_cdn_sync::configuration::SettingsError;

use super::Settings;

/// Reads settings: defaults, then `file`, then `environment` (name and value of each variable).
///
/// # Errors
///
/// [`SettingsError`]; all unknown keys and unusable values are told at once.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    configuration::load(file, environment, Settings::problems)
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn nothing_given_is_the_default() {
        let settings = load(None, environment(&[])).unwrap();

        assert_eq!(settings.http.public_url(), "http://localhost:3000/");
    }

    #[test]
    fn environment_wins_and_is_read_by_the_type_of_its_key() {
        let settings = load(
            None,
            environment(&[
                ("OCHRE__HTTP__LISTEN", "127.0.0.1:4000"),
                ("OCHRE__STORAGE__COMPONENTS_DIR", "123"),
                ("OCHRE__DISCOVERY__API", "false"),
                ("OCHRE__SYNC__POLL_INTERVAL", "200ms"),
                ("PATH", "ignored"),
            ]),
        )
        .unwrap();

        assert_eq!(settings.http.listen.port(), 4000);
        assert_eq!(settings.storage.components_dir, "123");
        assert!(!settings.discovery.api);
        assert_eq!(settings.sync.poll_interval.as_millis(), 200);
    }

    #[test]
    fn every_problem_is_told_at_once_with_key_value_and_fix() {
        let error = load(
            None,
            environment(&[
                ("OCHRE__HTTP__LISSTEN", "127.0.0.1:4000"),
                ("OCHRE__HTTP__BATCH_MAX", "many"),
                ("OCHRE__NOTHING__AT_ALL", "1"),
            ]),
        )
        .unwrap_err()
        .to_string();

        for part in [
            "http.lissten",
            "`listen`",
            "http.batch_max",
            "many",
            "nothing",
            "`storage`",
        ] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn an_unknown_key_of_a_secret_is_named_and_its_value_is_not() {
        let error = load(
            None,
            environment(&[
                (
                    "OCHRE__AUTH__LOGINS",
                    "[{ user = \"ci\", password = \"hush\" }]",
                ),
                ("OCHRE__REDIS__URL", "{ hush = 1 }"),
                ("OCHRE__HTTP__BODY_MAX", "big"),
            ]),
        )
        .unwrap_err()
        .to_string();

        for part in ["unknown field `user`", "`username`", "\"10MiB\""] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn every_setting_is_documented() {
        fn keys(table: &Table, path: &str, found: &mut Vec<(String, String)>) {
            for (key, value) in table {
                match value {
                    Value::Table(inner) if !inner.is_empty() => {
                        keys(inner, &format!("{path}{key}."), found);
                    }
                    _ => found.push((path.trim_end_matches('.').to_owned(), key.clone())),
                }
            }
        }
        let document = include_str!("../../../docs/configuration.md");
        let defaults = Table::try_from(Settings::default()).unwrap();
        let mut found = Vec::new();
        keys(&defaults, "", &mut found);

        assert!(found.len() > 60, "{found:?}");
        for (section, key) in found {
            let (_, after) = document.split_once(&format!("## `[{section}]`")).unwrap();
            let table = after.split("## ").next().unwrap();
            assert!(table.contains(&format!("| `{key}` |")), "{section}.{key}");
        }
    }

    #[test]
    fn prefix_is_part_of_the_public_url() {
        let settings = load(
            None,
            environment(&[
                ("OCHRE__HTTP__PREFIX", "/oc/"),
                ("OCHRE__HTTP__BASE_URL", "https://registry.example"),
            ]),
        )
        .unwrap();

        assert_eq!(settings.http.public_url(), "https://registry.example/oc/");
    }
}
