//! How views are rendered that register what a framework renders.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::fixture::{KEY, Tested, call, context, execute, failure_of, html_of, with_provider};
use crate::{
    driver::{Entry, Failure, Program, View},
    script::Script,
    template::{self, Runtime},
};

/// A framework whose elements are functions; what they answer is the HTML.
const SERVER: &str = "
    const { createElement } = require('react');
    module.exports.renderToString = (element) => element();
    if (!createElement) throw new Error('no react');";

/// As the compilers write it, around a component.
fn view(component: &str) -> String {
    format!(
        "var oc = oc || {{}}; oc.components = oc.components || {{}};
        oc.components['{KEY}'] = function (model) {{
          oc.reactComponents = oc.reactComponents || {{}};
          oc.reactComponents['{KEY}'] = {{ component: (function () {{
            oc.evaluated = (oc.evaluated || 0) + 1;
            return {component};
          }})() }};
          if (!model) return;
          oc.__reactTemplate = oc.__reactTemplate || {{ count: 0 }};
          oc.__data = oc.__data || {{}};
          var html = model.__html ? model.__html : '';
          oc.__data[model.id] = model.component.props;
          return '<div id=\"' + oc.__reactTemplate.count++ + '\">' + html + '</div>' +
            Object.keys(oc.__data) + typeof require;
        }}"
    )
}

fn react(component: &str) -> Arc<Program> {
    let modules = [
        (
            "react",
            "exports.createElement = (type, props) => () => type(props);",
        ),
        ("react-dom", "exports.version = '18'"),
        ("react-dom/server", SERVER),
    ];
    let runtimes = modules.map(|(name, source)| Runtime::new(name, "framework.js", source));
    let pack = template::spec("oc-template-react").unwrap();
    let mut program = with_provider("");
    program.provider = None;
    program.digest = component.into();
    program.view = Some(View {
        script: Script::new("tested@1.0.0/template.js", view(component)),
        key: KEY.into(),
        pack: Arc::new(pack.with_runtimes(runtimes.into())),
    });
    Arc::new(program)
}

fn model(props: &Value) -> Value {
    json!({ "component": { "key": KEY, "props": props } })
}

pub async fn component_is_rendered_by_its_framework(driver: Tested) {
    let program = react("(props) => props.name + oc.evaluated + typeof React + ReactDOM.version");
    for name in ["first", "second"] {
        let mut call = call(Entry::Render, &model(&json!({ "name": name })));
        call.render_id = Some(name.to_owned());
        let html = html_of(execute(&driver, &program, call).await);
        assert_eq!(
            html,
            format!("<div id=\"0\">{name}1object18</div>{name}undefined")
        );
    }
}

pub async fn error_of_a_component_is_told(driver: Tested) {
    let program = react("() => { throw new RangeError('too many') }");
    let outcome = execute(&driver, &program, call(Entry::Render, &model(&json!({})))).await;
    match failure_of(outcome) {
        Failure::View(error) => assert_eq!(error["message"], "too many"),
        other => panic!("{other:?}"),
    }
    let outcome = execute(&driver, &program, call(Entry::Render, &json!({}))).await;
    match failure_of(outcome) {
        Failure::View(error) => assert_eq!(
            error["message"],
            "Cannot read properties of undefined (reading 'props')"
        ),
        other => panic!("{other:?}"),
    }
}

pub async fn error_of_the_provider_comes_before_that_of_the_view(driver: Tested) {
    let mut program = with_provider("module.exports.data = (c, done) => done(new Error('given'));");
    program.view = Some(View {
        script: Script::new("tested@1.0.0/template.js", "export const mount = 1;"),
        key: KEY.into(),
        pack: template::es6(),
    });
    let program = Arc::new(program);
    let outcome = execute(
        &driver,
        &program,
        call(Entry::DataAndRender, &context(&json!({}))),
    )
    .await;
    match failure_of(outcome) {
        Failure::Provider(error) => assert_eq!(error.message.as_deref(), Some("given")),
        other => panic!("{other:?}"),
    }
    let outcome = execute(&driver, &program, call(Entry::Render, &json!({}))).await;
    match failure_of(outcome) {
        Failure::View(error) => assert_eq!(error["message"], "Unexpected token 'export'"),
        other => panic!("{other:?}"),
    }
}

pub async fn html_may_be_a_promise(driver: Tested) {
    let program = react("async (props) => { await 0; return props.name; }");
    let call_with = |name: &str| {
        let mut call = call(Entry::Render, &model(&json!({ "name": name })));
        call.render_id = Some(name.to_owned());
        call
    };
    let (first, second) = tokio::join!(
        execute(&driver, &program, call_with("first")),
        execute(&driver, &program, call_with("second")),
    );
    assert_eq!(html_of(first), "<div id=\"0\">first</div>firstundefined");
    assert_eq!(html_of(second), "<div id=\"0\">second</div>secondundefined");

    let program = react("async () => { throw 'rejected' }");
    let outcome = execute(&driver, &program, call_with("x")).await;
    assert_eq!(failure_of(outcome), Failure::View(json!("rejected")));
}

pub async fn html_that_never_comes_ends_at_the_deadline(driver: Tested) {
    let program = react("() => new Promise(() => {})");
    let mut call = call(Entry::Render, &model(&json!({})));
    call.limits.deadline = Duration::from_secs(1);
    let failure = failure_of(execute(&driver, &program, call).await);
    assert!(matches!(failure, Failure::Timeout(_)), "{failure:?}");
}
