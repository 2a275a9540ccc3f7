//! What an operator adds to `context.plugins`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::fixture::{
    RecordingHost, Tested, call, context, error, execute, execute_when_let_in, failure_of, model,
    model_of, outcome, with_provider,
};
use crate::{
    driver::{Call, Entry, Failure, Program},
    plugin::Plugin,
};

fn plugin(name: &str, module: &str) -> Plugin {
    Plugin::new(name, module, r#"{"secret":"s3cr3t","step":2}"#)
}

/// A program whose provider is the body of `async function (context)`, and plugins.
fn plugged(body: &str, plugins: Vec<Plugin>) -> Arc<Program> {
    let mut program = with_provider(&format!(
        "module.exports.data = (context, callback) => {{
          const {{ plugins }} = context;
          (async () => {{ {body} }})().then((value) => callback(null, value), callback);
        }};"
    ));
    let digests = plugins
        .iter()
        .map(|plugin| plugin.script.digest.to_string());
    program.digest = digests
        .fold(program.digest.to_string(), |all, one| all + &one)
        .into();
    program.plugins = plugins.into_iter().map(Arc::new).collect();
    Arc::new(program)
}

/// A plugin that executes a function expression.
fn executing(name: &str, function: &str) -> Plugin {
    plugin(
        name,
        &format!(
            "exports.register = (options, dependencies, next) => next(); exports.execute = {function};"
        ),
    )
}

pub async fn plugins_answer_at_once_by_callback_and_by_promise(driver: Tested) {
    let plugins = vec![
        plugin(
            "add",
            "let step;
             module.exports = {
               register(options, dependencies, next) { step = options.step; next(); },
               execute: (number) => number + step,
             };",
        ),
        executing(
            "later",
            "(text, callback) => setTimeout(() => callback(null, text + '!'), 5)",
        ),
        executing(
            "promised",
            "async (text) => { await new Promise((done) => setTimeout(done, 5)); return { text }; }",
        ),
    ];
    let program = plugged(
        "const later = await new Promise((done) => plugins.later('a', (error, text) => done(text)));
         return { sum: plugins.add(40), later, promised: await plugins.promised('b'), names: Object.keys(plugins) };",
        plugins,
    );
    let expected = json!({ "sum": 42, "later": "a!", "promised": { "text": "b" }, "names": ["add", "later", "promised"] });

    assert_eq!(model(&driver, &program).await, expected);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn plugin_with_context_knows_the_component(driver: Tested) {
    let mut plugin = executing(
        "who",
        "({ name, version }) => (greeting) => `${greeting} ${name}@${version}`",
    );
    plugin.with_context = true;
    let program = plugged("return { told: plugins.who('hello') };", vec![plugin]);

    assert_eq!(
        model(&driver, &program).await,
        json!({ "told": "hello tested@1.0.0" })
    );
}

pub async fn plugins_are_registered_after_those_they_depend_on(driver: Tested) {
    let plugins = vec![
        plugin(
            "last",
            "let given;
             exports.dependencies = ['first'];
             exports.register = (options, dependencies, next) => { given = dependencies; next(); };
             exports.execute = () => ({ names: Object.keys(given), value: given.first.handler() });",
        ),
        plugin(
            "first",
            "let value;
             exports.register = (options, dependencies, next) => setTimeout(() => { value = 'ready'; next(); }, 20);
             exports.execute = () => value;",
        ),
    ];
    let program = plugged("return plugins.last();", plugins);
    let calls = (0..4).map(|_| model(&driver, &program));

    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer, json!({ "names": ["first"], "value": "ready" }));
    }
}

pub async fn values_cross_as_copies(driver: Tested) {
    let program = plugged(
        "const list = [1, [2]];
         const given = { date: new Date(5), map: new Map([['k', { v: 1 }]]), set: new Set([1]), bytes: new Uint8Array([1, 255]),
           big: 5n, nothing: undefined, nan: NaN, zero: -0, expression: /a/g, list, again: list, call: (n) => n * 2 };
         given.self = given;
         const back = plugins.echo(given);
         let caught;
         try { plugins.fail(); } catch (error) { caught = error; }
         const rejected = await plugins.reject().catch((error) => error);
         return {
           date: back.date instanceof Date && back.date.getTime(), map: back.map.get('k').v, set: back.set.has(1),
           bytes: Array.from(back.bytes), big: String(back.big), nothing: 'nothing' in back, nan: Number.isNaN(back.nan),
           zero: Object.is(back.zero, -0), expression: String(back.expression), same: back.list === back.again, copied: back.list !== list,
           self: back.self === back, call: back.call(21), array: Array.isArray(back.list),
           caught: [caught instanceof TypeError, caught.message, caught.code], rejected: [rejected instanceof Error, rejected.message],
         };",
        vec![
            executing("echo", "(value) => value"),
            executing("fail", "() => { throw Object.assign(new TypeError('no'), { code: 'E_NO' }); }"),
            executing("reject", "async () => { throw new Error('later'); }"),
        ],
    );
    assert_eq!(
        model(&driver, &program).await,
        json!({
            "date": 5, "map": 1, "set": true, "bytes": [1, 255], "big": "5", "nothing": true, "nan": true,
            "zero": true, "expression": "/a/g", "same": true, "copied": true, "self": true, "call": 42, "array": true,
            "caught": [true, "no", "E_NO"], "rejected": [true, "later"],
        })
    );
}

/// Looks at everything that a component can get hold of while it uses the plugins `use` and
/// `later`, by every way that hands out a caller's objects.
const ATTACK: &str = "let others = 0, leaked = false, busy = false, left = 0, inspections = 0;
         const { ownKeys, getPrototypeOf, apply, getOwnPropertyDescriptor } = Reflect;
         const visit = (value, depth) => {
           if ((typeof value !== 'object' && typeof value !== 'function') || value === null || depth > 3 || left-- <= 0) return;
           try {
             const found = value.constructor.constructor('return globalThis')();
             if (found !== globalThis) others++;
             if ('pluginMark' in found) leaked = true;
           } catch {}
           const keys = ownKeys(value);
           for (let i = 0; i < keys.length; i++) { try { visit(value[keys[i]], depth + 1); } catch {} }
           visit(getPrototypeOf(value), depth + 1);
         };
         const inspect = (value) => {
           if (busy || inspections++ > 400) return;
           busy = true;
           left = 30;
           try { visit(value, 0); } finally { busy = false; }
         };
         const spy = (target) => new Proxy(target, {
           apply(f, self, args) { inspect(args); inspect(self); return undefined; },
           get(object, key, receiver) { inspect(receiver); return object[key]; },
         });
         let prepared = 0;
         Error.prepareStackTrace = (error, sites) => {
           prepared++;
           for (const site of sites) {
             inspect(site);
             for (const name of ['getFunction', 'getThis']) if (typeof site[name] === 'function') inspect(site[name]());
           }
           return '';
         };
         for (const owner of [Array.prototype, Map.prototype, Set.prototype, Promise.prototype, String.prototype, JSON]) {
           for (const name of Object.getOwnPropertyNames(owner)) {
             const native = getOwnPropertyDescriptor(owner, name).value;
             if (typeof native !== 'function' || name === 'constructor') continue;
             owner[name] = function (...args) {
               inspect(this);
               for (let i = 0; i < args.length; i++) inspect(args[i]);
               return apply(native, this, args);
             };
           }
         }
         const hostile = { get a() { return 1; }, callback: spy(() => { new Error('frames').stack; throw new Error('mine'); }) };
         Object.defineProperty(hostile, 'b', { get: spy(() => 1), enumerable: true });
         inspect(plugins);
         inspections = 0;
         const seen = [];
         try { const back = plugins.use(hostile, hostile.callback); inspect(back); } catch (error) { inspect(error); }
         inspections = 0;
         const deep = () => { try { plugins.use({}, () => {}); deep(); } catch (error) { inspect(error); } };
         deep();
         inspections = 0;
         inspect(await plugins.later(Promise.reject(new Error('x'))).catch((error) => error));
         return { others, leaked, prepared };";

pub async fn nothing_of_a_plugin_is_reachable(driver: Tested) {
    let program = plugged(
        ATTACK,
        vec![
            executing(
                "use",
                "(globalThis.pluginMark = true, (value, callback) => {
                   try { callback(value, [1], new Error('given')); } catch {}
                   return { value, list: [1], call: () => [1], error: new Error('e') };
                 })",
            ),
            executing("later", "async (promise) => { await promise; }"),
        ],
    );
    let found = model(&driver, &program).await;

    assert_eq!(
        (&found["others"], &found["leaked"]),
        (&json!(0), &json!(false)),
        "{found}"
    );
    assert!(found["prepared"].as_u64() > Some(0), "{found}");
}

pub async fn bad_plugins_fail_each_call_with_a_reason(driver: Tested) {
    let cases = [
        ("exports.register = ((", "plugin bad: "),
        ("throw new Error('at load')", "plugin bad: at load"),
        (
            "exports.register = () => {};",
            "plugin bad: module does not export register(options, dependencies, next) and execute",
        ),
        (
            "exports.register = (o, d, next) => next(new Error('no network')); exports.execute = () => {};",
            "plugin bad: no network",
        ),
        (
            "exports.register = async () => { throw new Error('rejected'); }; exports.execute = () => {};",
            "plugin bad: rejected",
        ),
        (
            "exports.dependencies = ['other']; exports.register = (o, d, next) => next(); exports.execute = () => {};",
            "plugin bad: unknown plugin dependency: other",
        ),
        (
            "exports.dependencies = ['bad']; exports.register = (o, d, next) => next(); exports.execute = () => {};",
            "plugin bad: dependency cycle: bad -> bad",
        ),
    ];
    for (module, expected) in cases {
        let program = plugged("return { plugins: 1 };", vec![plugin("bad", module)]);
        for _ in 0..2 {
            let message = error(&driver, &program).await.message.unwrap();
            assert!(message.starts_with(expected), "{module}: {message}");
        }
    }
}

pub async fn limits_hold_inside_plugins(driver: Tested) {
    let program = plugged(
        "return plugins.loop();",
        vec![executing("loop", "() => { for (;;) {} }")],
    );
    let mut stopped = call(Entry::Data, &context(&json!({})));
    stopped.limits.cpu_slice = Duration::from_millis(100);
    let failure = failure_of(execute(&driver, &program, stopped).await);
    assert!(matches!(failure, Failure::Timeout(_)), "{failure:?}");

    let module = "exports.register = () => {}; exports.execute = () => {};";
    let program = plugged("return plugins;", vec![plugin("never", module)]);
    let mut waiting = call(Entry::Data, &context(&json!({})));
    waiting.limits.deadline = Duration::from_secs(1);
    let failure = failure_of(execute_when_let_in(&driver, &program, waiting).await);
    assert!(matches!(failure, Failure::Timeout(_)), "{failure:?}");
}

pub async fn plugins_get_ready_for_others_when_a_call_is_late(driver: Tested) {
    let module = "exports.register = (o, d, next) => setTimeout(next, 3000); exports.execute = () => 'here';";
    let program = plugged("return plugins.slow();", vec![plugin("slow", module)]);
    let patient = call(Entry::Data, &context(&json!({})));
    let mut hasty = patient.clone();
    hasty.limits.deadline = Duration::from_secs(1);

    let (late, patient) = tokio::join!(
        execute(&driver, &program, hasty),
        execute(&driver, &program, patient)
    );

    assert!(matches!(failure_of(late), Failure::Timeout(_)));
    assert_eq!(model_of(patient), json!("here"));
}

pub async fn plugins_get_ready_for_others_when_a_caller_goes_away(driver: Tested) {
    let module = "
      exports.register = (o, d, next) => { fetch('https://example.org/').then(() => setTimeout(next, 800)); };
      exports.execute = () => 'here';";
    let program = plugged("return plugins.slow();", vec![plugin("slow", module)]);
    let asked = |host: &Arc<RecordingHost>| host.fetched.lock().unwrap().len();
    let by = |host: &Arc<RecordingHost>| Call {
        host: Arc::clone(host) as _,
        ..call(Entry::Data, &context(&json!({})))
    };
    let (first, second) = (Arc::default(), Arc::default());
    let mut gone = Box::pin(driver.call(&program, by(&first)));
    while asked(&first) == 0 {
        assert!(futures::poll!(&mut gone).is_pending());
        tokio::task::yield_now().await;
    }
    let mut waiting = Box::pin(execute(&driver, &program, by(&second)));
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(gone);

    assert_eq!(model_of(waiting.await), json!("here"));
    // They were registered once.
    assert_eq!((asked(&first), asked(&second)), (1, 0));
}

pub async fn plugins_need_not_be_used(driver: Tested) {
    let module = "exports.register = (o, d, next) => next();
      exports.execute = () => { throw new Error('asked'); };";
    let mut plugin = plugin("who", module);
    plugin.with_context = true;
    let mut program = with_provider(
        "module.exports.data = (context, callback) => {
          const given = context.params.set && (context.plugins = 'mine');
          callback(null, { given, keys: Object.keys(context).includes('plugins') });
        };",
    );
    program.plugins = [Arc::new(plugin)].into();
    let program = Arc::new(program);

    let unused = model_of(outcome(&driver, &program, json!({})).await);
    assert_eq!(unused, json!({ "keys": true }));
    let set = model_of(outcome(&driver, &program, json!({ "set": true })).await);
    assert_eq!(set, json!({ "given": "mine", "keys": true }));
}

pub async fn plugins_may_fetch_and_fail_later(driver: Tested) {
    let program = plugged(
        "return { told: await plugins.ask('https://example.org/x') };",
        vec![executing(
            "ask",
            "async (url) => (await (await fetch(url)).json()).url",
        )],
    );
    assert_eq!(
        model(&driver, &program).await,
        json!({ "told": "https://example.org/x" })
    );

    let program = plugged(
        "plugins.float(); await new Promise(() => {});",
        vec![executing(
            "float",
            "() => { setTimeout(() => { throw new Error('in a timer'); }, 1); }",
        )],
    );
    assert_eq!(
        error(&driver, &program).await.message.as_deref(),
        Some("in a timer")
    );
}

pub async fn programs_without_plugins_have_none(driver: Tested) {
    let program = plugged("return { keys: Object.keys(plugins) };", Vec::new());
    let expected: Value = json!({ "keys": [] });
    assert_eq!(model(&driver, &program).await, expected);
}
