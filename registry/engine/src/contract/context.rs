//! What the provider's `context` offers.

use std::sync::Arc;

use serde_json::{Map, json};

use super::fixture::{
    RecordingHost, Tested, call, context, execute, failure_of, model, model_of, outcome, providing,
    with_provider,
};
use crate::driver::{Call, Cookie, Entry, Failure, ProviderError};

pub async fn context_has_ocs_keys_in_order(driver: Tested) {
    let program = providing(
        "(context, callback) => callback(null, {
          keys: Object.keys(context), action: context.action === undefined,
          rest: [context.baseUrl, context.env, context.requestHeaders, context.requestIp,
            context.staticPath, context.templates, context.plugins, typeof context.streamSymbol],
        })",
    );
    let expected = json!({
        "keys": [
            "action", "acceptLanguage", "baseUrl", "env", "params", "plugins", "renderComponent",
            "renderComponents", "requestHeaders", "requestIp", "setEmptyResponse", "staticPath",
            "setHeader", "setCookie", "templates", "streamSymbol",
        ],
        "action": true,
        "rest": [
            "http://localhost:3000/", { "name": "test" }, { "accept": "*/*" }, "::ffff:127.0.0.1",
            "//cdn.example/tested/1.0.0/",
            [{ "type": "oc-template-es6", "version": "2.0.0", "externals": [] }], {}, "symbol",
        ],
    });
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn accept_language_is_parsed_as_oc_does(driver: Tested) {
    let program = providing("({ acceptLanguage }, callback) => callback(null, { acceptLanguage })");
    let mut input = context(&json!({}));
    input["acceptLanguage"] = json!("fr;q=0.3, zh-Hant-TW, en-US;q=0.8, *;q=0.1");
    let answer = execute(&driver, &program, call(Entry::Data, &input)).await;
    let expected = json!({ "acceptLanguage": [
        { "code": "zh", "script": "Hant", "region": "TW", "quality": 1 },
        { "code": "en", "script": null, "region": "US", "quality": 0.8 },
        { "code": "fr", "script": null, "quality": 0.3 },
        { "code": "*", "script": null, "quality": 0.1 },
    ] });
    assert_eq!(model_of(answer), expected);
    input["acceptLanguage"] = json!(null);
    let answer = execute(&driver, &program, call(Entry::Data, &input)).await;
    assert_eq!(model_of(answer), json!({ "acceptLanguage": [] }));
}

pub async fn headers_are_lower_cased_and_kept_in_order(driver: Tested) {
    let program = providing(
        "({ setHeader }, callback) => {
          setHeader('X-B', '1'); setHeader('x-a', '2'); setHeader('X-b', '3'); setHeader('', '4');
          setHeader('x-c', ''); callback(new Error('headers are told with errors too'));
        }",
    );
    let outcome = outcome(&driver, &program, json!({})).await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(outcome.headers, [header("x-b", "3"), header("x-a", "2")]);
}

pub async fn header_arguments_must_be_strings(driver: Tested) {
    for (source, text) in [
        (
            "c => c.setHeader('a', 1)",
            "context.setHeader parameters must be strings",
        ),
        (
            "c => c.setCookie(1)",
            "context.setCookie parameters are not valid",
        ),
    ] {
        let failure = failure_of(outcome(&driver, &providing(source), json!({})).await);
        let expected = ProviderError {
            original: Some(json!(text)),
            ..ProviderError::default()
        };
        assert_eq!(failure, Failure::Provider(expected));
    }
}

pub async fn cookies_are_kept_with_their_options(driver: Tested) {
    let program = providing(
        "({ setCookie }, callback) => {
          setCookie('a', 'b'); setCookie('o', { x: 1 }, { maxAge: 1000, httpOnly: true });
          setCookie('none'); callback(null, { done: true });
        }",
    );
    let outcome = outcome(&driver, &program, json!({})).await;
    let cookie = |name: &str, value, options| Cookie {
        name: name.to_owned(),
        value,
        options,
    };
    let expected = [
        cookie("a", Some(json!("b")), None),
        cookie(
            "o",
            Some(json!({ "x": 1 })),
            Some(json!({ "maxAge": 1000, "httpOnly": true })),
        ),
        cookie("none", None, None),
    ];
    assert_eq!(outcome.cookies, expected);
}

pub async fn empty_response_is_marked(driver: Tested) {
    let program = providing("(context, callback) => context.setEmptyResponse()");
    let expected = json!({ "__oc_emptyResponse": true });
    assert_eq!(model(&driver, &program).await, expected);
}

async fn with_host(driver: &Tested, source: &str) -> (serde_json::Value, Arc<RecordingHost>) {
    let host = Arc::new(RecordingHost::default());
    let call = Call {
        host: Arc::clone(&host) as _,
        ..call(Entry::Data, &context(&json!({})))
    };
    let answer = execute(driver, &providing(source), call).await;
    (model_of(answer), host)
}

pub async fn nested_component_is_rendered_by_the_registry(driver: Tested) {
    let source = "async ({ renderComponent }) => [
      await renderComponent('card', { version: '1.x', parameters: { n: 1 }, headers: { 'X-A': 'b' }, ip: '::1' }),
      await new Promise((resolve) => renderComponent('plain', {}, (error, html) => resolve([error, html]))),
      await renderComponent('broken').catch((error) => ({ error })),
    ]";
    let (model, host) = with_host(&driver, source).await;
    let error = json!({ "error": "Component \"broken\" not found" });
    assert_eq!(model, json!(["<card>", [null, "<plain>"], error]));
    let rendered = host.rendered.lock().unwrap();
    assert_eq!(rendered[0].version, "1.x");
    assert_eq!(
        rendered[0].parameters,
        Map::from_iter([("n".to_owned(), json!(1))])
    );
    assert_eq!(
        rendered[0].headers,
        Map::from_iter([("x-a".to_owned(), json!("b"))])
    );
    assert_eq!(rendered[0].ip.as_deref(), Some("::1"));
    assert_eq!(
        (rendered[1].version.as_str(), rendered[1].ip.as_deref()),
        ("", None)
    );
}

pub async fn nested_components_answer_in_order_with_errors(driver: Tested) {
    let source = "async ({ renderComponents }) => {
      const list = [{ name: 'a', parameters: { own: 1 } }, { name: 'broken' }, { name: 'c', version: '2' }];
      const [a, b, c] = await renderComponents(list, { parameters: { all: 1, own: 0 } });
      return [a, b instanceof Error && b.message, c];
    }";
    let (model, host) = with_host(&driver, source).await;
    assert_eq!(
        model,
        json!(["<a>", "Component \"broken\" not found", "<c>"])
    );
    let rendered = host.rendered.lock().unwrap();
    let parameters = Map::from_iter([("all".to_owned(), json!(1)), ("own".to_owned(), json!(1))]);
    assert_eq!(rendered[0].parameters, parameters);
    assert_eq!(rendered[2].version, "2");
}

pub async fn nested_names_are_checked(driver: Tested) {
    let source = "(context, callback) => {
      const texts = [];
      for (const work of [() => context.renderComponent(''), () => context.renderComponents([])]) {
        try { work(); } catch (error) { texts.push(error.message); }
      }
      callback(null, texts);
    }";
    let (model, _) = with_host(&driver, source).await;
    let expected = json!(["component's name is not valid", "components is not valid"]);
    assert_eq!(model, expected);
}

pub async fn environment_is_that_of_the_program(driver: Tested) {
    let mut program =
        with_provider("module.exports.data = (context, callback) => callback(null, { process });");
    program
        .environment
        .insert("SECRET".to_owned(), json!("value"));
    let expected = json!({ "process": { "env": { "NODE_ENV": "production", "SECRET": "value" } } });
    assert_eq!(model(&driver, &Arc::new(program)).await, expected);
}
