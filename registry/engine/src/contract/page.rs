//! How views are rendered that fill a page, as those of `oc-template-solid` do.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::{KEY, Tested, call, execute, failure_of, html_of, with_provider};
use crate::{
    driver::{Entry, Failure, Program, View},
    script::Script,
    template,
};

/// As the compiler writes it, around what fills an element: `mount(props, element)`.
fn filling(mount: &str) -> Arc<Program> {
    let view = format!(
        "var oc = oc || {{}}; oc.components = oc.components || {{}};
        oc.components['{KEY}'] = function (model) {{
          var element = document.querySelector(window.oc.conf.tag || 'oc-component[data-id=\"' + model.id + '\"]');
          oc.solidComponents = oc.solidComponents || {{}};
          oc.solidComponents['{KEY}'] = (function () {{
            var mount = {mount};
            return (element.parentElement.unmount = () => {{}}), mount;
          }})();
          var html = model.__html ? model.__html : '';
          return '<div id=\"root\">' + html + '</div><script>' + JSON.stringify(model.component.props) +
            'oc.solidComponents[\"{KEY}\"](data, targetNode, ' + !!html + ');</script>';
        }}"
    );
    let pack = template::spec("oc-template-solid").unwrap();
    let mut program = with_provider("");
    program.provider = None;
    program.digest = mount.into();
    program.view = Some(View {
        script: Script::new("tested@1.0.0/template.js", view),
        key: KEY.into(),
        pack: Arc::new(pack.with_runtimes(Vec::new())),
    });
    Arc::new(program)
}

async fn rendered(driver: &Tested, program: &Arc<Program>, props: &Value) -> String {
    let model = json!({ "component": { "key": KEY, "props": props } });
    let html = html_of(execute(driver, program, call(Entry::Render, &model)).await);
    let (page, _) = html.split_once("</div><script>").unwrap();
    page.strip_prefix("<div id=\"root\">").unwrap().to_owned()
}

pub async fn page_is_filled_and_written(driver: Tested) {
    let program = filling(
        "(props, root) => {
          const template = document.createElement('template');
          template.innerHTML = '<p>Hello <!><b class=x>';
          const copy = template.content.firstChild.cloneNode(true);
          copy.insertBefore(document.createTextNode(props.name), copy.firstChild.nextSibling);
          copy.lastChild.style.setProperty('color', 'red');
          window.document.addEventListener('click', () => {});
          root.insertBefore(copy, null);
        }",
    );
    let html = rendered(&driver, &program, &json!({ "name": "<Ada> & \u{a0}" })).await;
    assert_eq!(
        html,
        "<p>Hello &lt;Ada&gt; &amp; &nbsp;<!----><b class=\"x\" style=\"color: red;\"></b></p>"
    );
}

pub async fn browser_fills_the_page_again(driver: Tested) {
    let program = filling("(props, root) => root.append(props.name)");
    let model = json!({ "component": { "key": KEY, "props": { "name": "</script>" } } });
    let html = html_of(execute(&driver, &program, call(Entry::Render, &model)).await);
    assert_eq!(
        html,
        format!(
            "<div id=\"root\">&lt;/script&gt;</div><script>{{\"name\":\"\\u003c/script>\"}}\
             targetNode.textContent=\"\";oc.solidComponents[\"{KEY}\"](data, targetNode, true);</script>"
        )
    );
}

pub async fn effects_wait_for_the_browser(driver: Tested) {
    let program = filling(
        "(props, root) => {
          const effect = { fn: () => root.append('ran'), owned: null, sources: null, updatedAt: null };
          effect.user = true;
          effect.fn();
          const other = {};
          other.user = props.name;
          root.append(`${other.user} ${Object.keys(other)} ${JSON.stringify(effect.user)} ${{}.user}`);
        }",
    );
    let html = rendered(&driver, &program, &json!({ "name": "Ada" })).await;
    assert_eq!(html, "Ada user true undefined");
}

pub async fn pages_are_those_of_one_caller(driver: Tested) {
    let program = filling(
        "(props, root) => {
          document.body.append(props.name);
          document.seen = (document.seen || '') + props.name;
          root.append(document.body.textContent + document.seen);
        }",
    );
    for name in ["first", "second"] {
        let html = rendered(&driver, &program, &json!({ "name": name })).await;
        assert_eq!(html, format!("{name}{name}"));
    }
}

pub async fn page_without_anything_is_rendered(driver: Tested) {
    let program = filling("() => {}");
    assert_eq!(rendered(&driver, &program, &json!({})).await, "<!---->");
}

pub async fn names_that_would_be_markup_are_refused(driver: Tested) {
    let program = filling("(props, root) => root.setAttribute(props.name, '')");
    let model = json!({ "component": { "key": KEY, "props": { "name": "x><script" } } });
    let outcome = execute(&driver, &program, call(Entry::Render, &model)).await;
    match failure_of(outcome) {
        Failure::View(error) => assert_eq!(error["message"], "'x><script' is not a valid name"),
        other => panic!("{other:?}"),
    }
}
