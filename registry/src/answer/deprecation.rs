//! What tells a caller that a release should not be used any more: `Deprecation` (RFC 9745), and a
//! link to where it says why.

use actix_web::http::header::{HeaderName, HeaderValue};
use ochre_model::{ReleaseState, ReleaseStatus, encode_uri_component};

use crate::render::Rendering;

/// RFC 9745.
const DEPRECATION: &str = "deprecation";

/// Headers of an answer that comes from a deprecated or yanked release: name and value.
pub(crate) fn of(rendering: &Rendering, base_url: &str) -> Vec<(&'static str, String)> {
    let (status, name, version) = match rendering {
        Rendering::Success(success) => {
            let id = &success.release.id;
            (&success.status, id.name.as_str(), id.version.as_str())
        }
        Rendering::Info(info) => (&info.status, &*info.name, &*info.version),
        Rendering::Foreign(_) | Rendering::Failure(_) => return Vec::new(),
    };
    match status {
        Some(status) if is_told(status) => headers(status, (name, version), base_url),
        _ => Vec::new(),
    }
}

/// Adds them to what the component set, which counts.
pub(crate) fn add(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    deprecation: Vec<(&'static str, String)>,
) {
    if headers.iter().any(|(name, _)| name.as_str() == DEPRECATION) {
        return;
    }
    for (name, value) in deprecation {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.push((HeaderName::from_static(name), value));
        }
    }
}

fn is_told(status: &ReleaseStatus) -> bool {
    matches!(
        status.state,
        ReleaseState::Deprecated | ReleaseState::Yanked
    )
}

fn headers(
    status: &ReleaseStatus,
    (name, version): (&str, &str),
    base_url: &str,
) -> Vec<(&'static str, String)> {
    let version = encode_uri_component(version);
    vec![
        (DEPRECATION, format!("@{}", status.at / 1000)),
        (
            "link",
            format!("<{base_url}{name}/{version}/~info>; rel=\"deprecation\"; type=\"text/html\""),
        ),
    ]
}
