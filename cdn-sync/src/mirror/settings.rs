//! What an operator says of mirroring.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use ochre_store::{Backend, PublicAccess, Secret, StoreSettings};
use serde::{Deserialize, Serialize};

use crate::{WatchSettings, telemetry::TelemetrySettings};

/// Everything that `ochre-cdn-sync` can be told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorSettings {
    /// The store that is mirrored; only read.
    pub source: StoreSettings,
    /// How the source is followed.
    pub sync: WatchSettings,
    /// Where releases are copied to, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, TargetSettings>,
    /// How releases are copied.
    pub mirror: CopySettings,
    /// Who is told of what has changed in the targets.
    pub purge: PurgeSettings,
    /// Metrics and health.
    pub metrics: MetricsSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// `[targets.NAME]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSettings {
    /// What is copied there.
    pub kind: TargetKind,
    /// Where it lies.
    pub storage: StoreSettings,
    /// Releases copied at once; each is held in memory, packed and unpacked. Default 8.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Bytes written in a second at most, on average; 0 means no bound. Default 0.
    #[serde(default)]
    pub bandwidth: ByteSize,
}

/// What a target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A bucket or folder that a CDN reads: public files only.
    Cdn,
    /// A store that registries read: everything.
    Replica,
}

/// `[mirror]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CopySettings {
    /// Time between two comparisons of the whole catalog with a target. Default `1h`.
    #[serde(with = "humantime_serde")]
    pub rescan_interval: Duration,
    /// Attempts to copy one release before it is put off. Default 4.
    pub attempts: u32,
    /// Pause before what failed is tried again; doubles with each failure in a row. Default `5s`.
    #[serde(with = "humantime_serde")]
    pub retry_after: Duration,
    /// Longest such pause. Default `5m`.
    #[serde(with = "humantime_serde")]
    pub retry_after_max: Duration,
    /// How long copies in progress may take to finish after SIGTERM. Default `30s`.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
}

/// `[purge]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurgeSettings {
    /// Where changed keys are posted to; none tells nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Secret of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Bound of one request. Default `10s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Attempts to deliver one message. Default 8.
    pub attempts: u32,
    /// Most keys of one message. Default 1000.
    pub batch: usize,
    /// Most keys that wait; above it, one message asks for everything to be purged. Default 100000.
    pub queue: usize,
}

/// `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// Address and port of `/metrics`, `/health` and `/ready`; none serves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

fn default_concurrency() -> usize {
    8
}

// === impl MirrorSettings ===

impl MirrorSettings {
    /// Every value that cannot work, each with its key, the value and what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = within("source", &self.source);
        problems.extend(self.sync.validate());
        if self.targets.is_empty() {
            problems.push(
                "`targets` is empty: name a target, for example [targets.edge] with kind and \
                 [targets.edge.storage]"
                    .to_owned(),
            );
        }
        for (name, target) in &self.targets {
            problems.extend(target.problems(name));
            if is_same_place(&self.source, &target.storage) {
                problems.push(format!(
                    "targets.{name}.storage is the source itself: name another place"
                ));
            }
        }
        let targets: Vec<_> = self.targets.iter().collect();
        for (position, (name, target)) in targets.iter().enumerate() {
            for (other, _) in targets
                .iter()
                .skip(position + 1)
                .filter(|(_, other)| is_same_place(&target.storage, &other.storage))
            {
                problems.push(format!(
                    "targets.{name} and targets.{other} are the same place: leave one out"
                ));
            }
        }
        problems.extend(self.mirror.problems());
        problems.extend(self.purge.problems());
        problems
    }
}

// === impl TargetSettings ===

impl TargetSettings {
    fn problems(&self, name: &str) -> Vec<String> {
        let mut problems = within(&format!("targets.{name}.storage"), &self.storage);
        let is_plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        if name.is_empty() || name.len() > 32 || !name.bytes().all(is_plain) {
            problems.push(format!(
                "targets.{name}: use 1 to 32 of a-z, 0-9, `-` and `_` for the name"
            ));
        }
        if self.concurrency == 0 || self.concurrency > 256 {
            problems.push(format!(
                "targets.{name}.concurrency = {}: use 1 to 256",
                self.concurrency
            ));
        }
        let storage = &self.storage;
        if storage.read_only {
            problems.push(format!(
                "targets.{name}.storage.read_only = true: a target is written; leave it out"
            ));
        }
        if self.kind == TargetKind::Replica && storage.public_access == PublicAccess::Acl {
            problems.push(format!(
                "targets.{name}.storage.public_access = \"acl\": a replica is private; leave it out"
            ));
        }
        problems
    }
}

// === impl CopySettings ===

impl Default for CopySettings {
    fn default() -> Self {
        Self {
            rescan_interval: Duration::from_hours(1),
            attempts: 4,
            retry_after: Duration::from_secs(5),
            retry_after_max: Duration::from_mins(5),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl CopySettings {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, value) in [
            ("rescan_interval", self.rescan_interval),
            ("retry_after", self.retry_after),
            ("retry_after_max", self.retry_after_max),
        ] {
            if value < Duration::from_millis(10) || value > Duration::from_hours(24 * 30) {
                problems.push(format!("mirror.{key} = \"{value:?}\": use 10ms to 30d"));
            }
        }
        if self.attempts == 0 || self.attempts > 20 {
            problems.push(format!("mirror.attempts = {}: use 1 to 20", self.attempts));
        }
        problems
    }
}

// === impl PurgeSettings ===

impl Default for PurgeSettings {
    fn default() -> Self {
        Self {
            url: None,
            secret: None,
            timeout: Duration::from_secs(10),
            attempts: 8,
            batch: 1000,
            queue: 100_000,
        }
    }
}

impl PurgeSettings {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(url) = &self.url {
            let parsed = reqwest::Url::parse(url);
            if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                problems.push("purge.url: give an absolute http or https URL".to_owned());
            }
            let secret = self.secret.as_ref().map_or("", Secret::expose);
            if secret.len() < 16 {
                problems.push(
                    "purge.secret: give at least 16 characters, so that the receiver can tell \
                     that a message is genuine"
                        .to_owned(),
                );
            }
        }
        for (key, value) in [("batch", self.batch), ("queue", self.queue)] {
            if value == 0 || value > 1_000_000 {
                problems.push(format!("purge.{key} = {value}: use 1 to 1000000"));
            }
        }
        if self.attempts == 0 || self.attempts > 20 {
            problems.push(format!("purge.attempts = {}: use 1 to 20", self.attempts));
        }
        if self.timeout.is_zero() {
            problems.push("purge.timeout = \"0s\": give a duration such as \"10s\"".to_owned());
        }
        problems
    }
}

/// What is wrong with a store, told under the name of its section.
fn within(section: &str, storage: &StoreSettings) -> Vec<String> {
    let problems = storage.validate().into_iter();
    problems
        .map(|problem| problem.replace("storage.", &format!("{section}.")))
        .collect()
}

/// Whether two sections describe one store. Buckets of one name at two services are two.
fn is_same_place(left: &StoreSettings, right: &StoreSettings) -> bool {
    match left.backend {
        Backend::Memory => false,
        Backend::Folder => left.place() == right.place(),
        Backend::S3 | Backend::Gcs | Backend::Azure => {
            left.place() == right.place() && left.endpoint == right.endpoint
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<MirrorSettings, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mirror.toml");
        std::fs::write(&file, text).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        configuration::load(Some(&file), environment, MirrorSettings::problems)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn targets_are_named_sections_that_the_environment_reaches() {
        let settings = load(
            "[source]\npath = \"/a\"\n[targets.edge]\nkind = \"cdn\"\nbandwidth = \"10MiB\"\n\
             [targets.edge.storage]\npath = \"/b\"\n",
            &[("OCHRE__TARGETS__EDGE__STORAGE__PATH", "/c")],
        )
        .unwrap();
        let edge = &settings.targets["edge"];
        assert_eq!(edge.kind, TargetKind::Cdn);
        assert_eq!(edge.storage.path.to_str(), Some("/c"));
        assert_eq!((edge.concurrency, edge.bandwidth.as_u64()), (8, 10 << 20));
    }

    #[test]
    fn every_problem_is_told_with_its_key() {
        let problems = load(
            "[source]\npath = \"/a\"\n\
             [targets.edge]\nkind = \"cdn\"\nconcurrency = 0\nstorage = { path = \"/a\" }\n\
             [targets.eu]\nkind = \"replica\"\nstorage = { backend = \"s3\" }\n\
             [purge]\nurl = \"nowhere\"\nattempts = 0\n[mirror]\nrescan_interval = \"0s\"\n",
            &[],
        )
        .unwrap_err();
        for part in [
            "targets.edge.concurrency",
            "targets.edge.storage is the source",
            "targets.eu.storage.bucket",
            "purge.url",
            "purge.secret",
            "purge.attempts",
            "mirror.rescan_interval",
        ] {
            assert!(problems.contains(part), "{part} is not in: {problems}");
        }
    }

    #[test]
    fn one_place_is_known_by_all_of_its_names_and_others_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let at = |path: &str| StoreSettings {
            path: folder.path().join(path),
            ..StoreSettings::default()
        };
        assert!(is_same_place(&at("."), &at("inner/..")));
        assert!(!is_same_place(&at("."), &at("inner")));
        let azure = |account: &str, endpoint: Option<&str>| {
            let mut storage = StoreSettings {
                backend: Backend::Azure,
                bucket: "components".to_owned(),
                endpoint: endpoint.map(str::to_owned),
                ..StoreSettings::default()
            };
            account.clone_into(&mut storage.azure.account);
            storage
        };
        assert!(is_same_place(&azure("eu", None), &azure("eu", None)));
        assert!(!is_same_place(&azure("eu", None), &azure("us", None)));
        let elsewhere = azure("eu", Some("http://127.0.0.1:1"));
        assert!(!is_same_place(&azure("eu", None), &elsewhere));
    }

    #[test]
    fn without_targets_there_is_nothing_to_do() {
        assert!(load("", &[]).unwrap_err().contains("targets"));
    }
}
