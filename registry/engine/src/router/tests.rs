use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Map, json};

use super::*;
use crate::{
    conduct::Conduct,
    driver::{Answer, Entry, FetchRequest, FetchResponse, HostCalls, Limits, NestedRender, View},
    plugin::Plugin,
    script::Script,
    template::TemplatePack,
};

/// A driver that counts its calls, each of which takes as long as it says.
#[derive(Debug)]
struct Counting {
    name: &'static str,
    cpu: Duration,
    calls: AtomicU32,
}

#[async_trait]
impl Driver for Counting {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn warm(&self, _program: &Arc<Program>) -> Result<(), EngineError> {
        Ok(())
    }

    async fn call(&self, _program: &Arc<Program>, _call: Call) -> Result<Outcome, EngineError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome {
            result: Ok(Answer::Empty),
            headers: Vec::new(),
            cookies: Vec::new(),
            cpu: self.cpu,
        })
    }

    fn health(&self) -> DriverHealth {
        DriverHealth {
            queue_depth: 1,
            abandoned: 0,
            restarts: 0,
            is_exhausted: false,
        }
    }
}

#[derive(Debug)]
struct Silent;

#[async_trait]
impl HostCalls for Silent {
    async fn render(&self, _items: Vec<NestedRender>) -> Vec<Result<String, String>> {
        Vec::new()
    }

    async fn fetch(&self, _request: FetchRequest) -> Result<FetchResponse, String> {
        Err(String::new())
    }

    fn console(&self, _level: &str, _line: &str) {}
}

struct Drivers {
    router: Router,
    quickjs: Arc<Counting>,
    node: Arc<Counting>,
}

fn drivers(cpu: [u64; 2], choice: Choice, components: &[(&str, Choice)]) -> Drivers {
    let counting = |name, cpu| {
        Arc::new(Counting {
            name,
            cpu: Duration::from_micros(cpu),
            calls: AtomicU32::new(0),
        })
    };
    let (quickjs, node) = (counting("quickjs", cpu[0]), counting("node", cpu[1]));
    let components = components.iter();
    let settings = RouterSettings {
        choice,
        components: components
            .map(|(name, c)| ((*name).to_owned(), *c))
            .collect(),
        dependencies: BTreeSet::from(["lodash".to_owned()]),
    };
    let (first, second) = (Arc::clone(&quickjs), Arc::clone(&node));
    Drivers {
        router: Router::new(first, Some(second), settings),
        quickjs,
        node,
    }
}

fn program(source: &str) -> Program {
    let script = Script::new("shop-cart@1.0.0/server.js", source);
    Program {
        label: "shop-cart@1.0.0".into(),
        digest: Arc::clone(&script.digest),
        provider: Some(script),
        view: None,
        environment: Map::new(),
        console: false,
        plugins: Arc::default(),
        conduct: Conduct::default(),
    }
}

impl Drivers {
    /// Calls a program and answers how many calls each driver had.
    async fn call(&self, program: Program, times: u32) -> (u32, u32) {
        let program = Arc::new(program);
        for _ in 0..times {
            let call = Call {
                entry: Entry::Data,
                input: json!({}).to_string().into(),
                envelope: None,
                render_id: None,
                host: Arc::new(Silent),
                limits: Limits::default(),
            };
            self.router.call(&program, call).await.unwrap();
        }
        let calls = |driver: &Counting| driver.calls.load(Ordering::Relaxed);
        (calls(&self.quickjs), calls(&self.node))
    }
}

#[tokio::test]
async fn light_program_stays_in_the_embedded_engine() {
    let drivers = drivers([40, 10], Choice::Auto, &[]);
    assert_eq!(drivers.call(program("1"), 100).await, (100, 0));
}

#[tokio::test]
async fn heavy_program_moves_to_node_and_stays() {
    let drivers = drivers([400, 100], Choice::Auto, &[]);
    assert_eq!(drivers.call(program("1"), 1_000).await, (32, 968));
}

#[tokio::test]
async fn what_only_node_can_do_is_executed_there() {
    for source in ["require('lodash')", "new Intl.Collator()"] {
        let drivers = drivers([400, 1], Choice::Auto, &[]);
        assert_eq!(drivers.call(program(source), 5_000).await, (0, 5_000));
    }
}

#[tokio::test]
async fn program_with_plugins_that_require_modules_is_executed_by_node() {
    let mut uses = program("context.plugins.a()");
    let plugin = Plugin::new("a", "require('lodash')", "{}");
    uses.plugins = Arc::new([Arc::new(plugin)]);
    let drivers = drivers([1, 1], Choice::Auto, &[]);
    let uses_none = Program {
        plugins: Arc::clone(&uses.plugins),
        ..program("1")
    };

    assert_eq!(drivers.call(uses, 1).await, (0, 1));
    assert_eq!(drivers.call(uses_none, 1).await, (1, 1));
}

fn with_view(template_type: &str) -> Program {
    let pack = TemplatePack {
        template_type: template_type.into(),
        version: "1.0.0".into(),
        runtimes: Vec::new(),
        adapter: Script::new("adapter", ""),
        files: Vec::new(),
    };
    let view = View {
        script: Script::new("template.js", ""),
        key: "key".into(),
        pack: Arc::new(pack),
    };
    Program {
        view: Some(view),
        ..program("1")
    }
}

#[tokio::test]
async fn view_of_a_heavy_framework_is_rendered_by_node() {
    let drivers = drivers([1, 1], Choice::Auto, &[]);
    assert_eq!(
        drivers.call(with_view("oc-template-react"), 1).await,
        (0, 1)
    );
    assert_eq!(drivers.call(with_view("oc-template-es6"), 1).await, (1, 1));
}

#[tokio::test]
async fn operator_decides_for_all_and_for_some() {
    let all = drivers([1, 1], Choice::Node, &[]);
    assert_eq!(all.call(program("1"), 1).await, (0, 1));

    let some = drivers([400, 1], Choice::Node, &[("shop-*", Choice::QuickJs)]);
    assert_eq!(some.call(program("Intl"), 100).await, (100, 0));

    let nearest = [("shop-*", Choice::QuickJs), ("shop-cart", Choice::Node)];
    let one = drivers([1, 1], Choice::QuickJs, &nearest);
    assert_eq!(one.call(program("1"), 1).await, (0, 1));
}

#[tokio::test]
async fn without_node_everything_is_executed_by_the_embedded_engine() {
    let mut drivers = drivers([400, 1], Choice::Auto, &[]);
    drivers.router.node = None;
    assert_eq!(drivers.call(program("Intl"), 100).await, (100, 0));
    assert_eq!(drivers.router.health().queue_depth, 1);
}
