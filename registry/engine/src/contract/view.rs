//! How views are rendered.

use std::sync::Arc;

use serde_json::json;

use super::fixture::{
    KEY, Tested, call, context, execute, failure_of, html_of, with_provider, with_view,
};
use crate::{
    driver::{Answer, Entry, Failure, View},
    script::Script,
    template::{self, Runtime, TemplatePack},
};

const HELLO: &str = "(props) => 'Hello ' + props.name";

pub async fn es6_view_fills_its_element(driver: Tested) {
    let program = with_view(HELLO, None);
    let model = json!({ "component": { "props": { "name": "Ada" } } });
    let html = html_of(execute(&driver, &program, call(Entry::Render, &model)).await);
    assert_eq!(html, "<div id=\"0\">Hello Ada</div>");
}

pub async fn es6_view_keeps_nothing_of_a_caller(driver: Tested) {
    let program = with_view(
        "() => Object.keys(oc.__data) + '/' + oc.__es6Template.count",
        None,
    );
    for id in ["first", "second"] {
        let mut call = call(Entry::Render, &json!({ "component": { "props": {} } }));
        call.render_id = Some(id.to_owned());
        let html = html_of(execute(&driver, &program, call).await);
        assert_eq!(html, format!("<div id=\"0\">{id}/1</div>"));
    }
}

pub async fn es6_view_without_html_starts_in_the_browser(driver: Tested) {
    let program = with_view("() => ''", None);
    let model = json!({ "component": { "props": {} } });
    let html = html_of(execute(&driver, &program, call(Entry::Render, &model)).await);
    assert_eq!(html, "<div id=\"0\"></div><script></script>");
}

pub async fn provider_and_view_run_in_one_call(driver: Tested) {
    let program = with_view(
        "(props) => props.name + props.at + ('gone' in props)",
        Some(
            "module.exports.data = async ({ params, setHeader }) => {
              setHeader('X-From', 'provider');
              return { component: { props: { name: params.name, at: new Date(0), gone: undefined } } };
            };",
        ),
    );
    let input = context(&json!({ "name": "Ada" }));
    let outcome = execute(&driver, &program, call(Entry::DataAndRender, &input)).await;
    assert_eq!(
        outcome.headers,
        [("x-from".to_owned(), "provider".to_owned())]
    );
    assert_eq!(
        html_of(outcome),
        "<div id=\"0\">Ada1970-01-01T00:00:00.000Zfalse</div>"
    );
}

pub async fn empty_response_is_not_rendered(driver: Tested) {
    let program = with_view(
        HELLO,
        Some("module.exports.data = (context) => context.setEmptyResponse();"),
    );
    let input = context(&json!({}));
    let outcome = execute(&driver, &program, call(Entry::DataAndRender, &input)).await;
    assert_eq!(outcome.result, Ok(Answer::Empty));
}

pub async fn view_error_is_told(driver: Tested) {
    let program = with_view(
        "() => { throw Object.assign(new TypeError('no'), { a: 1 }); }",
        None,
    );
    let model = json!({ "component": { "props": {} } });
    match failure_of(execute(&driver, &program, call(Entry::Render, &model)).await) {
        Failure::View(error) => {
            assert_eq!(error["name"], "TypeError");
            assert_eq!(error["message"], "no");
            assert_eq!(error["a"], 1);
            assert!(
                error["stack"]
                    .as_str()
                    .unwrap()
                    .starts_with("TypeError: no\n")
            );
        }
        other => panic!("{other:?}"),
    }
    let model = json!({});
    match failure_of(execute(&driver, &program, call(Entry::Render, &model)).await) {
        Failure::View(error) => assert_eq!(
            error["message"],
            "Cannot read properties of undefined (reading 'src')"
        ),
        other => panic!("{other:?}"),
    }
    let mut broken = with_provider("");
    broken.provider = None;
    broken.digest = "broken view".into();
    broken.view = Some(View {
        script: Script::new("tested@1.0.0/template.js", "] syntax"),
        key: KEY.into(),
        pack: template::es6(),
    });
    match failure_of(execute(&driver, &Arc::new(broken), call(Entry::Render, &model)).await) {
        Failure::View(error) => assert_eq!(error["name"], "SyntaxError"),
        other => panic!("{other:?}"),
    }
}

/// As the published runtime is built: its `Utils` is read when a view is linked.
const RUNTIME: &str = "(function (exports) {
    var Utils = { escapeExpression: function (value) { return value == null ? '' : '' + value; } };
    Object.assign(exports, {
      Utils: Utils,
      template: function (spec) {
        var container = { escapeExpression: Utils.escapeExpression };
        return function (model) { return spec.main(container, model); };
      },
    });
  })(exports);";

fn pack(template_type: &str, modules: &[(&str, &str)]) -> Arc<TemplatePack> {
    let runtimes = modules
        .iter()
        .map(|(module, source)| Runtime::new(module, "runtime.js", source));
    let spec = template::spec(template_type).unwrap();
    Arc::new(spec.with_runtimes(runtimes.collect()))
}

fn handlebars(compiler: u32) -> Arc<crate::driver::Program> {
    let view = format!(
        "var oc = oc || {{}}; oc.components = oc.components || {{}};
        oc.components['{KEY}'] = {{ compiler: [{compiler}, '>= 4.3.0'], main: function (container, model) {{
          return '<b>' + container.escapeExpression(model.name) + container.escapeExpression(7) +
            container.escapeExpression(null) + typeof Handlebars + '</b>';
        }} }};"
    );
    let mut program = with_provider("");
    program.provider = None;
    program.digest = format!("handlebars {compiler}").into();
    program.view = Some(View {
        script: Script::new("tested@1.0.0/template.js", view),
        key: KEY.into(),
        pack: pack(template::HANDLEBARS, &[("handlebars", RUNTIME)]),
    });
    Arc::new(program)
}

pub async fn handlebars_view_is_linked_to_its_runtime(driver: Tested) {
    let model = json!({ "name": "<a href=\"x\">`&'" });
    let outcome = execute(&driver, &handlebars(8), call(Entry::Render, &model)).await;
    assert_eq!(
        html_of(outcome),
        "<b>&lt;a href&#x3D;&quot;x&quot;&gt;&#x60;&amp;&#x27;7undefined</b>"
    );
}

pub async fn view_of_an_old_compiler_is_refused(driver: Tested) {
    let outcome = execute(&driver, &handlebars(6), call(Entry::Render, &json!({}))).await;
    let text = "The component can't be rendered because it was published with an older OC version";
    assert_eq!(failure_of(outcome), Failure::View(json!(text)));
}

pub async fn model_that_cannot_be_parsed_fails_the_view(driver: Tested) {
    let mut call = call(Entry::Render, &json!({}));
    call.input = "[".repeat(100_000).into();
    let failure = failure_of(execute(&driver, &with_view(HELLO, None), call).await);
    assert!(matches!(failure, Failure::View(_)), "{failure:?}");
}

pub async fn view_sees_no_provider_globals(driver: Tested) {
    let program = with_view(
        "() => typeof require + typeof process + typeof setTimeout + typeof shared",
        Some(
            "shared = 1;
            module.exports.data = (c, done) => done(null, { component: { props: {} } });",
        ),
    );
    let input = context(&json!({}));
    let html = html_of(execute(&driver, &program, call(Entry::DataAndRender, &input)).await);
    assert_eq!(
        html,
        "<div id=\"0\">undefinedundefinedundefinedundefined</div>"
    );
}
