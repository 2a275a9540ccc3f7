//! Why nothing was published, with OC's codes, texts and statuses.
//!
//! Source: `packages/oc/src/registry/routes/publish.ts`, `src/resources/index.ts`.

use bytes::Bytes;
use ochre_model::{Chain, ComponentId};
use ochre_package::PackageError;
use ochre_store::{CommitError, ReadError};
use serde_json::{Value, json};

use crate::json_object::JsonObject;

/// A failure as the publisher sees it.
#[derive(Debug)]
pub struct PublishFailure {
    status: u16,
    members: Vec<(&'static str, Value)>,
    is_temporary: bool,
    outcome: &'static str,
}

// === impl PublishFailure ===

impl PublishFailure {
    fn new(status: u16, outcome: &'static str, members: Vec<(&'static str, Value)>) -> Self {
        Self {
            status,
            members,
            is_temporary: false,
            outcome,
        }
    }

    /// OC's shape for what its repository refuses: `{"error":{"code","msg"}}`.
    fn repository(status: u16, code: &'static str, message: &str) -> Self {
        let error = json!({ "code": code, "msg": message });
        Self::new(status, "refused", vec![("error", error)])
    }

    /// OC's shape for what its route refuses: `{"code","error","details"}`, 409.
    pub(super) fn coded(code: &'static str, message: String, details: Value) -> Self {
        Self::new(
            409,
            "refused",
            vec![
                ("code", json!(code)),
                ("error", Value::String(message)),
                ("details", details),
            ],
        )
    }

    /// What `~registry/validate` refuses: `{"code","error"}`, 409.
    pub(super) fn flat(code: &'static str, message: &str) -> Self {
        let members = vec![("code", json!(code)), ("error", json!(message))];
        Self::new(409, "refused", members)
    }

    /// A request that says too little: `{"error"}`, 400.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(400, "refused", vec![("error", json!(message))])
    }

    fn temporary(code: &'static str, message: &str) -> Self {
        let members = vec![("code", json!(code)), ("error", json!(message))];
        Self {
            is_temporary: true,
            ..Self::new(503, "unavailable", members)
        }
    }

    /// The upload is not exactly one archive.
    pub(crate) fn not_one_package() -> Self {
        Self::new(
            409,
            "refused",
            vec![("error", json!("package is not valid"))],
        )
    }

    pub(super) fn archive(error: &PackageError) -> Self {
        let code = error.code();
        if code == "package_unreadable" {
            tracing::error!(error = %Chain(error), "uploaded archive could not be read back");
            return Self::temporary(
                "storage_unavailable",
                "the upload could not be kept, try again",
            );
        }
        if matches!(code, "unpacked_too_large" | "too_many_entries") {
            let members = vec![("code", json!(code)), ("error", json!(error.to_string()))];
            return Self::new(413, "refused", members);
        }
        Self::package(code, &error.to_string())
    }

    /// The compiled view is of no use to anybody.
    pub(super) fn view(cause: &str) -> Self {
        Self::package("package_not_valid", cause)
    }

    fn package(code: &str, cause: &str) -> Self {
        let members = vec![
            ("error", json!("package is not valid")),
            ("details", json!({ "code": code, "cause": cause })),
        ];
        Self::new(409, "refused", members)
    }

    pub(super) fn name_not_valid() -> Self {
        Self::repository(
            409,
            "name_not_valid",
            "The component's name contains invalid characters. Allowed are alphanumeric, _, -",
        )
    }

    pub(super) fn version_not_valid(version: &str) -> Self {
        let text = format!("Version \"{version}\" is not a valid semantic version.");
        Self::repository(409, "version_not_valid", &text)
    }

    pub(super) fn version_mismatch(url: &str, manifest: &str) -> Self {
        let text = format!(
            "Version conflict: the URL says \"{url}\" and package.json says \"{manifest}\"."
        );
        Self::repository(409, "version_mismatch", &text)
    }

    pub(super) fn not_allowed(reason: &str) -> Self {
        let text = format!("Component validation failed: {reason}");
        Self::repository(403, "not_allowed", &text)
    }

    pub(super) fn already_exists(id: &ComponentId, kind: &str, same: Option<bool>) -> Self {
        let text = format!(
            "Component \"{}\" with version \"{}\" can't be published to {kind} cdn because a \
             component with the same name and version already exists",
            id.name, id.version
        );
        let mut failure = Self::repository(403, "already_exists", &text);
        if let Some(same) = same {
            failure
                .members
                .push(("details", json!({ "sameContent": same })));
        }
        failure.outcome = "already_exists";
        failure
    }

    /// The store cannot keep publishes apart; waiting does not help.
    pub(super) fn read_only(reason: &str) -> Self {
        let text = format!("nothing can be published to this store: {reason}");
        let members = vec![("code", json!("store_read_only")), ("error", json!(text))];
        Self::new(503, "unavailable", members)
    }

    /// The node serves from a replica, which is never written.
    pub(super) fn replica(text: &str) -> Self {
        let members = vec![("code", json!("store_read_only")), ("error", json!(text))];
        Self::new(403, "refused", members)
    }

    /// The store did not answer since the node started.
    pub(super) fn not_ready() -> Self {
        Self::temporary(
            "storage_unavailable",
            "component storage was not reached since the node started, try again",
        )
    }

    pub(super) fn too_many() -> Self {
        Self::temporary(
            "too_many_publishes",
            "too many publishes at once, try again",
        )
    }

    pub(super) fn unreadable(error: &ReadError) -> Self {
        tracing::warn!(error = %Chain(error), "store could not be read");
        Self::temporary(
            "storage_unavailable",
            "component storage is not available, try again",
        )
    }

    pub(super) fn died(error: &tokio::task::JoinError) -> Self {
        tracing::error!(error = %Chain(error), "reading an archive ended early");
        Self::new(
            500,
            "failed",
            vec![("error", json!("package could not be read"))],
        )
    }

    pub(super) fn commit(error: &CommitError, id: &ComponentId, kind: &str) -> Self {
        match error {
            CommitError::AlreadyPublished { same_content } => {
                Self::already_exists(id, kind, Some(*same_content))
            }
            CommitError::NameTaken { existing } => {
                let text = format!("A component named \"{existing}\" exists already.");
                Self::repository(409, "name_not_valid", &text)
            }
            CommitError::StoreFull => {
                tracing::error!(error = %Chain(error), "store is full");
                let members = vec![
                    ("code", json!("storage_full")),
                    ("error", json!("component storage is full")),
                ];
                Self::new(507, "failed", members)
            }
            error => {
                tracing::error!(error = %Chain(error), "release was not committed");
                Self::temporary(
                    "storage_unavailable",
                    "component storage is not available; publish the same package again",
                )
            }
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the same publish may succeed a second later.
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// Label for metrics.
    pub(super) fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// The answer's body.
    pub fn body(&self) -> Bytes {
        let mut body = JsonObject::with_capacity(256);
        for (key, value) in &self.members {
            body.member(key, value);
        }
        body.finish()
    }
}
