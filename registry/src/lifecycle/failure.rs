//! Why a state or a channel was not changed.

use actix_web::http::StatusCode;
use ochre_store::{CommitError, EditRefusal};
use serde_json::json;

use crate::error::ApiError;

/// The store cannot keep writes apart; waiting does not help.
pub(super) fn read_only(reason: &str) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "store_read_only",
        format!("nothing can be written to this store: {reason}"),
    )
}

/// The node serves from a replica, which is never written.
pub(super) fn replica(text: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "store_read_only", text)
}

/// The store did not answer since the node started.
pub(super) fn not_ready() -> ApiError {
    ApiError::unavailable(
        "storage_unavailable",
        "component storage was not reached since the node started, try again",
    )
}

pub(super) fn too_many() -> ApiError {
    ApiError::unavailable("too_many_changes", "too many changes at once, try again")
}

pub(super) fn commit(error: CommitError) -> ApiError {
    match error {
        CommitError::Refused(refusal) => refused(&refusal),
        CommitError::StoreFull => ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage_full",
            "component storage is full",
        ),
        error => ApiError::unavailable(
            "storage_unavailable",
            "component storage is not available; the change may have been made, try again",
        )
        .because(error),
    }
}

fn refused(refusal: &EditRefusal) -> ApiError {
    let conflict = |code, text: &str| ApiError::new(StatusCode::CONFLICT, code, text);
    let absent = |code, text: &str| ApiError::new(StatusCode::NOT_FOUND, code, text);
    match refusal {
        EditRefusal::UnknownVersion => absent("version_not_found", "version is not published"),
        EditRefusal::UnknownChannel => absent("channel_not_found", "channel does not exist"),
        EditRefusal::Yanked => conflict(
            "version_yanked",
            "version is yanked: no channel can come to point to it",
        ),
        EditRefusal::NoEarlier => conflict(
            "no_earlier_version",
            "channel has no earlier version to go back to that is not yanked",
        ),
        EditRefusal::Moved { current } => ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "channel_moved",
            "channel does not point where it was expected to",
        )
        .with_details(json!({ "current": current })),
        other => conflict("not_possible", &other.to_string()),
    }
}
