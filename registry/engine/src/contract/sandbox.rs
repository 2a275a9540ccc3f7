//! What a provider finds in its realm, and what it does not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::{
    RecordingHost, Tested, call, context, error, execute, model, model_of, providing, with_provider,
};
use crate::driver::{Call, Entry};

pub async fn globals_are_those_of_oc(driver: Tested) {
    let program = providing(
        "(context, callback) => callback(null, {
          own: Object.keys(globalThis), types: Object.keys(globalThis).map((name) => typeof globalThis[name]).join(),
          all: Object.getOwnPropertyNames(globalThis).filter((name) => !Object.keys(globalThis).includes(name)).sort(),
        })",
    );
    let globals = model(&driver, &program).await;
    let own = json!([
        "require",
        "module",
        "exports",
        "console",
        "setTimeout",
        "clearTimeout",
        "Buffer",
        "Error",
        "AbortController",
        "AbortSignal",
        "Promise",
        "Date",
        "Symbol",
        "eval",
        "URL",
        "URLSearchParams",
        "crypto",
        "fetch",
        "process",
    ]);
    assert_eq!(sorted(&globals["own"]), sorted(&own));
    let standard = "AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean \
        DataView EvalError FinalizationRegistry Float32Array Float64Array Function Infinity Int16Array \
        Int32Array Int8Array JSON Map Math NaN Number Object Proxy RangeError ReferenceError Reflect \
        RegExp Set SharedArrayBuffer String SyntaxError TypeError URIError Uint16Array Uint32Array \
        Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI \
        encodeURIComponent escape globalThis isFinite isNaN parseFloat parseInt undefined unescape";
    // Newer editions of the standard than the one OC's Node speaks, and what only V8 has.
    let more = [
        "AsyncDisposableStack",
        "DisposableStack",
        "Float16Array",
        "Intl",
        "Iterator",
        "SuppressedError",
        "WebAssembly",
    ];
    let all: Vec<_> = sorted(&globals["all"])
        .into_iter()
        .filter(|name| !more.contains(&name.as_str()))
        .collect();
    assert_eq!(
        all.join(" "),
        standard.split_whitespace().collect::<Vec<_>>().join(" ")
    );
}

fn sorted(names: &Value) -> Vec<String> {
    let mut names: Vec<String> = serde_json::from_value(names.clone()).unwrap();
    names.sort();
    names
}

pub async fn nothing_of_the_host_is_reachable(driver: Tested) {
    let program = providing(
        "async (context) => {
          const seen = [];
          const walk = (value, path, depth) => {
            if (depth > 6 || value === null || (typeof value !== 'object' && typeof value !== 'function')) return;
            if (walked.has(value)) return;
            walked.add(value);
            for (const name of Reflect.ownKeys(value)) {
              const { get, value: member } = Object.getOwnPropertyDescriptor(value, name);
              if (['answer', 'deliver', 'environment', 'prelude', 'exhausted'].includes(name)) seen.push(path + String(name));
              walk(get === undefined ? member : undefined, path + String(name) + '.', depth + 1);
            }
            walk(Object.getPrototypeOf(value), path + '__proto__.', depth + 1);
          };
          const walked = new Set();
          walk(globalThis, '', 0);
          walk(context, 'context.', 0);
          const made = new Function('return typeof process + Object.keys(process) + typeof globalThis.host');
          let imported = 'nothing';
          try { imported = typeof (await import('fs')); } catch {}
          return {
            seen, made: made(), evil: typeof eval, imported,
            constructed: context.setHeader.constructor('return this')() === globalThis,
          };
        }",
    );
    let expected = json!({
        "seen": [], "made": "objectenvundefined", "evil": "undefined", "imported": "nothing",
        "constructed": true,
    });
    assert_eq!(model(&driver, &program).await, expected);
}

/// Errors lead from one object to the next as far as any other value.
pub async fn errors_lead_to_nothing_of_the_host(driver: Tested) {
    let program = with_provider(
        "const foreign = [];
        // Looked at in the end: that itself needs room on the stack.
        const caught = [];
        function look([error, path]) {
          let value = error;
          while (value !== null && (typeof value === 'object' || typeof value === 'function')) {
            const next = Object.getPrototypeOf(value);
            if (next === null && value !== Object.prototype) return foreign.push(path + ' ' + error);
            value = next;
          }
          const made = error.constructor.constructor('return [typeof process.kill, globalThis === this]')();
          if (error.constructor.constructor !== Function || String(made) !== 'undefined,true') foreign.push(path);
          for (const name of Reflect.ownKeys(error)) {
            const member = error[name];
            if (Object(member) === member && !(member instanceof Object)) foreign.push(path + '.' + String(name));
          }
        }
        function attempt(path, work) {
          try { work(); } catch (error) { caught.push([error, path]); }
        }
        // Works where the stack is full, each time a little higher up.
        function full(path, work) {
          let tries = 0;
          const down = () => {
            try {
              down();
            } catch (error) {
              if (tries++ < 100) attempt(path + ' deep', work);
              throw error;
            }
          };
          attempt(path + ' full', down);
        }
        module.exports.data = async (context) => {
          const works = {
            timers: () => clearTimeout(setTimeout(() => {}, 1000)),
            buffer: () => Buffer.from('61', 'hex').toString('base64'),
            url: () => new URL('http://a.example/?a=b').searchParams.append('c', 'd'),
            crypto: () => crypto.getRandomValues(new Uint8Array(4)),
            header: () => context.setHeader('x-a', 'b'),
            cookie: () => context.setCookie('a', 'b'),
          };
          for (const name of Object.keys(works)) full(name, works[name]);
          attempt('many', () => { for (let i = 0; i < 20000; i++) clearTimeout(setTimeout(() => {}, 1000)); });
          attempt('encoding', () => Buffer.from('a', 'nothing'));
          attempt('length', () => Buffer.from('a').toString('hex').repeat(2 ** 30));
          const { stringify } = JSON;
          for (const value of [{}, Symbol('a'), 1, () => {}, [Symbol('a')], { get length() { throw new Error('l'); } }]) {
            JSON.stringify = () => value;
            attempt('cookie', () => context.setCookie('a', 'b'));
            JSON.stringify = stringify;
            String.prototype.toLowerCase = () => value;
            attempt('header', () => context.setHeader('a', 'b'));
          }
          await context.renderComponent('broken').catch((error) => Object(error) === error && caught.push([error, 'nested']));
          await fetch('https://refused.example/').catch((error) => caught.push([error, 'fetch'], [error.cause, 'cause']));
          caught.forEach(look);
          return { foreign: [...new Set(foreign)], caught: caught.length > 10 };
        };",
    );
    let mut call = call(Entry::Data, &context(&json!({})));
    call.limits.headers = 1_000;
    let expected = json!({ "foreign": [], "caught": true });
    assert_eq!(
        model_of(execute(&driver, &Arc::new(program), call).await),
        expected
    );
}

pub async fn prototypes_belong_to_one_program(driver: Tested) {
    let polluting = providing(
        "(context, callback) => {
          Object.prototype.polluted = 1; Array.prototype.map = () => 'broken'; JSON.parse = () => ({});
          callback(null, { polluted: {}.polluted });
        }",
    );
    assert_eq!(model(&driver, &polluting).await, json!({ "polluted": 1 }));
    let clean =
        providing("(context, callback) => callback(null, [1].map(() => typeof {}.polluted))");
    assert_eq!(model(&driver, &clean).await, json!(["undefined"]));
}

pub async fn buffers_work(driver: Tested) {
    let program = providing(
        "(context, callback) => {
          const b = Buffer.from('h\\u00e9llo');
          const n = Buffer.alloc(20);
          n.writeUInt16LE(0x1234, 0); n.writeInt32BE(-5, 2); n.writeDoubleLE(1.5, 6); n.writeUIntBE(0x010203, 14, 3);
          callback(null, [
            b.length, b.toString('base64'), b.toString('hex'), b.toString('latin1'), Buffer.from('aGk', 'base64').toString(),
            Buffer.from([1, 2, 300]).toJSON(), Buffer.concat([b, Buffer.from('!')]).toString(), Buffer.isBuffer(b),
            Buffer.byteLength('\\u20ac'), b.slice(0, 1).toString(), b.equals(Buffer.from(b)), b.indexOf('llo'),
            b.includes('x'), Buffer.compare(Buffer.from('a'), Buffer.from('b')), b.subarray(3) instanceof Buffer,
            n.readUInt16LE(0), n.readInt32BE(2), n.readDoubleLE(6), n.readUIntBE(14, 3), Buffer.alloc(3, 'ab').toString(),
            Buffer.from('ff', 'hex')[0], b.write('HE'), b.toString('utf8', 0, 2), Buffer.from('\\ud83d\\ude00', 'utf16le').length,
            (() => { try { n.readUInt8(20); } catch (error) { return error.code; } })(),
            Buffer.from('\\ud800').toString('hex'),
          ]);
        }",
    );
    let expected = json!([
        6, "aMOpbGxv", "68c3a96c6c6f", "h\u{c3}\u{a9}llo", "hi",
        { "type": "Buffer", "data": [1, 2, 44] }, "h\u{e9}llo!", true,
        3, "h", true, 3,
        false, -1, true,
        0x1234, -5, 1.5, 0x01_0203, "aba",
        255, 2, "HE", 4,
        "ERR_OUT_OF_RANGE",
        "efbfbd",
    ]);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn urls_work(driver: Tested) {
    let program = providing(
        "(context, callback) => {
          const url = new URL('../b?x=1#h', 'https://User:pw@Example.com:8443/a/c');
          url.searchParams.append('y z', '\\u00e9&'); url.port = '443'; url.pathname = '/p q';
          const params = new URLSearchParams({ a: 1, b: 'two words' });
          params.append('a', 3); params.set('b', 'x'); params.delete('none');
          let invalid; try { new URL('nowhere'); } catch (error) { invalid = [error.name, error.code]; }
          url.search = '?only=1';
          callback(null, [
            url.href, url.host, url.origin, url.username, String(params), params.getAll('a'), [...params.keys()],
            url.searchParams.get('only'), JSON.stringify({ url }), invalid, URL.canParse('/x', 'http://h/'), params.size,
            String(new URLSearchParams('?q=a+b%20c')), String(new URLSearchParams([['k', 'v']])), new URL('http://h').toString(),
          ]);
        }",
    );
    let href = "https://User:pw@example.com/p%20q?only=1#h";
    let expected = json!([
        href,
        "example.com",
        "https://example.com",
        "User",
        "a=1&b=x&a=3",
        ["1", "3"],
        ["a", "b", "a"],
        "1",
        format!("{{\"url\":\"{href}\"}}"),
        ["TypeError", "ERR_INVALID_URL"],
        true,
        3,
        "q=a+b+c",
        "k=v",
        "http://h/",
    ]);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn aborting_works(driver: Tested) {
    let program = providing(
        "async () => {
          const controller = new AbortController();
          const heard = [];
          controller.signal.addEventListener('abort', (event) => heard.push(event.type));
          controller.signal.onabort = () => heard.push('on');
          const any = AbortSignal.any([controller.signal, AbortSignal.timeout(60000)]);
          controller.abort();
          controller.abort('twice');
          const late = await new Promise((resolve) => {
            const signal = AbortSignal.timeout(5);
            signal.addEventListener('abort', () => resolve(signal.reason.name));
          });
          let thrown; try { AbortSignal.abort('why').throwIfAborted(); } catch (error) { thrown = error; }
          return [heard, any.aborted, any.reason.name, late, thrown, String(controller.signal)];
        }",
    );
    let expected = json!([
        ["abort", "on"],
        true,
        "AbortError",
        "TimeoutError",
        "why",
        "[object AbortSignal]"
    ]);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn crypto_works(driver: Tested) {
    let program = providing(
        "async () => {
          const hash = await crypto.subtle.digest('SHA-256', Buffer.from('abc'));
          const random = crypto.getRandomValues(new Uint32Array(8));
          let wrong; try { await crypto.subtle.digest('MD5', Buffer.from('')); } catch (error) { wrong = error.name; }
          return [
            Buffer.from(hash).toString('hex').slice(0, 8), random.some((value) => value !== 0),
            /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), wrong,
          ];
        }",
    );
    let expected = json!(["ba7816bf", true, true, "NotSupportedError"]);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn fetch_asks_the_registry(driver: Tested) {
    let program = providing(
        "async () => {
          const response = await fetch('https://api.example/x#frag', {
            method: 'post', headers: { 'X-Key': 'k' }, body: JSON.stringify({ a: '\\u00e9' }),
          });
          const copy = response.clone();
          const body = await response.json();
          const refused = await fetch('https://refused.example/').catch((error) => [error.name, error.message, error.cause.message]);
          const aborted = await fetch(new URL('https://api.example/'), { signal: AbortSignal.abort() }).catch((error) => error.name);
          return [
            response.status, response.ok, response.statusText, response.headers.get('content-type'), body,
            (await copy.text()).length > 10, response.bodyUsed, refused, aborted, typeof Headers, typeof Response,
          ];
        }",
    );
    let expected = json!([
        201, true, "Created", "application/json",
        {
            "method": "POST", "url": "https://api.example/x",
            "headers": [["content-type", "text/plain;charset=UTF-8"], ["x-key", "k"]],
            "body": "{\"a\":\"\u{e9}\"}",
        },
        true, true, ["TypeError", "fetch failed", "address is not allowed"], "AbortError",
        "undefined", "undefined",
    ]);
    assert_eq!(model(&driver, &program).await, expected);
}

pub async fn fetches_are_counted(driver: Tested) {
    let program = providing(
        "async () => {
          const all = Array.from({ length: 25 }, () => fetch('https://api.example/'));
          const settled = await Promise.allSettled(all);
          return { refused: settled.filter(({ status }) => status === 'rejected').length };
        }",
    );
    assert_eq!(model(&driver, &program).await, json!({ "refused": 5 }));
    let failing = providing(
        "async () => { for (let i = 0; i < 21; i++) await fetch('https://api.example/'); }",
    );
    let error = error(&driver, &failing).await;
    assert_eq!(error.message.as_deref(), Some("fetch failed"));
}

pub async fn console_reaches_the_log_only_when_asked(driver: Tested) {
    for (console, expected) in [
        (true, vec!["log: a {\"b\":1}", "error: Error: c"]),
        (false, vec![]),
    ] {
        let mut program = with_provider(
            "module.exports.data = (context, callback) => {
              console.log('a', { b: 1 }); console.table([]); console.error(String(new Error('c')));
              callback(null, { done: true });
            };",
        );
        program.console = console;
        program.digest = format!("{}{console}", program.digest).into();
        let host = Arc::new(RecordingHost::default());
        let call = Call {
            host: Arc::clone(&host) as _,
            ..call(Entry::Data, &context(&json!({})))
        };
        let answer = execute(&driver, &Arc::new(program), call).await;
        assert_eq!(model_of(answer), json!({ "done": true }));
        assert_eq!(*host.lines.lock().unwrap(), expected);
    }
}
