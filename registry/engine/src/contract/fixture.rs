//! What the tests of the contract are written with.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::{
    driver::{
        Answer, Call, Driver, EngineError, Entry, Failure, FetchRequest, FetchResponse, HostCalls,
        Limits, NestedRender, Outcome, Program, ProviderError, View,
    },
    script::Script,
    template,
};

/// A driver under test.
pub type Tested = Arc<dyn Driver>;

/// Key of the views that [`with_view`] makes.
pub const KEY: &str = "viewkey";

/// A registry that records what it is asked.
///
/// Renders `<name>` as HTML, `broken` as an error and `slow` never; fetches echo the request.
#[derive(Debug, Default)]
pub struct RecordingHost {
    /// Nested renders, in order.
    pub rendered: Mutex<Vec<NestedRender>>,
    /// Fetches, in order.
    pub fetched: Mutex<Vec<FetchRequest>>,
    /// Console lines as `level: line`.
    pub lines: Mutex<Vec<String>>,
}

#[async_trait]
impl HostCalls for RecordingHost {
    async fn render(&self, items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        if items.iter().any(|item| item.name == "slow") {
            std::future::pending::<()>().await;
        }
        let results = items.iter().map(|item| match item.name.as_str() {
            "broken" => Err("Component \"broken\" not found".to_owned()),
            name => Ok(format!("<{name}>")),
        });
        let results = results.collect();
        self.rendered.lock().unwrap().extend(items);
        results
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, String> {
        if request.url.contains("refused") {
            return Err("address is not allowed".to_owned());
        }
        let body = json!({
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body": request.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()),
        });
        let response = FetchResponse {
            status: 201,
            status_text: "Created".to_owned(),
            url: request.url.clone(),
            redirected: false,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into(),
        };
        self.fetched.lock().unwrap().push(request);
        Ok(response)
    }

    fn console(&self, level: &str, line: &str) {
        self.lines.lock().unwrap().push(format!("{level}: {line}"));
    }
}

/// A program with only a provider.
pub fn with_provider(source: &str) -> Program {
    let script = Script::new("tested@1.0.0/server.js", source);
    Program {
        label: "tested@1.0.0".into(),
        digest: Arc::clone(&script.digest),
        provider: Some(script),
        view: None,
        environment: Map::from_iter([("NODE_ENV".to_owned(), json!("production"))]),
        console: false,
        plugins: Arc::default(),
        conduct: crate::conduct::Conduct::default(),
    }
}

/// A program with a provider whose `data` is `function`.
pub fn providing(function: &str) -> Arc<Program> {
    Arc::new(with_provider(&format!("module.exports.data = {function};")))
}

/// A program with an es6 view: `render` is a function from properties to HTML.
pub fn with_view(render: &str, provider: Option<&str>) -> Arc<Program> {
    let view = format!(
        "var oc = oc || {{}}; oc.components = oc.components || {{}};
        oc.components['{KEY}'] = function (model) {{
          oc.es6Components = oc.es6Components || {{}};
          oc.es6Components['{KEY}'] = function (props, element) {{ element.innerHTML = ({render})(props); }};
          oc.__es6Template = oc.__es6Template || {{ count: 0 }};
          oc.__data = oc.__data || {{}};
          oc.__data[model.id] = model.component.props;
          var html = model.__html ? model.__html : '';
          return '<div id=\"' + oc.__es6Template.count++ + '\">' + html + '</div>' +
            (html ? '' : '<script></script>');
        }};"
    );
    let script = Script::new("tested@1.0.0/template.js", view);
    let mut program = with_provider(provider.unwrap_or_default());
    if provider.is_none() {
        program.provider = None;
    }
    program.digest = format!("{}{}", program.digest, script.digest).into();
    program.view = Some(View {
        script,
        key: KEY.into(),
        pack: template::es6(),
    });
    Arc::new(program)
}

/// The provider's context for `params`.
pub fn context(params: &Value) -> Value {
    json!({
        "action": null,
        "acceptLanguage": "en-US,en;q=0.8,*;q=0.5",
        "baseUrl": "http://localhost:3000/",
        "env": { "name": "test" },
        "params": params,
        "requestHeaders": { "accept": "*/*" },
        "requestIp": "::ffff:127.0.0.1",
        "staticPath": "//cdn.example/tested/1.0.0/",
        "templates": [{ "type": "oc-template-es6", "version": "2.0.0", "externals": [] }],
        "name": "tested",
        "version": "1.0.0",
    })
}

/// Limits that honest work keeps on a slow and busy machine: what is to be stopped has its own.
pub fn limits() -> Limits {
    Limits {
        deadline: Duration::from_mins(1),
        cpu_slice: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// A call of `entry`.
pub fn call(entry: Entry, input: &Value) -> Call {
    Call {
        entry,
        input: input.to_string().into(),
        envelope: None,
        render_id: None,
        host: Arc::new(RecordingHost::default()),
        limits: limits(),
    }
}

/// A call of the provider that has time, but may not run for longer than `cpu_slice` at once.
pub fn with_slice(cpu_slice: Duration) -> Call {
    Call {
        limits: Limits {
            deadline: Duration::from_secs(20),
            cpu_slice,
            ..Limits::default()
        },
        ..call(Entry::Data, &context(&json!({})))
    }
}

/// Executes a call.
pub async fn execute(driver: &Tested, program: &Arc<Program>, call: Call) -> Outcome {
    driver.call(program, call).await.unwrap()
}

/// Executes a call of a program that may be suspended for now.
pub async fn execute_when_let_in(driver: &Tested, program: &Arc<Program>, call: Call) -> Outcome {
    for _ in 0..20 {
        match driver.call(program, call.clone()).await {
            Err(EngineError::Suspended(wait)) => tokio::time::sleep(wait).await,
            answered => return answered.unwrap(),
        }
    }
    panic!("program stays suspended");
}

/// Calls the provider with `params`.
pub async fn outcome(driver: &Tested, program: &Arc<Program>, params: Value) -> Outcome {
    execute(driver, program, call(Entry::Data, &context(&params))).await
}

/// The provider's model for no parameters.
pub async fn model(driver: &Tested, program: &Arc<Program>) -> Value {
    model_of(outcome(driver, program, json!({})).await)
}

/// The model of an outcome.
pub fn model_of(outcome: Outcome) -> Value {
    match outcome.result {
        Ok(Answer::Model(model)) => serde_json::from_slice(&model).unwrap(),
        other => panic!("a model was expected: {other:?}"),
    }
}

/// The HTML of an outcome.
pub fn html_of(outcome: Outcome) -> String {
    match outcome.result {
        Ok(Answer::Html(html)) => html,
        other => panic!("HTML was expected: {other:?}"),
    }
}

/// What went wrong in an outcome.
pub fn failure_of(outcome: Outcome) -> Failure {
    outcome.result.unwrap_err()
}

/// The provider's error for no parameters.
pub async fn error(driver: &Tested, program: &Arc<Program>) -> ProviderError {
    match failure_of(outcome(driver, program, json!({})).await) {
        Failure::Provider(error) => error,
        other => panic!("a provider error was expected: {other:?}"),
    }
}
