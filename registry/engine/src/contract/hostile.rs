//! Components that harm only their own request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use super::fixture::{
    Tested, call, context, execute, execute_when_let_in, failure_of, model, model_of, outcome,
    providing, with_slice,
};
use crate::driver::{Call, EngineError, Entry, Failure, Program};

const SLICE: Duration = Duration::from_millis(200);

fn short(mut call: Call) -> Call {
    call.limits.cpu_slice = SLICE;
    call.limits.deadline = Duration::from_secs(15);
    call
}

async fn fails(driver: &Tested, body: &str) -> (Failure, Duration) {
    let source = format!("(context, callback) => {{ {body} }}");
    let started = Instant::now();
    let call = short(call(Entry::Data, &context(&json!({}))));
    let outcome = execute(driver, &providing(&source), call).await;
    (failure_of(outcome), started.elapsed())
}

pub async fn endless_loops_are_stopped(driver: Tested) {
    for body in [
        "while (true) {}",
        "for (;;) { try { while (true) {} } catch {} finally { continue; } }",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "const again = () => Promise.resolve().then(again); again();",
        "(async () => { for (;;) await null; })();",
        "const again = async () => { await null; return again(); }; again();",
        "setTimeout(() => { while (true) {} }, 1);",
        "Array(2 ** 32 - 1).join('');",
        "[].indexOf.call({ length: 2 ** 53 - 1 }, 1);",
        "Array.prototype.concat.call([], Object.assign([], { length: 2 ** 32 - 1 }), [1]);",
        "String.raw({ raw: { length: 2 ** 53 - 1 } });",
        "callback(null, { toJSON() { while (true) {} } });",
        "callback({ get message() { while (true) {} } });",
    ] {
        let (failure, took) = fails(&driver, body).await;
        let stopped = matches!(
            failure,
            Failure::Timeout(_) | Failure::Memory | Failure::Provider(_)
        );
        assert!(stopped, "{body}: {failure:?}");
        assert!(took < Duration::from_secs(30), "{body}: {took:?}");
    }
}

pub async fn other_programs_answer_meanwhile(driver: Tested) {
    let hostile = (0..4).map(|number| {
        let driver = Arc::clone(&driver);
        let source = format!("() => {{ while ({number} < 10) {{}} }}");
        tokio::spawn(async move {
            let call = short(call(Entry::Data, &context(&json!({}))));
            failure_of(execute(&driver, &providing(&source), call).await)
        })
    });
    let hostile: Vec<_> = hostile.collect();
    let calm = providing("(context, callback) => callback(null, { calm: true })");
    for _ in 0..20 {
        assert_eq!(model(&driver, &calm).await, json!({ "calm": true }));
    }
    for call in hostile {
        assert!(matches!(call.await.unwrap(), Failure::Timeout(_)));
    }
}

pub async fn program_answers_again_after_it_was_stopped_and_suspended(driver: Tested) {
    let program = providing(
        "({ params }, callback) => { while (params.stuck) {} callback(null, { well: true }); }",
    );
    let stuck = short(call(Entry::Data, &context(&json!({ "stuck": true }))));
    let failure = failure_of(execute(&driver, &program, stuck).await);
    assert_eq!(failure, Failure::Timeout(SLICE));

    let at_once = driver
        .call(&program, call(Entry::Data, &context(&json!({}))))
        .await;
    assert!(
        matches!(at_once, Err(EngineError::Suspended(_))),
        "{at_once:?}"
    );

    let well = call(Entry::Data, &context(&json!({})));
    let outcome = execute_when_let_in(&driver, &program, well).await;
    assert_eq!(model_of(outcome), json!({ "well": true }));
}

pub async fn work_without_a_pause_is_bounded(driver: Tested) {
    for body in [
        "const big = 'x'.repeat(4e6); const all = [];
         for (let at = 0; at < 10; at++) all.push(context.renderComponent('a', { parameters: { big } }));
         Promise.all(all).then(() => callback(null, { well: true }), callback);",
        "const timer = setTimeout(() => {}, 1e6); for (;;) timer.refresh();",
        "callback(null, { text: ('a' + '\\u0301\\u0323'.repeat(250000)).normalize('NFD') });",
    ] {
        let source = format!("(context, callback) => {{ {body} }}");
        let failure = failure_of(outcome(&driver, &providing(&source), json!({})).await);
        assert!(matches!(failure, Failure::Provider(_)), "{body}: {failure:?}");
    }
}

pub async fn memory_is_bounded(driver: Tested) {
    for body in [
        "const all = []; for (;;) all.push(new Array(1000).fill(all.length));",
        "callback(null, { text: 'x'.repeat(2 ** 29) });",
        "let text = 'x'; for (;;) { text += text; text.charCodeAt(0); }",
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
        "const all = []; const more = async () => { for (;;) { all.push(Buffer.alloc(1 << 20)); await 0; } }; more();",
    ] {
        let source = format!("(context, callback) => {{ {body} }}");
        let call = with_slice(Duration::from_secs(2));
        let failure = failure_of(execute(&driver, &providing(&source), call).await);
        let is_bounded = match &failure {
            // An engine that bounds the length of texts refuses them before its heap is full.
            Failure::Provider(error) => error.message.as_deref() == Some("Invalid string length"),
            // Bytes that nobody has touched take no memory yet: the loop ends with its slice.
            Failure::Timeout(_) => body.contains("Uint8Array") || body.contains("Buffer"),
            other => *other == Failure::Memory,
        };
        assert!(is_bounded, "{body}: {failure:?}");
    }
    let held = providing(
        "(context, callback) => { try { new Array(1e9).fill(1); } catch { callback(null, { caught: true }); } }",
    );
    let call = short(call(Entry::Data, &context(&json!({}))));
    let result = execute(&driver, &held, call).await.result;
    assert!(
        matches!(result, Ok(_) | Err(Failure::Memory | Failure::Timeout(_))),
        "{result:?}"
    );
}

pub async fn recursion_is_bounded(driver: Tested) {
    let (failure, _) = fails(&driver, "const down = () => 1 + down(); down();").await;
    assert!(matches!(failure, Failure::Provider(_)), "{failure:?}");
    let (failure, _) = fails(
        &driver,
        "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; callback(null, o);",
    )
    .await;
    assert!(!matches!(failure, Failure::Memory), "{failure:?}");
}

pub async fn deep_json_is_bounded(driver: Tested) {
    let depth = 100_000;
    let input = format!(
        "{{\"params\":{{\"deep\":{}{}}}}}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let program = providing("(context, callback) => callback(null, { fine: true })");
    let mut call = call(Entry::Data, &json!({}));
    call.input = input.into();
    // Some engines can read it.
    let result = execute(&driver, &program, call).await.result;
    let is_bounded = matches!(result, Ok(_) | Err(Failure::Provider(_)));
    assert!(is_bounded, "{result:?}");
    assert_eq!(model(&driver, &program).await, json!({ "fine": true }));
}

pub async fn output_is_bounded(driver: Tested) {
    let program = providing("(context, callback) => callback(null, { text: 'x'.repeat(5000) })");
    let mut call = call(Entry::Data, &context(&json!({})));
    call.limits.output_bytes = 4_096;
    let failure = failure_of(execute(&driver, &program, call).await);
    let text = "output of 5011 bytes, 4096 are allowed".to_owned();
    assert_eq!(failure, Failure::TooLarge(text));
}

pub async fn headers_are_bounded(driver: Tested) {
    let cases: [(&str, &str); 4] = [
        (
            "for (let i = 0; i < 1000; i++) context.setHeader('x-' + i, 'v');",
            "response headers",
        ),
        (
            "context.setHeader('x', 'v'.repeat(1e6));",
            "response headers",
        ),
        (
            "for (let i = 0; i < 1000; i++) context.setCookie('x' + i, 'v');",
            "cookies",
        ),
        ("context.setCookie('x', 'v'.repeat(1e6));", "cookies"),
    ];
    for (body, what) in cases {
        let source = format!("(context, callback) => {{ {body} callback(null, {{ a: 1 }}); }}");
        let program: Arc<Program> = providing(&source);
        let outcome = outcome(&driver, &program, json!({})).await;
        assert!(outcome.headers.is_empty() && outcome.cookies.is_empty());
        assert_eq!(failure_of(outcome), Failure::TooLarge(what.to_owned()));
    }
}
