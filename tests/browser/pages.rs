//! The registry's own pages.

use std::{fs, time::Duration};

use ochre_tests::{Answer, TestPackage, TestRegistry, TestStore, eventually};
use serde_json::{Map, json};

use crate::script::Script;

/// Components of the long list.
const COMPONENTS: usize = 5_000;

/// How long a node may take to read all of them.
const READ_WITHIN: Duration = Duration::from_mins(3);

/// A folder as a registry of the Node kind leaves it: taking it over is quicker than publishing.
fn long_list() -> TestStore {
    let store = TestStore::folder();
    let folder = store.path().expect("a folder").join("components");
    let mut listed = Map::new();
    for number in 0..COMPONENTS {
        let name = format!("component-{number:04}");
        let release = folder.join(&name).join("1.0.0");
        fs::create_dir_all(&release).expect("a folder can be made");
        let state = (number % 10 == 0).then_some("deprecated");
        let manifest = json!({
            "name": name,
            "version": "1.0.0",
            "description": format!("Shows what number {number} is, in all languages"),
            "author": format!("Team {}", number % 7),
            "oc": {
                "date": 1_700_000_000_000_u64 + number as u64 * 60_000,
                "state": state,
                "files": { "template": {
                    "type": "oc-template-es6", "hashKey": "0", "src": "template.js", "size": number,
                } },
            },
        });
        fs::write(release.join("package.json"), manifest.to_string()).expect("a file");
        fs::write(release.join("template.js"), "").expect("a file");
        listed.insert(name, json!(["1.0.0"]));
    }
    let manifest = json!({ "lastEdit": 1, "components": listed }).to_string();
    fs::write(folder.join("components.json"), manifest).expect("a file");
    store
}

#[tokio::test]
async fn a_list_of_thousands_is_found_through_read_aloud_and_shown_on_a_phone() {
    let registry = TestRegistry::start_on(&long_list(), "").await;
    let last = "Shows what number 4999 is";
    eventually("descriptions to be read", READ_WITHIN, || async {
        let headers = [("accept", "text/html")];
        let page = registry.get_with_headers("/?q=4999", &headers).await;
        page.text().contains(last).then_some(())
    })
    .await;

    Script::new("list", &registry).passes().await;
}

#[tokio::test]
async fn the_page_of_a_release_follows_its_form() {
    let registry = TestRegistry::start().await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let package = TestPackage::new("greeting", version)
            .oc("state", json!("experimental"))
            .oc(
                "parameters",
                json!({
                    "name": { "type": "string", "mandatory": true, "example": "Ada", "description": "Who is greeted" },
                    "size": { "type": "string", "enum": ["small", "large"], "default": "small" },
                    "count": { "type": "number", "example": 3 },
                    "loud": { "type": "boolean" },
                }),
            )
            .manifest(|manifest| {
                manifest["author"] = json!("Ada <ada@example.com> (https://ada.example)");
                manifest["repository"] = json!("github:example/greeting");
                manifest["keywords"] = json!(["greeting", "card"]);
            });
        registry.publish(&package).await;
    }

    let changes = [
        (
            "1.1.0/state",
            json!({ "state": "deprecated", "reason": "greets too loudly" }),
        ),
        ("channels/stable", json!({ "version": "1.1.0" })),
    ];
    for (path, body) in changes {
        let request = registry.request("PUT", &format!("/~components/greeting/{path}"));
        Answer::of(request.json(&body)).await.expect_status(200);
    }
    let script = Script::new("info", &registry).with("COMPONENT", "greeting/1.1.0");
    script.passes().await;
}

#[tokio::test]
async fn a_preview_shows_the_component_or_why_there_is_none() {
    let registry = TestRegistry::start().await;
    let title = json!({ "title": { "type": "string", "mandatory": true } });
    let view = "var oc=oc||{};oc.components=oc.components||{};\
        oc.components['0123456789abcdef0123456789abcdef01234567']=function(model){\
        var title=model.component.props.title.replace(/&/g,'&amp;').replace(/</g,'&lt;');\
        return '<main><h1>'+title+'</h1></main>';};";
    let package = TestPackage::new("article", "1.0.0")
        .oc("parameters", title)
        .file("template.js", view.into())
        .props("context.params");
    registry.publish(&package).await;

    Script::new("preview", &registry).passes().await;
}
