//! Pages with components: the registry's own browser client, npm's, and a Node server.

use std::fs;

use ochre_tests::{TestPackage, TestRegistry, Tools, tests_folder};
use serde_json::json;

use crate::script::Script;

/// Everything that a page needs comes from the registry.
const SETTINGS: &str = "[templates]\nserve_externals = true\ntypes = [\"oc-template-esm\"]";

/// A component whose view is a JavaScript expression over `model` and `props`, and whose provider
/// gives `props`, an expression over `context`.
fn component(name: &str, view: &str, props: &str) -> TestPackage {
    let script = format!(
        "var oc=oc||{{}};oc.components=oc.components||{{}};oc.components['{name}-key']=\
         function(model){{var props=model.component.props;return {view};}};"
    );
    let provider = format!(
        "module.exports.data=async function(context,callback){{callback(null,{{component:{{\
         key:'{name}-key',src:context.staticPath+'template.js',props:{props}}}}});}};"
    );
    TestPackage::new(name, "1.0.0")
        .file("template.js", script.into_bytes())
        .server(&provider)
        .manifest(|manifest| {
            manifest["oc"]["files"]["template"]["hashKey"] = json!(format!("{name}-key"));
        })
}

/// A component whose view is an ES module.
fn module() -> TestPackage {
    let view = "export const mount = (element, props) => {\n\
         element.innerHTML = '<p class=\"module\">' + props.word + '</p>';\n\
         element.unmount = () => { element.innerHTML = ''; window.unmounted = true; };\n};\n";
    let provider = "module.exports.data=function(context,callback){callback(null,{component:{\
         key:'',src:context.staticPath+'template.js',esm:true,props:{word:'mounted',\
         _staticPath:context.staticPath,_componentName:'module',_componentVersion:'1.0.0'}}});};";
    TestPackage::new("module", "1.0.0")
        .file("template.js", view.as_bytes().to_vec())
        .server(provider)
        .manifest(|manifest| {
            manifest["oc"]["files"]["template"]["type"] = json!("oc-template-esm");
            manifest["oc"]["files"]["template"]["hashKey"] = json!("");
        })
}

async fn registry(tools: &Tools) -> TestRegistry {
    let registry = TestRegistry::start_with(SETTINGS).await;
    let button = "'<button>0</button><script>document.currentScript.previousSibling.onclick=\
         function(event){event.target.textContent=Number(event.target.textContent)+1}<\\/script>'";
    let streamed = "(props.later.then(function(word){model.element.querySelector('i')\
         .textContent=word}),'<i>'+props.word+'</i>')";
    let stream = "{word:'early',later:new Promise(function(resolve){setTimeout(function(){\
         resolve('late')},50)}),[context.streamSymbol]:true}";
    let sum = "context.action==='add'?{sum:context.params.a+context.params.b}:{}";
    for package in [
        component("counter", button, "{}"),
        component("streamed", streamed, stream),
        component("adding", "'<p>adds</p>'", sum),
        component("failing", "''", "undefined.member"),
        component(
            "echo",
            "'<p class=\"echo\">'+props.said+'</p>'",
            "{said:String(context.params.say)}",
        ),
        module(),
    ] {
        registry.publish(&package).await;
    }
    for name in ["hello-es6", "hello-handlebars", "hello-legacy"] {
        publish_compiled(&registry, tools, name).await;
    }
    registry
}

/// Publishes a component that the real compiler has packaged.
pub(crate) async fn publish_compiled(registry: &TestRegistry, tools: &Tools, name: &str) {
    let fixtures = tests_folder().join("fixtures/components");
    let folder = tools.package(&fixtures.join(name));
    let archive = fs::read(folder.join("package.tar.gz")).expect("the archive is there");
    let answer = registry
        .put_archive(&format!("/{name}/1.0.0"), archive)
        .await;
    answer.expect_status(200);
}

#[tokio::test]
async fn a_page_with_the_own_client_shows_components_of_every_kind() {
    let registry = registry(&Tools::find()).await;

    let script = Script::new("client", &registry);
    script.with("CLIENT", "oc-client/client.js").passes().await;
}

#[tokio::test]
async fn a_page_with_the_client_of_npm_shows_the_same() {
    let registry = registry(&Tools::find()).await;

    Script::new("client", &registry).passes().await;
}

#[tokio::test]
async fn the_own_client_is_lazy_gives_up_and_takes_rendered_answers() {
    let registry = registry(&Tools::find()).await;

    Script::new("client_own", &registry).passes().await;
}

#[tokio::test]
async fn a_node_server_renders_and_the_browser_takes_over() {
    let registry = registry(&Tools::find()).await;

    Script::new("node_server", &registry).passes().await;
}
