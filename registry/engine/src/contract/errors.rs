//! What callers are told when a provider fails.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::fixture::{
    Tested, call, context, error, execute, failure_of, outcome, providing, with_provider,
};
use crate::driver::{Entry, Failure, ProviderError};

pub async fn thrown_error_is_told(driver: Tested) {
    let error = error(&driver, &providing("() => { throw new Error('boom'); }")).await;
    assert_eq!(error.message.as_deref(), Some("boom"));
    assert_eq!(error.original, Some(json!({})));
    assert_eq!(error.status, None);
    let stack = error.stack.unwrap();
    assert!(stack.starts_with("Error: boom\n    at "), "{stack}");
    assert!(stack.contains("tested@1.0.0/server.js:1"), "{stack}");
}

pub async fn rejected_promise_is_told(driver: Tested) {
    let waits = "async (context, callback) => { await null; throw new RangeError('late'); }";
    let error_text = error(&driver, &providing(waits)).await;
    assert_eq!(error_text.message.as_deref(), Some("late"));
    let floats = "(context, callback) => { Promise.reject(new Error('nobody waits')); }";
    let error_text = error(&driver, &providing(floats)).await;
    assert_eq!(error_text.message.as_deref(), Some("nobody waits"));
    let handled = "(context, callback) => {
      const promise = Promise.reject(new Error('handled'));
      promise.catch((error) => callback({ message: error.message + ' later' }));
    }";
    let error_text = error(&driver, &providing(handled)).await;
    assert_eq!(error_text.message.as_deref(), Some("handled later"));
}

pub async fn error_of_a_timer_is_marked(driver: Tested) {
    let program = providing("() => { setTimeout(() => { throw new Error('timer'); }, 1); }");
    let error = error(&driver, &program).await;
    assert_eq!(error.message.as_deref(), Some("timer"));
    assert_eq!(error.original, Some(json!({ "domainThrown": true })));
}

pub async fn string_error_has_no_message(driver: Tested) {
    for source in [
        "() => { throw 'str boom'; }",
        "(c, callback) => callback('str boom')",
    ] {
        let expected = ProviderError {
            original: Some(json!("str boom")),
            ..ProviderError::default()
        };
        assert_eq!(error(&driver, &providing(source)).await, expected);
    }
}

pub async fn object_error_keeps_status_and_members(driver: Tested) {
    let program =
        providing("(c, callback) => callback({ status: 410, message: 'gone', foo: 'bar' })");
    let expected = ProviderError {
        message: Some("gone".to_owned()),
        stack: None,
        original: Some(json!({ "status": 410, "message": "gone", "foo": "bar" })),
        status: Some(410.0),
    };
    assert_eq!(error(&driver, &program).await, expected);
    for (status, number) in [
        ("'404'", Some(404.0)),
        ("'abc'", None),
        ("-1", Some(-1.0)),
        ("0", None),
    ] {
        let source = format!("(c, callback) => callback({{ status: {status} }})");
        assert_eq!(
            error(&driver, &providing(&source)).await.status,
            number,
            "{status}"
        );
    }
}

pub async fn falsy_data_is_an_error(driver: Tested) {
    for data in ["undefined", "null", "0", "''", "false"] {
        let source = format!("(context, callback) => callback(null, {data})");
        let error = error(&driver, &providing(&source)).await;
        assert_eq!(
            error.message.as_deref(),
            Some("data object is undefined"),
            "{data}"
        );
        assert_eq!(error.original, Some(json!({})));
    }
    let error = error(&driver, &providing("async (context) => {}")).await;
    assert_eq!(error.message.as_deref(), Some("data object is undefined"));
}

pub async fn missing_provider_is_told_as_oc_does(driver: Tested) {
    for source in ["module.exports.other = 1;", "exports.data = 'text';"] {
        let error = error(&driver, &Arc::new(with_provider(source))).await;
        assert_eq!(
            error.message.as_deref(),
            Some("processData is not a function")
        );
    }
}

pub async fn syntax_error_fails_each_call(driver: Tested) {
    let program = Arc::new(with_provider("module.exports.data = (;"));
    for _ in 0..2 {
        let error = error(&driver, &program).await;
        assert!(error.stack.unwrap().starts_with("SyntaxError: "));
    }
}

pub async fn missing_dependency_is_named(driver: Tested) {
    let missing = Failure::MissingDependencies(vec!["fs/promises".to_owned()]);
    let at_load = Arc::new(with_provider(
        "const fs = require('fs/promises'); module.exports.data = (c, done) => done(null, { fs });",
    ));
    for _ in 0..2 {
        assert_eq!(
            failure_of(outcome(&driver, &at_load, json!({})).await),
            missing
        );
    }
    let at_call = providing("(context, callback) => callback(null, require('fs/promises'))");
    assert_eq!(
        failure_of(outcome(&driver, &at_call, json!({})).await),
        missing
    );
    let expected =
        json!({ "code": "DEPENDENCY_MISSING_FROM_REGISTRY", "missing": ["fs/promises"] });
    assert_eq!(error(&driver, &at_call).await.original, Some(expected));
}

pub async fn deadline_covers_awaits(driver: Tested) {
    for source in [
        "(context, callback) => {}",
        "(context, callback) => { context.renderComponent('slow').then(() => callback(null, {})); }",
        "(context, callback) => { const again = () => setTimeout(again, 10); again(); }",
    ] {
        let mut call = call(Entry::Data, &context(&json!({})));
        call.limits.deadline = Duration::from_secs(1);
        let failure = failure_of(execute(&driver, &providing(source), call).await);
        assert_eq!(failure, Failure::Timeout(Duration::from_secs(1)));
    }
}

async fn not_serializable(driver: &Tested, expression: &str) -> String {
    let source = format!("(context, callback) => callback(null, {expression})");
    match failure_of(outcome(driver, &providing(&source), json!({})).await) {
        Failure::NotSerializable(text) => text,
        other => panic!("{other:?}"),
    }
}

pub async fn circular_model_is_told_as_v8_does(driver: Tested) {
    let text = not_serializable(
        &driver,
        "(() => { const o = {}; o.circular = o; return o; })()",
    )
    .await;
    let expected = "TypeError: Converting circular structure to JSON\n    \
                    --> starting at object with constructor 'Object'\n    \
                    --- property 'circular' closes the circle";
    assert_eq!(text, expected);
    let deep = "(() => { class A {} const a = new A(); a.b = [{ c: { d: a } }]; return { a }; })()";
    let expected = "TypeError: Converting circular structure to JSON\n    \
                    --> starting at object with constructor 'A'\n    \
                    |     property 'b' -> object with constructor 'Array'\n    \
                    |     index 0 -> object with constructor 'Object'\n    \
                    |     property 'c' -> object with constructor 'Object'\n    \
                    --- property 'd' closes the circle";
    assert_eq!(not_serializable(&driver, deep).await, expected);
    let deeper = "(() => { const o = {}; o.a = { b: { c: { d: { e: o } } } }; return o; })()";
    let expected = "TypeError: Converting circular structure to JSON\n    \
                    --> starting at object with constructor 'Object'\n    \
                    |     property 'a' -> object with constructor 'Object'\n    \
                    |     property 'b' -> object with constructor 'Object'\n    \
                    |     ...\n    \
                    |     property 'd' -> object with constructor 'Object'\n    \
                    --- property 'e' closes the circle";
    assert_eq!(not_serializable(&driver, deeper).await, expected);
}

pub async fn big_integer_in_the_model_is_told_as_v8_does(driver: Tested) {
    let text = not_serializable(&driver, "{ big: 1n }").await;
    assert_eq!(text, "TypeError: Do not know how to serialize a BigInt");
}

pub async fn hostile_errors_are_bounded(driver: Tested) {
    let error_text = error(
        &driver,
        &providing("() => { throw new Error('x'.repeat(1e7)); }"),
    )
    .await;
    assert!(error_text.message.unwrap().len() <= 16 * 1024);
    assert!(error_text.stack.unwrap().len() <= 16 * 1024);
    let trap = "() => { throw new Proxy({}, { get() { throw new Error('trapped'); } }); }";
    let failure = failure_of(outcome(&driver, &providing(trap), json!({})).await);
    assert_eq!(
        failure,
        Failure::NotSerializable("Error: trapped".to_owned())
    );
    for value in ["undefined", "null"] {
        let source = format!("() => {{ throw {value}; }}");
        let error = error(&driver, &providing(&source)).await;
        assert_eq!(error.message.as_deref(), Some("data object is undefined"));
    }
}

pub async fn stack_traces_hold_no_path_of_the_machine(driver: Tested) {
    let program =
        providing("({ renderComponent }, callback) => [1].map(() => { renderComponent(''); })");
    let error = error(&driver, &program).await;
    let stack = error.stack.unwrap();
    assert!(stack.contains("tested@1.0.0/server.js"), "{stack}");
    for foreign in ["ochre:", ".rs", "/src", "/home", "/root", "/work"] {
        assert!(!stack.contains(foreign), "{stack}");
    }
    assert_ne!(error.original, Some(Value::Null));
}
