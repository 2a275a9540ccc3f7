//! The Node driver passes the contract, and survives what only it can meet.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc, time::Duration};

use ochre_engine::{
    contract::fixture::{
        Tested, call, context, execute, failure_of, model, model_of, outcome, providing,
    },
    driver::{Driver, EngineError, Entry, Failure, Limits},
    node::{Installation, NodeDriver, NodeSettings},
    pool::WorkerExecutable,
};
use serde_json::json;
use tokio::runtime::Handle;

ochre_engine::driver_contract!(crate::driver);

/// Node has to be on the `PATH`.
async fn driver() -> Tested {
    started(settings()).await
}

fn settings() -> NodeSettings {
    NodeSettings {
        workers: 2,
        queue: 1_024,
        memory_bytes: 384 * 1024 * 1024,
        modules: PathBuf::from("/nowhere"),
        dependencies: BTreeSet::new(),
        readable: Vec::new(),
        hardened: true,
        limits: Limits::default(),
    }
}

async fn started(settings: NodeSettings) -> Tested {
    let node = Installation::find(None).await.unwrap();
    let driver = NodeDriver::new(node, executable(), settings, Handle::current());
    driver.start().await.unwrap();
    driver.start_with_modules().await.unwrap();
    Arc::new(driver)
}

fn executable() -> WorkerExecutable {
    WorkerExecutable::new(env!("CARGO_BIN_EXE_engine-worker"), &[])
}

/// Modules that wait outside of JavaScript, which no call can be told from by order alone.
async fn with_modules(dependencies: &[&str]) -> Tested {
    let dependencies = dependencies.iter().map(ToString::to_string).collect();
    started(NodeSettings {
        dependencies,
        ..settings()
    })
    .await
}

#[tokio::test]
async fn workers_start_with_the_first_call() {
    let node = Installation::find(None).await.unwrap();
    let driver = NodeDriver::new(node, executable(), settings(), Handle::current());
    assert_eq!(driver.health().queue_depth, 0);
    let tested: Tested = Arc::new(driver);

    let program = providing("(context, callback) => callback(null, { started: true })");
    let models = (0..4).map(|_| model(&tested, &program));

    for model in futures::future::join_all(models).await {
        assert_eq!(model, json!({ "started": true }));
    }
}

#[tokio::test]
async fn worker_that_cannot_be_started_fails_its_calls() {
    let node = Installation::find(None).await.unwrap();
    let nobody = WorkerExecutable::new("/nowhere/worker", &[]);
    let driver = NodeDriver::new(node, nobody, settings(), Handle::current());
    let program = providing("(context, callback) => callback(null, {})");
    for _ in 0..2 {
        let call = call(Entry::Data, &context(&json!({})));
        let outcome = driver.call(&program, call).await;
        assert!(matches!(outcome, Err(EngineError::Crashed)), "{outcome:?}");
    }
}

#[tokio::test]
async fn locales_are_there() {
    let program = providing(
        "(context, callback) => callback(null, [
          (1234567.891).toLocaleString('de-DE'), new Intl.PluralRules('ar').select(2),
          new Date(0).toLocaleDateString('en-GB', { timeZone: 'UTC' }),
        ])",
    );
    let expected = json!(["1.234.567,891", "two", "01/01/1970"]);
    assert_eq!(model(&driver().await, &program).await, expected);
}

/// Errors that Node throws by itself into a realm come from another one.
#[tokio::test]
async fn what_node_throws_by_itself_is_frozen_and_makes_no_code() {
    let function = "async () => {
          const foreign = [];
          const note = (error) => error instanceof Error || foreign.push(error);
          const down = () => { try { down(); } catch {} try { new Error('a').stack; } catch (error) { note(error); } };
          try { down(); } catch {}
          await import('fs').catch(note);
          const problems = [];
          for (const error of foreign) {
            for (let value = Object.getPrototypeOf(error); value !== null; value = Object.getPrototypeOf(value)) {
              if (!Object.isFrozen(value) || !Object.isFrozen(value.constructor)) problems.push(String(value));
            }
            try { problems.push(error.constructor.constructor('return process')().version); } catch {}
            for (const made of [error.constructor.prototype, Object.getPrototypeOf(error.constructor)]) {
              try { made.toString = () => 'changed'; } catch {}
              if (String(made) === 'changed') problems.push('changed');
            }
          }
          return { met: foreign.length > 0, problems: [...new Set(problems)] };
        }";
    let expected = json!({ "met": true, "problems": [] });
    assert_eq!(model(&driver().await, &providing(function)).await, expected);
    let driver = with_modules(&["os"]).await;
    let program = providing(&format!("require('os') && ({function})"));
    assert_eq!(model(&driver, &program).await, expected);
}

#[tokio::test]
async fn modules_are_out_of_reach_of_programs_that_require_none() {
    let driver = with_modules(&["events"]).await;
    let requiring = providing(
        "(context, callback) => {
          const events = require('events');
          events.changed = true;
          callback(null, {
            worker: events.constructor.constructor === Function, changed: require('events').changed,
          });
        }",
    );
    let expected = json!({ "worker": false, "changed": true });
    assert_eq!(model(&driver, &requiring).await, expected);

    // Asks for a module in a way that is not seen.
    let hidden = providing(
        "(context, callback) => {
          try { globalThis['req' + 'uire']('events'); } catch (error) { return callback(null, { code: error.code }); }
          callback(null, { code: 'none' });
        }",
    );
    let expected = json!({ "code": "DEPENDENCY_MISSING_FROM_REGISTRY" });
    assert_eq!(model(&driver, &hidden).await, expected);
}

#[tokio::test]
async fn modules_make_code_only_where_the_operator_says_so() {
    let program = || {
        providing(
            "(context, callback) => {
              let made = 'nothing';
              try { made = require('events').constructor('return typeof process')(); } catch {}
              const list = require('util').types.constructor.values({});
              callback(null, { made, frozen: Object.isFrozen(Object.getPrototypeOf(list)) });
            }",
        )
    };
    let hardened = with_modules(&["events", "util"]).await;
    let expected = json!({ "made": "nothing", "frozen": true });
    assert_eq!(model(&hardened, &program()).await, expected);

    let soft = started(NodeSettings {
        hardened: false,
        dependencies: ["events", "util"].map(str::to_owned).into(),
        ..settings()
    })
    .await;
    let expected = json!({ "made": "object", "frozen": false });
    assert_eq!(model(&soft, &program()).await, expected);
}

#[tokio::test]
async fn calls_that_wait_for_modules_are_told_apart() {
    let driver = with_modules(&["timers", "fs"]).await;
    let program = providing(
        "(context, callback) => {
          const { id } = context.params;
          require('timers').setTimeout(async () => {
            await null;
            if (id % 2) throw new Error('failed ' + id);
            const html = await context.renderComponent('c' + id);
            require('fs').readFile('/', () => callback(null, { html }));
          }, 20 - id);
        }",
    );
    let calls = (0..20).map(|id| outcome(&driver, &program, json!({ "id": id })));
    for (id, outcome) in futures::future::join_all(calls)
        .await
        .into_iter()
        .enumerate()
    {
        let told = format!("{:?}", outcome.result);
        let expected = if id % 2 == 1 {
            format!("failed {id}")
        } else {
            format!("<c{id}>")
        };
        assert!(told.contains(&expected), "{id}: {told}");
    }
}

#[tokio::test]
async fn classes_are_those_of_the_modules() {
    let driver = with_modules(&["buffer", "crypto"]).await;
    let program = providing(
        "(context, callback) => {
          const hash = require('crypto').createHash('sha1').update(Buffer.from('a')).digest();
          callback(null, [Buffer.isBuffer(hash), Buffer === require('buffer').Buffer, hash instanceof Buffer]);
        }",
    );
    assert_eq!(model(&driver, &program).await, json!([true, true, true]));
}

#[tokio::test]
async fn stacks_hold_no_path_of_the_modules() {
    let folder = std::env::temp_dir().join(format!("ochre-modules-{}", std::process::id()));
    let package = folder.join("node_modules/throws");
    fs::create_dir_all(&package).unwrap();
    let script = "module.exports = () => { throw new Error('from a module'); };";
    fs::write(package.join("index.js"), script).unwrap();
    let driver = started(NodeSettings {
        modules: folder.clone(),
        dependencies: BTreeSet::from(["throws".to_owned()]),
        ..settings()
    })
    .await;

    let failure =
        failure_of(outcome(&driver, &providing("() => require('throws')()"), json!({})).await);

    fs::remove_dir_all(&folder).unwrap();
    let Failure::Provider(error) = failure else {
        panic!("{failure:?}");
    };
    let stack = error.stack.unwrap();
    assert!(stack.contains("node_modules/throws/index.js"), "{stack}");
    assert!(!stack.contains("ochre-modules"), "{stack}");
}

#[tokio::test]
async fn what_programs_keep_does_not_end_their_worker() {
    let driver = driver().await;
    let keeping = |name: u32| {
        providing(&format!(
            "(context, callback) => {{
              globalThis.kept ??= [];
              kept.push(Array.from({{ length: context.params.kept }}, (_, at) => at + {name}.5));
              callback(null, {{ calls: kept.length }});
            }}"
        ))
    };
    let programs: Vec<_> = (0..60).map(keeping).collect();
    // Loaded while they hold nothing, and growing with their calls: 16 MiB each.
    for kept in [1, 2 * 1024 * 1024] {
        for program in &programs {
            let model = model_of(outcome(&driver, program, json!({ "kept": kept })).await);
            assert!(model["calls"].is_u64(), "{model}");
        }
    }
    // Four times and more, if all was kept; a worker that grows faster than it looks may be replaced.
    let restarts = driver.health().restarts;
    assert!(restarts < 3, "{restarts}");
}

#[tokio::test]
async fn worker_that_is_stuck_is_replaced() {
    let driver = driver().await;
    let mut stuck = call(Entry::Data, &context(&json!({})));
    stuck.limits.cpu_slice = Duration::from_millis(200);
    stuck.limits.deadline = Duration::from_secs(3);
    let native = providing("() => { [].indexOf.call({ length: 2 ** 53 - 1 }, 1); }");

    let failure = failure_of(execute(&driver, &native, stuck).await);

    assert!(matches!(failure, Failure::Timeout(_)), "{failure:?}");
    let program = providing("(context, callback) => callback(null, { well: true })");
    assert_eq!(model(&driver, &program).await, json!({ "well": true }));
    assert!(driver.health().restarts > 0);
}

/// Node's permissions do not cover signals.
#[cfg(target_os = "linux")]
#[test]
fn node_as_a_worker_signals_itself_alone() {
    let script = "
        const tried = (act) => { try { return String(act()); } catch (error) { return error.code; } };
        const probes = `[
            () => process.kill(process.pid, 0), () => process.kill(process.ppid, 0),
            () => process.kill(-1, 0), () => require('os').setPriority(process.ppid, 19),
        ]`;
        const all = () => eval(probes).map(tried).join();
        const { Worker } = require('worker_threads');
        const inside = `const tried = ${tried}; require('worker_threads').parentPort.postMessage(
            ${probes}.map(tried).join())`;
        new Worker(inside, { eval: true }).on('message', (said) => console.log(all() + ' ' + said));";

    let mut worker = std::process::Command::new(env!("CARGO_BIN_EXE_engine-worker"));
    let output = worker
        .args(["exec", "node", "-e", script])
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    let told: Vec<_> = said.split_whitespace().collect();
    assert_eq!(told.len(), 2, "{output:?}");
    for told in told {
        let told: Vec<_> = told.split(',').collect();
        assert_eq!(told.first(), Some(&"true"), "{said}");
        assert!(!told[1..].contains(&"true"), "{said}");
        assert!(!told[1..].contains(&"undefined"), "{said}");
    }
}
