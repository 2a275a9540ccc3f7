//! The pair under comparison: the Node registry and ours, each on a bucket of one S3 server.

use std::{path::PathBuf, time::Duration};

use ochre_tests::{
    Answer, NodeRegistry, S3Server, TEMPLATE_TYPES, TestRegistry, TestStore, eventually,
    http_client, tests_folder,
};
use serde_json::{Value, json};

use crate::{
    components::Packaged,
    normalise::Place,
    request::{Case, INFO},
};

/// User and password that may publish to both.
pub(crate) const LOGIN: (&str, &str) = ("publisher", "pass:word é");

/// Our registry, set up as the reference is.
const SETTINGS: &str = r#"
[render]
env = { name = "local" }
skip_headers_on_weak_version = ["Cache-Control"]
[engine]
deadline = "3s"
# Where a component goes by what its calls cost is no matter of this suite: engines word errors in
# their own way.
[engine.components]
"*" = "quickjs"
"bare-*" = "auto"
"card-*" = "auto"
"card-jade" = "quickjs"
[discovery]
validate = true
[auth]
logins = [{ username = "publisher", password = "pass:word é" }]
"#;

/// Name of each plugin that both have; its module is a fixture.
const PLUGINS: [&str; 3] = ["counter", "greet", "who"];

fn module_of(plugin: &str) -> PathBuf {
    let fixtures = tests_folder().join("fixtures/plugins");
    fixtures.join(format!("{plugin}.js"))
}

/// The plugins as the reference takes them.
fn plugins() -> Value {
    let plugins = PLUGINS.map(|name| {
        json!({
            "name": name,
            "description": format!("The plugin {name}"),
            "options": { "word": "Hello" },
            "context": name == "who",
            "module": module_of(name),
        })
    });
    json!(plugins)
}

/// The same plugins as our registry takes them.
fn plugin_settings() -> String {
    let sections = PLUGINS.map(|name| {
        format!(
            "[plugins.{name}]\nmodule = \"{}\"\ndescription = \"The plugin {name}\"\n\
             options = {{ word = \"Hello\" }}\ncontext = {}\n",
            module_of(name).display(),
            name == "who",
        )
    });
    sections.concat()
}

/// The Node registry of npm `oc`.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) place: Place,
    _registry: NodeRegistry,
}

impl Reference {
    /// Starts the reference on a new bucket.
    pub(crate) async fn start() -> Self {
        let server = S3Server::shared().await;
        let bucket = "oc-node";
        server.create_bucket(bucket).await;
        let store = TestStore::S3 {
            endpoint: server.endpoint().to_owned(),
            bucket: bucket.to_owned(),
        };
        let options = json!({
            "executionTimeout": 3,
            "discovery": { "validate": true },
            "plugins": plugins(),
            "customHeadersToSkipOnWeakVersion": ["Cache-Control"],
            "publishAuth": { "type": "basic", "logins": [{ "username": LOGIN.0, "password": LOGIN.1 }] },
        });
        let registry = NodeRegistry::start(&store, &options, true).await;
        Self {
            place: Place {
                registry: registry.url.clone(),
                bucket: format!("{}/{bucket}/", server.endpoint()),
            },
            _registry: registry,
        }
    }
}

/// Starts our registry on a new bucket of the same server.
pub(crate) async fn start_ochre() -> (TestRegistry, Place) {
    let server = S3Server::shared().await;
    let bucket = "oc-rust";
    server.create_bucket(bucket).await;
    let store = TestStore::S3 {
        endpoint: server.endpoint().to_owned(),
        bucket: bucket.to_owned(),
    };
    let public = format!("{}/{bucket}/", server.endpoint());
    let plugins = plugin_settings();
    let settings = format!(
        "{SETTINGS}\n[templates]\ntypes = {TEMPLATE_TYPES:?}\n[storage]\npublic_url = \"{public}\"\n{plugins}"
    );
    let registry = TestRegistry::start_on(&store, &settings).await;
    let place = Place {
        registry: registry.url.clone(),
        bucket: public,
    };
    (registry, place)
}

/// Publishes everything to one registry, and waits until all of it can be got.
pub(crate) async fn publish_all(components: &[Packaged], place: &Place) {
    let client = http_client();
    for component in components {
        let path = format!("/{}/{}", component.name, component.version);
        let case = Case::publish(&component.name, &path, &component.archive);
        let answer = case
            .basic(LOGIN.0, LOGIN.1)
            .send(&client, &place.registry)
            .await;
        match answer {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => panic!(
                "publish {path} to {}: {} {}",
                place.registry,
                answer.status,
                answer.text()
            ),
            Err(error) => panic!("publish {path} to {}: {error}", place.registry),
        }
    }
    for component in components {
        let path = format!("{}/{}", component.name, component.version);
        is_answered(place, &path, INFO).await;
    }
}

/// Waits until our registry's Node workers are there: the first request that needs them starts them,
/// which on a busy machine takes longer than its deadline.
pub(crate) async fn engine_is_warm(place: &Place) {
    is_answered(place, "card-react", "*/*").await;
}

/// Waits until a registry has what a path below its URL names.
pub(crate) async fn is_answered(place: &Place, path: &str, accept: &str) {
    let client = http_client();
    let url = format!("{}{path}", place.registry);
    eventually(&url, Duration::from_mins(1), || {
        let request = client.get(&url).header("accept", accept);
        async move { (Answer::try_of(request).await.ok()?.status == 200).then_some(()) }
    })
    .await;
}
