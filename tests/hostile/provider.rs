//! Providers that do not end, do not fit, or do not behave.

use std::{
    fs,
    time::{Duration, Instant},
};

use ochre_tests::{Answer, TestPackage, TestRegistry, eventually, within};
use serde_json::json;

use crate::worker::workers;

/// Loops end with their slice; the deadline leaves time for others on a busy machine.
const SETTINGS: &str = "[engine]\ndeadline = \"4s\"\ncpu_slice = \"300ms\"\nmemory = \"32MiB\"";

/// Longer than any single request may take with these settings.
const BOUND: Duration = Duration::from_secs(30);

/// Providers that ask for more than they may have, and what the answer may say.
const GREEDY: [(&str, &str); 12] = [
    ("endless-loop", "while(true){}"),
    ("catching-loop", "while(true){try{while(true){}}catch(e){}}"),
    ("regexp", "/^(a+)+$/.test('a'.repeat(60)+'!')"),
    ("long-string", "var s='x';while(true)s+=s"),
    (
        "growing-list",
        "var l=[];while(true)l.push(new Array(1000).fill(1))",
    ),
    ("recursion", "function f(){return f()+1}f()"),
    (
        "deep-json",
        "var a=[];for(var i=0;i<200000;i++)a=[a];callback(null,{a:a})",
    ),
    (
        "promise-chain",
        "(function f(){return Promise.resolve().then(f)})()",
    ),
    ("timer-chain", "(function f(){setTimeout(f,0)})()"),
    ("wide-join", "Array(4294967295).join('')"),
    (
        "large-answer",
        "callback(null,{a:'x'.repeat(20*1024*1024)})",
    ),
    ("silence", ""),
];

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start_with(SETTINGS).await;
    registry
        .publish(&TestPackage::new("good", "1.0.0").props("{n: context.params.n}"))
        .await;
    registry.get("/good").await.expect_status(200);
    registry
}

/// Resident memory of the node and its workers.
fn resident_bytes(registry: &TestRegistry) -> u64 {
    let node = registry.process.id();
    let pages = workers(node).into_iter().chain([node]).map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        let resident = text.split(' ').nth(1).map(str::to_owned);
        resident.and_then(|pages| pages.parse().ok()).unwrap_or(0)
    });
    pages.sum::<u64>() * 4096
}

#[tokio::test]
async fn endless_loop_fails_within_its_deadline_while_others_are_answered() {
    let registry = registry().await;
    registry
        .publish(&TestPackage::new("bad", "1.0.0").provider("while(true){}"))
        .await;

    let bad = tokio::spawn(Answer::try_of(registry.request("GET", "/bad")));
    let start = Instant::now();
    let mut meanwhile = 0;
    while !bad.is_finished() {
        let get = registry.get("/good");
        within("the good component", BOUND, get)
            .await
            .expect_status(200);
        meanwhile += u32::from(!bad.is_finished());
    }

    let answer = bad
        .await
        .expect("the task ends")
        .expect("an answer")
        .expect_status(500);
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    assert!(meanwhile > 0, "no answer of the good component meanwhile");
    assert_eq!(answer.json()["code"], "GENERIC_ERROR");
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap_or_default()
            .contains("timeout"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn greedy_providers_fail_alone() {
    let registry = registry().await;
    for (name, provider) in GREEDY {
        registry
            .publish(&TestPackage::new(name, "1.0.0").provider(provider))
            .await;
        let path = format!("/{name}");
        let answer = within(name, BOUND, registry.get_unrendered(&path)).await;
        assert!(
            answer.status >= 500,
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
        let body = answer.json();
        assert!(body["code"].is_string(), "{name}: {body}");
        assert!(
            answer.body.len() < 10_000,
            "{name}: {} bytes",
            answer.body.len()
        );
        registry.get("/good").await.expect_status(200);
    }
}

#[tokio::test]
async fn memory_comes_back_after_greedy_providers() {
    let registry = registry().await;
    let before = resident_bytes(&registry);
    for (name, provider) in GREEDY {
        registry
            .publish(&TestPackage::new(name, "1.0.0").provider(provider))
            .await;
        let path = format!("/{name}");
        let gets = (0..4).map(|_| registry.get_unrendered(&path));
        within(name, BOUND * 2, futures::future::join_all(gets)).await;
    }

    eventually("memory to come back", BOUND, || {
        let now = resident_bytes(&registry);
        async move { (now < before + 150 * 1024 * 1024).then_some(()) }
    })
    .await;
    registry.get("/good").await.expect_status(200);
}

#[tokio::test]
async fn batch_survives_its_worst_entry() {
    let registry = registry().await;
    registry
        .publish(&TestPackage::new("bad", "1.0.0").provider("while(true){}"))
        .await;
    let body = json!({ "components": [{ "name": "good" }, { "name": "bad" }, { "name": "good" }] });

    let answer = within("the batch", BOUND, registry.post("/", &body))
        .await
        .expect_status(200)
        .json();

    assert_eq!(answer[0]["status"], 200);
    assert_eq!(answer[1]["status"], 500);
    assert_eq!(answer[2]["status"], 200);
}

#[tokio::test]
async fn view_that_does_not_end_fails_alone() {
    let registry = registry().await;
    registry
        .publish(&TestPackage::new("view", "1.0.0").view("(function(){while(true){}})()"))
        .await;

    let answer = within("the view", BOUND, registry.get("/view")).await;

    assert_eq!(answer.status, 500, "{}", answer.text());
    registry.get_unrendered("/view").await.expect_status(200);
    registry.get("/good").await.expect_status(200);
}

#[tokio::test]
async fn components_that_render_each_other_end() {
    let registry = registry().await;
    let renders = |name: &str, other: &str| {
        let body = format!(
            "context.renderComponent('{other}').then(function(h){{callback(null,{{h:h}})}},callback)"
        );
        TestPackage::new(name, "1.0.0").provider(&body)
    };
    registry.publish(&renders("itself", "itself")).await;
    registry.publish(&renders("ping", "pong")).await;
    registry.publish(&renders("pong", "ping")).await;
    for name in ["itself", "ping"] {
        let answer = within(name, BOUND, registry.get_unrendered(&format!("/{name}"))).await;
        assert!(answer.status >= 500, "{name}: {}", answer.text());
    }
    registry.get("/good").await.expect_status(200);
}

#[tokio::test]
async fn whatever_is_thrown_is_answered() {
    let registry = registry().await;
    let throws = [
        "throw null",
        "throw undefined",
        "throw 'text'",
        "throw Symbol('s')",
        "throw new Proxy({},{get:function(){throw new Error('trap')}})",
        "throw new Error('x'.repeat(10*1024*1024))",
        "throw {get message(){while(true){}}}",
        "callback(new Proxy({},{get:function(){throw 1},ownKeys:function(){throw 2}}))",
        "callback({status:'abc'})",
        "callback({status:-1,message:'m'})",
        "callback(null,{toJSON:function(){throw new Error('json')}})",
        "callback(null,{get a(){throw new Error('getter')}})",
        "Promise.reject(null)",
    ];
    for (at, provider) in throws.into_iter().enumerate() {
        let name = format!("throws-{at}");
        registry
            .publish(&TestPackage::new(&name, "1.0.0").provider(provider))
            .await;
        let answer = within(
            provider,
            BOUND,
            registry.get_unrendered(&format!("/{name}")),
        )
        .await;
        assert!(
            answer.status >= 400,
            "{provider}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(
            answer.body.len() < 200_000,
            "{provider}: {} bytes",
            answer.body.len()
        );
        assert!(answer.json().is_object(), "{provider}");
    }
    registry.get("/good").await.expect_status(200);
}

/// Fault G126: a component's headers cannot break the answer's frame.
#[tokio::test]
async fn hostile_headers_do_not_reach_the_wire() {
    let registry = registry().await;
    let headers = [
        ("x-a", "1\\r\\nx-injected: 1"),
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("connection", "close"),
        ("bad name", "1"),
        ("x-\\u20ac", "1"),
    ];
    for (at, (name, value)) in headers.into_iter().enumerate() {
        let component = format!("headers-{at}");
        let provider =
            format!("context.setHeader(\"{name}\",\"{value}\");callback(null,{{ok:true}})");
        registry
            .publish(&TestPackage::new(&component, "1.0.0").provider(&provider))
            .await;
        let answer = registry.get_unrendered(&format!("/{component}")).await;
        assert!(answer.headers.get("x-injected").is_none(), "{name}");
        assert!(answer.json().is_object(), "{name}: whole answer");
        registry.get("/good").await.expect_status(200);
    }
    let many = "for(var i=0;i<1000;i++)context.setHeader('x-'+i,'v');callback(null,{})";
    registry
        .publish(&TestPackage::new("many", "1.0.0").provider(many))
        .await;
    let answer = registry.get_unrendered("/many").await;
    assert!(
        answer.headers.len() < 200,
        "{} headers",
        answer.headers.len()
    );
}
