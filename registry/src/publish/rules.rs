//! What OC checks of a publish, in OC's order.
//!
//! Source: `packages/oc/src/registry/routes/publish.ts`, `domain/repository.ts`,
//! `domain/validators`.

use ochre_model::{ComponentId, ComponentName, PackageJson, Range, Version};
use serde_json::json;

use super::PublishFailure;
use crate::render::oc_version_text;

/// Oldest Node that the `oc` CLI may run on, as npm range.
const NODE_RANGE: &str = ">=18";

/// The browser client's name: the registry itself answers it.
const RESERVED: &str = "oc-client";

/// Names that the grammar allows, but that are no plain keys in JavaScript, and `-`.
const UNSAFE_NAMES: [&str; 7] = [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "-",
];

/// Where a release is to be published.
pub(super) struct Target<'a> {
    /// Name in the URL.
    pub(super) name: &'a str,
    /// Version in the URL.
    pub(super) version: &'a str,
    /// OC version of this registry.
    pub(super) oc_version: &'a Version,
}

/// Checks that the publisher is an `oc` CLI new enough, on a Node new enough.
///
/// # Errors
///
/// `cli_version_not_valid`, `node_version_not_valid`.
pub(super) fn cli_version(user_agent: Option<&str>, own: &Version) -> Result<(), PublishFailure> {
    let refuse = |cli: &str, code: &str| {
        let number = own.number();
        let text = format!("OC CLI version is not valid: Registry {own}, CLI {cli}");
        let details = json!({
            "suggestedVersion": format!("{}.{}.X", number.major, number.minor),
            "registryVersion": own.as_str(),
            "cliVersion": cli,
            "code": code,
        });
        Err(PublishFailure::coded(
            "cli_version_not_valid",
            text,
            details,
        ))
    };
    let Some(user_agent) = user_agent.filter(|agent| !agent.is_empty()) else {
        return refuse("", "empty");
    };
    let Some(cli) = word_after(user_agent, "oc-cli-") else {
        return refuse("not_valid", "not_valid");
    };
    match cli.parse::<Version>() {
        Err(_) => return refuse(cli, "not_valid"),
        Ok(version) if is_older(&version, own) => return refuse(cli, "old_version"),
        Ok(_) => {}
    }
    node_version(user_agent)
}

fn node_version(user_agent: &str) -> Result<(), PublishFailure> {
    let refuse = |node: &str, code: &str| {
        let text = format!("Node CLI version is not valid: Registry {NODE_RANGE}, CLI {node}");
        let details = json!({
            "suggestedVersion": NODE_RANGE,
            "registryNodeVersion": NODE_RANGE,
            "cliNodeVersion": node,
            "code": code,
        });
        Err(PublishFailure::coded(
            "node_version_not_valid",
            text,
            details,
        ))
    };
    let Some(node) = word_after(user_agent, "/v") else {
        return refuse("not-valid", "not_valid");
    };
    let fits = node.parse::<Version>().is_ok_and(|version| {
        NODE_RANGE
            .parse::<Range>()
            .is_ok_and(|range| range.matches(&version))
    });
    if fits {
        Ok(())
    } else {
        refuse(node, "not_matching")
    }
}

/// Compared by major and minor, as later OC versions do.
fn is_older(cli: &Version, own: &Version) -> bool {
    let parts = |version: &Version| (version.number().major, version.number().minor);
    parts(cli) < parts(own)
}

fn word_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let end = rest
        .find(|byte: char| !(byte.is_ascii_alphanumeric() || "_|.".contains(byte)))
        .unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// Checks the manifest against the URL, and gives the release's id.
///
/// # Errors
///
/// [`PublishFailure`], the first one in OC's order.
pub(super) fn check(
    manifest: &PackageJson,
    target: &Target<'_>,
) -> Result<ComponentId, PublishFailure> {
    let template = &manifest.oc().files.template;
    if let Some(minimum) = &template.min_oc_version {
        check_oc_version(minimum, target.oc_version)?;
    }
    let name = component_name(target.name).ok_or_else(PublishFailure::name_not_valid)?;
    let version = release_version(target.version)
        .ok_or_else(|| PublishFailure::version_not_valid(target.version))?;
    if let Some(reason) = reserved(&name) {
        return Err(PublishFailure::not_allowed(&reason));
    }
    if manifest.name() != Some(name.as_str()) {
        return Err(PublishFailure::not_allowed(
            "Component name conflict. Ensure package.json and components folder name are equal.",
        ));
    }
    if manifest.version() != Some(version.as_str()) {
        let own = manifest.version().unwrap_or_default();
        return Err(PublishFailure::version_mismatch(version.as_str(), own));
    }
    Ok(ComponentId { name, version })
}

/// The name, when a component may be published under it.
pub(super) fn component_name(text: &str) -> Option<ComponentName> {
    let name: ComponentName = text.parse().ok()?;
    (!UNSAFE_NAMES.contains(&name.as_str())).then_some(name)
}

/// The version, when a release may be published under it: there is one way to write each.
pub(super) fn release_version(text: &str) -> Option<Version> {
    text.parse().ok().filter(Version::is_canonical)
}

/// Why nobody may publish under `name`.
pub(super) fn reserved(name: &ComponentName) -> Option<String> {
    (name.as_str() == RESERVED).then(|| format!("The name \"{name}\" is reserved."))
}

/// Checks that this registry is as new as a template needs it.
///
/// # Errors
///
/// `template_oc_version_not_valid`.
pub(super) fn check_oc_version(minimum: &str, own: &Version) -> Result<(), PublishFailure> {
    let fits = minimum
        .parse::<Version>()
        .is_ok_and(|minimum| minimum <= *own);
    if fits {
        return Ok(());
    }
    let details = json!({
        "registryVersion": own.as_str(),
        "minOcVersion": minimum,
        "code": "old_version",
    });
    let text = oc_version_text(minimum, own.as_str());
    Err(PublishFailure::coded(
        "template_oc_version_not_valid",
        text,
        details,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Version {
        "0.50.44".parse().unwrap()
    }

    #[test]
    fn any_cli_of_this_or_a_later_minor_is_accepted() {
        for agent in [
            "oc-cli-0.50.44/v20.20.2-linux-x64",
            "oc-cli-0.50.1/v18.0.0-linux-x64",
            "oc-cli-9.9.9/v22.0.0-darwin-arm64",
        ] {
            assert!(cli_version(Some(agent), &own()).is_ok(), "{agent}");
        }
    }

    #[test]
    fn other_clients_are_told_why() {
        for (agent, part) in [
            (None, "\"code\":\"empty\""),
            (Some("curl/8"), "\"cliVersion\":\"not_valid\""),
            (Some("oc-cli-abc/v20.0.0-x"), "\"code\":\"not_valid\""),
            (Some("oc-cli-0.49.9/v20.0.0-x"), "\"code\":\"old_version\""),
            (Some("oc-cli-0.50.44"), "\"cliNodeVersion\":\"not-valid\""),
            (
                Some("oc-cli-0.50.44/v16.0.0-x"),
                "\"code\":\"not_matching\"",
            ),
        ] {
            let body = cli_version(agent, &own()).unwrap_err().body();
            assert!(String::from_utf8_lossy(&body).contains(part), "{agent:?}");
        }
    }
}
