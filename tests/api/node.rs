//! Components that Node executes: allow-listed modules, `Intl`, and what happens without Node.

use std::{fs, path::Path, time::Duration};

use ochre_tests::{Answer, TestPackage, TestRegistry, TestStore, Tools};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with packages that components may require.
struct Modules(TempDir);

impl Modules {
    fn new(packages: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        for (name, script) in packages {
            let package = folder.path().join("node_modules").join(name);
            fs::create_dir_all(package.join("lib")).expect("a folder can be made");
            let manifest = json!({ "name": name, "version": "1.2.3" }).to_string();
            write(&package.join("package.json"), &manifest);
            write(&package.join("index.js"), script);
            write(&package.join("lib/deep.js"), "module.exports = 'deep';");
        }
        Self(folder)
    }

    fn settings(&self, dependencies: &[&str]) -> String {
        let node = Tools::find().node();
        format!(
            "[engine]\ndependencies = {}\n[engine.node]\npath = {}\nmodules = {}",
            json!(dependencies),
            json!(node),
            json!(self.0.path()),
        )
    }

    async fn registry(&self, dependencies: &[&str]) -> TestRegistry {
        TestRegistry::start_with(&self.settings(dependencies)).await
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file can be written");
}

/// Publishes a component whose properties are a JavaScript expression, and asks for it.
async fn ask(registry: &TestRegistry, name: &str, props: &str) -> Answer {
    let package = TestPackage::new(name, "1.0.0").props(props);
    registry.publish(&package).await;
    registry.get_unrendered(&format!("/{name}")).await
}

fn props(answer: Answer) -> Value {
    let body = answer.expect_status(200).json();
    let mut props = body["data"]["component"]["props"].clone();
    for own in ["_staticPath", "_baseUrl"] {
        props.as_object_mut().map(|props| props.remove(own));
    }
    props
}

#[tokio::test]
async fn listed_modules_can_be_required() {
    let greet = "const { join } = require('path'); exports.greet = (name) => join('hello', name);";
    let modules = Modules::new(&[("greet", greet), ("@scope/tools", "module.exports = 7;")]);
    let listed = ["greet", "@scope/tools", "crypto"];
    let registry = modules.registry(&listed).await;

    let answer = ask(
        &registry,
        "asks",
        "{ greeted: require('greet').greet('Ada'), deep: require('@scope/tools/lib/deep'),
           tools: require('@scope/tools'),
           hash: require('crypto').createHash('md5').update('a').digest('hex') }",
    )
    .await;

    let expected = json!({
        "greeted": "hello/Ada",
        "deep": "deep",
        "tools": 7,
        "hash": "0cc175b9c0f1b6a831c399e269772661",
    });
    assert_eq!(props(answer), expected);
    let dependencies = registry.get("/~registry/dependencies").await;
    let expected = json!([
        { "name": "greet", "core": false, "versions": ["1.2.3"] },
        { "name": "@scope/tools", "core": false, "versions": ["1.2.3"] },
        { "name": "crypto", "core": true },
    ]);
    assert_eq!(dependencies.expect_status(200).json(), expected);
}

#[tokio::test]
async fn rendered_component_may_require_too() {
    let modules = Modules::new(&[("shout", "module.exports = (text) => text.toUpperCase();")]);
    let registry = modules.registry(&["shout"]).await;
    let package = TestPackage::new("loud", "1.0.0").props("{ name: require('shout')('ada') }");
    registry.publish(&package).await;

    let body = registry.get("/loud").await.expect_status(200).json();

    let html = body["html"].as_str().unwrap_or_default();
    assert!(html.contains("<p>Hello ADA</p>"), "{html}");
}

#[tokio::test]
async fn modules_that_are_not_listed_are_answered_as_in_oc() {
    let modules = Modules::new(&[("greet", ""), ("secret", "")]);
    let registry = modules.registry(&["greet"]).await;

    for (name, module) in [
        ("other", "secret"),
        ("core", "fs/promises"),
        ("path", "./greet"),
        ("outside", "greet/../secret"),
        ("nowhere", "greet/lib/none"),
    ] {
        let answer = ask(&registry, name, &format!("{{ a: require('{module}') }}")).await;
        let body = answer.expect_status(501).json();
        assert_eq!(body["code"], "DEPENDENCY_MISSING_FROM_REGISTRY", "{module}");
        assert_eq!(body["missingDependencies"], json!([module]));
        let text = format!("Component is trying to use unavailable dependencies: {module}");
        assert_eq!(body["error"], text);
    }
}

#[tokio::test]
async fn modules_see_nothing_of_the_registry() {
    let modules = Modules::new(&[(
        "nosy",
        "const tried = (work) => { try { return work(); } catch (error) { return error.code; } };
         module.exports = () => ({
           environment: Object.keys(process.env),
           file: tried(() => require('fs').readFileSync('/etc/passwd', 'utf8')),
           written: tried(() => require('fs').writeFileSync('written', '')),
           started: tried(() => require('child_process').execFileSync('id')),
         });",
    )]);
    let registry = modules.registry(&["nosy"]).await;

    let seen = props(ask(&registry, "looks", "require('nosy')()").await);

    let denied = "ERR_ACCESS_DENIED";
    let expected =
        json!({ "environment": [], "file": denied, "written": denied, "started": denied });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn locales_are_those_of_node() {
    let registry = Modules::new(&[]).registry(&[]).await;
    let answer = ask(
        &registry,
        "prices",
        "{ price: new Intl.NumberFormat('de-DE').format(1234567.891),
           sorted: ['z', '\\u00e4', 'a'].sort((a, b) => a.localeCompare(b, 'de')) }",
    )
    .await;
    let expected = json!({ "price": "1.234.567,891", "sorted": ["a", "\u{e4}", "z"] });
    assert_eq!(props(answer), expected);
}

#[tokio::test]
async fn component_that_blocks_its_worker_harms_only_its_own_request() {
    let modules = Modules::new(&[]);
    let settings = modules.settings(&[]).replace(
        "[engine]\n",
        "[engine]\ndriver = \"node\"\ncpu_slice = \"300ms\"\ndeadline = \"10s\"\n",
    );
    let registry = TestRegistry::start_with(&settings).await;
    let stuck =
        TestPackage::new("stuck", "1.0.0").provider("[].indexOf.call({ length: 2 ** 53 - 1 }, 1);");
    registry.publish(&stuck).await;
    ask(&registry, "well", "{ a: 1 }").await.expect_status(200);

    let stuck = tokio::spawn(Answer::try_of(registry.request("GET", "/stuck")));
    while !stuck.is_finished() {
        let well = registry.get("/well");
        let well = tokio::time::timeout(Duration::from_secs(30), well).await;
        well.expect("others are answered").expect_status(200);
    }

    let answer = stuck.await.expect("no panic").expect("an answer");
    let body = answer.expect_status(500).json();
    assert_eq!(body["code"], "GENERIC_ERROR", "{body}");
}

#[tokio::test]
async fn registry_without_node_serves_what_needs_none() {
    let settings = "[engine]\ndependencies = [\"greet\"]\n[engine.node]\npath = \"/nowhere/node\"";
    let registry = TestRegistry::start_with(settings).await;

    let plain = ask(&registry, "plain", "{ a: 1 }").await;
    assert_eq!(props(plain), json!({ "a": 1 }));
    let asks = ask(&registry, "asks", "{ a: require('greet') }").await;
    let body = asks.expect_status(501).json();
    assert_eq!(body["missingDependencies"], json!(["greet"]));
}

#[tokio::test]
async fn registry_that_is_told_to_use_node_does_not_start_without() {
    let settings = "[engine]\ndriver = \"node\"\n[engine.node]\npath = \"/nowhere/node\"";
    let mut registry = TestRegistry::spawn_on(&TestStore::folder(), settings);

    let status = registry.process.ended(Duration::from_secs(30)).await;

    assert!(!status.success());
    let log = registry.process.log();
    assert!(log.contains("engine.node.path"), "{log}");
}
