//! Reads settings from a file and the environment, and reports every problem at once.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Settings;

/// Prefix of environment variables; `__` separates section and key.
const PREFIX: &str = "OCHRE__";

/// Sections and keys whose values are never told.
const SECRETS: [&str; 6] = [
    "auth",
    "env",
    "options",
    "password",
    "secret_access_key",
    "access_key_id",
];

/// Most problems told at once.
const PROBLEMS_MAX: usize = 50;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("settings file `{}` cannot be read: give an existing TOML file with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML; the text shows the line.
    #[error("settings file `{}` is not TOML: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser says, with the number of the line.
        problem: String,
    },
    /// Keys or values that cannot be used.
    #[error("settings are not usable:\n  - {}", .0.join("\n  - "))]
    Problems(Vec<String>),
}

/// Where one value came from, for messages.
struct Override {
    path: Vec<String>,
    variable: String,
    text: String,
}

/// Reads settings: defaults, then `file`, then `environment` (name and value of each variable).
///
/// # Errors
///
/// [`SettingsError`]; all unknown keys and unusable values are told at once.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let mut table = file.map_or_else(|| Ok(Table::new()), read)?;
    let overrides = overrides(environment);
    for entry in &overrides {
        insert(&mut table, &entry.path, parse(&entry.text));
    }
    let (settings, mut problems) = deserialize(table, &overrides);
    if let Some(settings) = settings {
        problems.extend(settings.problems());
        if problems.is_empty() {
            return Ok(settings);
        }
    }
    Err(SettingsError::Problems(problems))
}

fn read(path: &Path) -> Result<Table, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    text.parse::<Table>()
        .map_err(|error| SettingsError::Malformed {
            path: path.to_owned(),
            problem: malformed(&text, &error),
        })
}

/// What is wrong and in which line; the line itself may hold a secret.
fn malformed(text: &str, error: &toml::de::Error) -> String {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {}", error.message())
}

fn overrides(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Override> {
    let mut found: Vec<Override> = environment
        .into_iter()
        .filter_map(|(variable, text)| {
            let path = variable
                .strip_prefix(PREFIX)?
                .split("__")
                .map(str::to_ascii_lowercase)
                .collect();
            Some(Override {
                path,
                variable,
                text,
            })
        })
        .collect();
    found.sort_by(|left, right| left.variable.cmp(&right.variable));
    found
}

/// A TOML value where the text is one, else the text.
fn parse(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table
                .entry(key.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Deserializes `table`, taking out each key that fails so that the next one is found too.
fn deserialize(mut table: Table, overrides: &[Override]) -> (Option<Settings>, Vec<String>) {
    let mut problems = Vec::new();
    while problems.len() < PROBLEMS_MAX {
        let error = match serde_path_to_error::deserialize::<_, Settings>(table.clone()) {
            Ok(settings) => return (Some(settings), problems),
            Err(error) => error,
        };
        let path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let origin = overrides.iter().find(|entry| entry.path == path);
        // `OCHRE__STORAGE__BUCKET=123` is a name, not a number: try the text itself.
        if let Some(entry) = origin
            && at(&table, &path).is_some_and(|value| !value.is_str())
        {
            insert(&mut table, &path, Value::String(entry.text.clone()));
            continue;
        }
        let is_secret = path.iter().any(|key| SECRETS.contains(&key.as_str()));
        let shown = at(&table, &path)
            .filter(|_| !is_secret)
            .map(|value| format!(" is {value}"));
        let from = origin.map(|entry| format!(" (from {})", entry.variable));
        problems.push(format!(
            "`{}`{}{}: {}",
            path.join("."),
            shown.unwrap_or_default(),
            from.unwrap_or_default(),
            if is_secret {
                "this value cannot be used here"
            } else {
                error.inner().message()
            }
        ));
        if !remove(&mut table, &path) {
            break;
        }
    }
    (None, problems)
}

fn at<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (key, rest) = path.split_first()?;
    let value = table.get(key)?;
    if rest.is_empty() {
        return Some(value);
    }
    at(value.as_table()?, rest)
}

/// Takes out the value at `path`, or the nearest value that holds it (an array's element).
fn remove(table: &mut Table, path: &[String]) -> bool {
    match path {
        [] => false,
        [key] => table.remove(key).is_some(),
        [key, rest @ ..] => {
            let inner = table.get_mut(key).and_then(Value::as_table_mut);
            inner.is_some_and(|inner| remove(inner, rest)) || table.remove(key).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
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
