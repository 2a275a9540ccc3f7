//! What an operator says of the store.

mod azure;
mod gcs;
mod place;

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use azure::AzureSettings;
pub use gcs::GcsSettings;
pub use place::Place;

/// The `[storage]` section.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct StoreSettings {
    /// Where objects lie: `folder`, `memory`, `s3`, `gcs` or `azure`. Default `folder`.
    pub backend: Backend,
    /// The folder of the `folder` backend, created when it is missing. Default `./ochre-data`.
    pub path: PathBuf,
    /// Prefix of everything that other OpenComponents registries see. Default `components`.
    /// Ochre's own objects lie beside it, under the same prefix with `.ochre` appended.
    pub components_dir: String,
    /// Public address of the bucket or of a CDN before it; the key of a file is appended.
    /// Must end with `/`. Without one the registry serves static files itself.
    pub public_url: Option<String>,
    /// Bucket of the `s3` and `gcs` backends, container of `azure`.
    pub bucket: String,
    /// What makes the files of a release public in a bucket: `bucket-policy`, which the operator
    /// sets, or `acl`: every public file is written with the ACL `public-read` and everything else
    /// with `private`, for buckets of Node registries. `s3` only. Default `bucket-policy`.
    pub public_access: PublicAccess,
    /// Whether every object is written with the header that asks S3 for its own encryption
    /// (`AES256`), as Node registries do; some bucket policies demand it. Default false.
    pub server_side_encryption: bool,
    /// Region of the `s3` backend. Default `us-east-1`.
    pub region: String,
    /// Address of an S3-compatible service, or of what stands for Google or Azure; none for AWS,
    /// Google and Azure themselves.
    pub endpoint: Option<String>,
    /// Access key of the `s3` backend; without one the environment's AWS credentials are taken
    /// (variables, web identity, instance or task role).
    pub access_key_id: Option<String>,
    /// Secret of `access_key_id`.
    pub secret_access_key: Option<Secret>,
    /// Whether `endpoint` may be plain `http`. Default false.
    pub allow_http: bool,
    /// Whether the bucket is part of the host name instead of the path. Default false.
    pub virtual_hosted_style: bool,
    /// Whether nothing is ever written: for a node that serves from a replica, with credentials that
    /// can only read. Publishing is refused. Default false.
    pub read_only: bool,
    /// Whether registries other than Ochre may write to the store while this one runs. Without them
    /// nodes need not look at `components.json`. Default true.
    pub node_registries: bool,
    /// Bound of one HTTP request to the store. Default `10s`.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Bound of one operation with all its repetitions. Default `20s`.
    #[serde(with = "humantime_serde")]
    pub retry_timeout: Duration,
    /// Longest time that a request for what is not in memory waits for the store; then it is
    /// answered 503, while the work goes on for those who ask again. Default `4s`: less than the
    /// time that clients of components wait.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// How long a publish is waited for before it is answered as unavailable; the work itself goes
    /// on. Default `60s`.
    #[serde(with = "humantime_serde")]
    pub commit_timeout: Duration,
    /// How long another process may hold the lock of a folder store. Default `5s`.
    #[serde(with = "humantime_serde")]
    pub lock_timeout: Duration,
    /// Files and versions read or written at once by one operation. Default 16.
    pub concurrency: usize,
    /// What only the `gcs` backend has.
    pub gcs: GcsSettings,
    /// What only the `azure` backend has.
    pub azure: AzureSettings,
}

/// Where objects lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A local folder.
    #[default]
    Folder,
    /// This process; gone when it ends.
    Memory,
    /// S3 or a compatible service.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// What makes the files of a release public in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicAccess {
    /// A policy of the bucket, or a CDN with its own credentials.
    #[default]
    BucketPolicy,
    /// An ACL of each object.
    Acl,
}

/// A text that never appears in a log, nor where settings are printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

// === impl StoreSettings ===

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            backend: Backend::Folder,
            path: PathBuf::from("./ochre-data"),
            components_dir: "components".to_owned(),
            public_url: None,
            bucket: String::new(),
            public_access: PublicAccess::BucketPolicy,
            server_side_encryption: false,
            region: "us-east-1".to_owned(),
            endpoint: None,
            access_key_id: None,
            secret_access_key: None,
            allow_http: false,
            virtual_hosted_style: false,
            read_only: false,
            node_registries: true,
            request_timeout: Duration::from_secs(10),
            retry_timeout: Duration::from_secs(20),
            answer_timeout: Duration::from_secs(4),
            commit_timeout: Duration::from_mins(1),
            lock_timeout: Duration::from_secs(5),
            concurrency: 16,
            gcs: GcsSettings::default(),
            azure: AzureSettings::default(),
        }
    }
}

impl StoreSettings {
    /// Lists everything that is wrong; each text names the key, the value and the fix.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let dir = self.components_dir.trim_end_matches('/');
        if dir.is_empty()
            || dir
                .split('/')
                .any(|part| part.is_empty() || part.starts_with('.'))
            || !dir
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        {
            problems.push(format!(
                "storage.components_dir = \"{}\": use letters, digits, `-`, `_` and single `/`, \
                 for example \"components\"",
                self.components_dir
            ));
        }
        if self.backend == Backend::Folder && self.path.as_os_str().is_empty() {
            problems.push(
                "storage.path = \"\": name a folder, for example \"./ochre-data\"".to_owned(),
            );
        }
        if let Some(url) = &self.public_url
            && !((url.starts_with("http") || url.starts_with("//")) && url.ends_with('/'))
        {
            problems.push(format!(
                "storage.public_url = \"{url}\": write an address that ends with `/`, for example \
                 \"https://cdn.example.com/\""
            ));
        }
        match self.backend {
            Backend::Folder | Backend::Memory => {}
            Backend::S3 => self.validate_s3(&mut problems),
            Backend::Gcs => {
                self.validate_bucket(&mut problems);
                problems.extend(self.gcs.problems());
            }
            Backend::Azure => {
                self.validate_bucket(&mut problems);
                problems.extend(self.azure.problems(&self.bucket));
            }
        }
        if self.public_access == PublicAccess::Acl && self.backend != Backend::S3 {
            problems.push(
                "storage.public_access = \"acl\": only the backend \"s3\" has ACLs; leave it out, and \
                 use a policy of the bucket (gcs) or storage.azure.public_container (azure)"
                    .to_owned(),
            );
        }
        self.validate_bounds(&mut problems);
        problems
    }

    /// Whether the store wants to know of each object who may read it.
    pub(crate) fn tells_audience(&self) -> bool {
        match self.backend {
            Backend::S3 => self.public_access == PublicAccess::Acl,
            Backend::Azure => self.azure.public_container.is_some(),
            Backend::Folder | Backend::Memory | Backend::Gcs => false,
        }
    }

    fn validate_s3(&self, problems: &mut Vec<String>) {
        self.validate_bucket(problems);
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            problems.push(
                "storage.access_key_id and storage.secret_access_key: set both, or neither to \
                 take the environment's credentials"
                    .to_owned(),
            );
        }
    }

    /// What every service reached over HTTP needs.
    fn validate_bucket(&self, problems: &mut Vec<String>) {
        if self.bucket.is_empty() {
            problems.push("storage.bucket = \"\": name the bucket or container".to_owned());
        }
        if let Some(endpoint) = &self.endpoint {
            let plain = endpoint.starts_with("http://");
            if !plain && !endpoint.starts_with("https://") {
                problems.push(format!(
                    "storage.endpoint = \"{endpoint}\": begin with `https://` or `http://`"
                ));
            } else if plain && !self.allow_http {
                problems.push(format!(
                    "storage.endpoint = \"{endpoint}\": use `https://`, or set \
                     storage.allow_http = true"
                ));
            }
        }
    }

    fn validate_bounds(&self, problems: &mut Vec<String>) {
        if self.concurrency == 0 || self.concurrency > 256 {
            problems.push(format!(
                "storage.concurrency = {}: use 1 to 256",
                self.concurrency
            ));
        }
        for (key, value) in [
            ("request_timeout", self.request_timeout),
            ("retry_timeout", self.retry_timeout),
            ("answer_timeout", self.answer_timeout),
            ("commit_timeout", self.commit_timeout),
            ("lock_timeout", self.lock_timeout),
        ] {
            if value.is_zero() || value > Duration::from_hours(1) {
                problems.push(format!(
                    "storage.{key} = \"{value:?}\": use more than 0 and at most 1h"
                ));
            }
        }
    }
}

// === impl Secret ===

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(secret)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_a_local_folder_without_problems() {
        let settings: StoreSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings.backend, Backend::Folder);
        assert_eq!(settings.path, PathBuf::from("./ochre-data"));
        assert_eq!(settings.validate(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_names_its_key() {
        let settings: StoreSettings = serde_json::from_str(
            r#"{"backend":"s3","components_dir":"../x","public_url":"cdn","endpoint":"http://x",
                "access_key_id":"a","concurrency":0,"lock_timeout":"0s"}"#,
        )
        .unwrap();
        let problems = settings.validate().join("\n");
        for key in [
            "components_dir",
            "public_url",
            "bucket",
            "endpoint",
            "secret_access_key",
            "concurrency",
            "lock_timeout",
        ] {
            assert!(
                problems.contains(&format!("storage.{key}")),
                "{key}: {problems}"
            );
        }
    }

    #[test]
    fn every_problem_of_a_cloud_names_its_key() {
        let problems_of = |text: &str| {
            let settings: StoreSettings = serde_json::from_str(text).unwrap();
            settings.validate().join("\n")
        };
        let azure = problems_of(
            r#"{"backend":"azure","bucket":"a","public_access":"acl","azure":
                {"public_container":"a","client_secret":"b","account_key":"c"}}"#,
        );
        for key in [
            "public_access",
            "azure.account ",
            "azure.public_container",
            "account_key and client_secret",
            "azure.client_secret",
        ] {
            assert!(azure.contains(key), "{key}: {azure}");
        }
        let gcs =
            problems_of(r#"{"backend":"gcs","gcs":{"service_account_file":"/no/such/file"}}"#);
        for key in ["storage.bucket", "storage.gcs.service_account_file"] {
            assert!(gcs.contains(key), "{key}: {gcs}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = StoreSettings {
            secret_access_key: Some(Secret::new("hunter2")),
            azure: AzureSettings {
                account_key: Some(Secret::new("hunter2")),
                ..AzureSettings::default()
            },
            ..StoreSettings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
