//! Plugins of the operator.

use std::fs;

use ochre_tests::{TestPackage, TestRegistry, TestStore};
use serde_json::json;
use tempfile::TempDir;

const GREET: &str = "let word;
module.exports = {
  register(options, dependencies, next) { word = options.word; next(); },
  execute: (name) => `${word} ${name}`,
};";

const WHO: &str = "exports.dependencies = ['greet'];
let greet;
exports.register = (options, dependencies, next) => { greet = dependencies.greet.handler; setTimeout(next, 10); };
exports.execute = ({ name, version }) => async () => greet(`${name}@${version}`);";

/// A folder of modules, and settings that use them.
fn plugins(modules: &[(&str, &str, &str)]) -> (TempDir, String) {
    let folder = TempDir::new().expect("a folder can be made");
    let sections = modules.iter().map(|(name, module, further)| {
        let file = folder.path().join(format!("{name}.js"));
        fs::write(&file, module).expect("a file can be written");
        let file = file.display();
        format!("[plugins.{name}]\nmodule = \"{file}\"\n{further}\n")
    });
    let settings = sections.collect();
    (folder, settings)
}

#[tokio::test]
async fn components_use_plugins() {
    let (_folder, settings) = plugins(&[
        ("who", WHO, "context = true"),
        (
            "greet",
            GREET,
            "description = \"Greets\"\noptions = { word = \"Hi\" }",
        ),
    ]);
    let registry = TestRegistry::start_with(&settings).await;
    let provider = "const { plugins } = context;
        plugins.who().then((who) => callback(null, { component: { props: {
          greeting: plugins.greet(context.params.name), who, names: Object.keys(plugins) } } }), callback);";
    let plugged = TestPackage::new("plugged", "1.0.0").provider(provider);
    registry
        .publish(&plugged.oc("plugins", json!(["greet"])))
        .await;
    let missing = TestPackage::new("missing", "1.0.0").oc("plugins", json!(["greet", "nope"]));
    registry.publish(&missing).await;

    let body = registry.get_unrendered("/plugged?name=Ada").await;
    let props = &body.expect_status(200).json()["data"]["component"]["props"];
    let expected =
        json!({ "greeting": "Hi Ada", "who": "Hi plugged@1.0.0", "names": ["greet", "who"] });
    assert_eq!(*props, expected);
    let body = registry.get("/missing").await.expect_status(501).json();
    assert_eq!(body["code"], "PLUGIN_MISSING_FROM_REGISTRY");
    assert_eq!(body["missingPlugins"], json!(["nope"]));
    let list = registry.get("/~registry/plugins").await.expect_status(200);
    let page = registry
        .get_with_headers("/", &[("accept", "text/html")])
        .await;
    assert!(page.text().contains("<code>greet</code>"));
    let expected =
        json!([{ "name": "greet", "description": "Greets" }, { "name": "who", "description": "" }]);
    assert_eq!(list.json(), expected);
}

#[test]
fn bad_plugins_are_refused_with_file_and_reason() {
    let cases = [
        ("exports.register = ((", "plugin bad: "),
        ("exports.execute = 1;", "does not export register"),
        (
            "exports.register = (o, d, next) => next(new Error('no licence')); exports.execute = () => {};",
            "no licence",
        ),
        (
            "exports.dependencies = ['other']; exports.register = (o, d, n) => n(); exports.execute = () => {};",
            "unknown plugin dependency: other",
        ),
        (
            "exports.register = () => {}; exports.execute = () => {};",
            "`register` has to call `next`",
        ),
    ];
    for (module, reason) in cases {
        let (folder, settings) = plugins(&[("bad", module, "options = { key = \"s3cr3t\" }")]);
        let settings = format!("[engine]\ndeadline = \"2s\"\n{settings}");
        for arguments in [&["--check-config"][..], &[]] {
            let output = TestStore::folder().operate(&settings, arguments);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{module}: {told}");
            assert!(told.contains(reason), "{module}: {told}");
            assert!(!told.contains("s3cr3t"), "{told}");
            let names_file = told.contains(&*folder.path().join("bad.js").to_string_lossy());
            assert!(names_file || reason.contains("next"), "{told}");
        }
    }
    let output = TestStore::folder().operate(
        "[plugins.gone]\nmodule = \"not-there.js\"",
        &["--check-config"],
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && told.contains("not-there.js"),
        "{told}"
    );
}

#[test]
fn options_are_not_printed() {
    let (_folder, settings) = plugins(&[("greet", GREET, "options = { word = \"s3cr3t\" }")]);
    let output = TestStore::folder().operate(&settings, &["--check-config"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();

    assert!(output.status.success(), "{output:?}");
    assert!(
        told.contains("[plugins.greet") && !told.contains("s3cr3t"),
        "{told}"
    );
}
