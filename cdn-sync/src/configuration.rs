//! Reads settings of a program from a TOML file and the environment, and reports every problem at
//! once.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Prefix of environment variables; `__` separates section and key.
const PREFIX: &str = "OCHRE__";

/// Sections and keys whose values are never told.
const SECRETS: [&str; 11] = [
    "auth",
    "env",
    "options",
    "password",
    "redis",
    "secret",
    "secret_access_key",
    "access_key_id",
    "account_key",
    "client_secret",
    "sas_token",
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
/// `check` tells what is wrong with settings that can be understood.
///
/// # Errors
///
/// [`SettingsError`]; all unknown keys and unusable values are told at once.
pub fn load<S: DeserializeOwned>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    check: impl Fn(&S) -> Vec<String>,
) -> Result<S, SettingsError> {
    let mut table = file.map_or_else(|| Ok(Table::new()), read)?;
    let overrides = overrides(environment);
    for entry in &overrides {
        insert(&mut table, &entry.path, parse(&entry.text));
    }
    let (settings, mut problems) = deserialize::<S>(table, &overrides);
    if let Some(settings) = settings {
        problems.extend(check(&settings));
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
fn deserialize<S: DeserializeOwned>(
    mut table: Table,
    overrides: &[Override],
) -> (Option<S>, Vec<String>) {
    let mut problems = Vec::new();
    while problems.len() < PROBLEMS_MAX {
        let error = match serde_path_to_error::deserialize::<_, S>(table.clone()) {
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
            told(error.inner().message(), is_secret)
        ));
        if !remove(&mut table, &path) {
            break;
        }
    }
    (None, problems)
}

/// What is wrong, as the operator is told: unknown and missing keys hold no value, anything else of
/// a secret may.
fn told(message: &str, is_secret: bool) -> String {
    let names_keys = ["unknown field ", "missing field "];
    if is_secret && !names_keys.iter().any(|start| message.starts_with(start)) {
        return "this value cannot be used here".to_owned();
    }
    // Sizes are read by a crate that says no more than this.
    message.replace("expected parsable string", "give a size such as \"10MiB\"")
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
