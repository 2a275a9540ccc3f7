//! How a data provider answers.

use std::{sync::Arc, time::Instant};

use serde_json::json;

use super::fixture::{
    Tested, call, context, execute, model, model_of, outcome, providing, with_provider,
};
use crate::driver::{Answer, Entry};

pub async fn callback_answers(driver: Tested) {
    let program = providing("(context, callback) => callback(null, { name: context.params.name })");
    let answer = outcome(&driver, &program, json!({ "name": "Ada" })).await;
    assert_eq!(model_of(answer), json!({ "name": "Ada" }));
}

pub async fn promise_with_a_value_answers(driver: Tested) {
    let program = providing("async (context) => ({ name: await context.params.name })");
    let answer = outcome(&driver, &program, json!({ "name": "Ada" })).await;
    assert_eq!(model_of(answer), json!({ "name": "Ada" }));
}

pub async fn promise_of_a_provider_with_a_callback_may_be_empty(driver: Tested) {
    let program = providing(
        "async (context, callback) => { setTimeout(() => callback(null, { late: true }), 5); }",
    );
    assert_eq!(model(&driver, &program).await, json!({ "late": true }));
}

pub async fn first_answer_wins(driver: Tested) {
    let program = providing(
        "(context, callback) => {
          callback(null, { call: 1 }); callback(null, { call: 2 }); throw new Error('late');
        }",
    );
    assert_eq!(model(&driver, &program).await, json!({ "call": 1 }));
}

pub async fn module_exports_and_exports_both_work(driver: Tested) {
    let program = Arc::new(with_provider(
        "exports.data = (c, done) => done(null, { by: 'exports' });",
    ));
    assert_eq!(model(&driver, &program).await, json!({ "by": "exports" }));
    let program = Arc::new(with_provider(
        "module.exports = { data: (c, done) => done(null, { by: 'module' }) };",
    ));
    assert_eq!(model(&driver, &program).await, json!({ "by": "module" }));
}

pub async fn timers_run_and_can_be_cleared(driver: Tested) {
    let program = providing(
        "(context, callback) => {
          const seen = [];
          setTimeout((x) => seen.push(x), 40, 'two');
          setTimeout(() => seen.push('one'), 1).unref();
          clearTimeout(setTimeout(() => seen.push('cleared'), 3));
          setTimeout(() => callback(null, seen), 80);
        }",
    );
    assert_eq!(model(&driver, &program).await, json!(["one", "two"]));
}

pub async fn module_state_survives_between_calls(driver: Tested) {
    let program = Arc::new(with_provider(
        "let calls = 0; module.exports.data = (context, callback) => callback(null, { calls: ++calls });",
    ));
    for calls in 1..4 {
        assert_eq!(model(&driver, &program).await, json!({ "calls": calls }));
    }
}

pub async fn calls_in_flight_do_not_wait_for_each_other(driver: Tested) {
    let program = providing(
        "(context, callback) => setTimeout(() => callback(null, { id: context.params.id }), 1000)",
    );
    let started = Instant::now();
    let calls = (0..50).map(|id| outcome(&driver, &program, json!({ "id": id })));
    let answers = futures::future::join_all(calls).await;
    for (id, answer) in answers.into_iter().enumerate() {
        assert_eq!(model_of(answer), json!({ "id": id }));
    }
    // One after the other they would take 50 s.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

pub async fn numbers_that_json_cannot_hold_reach_the_provider(driver: Tested) {
    let program = providing(
        "({ params }, callback) => callback(null, Object.keys(params).map((k) => k + String(params[k])))",
    );
    let mut input = context(&json!({ "a": 1, "b": null }));
    input["nonFinite"] = json!({ "b": "-Infinity", "c": "NaN" });
    let answer = execute(&driver, &program, call(Entry::Data, &input)).await;
    assert_eq!(model_of(answer), json!(["a1", "b-Infinity", "cNaN"]));
}

pub async fn model_is_told_as_json_stringify_does(driver: Tested) {
    let program = providing(
        "(context, callback) => callback(null, {
          at: new Date(0), nothing: undefined, work() {}, none: NaN, list: [undefined],
          [context.streamSymbol]: 1, lone: '\\ud800', html: '</script>\\u2028',
        })",
    );
    let answer = outcome(&driver, &program, json!({})).await;
    let expected = "{\"at\":\"1970-01-01T00:00:00.000Z\",\"none\":null,\"list\":[null],\
                    \"lone\":\"\\ud800\",\"html\":\"</script>\u{2028}\"}";
    assert_eq!(answer.result, Ok(Answer::Model(expected.into())));
}

pub async fn warm_programs_answer(driver: Tested) {
    let program = providing("(context, callback) => callback(null, { ready: true })");
    driver.warm(&program).await.unwrap();
    driver.warm(&providing("] syntax")).await.unwrap();
    assert_eq!(model(&driver, &program).await, json!({ "ready": true }));
}
