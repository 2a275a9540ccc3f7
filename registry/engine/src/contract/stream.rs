//! Answers that are told piece by piece.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use serde_json::json;

use super::fixture::{Tested, call, context, execute, failure_of, model_of, providing};
use crate::driver::{Answer, Call, Entry, Failure, Program};

/// A call that may be answered with a stream.
fn streaming() -> Call {
    let mut call = call(Entry::Data, &context(&json!({})));
    call.envelope = Some(r#"{"name":"tested","data":null,"last":1}"#.into());
    call
}

/// A program whose properties are the JavaScript expression `props`.
fn streamed(props: &str) -> Arc<Program> {
    providing(&format!(
        "(context, callback) => callback(null, {{ component: {{ props: Object.assign(
          {props}, {{ [context.streamSymbol]: true }}) }} }})"
    ))
}

/// All pieces of an answer, and whether it failed at once.
async fn pieces(driver: &Tested, program: &Arc<Program>, call: Call) -> (bool, Vec<String>) {
    match execute(driver, program, call).await.result {
        Ok(Answer::Stream(stream)) => {
            let is_failed = stream.is_failed;
            let pieces = stream.map(|piece| String::from_utf8_lossy(&piece).into_owned());
            (is_failed, pieces.collect().await)
        }
        other => panic!("a stream was expected: {other:?}"),
    }
}

pub async fn promises_are_told_as_they_settle(driver: Tested) {
    let program = streamed(
        "{ a: new Promise((done) => setTimeout(done, 500, 'slow')),
           b: new Promise((_, fail) => setTimeout(fail, 5, new Error('quick'))) }",
    );
    let (is_failed, pieces) = pieces(&driver, &program, streaming()).await;

    assert!(!is_failed);
    assert_eq!(
        pieces,
        [
            "[{\"_1\":2,\"_3\":4,\"_13\":14},\"name\",\"tested\",\"data\",{\"_5\":6},\"component\",{\"_7\":8},\
             \"props\",{\"_9\":10,\"_11\":12},\"a\",[\"P\",10],\"b\",[\"P\",12],\"last\",1]\n",
            "E12:[[\"E\",\"quick\"]]\n",
            "P10:[\"slow\"]\n",
        ]
    );
}

pub async fn promises_are_empty_where_nothing_is_streamed(driver: Tested) {
    let program = streamed("{ a: Promise.resolve(1), b: 2 }");
    let call = call(Entry::Data, &context(&json!({})));
    let model = model_of(execute(&driver, &program, call).await);

    assert_eq!(
        model,
        json!({ "component": { "props": { "a": {}, "b": 2 } } })
    );
}

pub async fn what_has_no_encoding_fails_the_stream(driver: Tested) {
    let (is_failed, told) = pieces(&driver, &streamed("{ a() {} }"), streaming()).await;
    assert!(is_failed);
    assert_eq!(told, ["Error: Cannot encode function or unexpected type"]);

    let (is_failed, told) = pieces(
        &driver,
        &streamed("{ a: Promise.resolve(() => {}) }"),
        streaming(),
    )
    .await;
    assert!(!is_failed);
    assert_eq!(
        told[1..],
        ["Error: Cannot encode function or unexpected type"]
    );
}

pub async fn stream_ends_at_the_deadline(driver: Tested) {
    let mut call = streaming();
    call.limits.deadline = Duration::from_secs(2);
    let (_, told) = pieces(&driver, &streamed("{ a: new Promise(() => {}) }"), call).await;

    assert_eq!(told[1..], ["Error: timeout (2000ms)"]);
}

pub async fn stream_of_a_blocking_component_is_cut(driver: Tested) {
    let mut call = streaming();
    call.limits.cpu_slice = Duration::from_millis(500);
    let program = streamed("{ a: new Promise(() => setTimeout(() => { for (;;) {} }, 250)) }");
    let (_, told) = pieces(&driver, &program, call).await;

    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("Error: "), "{told:?}");
}

pub async fn stream_output_is_bounded(driver: Tested) {
    let mut call = streaming();
    call.limits.output_bytes = 1_000;
    let program = streamed("{ a: Promise.resolve('x'.repeat(2000)) }");
    let (_, told) = pieces(&driver, &program, call.clone()).await;
    assert_eq!(told[1..], ["Error: output is longer than 1000 bytes"]);

    let program = streamed("{ a: 'x'.repeat(2000) }");
    let failure = failure_of(execute(&driver, &program, call).await);
    assert!(matches!(failure, Failure::TooLarge(_)), "{failure:?}");
}

pub async fn dropped_stream_ends_its_call(driver: Tested) {
    let program = providing(
        "(context, callback) => {
          globalThis.ticks = globalThis.ticks || 0;
          if (context.params.ask) return callback(null, { ticks: globalThis.ticks });
          const tick = () => { globalThis.ticks++; setTimeout(tick, 1); };
          tick();
          callback(null, { component: { props: { a: new Promise(() => {}), [context.streamSymbol]: true } } });
        }",
    );
    drop(execute(&driver, &program, streaming()).await);

    // Ticks of a call that has ended stand still.
    let ticks = async || {
        let call = call(Entry::Data, &context(&json!({ "ask": true })));
        model_of(execute(&driver, &program, call).await)["ticks"].clone()
    };
    for _ in 0..100 {
        let before = ticks().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        if ticks().await == before {
            return;
        }
    }
    panic!("the call goes on");
}
