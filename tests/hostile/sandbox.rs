//! Ways out of the sandbox.

use ochre_tests::{Answer, TestPackage, TestRegistry};
use serde_json::{Value, json};

async fn data(registry: &TestRegistry, name: &str, provider: &str) -> Answer {
    registry
        .publish(&TestPackage::new(name, "1.0.0").provider(provider))
        .await;
    registry.get_unrendered(&format!("/{name}")).await
}

#[tokio::test]
async fn nothing_of_the_host_is_reachable() {
    let registry = TestRegistry::start().await;
    let probes = [
        "Function('return typeof process.binding+typeof process.exit')()",
        "(function(){}).constructor('return typeof global')()",
        "context.setHeader.constructor('return typeof require.main')()",
        "Object.getPrototypeOf(context.renderComponent).constructor('return typeof Deno')()",
        "typeof process.binding+typeof process.mainModule+typeof process.stdout",
        "typeof std+typeof os+typeof scriptArgs+typeof __filename",
        "typeof eval",
        "typeof importScripts",
    ];
    for (at, probe) in probes.into_iter().enumerate() {
        let provider =
            format!("var r;try{{r={probe}}}catch(e){{r='undefined'}}callback(null,{{r:r}})");
        let answer = data(&registry, &format!("probe-{at}"), &provider)
            .await
            .expect_status(200);
        let seen = answer.json()["data"]["r"].to_string();
        assert_eq!(
            seen.replace("undefined", "").trim_matches('"'),
            "",
            "{probe}: {seen}"
        );
    }
}

#[tokio::test]
async fn modules_cannot_be_imported() {
    let registry = TestRegistry::start().await;
    for (at, module) in [
        "fs",
        "node:fs",
        "std",
        "os",
        "./server.js",
        "/etc/passwd",
        "https://example.org/x.js",
    ]
    .into_iter()
    .enumerate()
    {
        let provider = format!(
            "import('{module}').then(function(){{callback(null,{{got:true}})}},function(){{callback(null,{{got:false}})}})"
        );
        let answer = data(&registry, &format!("import-{at}"), &provider).await;
        assert!(
            answer.status != 200 || answer.json()["data"]["got"] == false,
            "{module}: {}",
            answer.text()
        );
    }
}

/// Fault G120: what one component does to prototypes, no other sees.
#[tokio::test]
async fn pollution_stays_with_its_component() {
    let registry = TestRegistry::start().await;
    let pollute = "Object.prototype.polluted='yes';Array.prototype.map=null;JSON.stringify=function(){return '1'};\
        globalThis.leak='yes';Promise.prototype.then=null;callback(null,{done:true})";
    data(&registry, "polluting", pollute).await;
    let clean = "callback(null,{polluted:({}).polluted,leak:typeof leak,map:typeof [].map,json:JSON.stringify({a:1})})";

    let answer = data(&registry, "clean", clean)
        .await
        .expect_status(200)
        .json();

    assert_eq!(
        answer["data"],
        json!({ "leak": "undefined", "map": "function", "json": "{\"a\":1}" })
    );
}

/// Fault G121: a component cannot reach what only the registry can.
#[tokio::test]
async fn private_addresses_are_not_fetched() {
    let registry = TestRegistry::start().await;
    let own = registry.url.clone();
    let urls = [
        own.as_str(),
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]:1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "data:text/plain,x",
    ];
    for (at, url) in urls.into_iter().enumerate() {
        let provider = format!(
            "fetch('{url}').then(function(r){{callback(null,{{status:r.status}})}},function(e){{callback(null,{{refused:String(e)}})}})"
        );
        let answer = data(&registry, &format!("fetch-{at}"), &provider).await;
        let seen: Value = answer.expect_status(200).json()["data"].clone();
        assert!(seen["refused"].is_string(), "{url}: {seen}");
    }
}

/// Fault G130.
#[tokio::test]
async fn secrets_do_not_leak_by_errors() {
    let registry = TestRegistry::start().await;
    let package = TestPackage::new("secret", "1.0.0")
        .provider("throw new Error('failed')")
        .file(".env", b"TOKEN=hunter2".to_vec())
        .manifest(|manifest| manifest["oc"]["files"]["env"] = ".env".into());
    registry.publish(&package).await;
    for path in ["/secret", "/secret/~info", "/~metrics", "/"] {
        assert!(
            !registry.get(path).await.text().contains("hunter2"),
            "{path}"
        );
    }
    assert!(!registry.process.log().contains("hunter2"));
}
