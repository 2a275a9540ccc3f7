//! What `~registry/validate` says of a `package.json`: the rules of a publish that need no archive.
//!
//! Source: `packages/oc/src/registry/routes/validate.ts`.

use ochre_model::{PackageJson, Version, json::is_truthy};
use serde_json::Value;

use super::{PublishFailure, rules};
use crate::settings::PublishSettings;

/// Checks the body `{"packageJson":{…}}` of a request, in OC's order.
///
/// # Errors
///
/// [`PublishFailure`], the first rule that is broken.
pub(super) fn check(
    body: Option<&Value>,
    user_agent: Option<&str>,
    (settings, oc_version): (&PublishSettings, &Version),
) -> Result<(), PublishFailure> {
    let Some(package) = body
        .and_then(|body| body.get("packageJson"))
        .filter(|package| is_truthy(package))
    else {
        return Err(PublishFailure::bad_request(
            "Invalid request: packageJson is required in request body",
        ));
    };
    let text = |key: &str| package.get(key).filter(|value| is_truthy(value));
    let (Some(name), Some(version)) = (text("name"), text("version")) else {
        return Err(PublishFailure::bad_request(
            "Component name and version are required (either in URL params or package.json)",
        ));
    };
    let Some(name) = name.as_str().and_then(rules::component_name) else {
        return Err(PublishFailure::flat(
            "name_not_valid",
            "Component name is not valid",
        ));
    };
    if version.as_str().and_then(rules::release_version).is_none() {
        return Err(PublishFailure::flat(
            "version_not_valid",
            "Component version is not valid",
        ));
    }
    if settings.strict_cli_version && user_agent.is_some_and(|agent| !agent.is_empty()) {
        rules::cli_version(user_agent, oc_version)?;
    }
    if let Some(reason) = rules::reserved(&name) {
        return Err(PublishFailure::flat("package_not_valid", &reason));
    }
    // An archive says it in bytes, and the limits are those of a publish.
    let document = package.to_string();
    let manifest = PackageJson::parse_within(document.as_bytes(), &settings.archive.manifest())
        .map_err(|error| PublishFailure::flat("package_not_valid", &error.to_string()))?;
    match &manifest.oc().files.template.min_oc_version {
        Some(minimum) => rules::check_oc_version(minimum, oc_version),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: &Value, agent: Option<&str>, strict: bool) -> (u16, Value) {
        let settings = PublishSettings {
            strict_cli_version: strict,
            ..PublishSettings::default()
        };
        let own = "0.50.44".parse().unwrap();
        match check(Some(body), agent, (&settings, &own)) {
            Ok(()) => (200, Value::Null),
            Err(failure) => (
                failure.status(),
                serde_json::from_slice(&failure.body()).unwrap(),
            ),
        }
    }

    fn package(change: impl FnOnce(&mut Value)) -> Value {
        let template = json!({ "type": "oc-template-es6", "src": "template.js" });
        let mut package = json!({
            "name": "hello", "version": "1.0.0", "oc": { "files": { "template": template } },
        });
        change(&mut package);
        json!({ "packageJson": package })
    }

    #[test]
    fn body_without_a_package_is_refused() {
        let settings = PublishSettings::default();
        let own = "0.50.44".parse().unwrap();
        assert!(check(None, None, (&settings, &own)).is_err());
        for value in [json!(null), json!(0), json!(""), json!(false)] {
            let (status, body) = told(&json!({ "packageJson": value }), None, false);
            assert_eq!(status, 400, "{value}");
            assert_eq!(
                body["error"],
                "Invalid request: packageJson is required in request body"
            );
        }
    }

    #[test]
    fn every_rule_has_its_code() {
        let cases = [
            (package(|it| it["name"] = json!("a.b")), "name_not_valid"),
            (
                package(|it| it["name"] = json!("__proto__")),
                "name_not_valid",
            ),
            (
                package(|it| it["version"] = json!("1")),
                "version_not_valid",
            ),
            (
                package(|it| it["version"] = json!("v1.0.0")),
                "version_not_valid",
            ),
            (
                package(|it| it["name"] = json!("oc-client")),
                "package_not_valid",
            ),
            (package(|it| it["oc"] = json!(null)), "package_not_valid"),
            (
                package(|it| it["oc"]["files"]["template"]["minOcVersion"] = json!("9.0.0")),
                "template_oc_version_not_valid",
            ),
        ];
        for (body, code) in cases {
            let (status, answer) = told(&body, None, false);
            assert_eq!(
                (status, answer["code"].as_str()),
                (409, Some(code)),
                "{body}"
            );
        }
        assert_eq!(told(&package(|_| {}), Some("curl/8"), false).0, 200);
    }

    #[test]
    fn client_is_checked_only_when_it_names_itself_and_the_gate_is_on() {
        let body = package(|_| {});
        assert_eq!(told(&body, None, true).0, 200);
        let (status, answer) = told(&body, Some("curl/8"), true);
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("cli_version_not_valid"))
        );
    }
}
