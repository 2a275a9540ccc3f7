//! `POST /~registry/validate`: a `package.json` is checked before it is packed.

use serde_json::{Value, json};

use crate::request::Case;

const AGENT: &str = "oc-cli-0.50.44/v20.20.2-linux-x64";

const AGENTS: [(&str, &str); 5] = [
    ("curl", "curl/8.0"),
    ("a word for a version", "oc-cli-abc/v20.0.0-linux-x64"),
    ("older", "oc-cli-0.40.0/v20.20.2-linux-x64"),
    ("newer", "oc-cli-9.9.9/v20.20.2-linux-x64"),
    ("old Node", "oc-cli-0.50.44/v10.0.0-linux-x64"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = packages()
        .into_iter()
        .map(|(name, package)| post(name).json(&json!({ "packageJson": package })))
        .collect();
    cases.extend([
        post("no package").json(&json!({})),
        post("a list").json(&json!([])),
        post("no body"),
        post("text").text("text/plain", "packageJson"),
        post("no JSON").text("application/json", "{"),
        post("form").text(
            "application/x-www-form-urlencoded",
            "packageJson[name]=a.b&packageJson[version]=1.0.0",
        ),
        Case::of("OPTIONS", "/~registry/validate"),
        Case::of("POST", "/~registry/validate/").json(&json!({})),
        Case::of("POST", "/~REGISTRY/Validate").json(&json!({})),
    ]);
    cases.extend(AGENTS.map(|(name, agent)| {
        post(&format!("user agent {name}"))
            .json(&json!({ "packageJson": package() }))
            .header("user-agent", agent)
    }));
    cases
}

fn post(name: &str) -> Case {
    Case::of("POST", "/~registry/validate")
        .named(&format!("validate: {name}"))
        .header("user-agent", AGENT)
}

/// As the `oc` CLI packages it.
fn package() -> Value {
    json!({
        "name": "hello", "version": "1.0.0",
        "oc": { "files": { "template": {
            "type": "oc-template-es6", "hashKey": "abc", "src": "template.js",
            "version": "2.0.0", "minOcVersion": "0.50.18",
        } } },
    })
}

fn packages() -> Vec<(&'static str, Value)> {
    let with = |key: &str, value: Value| {
        let mut package = package();
        package[key] = value;
        package
    };
    let min = |version: Value| {
        let mut package = package();
        package["oc"]["files"]["template"]["minOcVersion"] = version;
        package
    };
    vec![
        ("valid", package()),
        ("null", json!(null)),
        ("false", json!(false)),
        ("zero", json!(0)),
        ("empty text", json!("")),
        ("one", json!(1)),
        ("a text", json!("hello")),
        ("empty object", json!({})),
        ("no name", with("name", json!(null))),
        ("empty name", with("name", json!(""))),
        ("no version", with("version", json!(null))),
        ("empty version", with("version", json!(""))),
        ("name with a dot", with("name", json!("a.b"))),
        ("name _package", with("name", json!("_package"))),
        ("name is a list", with("name", json!(["a.b"]))),
        ("version word", with("version", json!("latest"))),
        ("partial version", with("version", json!("1.0"))),
        ("version is a number", with("version", json!(1))),
        ("prerelease", with("version", json!("1.0.0-rc.1"))),
        ("reserved name", with("name", json!("oc-client"))),
        ("no oc block", with("oc", json!(null))),
        ("no template", with("oc", json!({ "files": {} }))),
        ("min version too high", min(json!("9.0.0"))),
        ("min version fits", min(json!("0.50.0"))),
        ("existing version", with("name", json!("hello-es6"))),
    ]
}
