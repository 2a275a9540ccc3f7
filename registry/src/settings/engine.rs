//! `[engine]`: the JavaScript engine and the bounds of one call.

use std::{collections::BTreeMap, time::Duration};

use bytesize::ByteSize;
use ochre_engine::{driver::Limits, node, pool::WorkerExecutable, quickjs, router::RouterSettings};
use serde::{Deserialize, Serialize};

use super::{DriverChoice, NodeSettings};

/// `[engine]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Longest time for one call, awaits included (OC's `executionTimeout`).
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Longest uninterrupted run of JavaScript.
    #[serde(with = "humantime_serde")]
    pub cpu_slice: Duration,
    /// Heap of one isolate.
    pub memory: ByteSize,
    /// Stack of one isolate.
    pub stack: ByteSize,
    /// Longest view-model or HTML.
    pub output: ByteSize,
    /// Most response headers, and most cookies, of one call.
    pub headers: usize,
    /// Most fetches of one call.
    pub fetches: usize,
    /// Where components are executed.
    pub isolation: Isolation,
    /// Which driver executes components.
    pub driver: DriverChoice,
    /// Which driver executes some components, by name; `shop-*` means all whose names begin so.
    pub components: BTreeMap<String, DriverChoice>,
    /// Packages and core modules of Node that components may `require`.
    pub dependencies: Vec<String>,
    /// The QuickJS driver.
    pub quickjs: QuickJsSettings,
    /// The Node driver.
    pub node: NodeSettings,
}

/// Where the QuickJS driver executes components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In worker processes, which are killed when a script cannot be stopped.
    #[default]
    Process,
    /// On threads of the node.
    Thread,
}

/// `[engine.quickjs]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuickJsSettings {
    /// Engine threads, each in a worker process of its own if components are isolated by processes;
    /// 0 means one for each core.
    pub threads: usize,
    /// Calls that may wait for an engine thread; more are answered 503.
    pub queue: usize,
    /// Bytes that the heaps of all components may hold together.
    pub heap: ByteSize,
    /// Resident memory of one worker process; one that holds more is replaced.
    pub worker_memory: ByteSize,
}

// === impl EngineSettings ===

impl EngineSettings {
    /// The bounds of one call of the engine.
    pub fn call_limits(&self) -> Limits {
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Limits {
            deadline: self.deadline,
            cpu_slice: self.cpu_slice,
            memory_bytes: bytes(self.memory),
            stack_bytes: bytes(self.stack),
            output_bytes: bytes(self.output),
            headers: self.headers,
            fetches: self.fetches,
        }
    }

    /// What the QuickJS driver is started with.
    pub fn quickjs_driver(&self) -> quickjs::QuickJsSettings {
        let settings = &self.quickjs;
        quickjs::QuickJsSettings {
            threads: settings.threads,
            queue: settings.queue,
            heap_bytes: usize::try_from(settings.heap.as_u64()).unwrap_or(usize::MAX),
            limits: self.call_limits(),
        }
    }

    /// What the QuickJS driver is started with when it works in processes of `executable`.
    pub fn quickjs_processes(&self, executable: WorkerExecutable) -> quickjs::ProcessSettings {
        let memory = self.quickjs.worker_memory.as_u64();
        quickjs::ProcessSettings {
            engine: self.quickjs_driver(),
            memory_bytes: usize::try_from(memory).unwrap_or(usize::MAX),
            executable,
        }
    }

    /// What the Node driver is started with.
    ///
    /// # Errors
    ///
    /// When the folder of the modules cannot be told.
    pub fn node_driver(&self) -> std::io::Result<node::NodeSettings> {
        let settings = &self.node;
        Ok(node::NodeSettings {
            workers: settings.workers,
            queue: settings.queue,
            memory_bytes: usize::try_from(settings.memory.as_u64()).unwrap_or(usize::MAX),
            modules: std::path::absolute(&settings.modules)?,
            dependencies: self.dependencies.iter().cloned().collect(),
            readable: settings.readable.clone(),
            hardened: settings.hardened,
            limits: self.call_limits(),
        })
    }

    /// How components are given to the drivers.
    pub fn router(&self) -> RouterSettings {
        let components = self.components.iter();
        RouterSettings {
            choice: self.driver.into(),
            components: components
                .map(|(name, choice)| (name.clone(), (*choice).into()))
                .collect(),
            dependencies: self.dependencies.iter().cloned().collect(),
        }
    }

    /// Whether any component may be executed by Node.
    pub fn may_use_node(&self) -> bool {
        let mut choices = self.components.values().chain([&self.driver]);
        choices.any(|choice| *choice != DriverChoice::QuickJs)
    }

    /// Whether Node has to be there.
    pub fn must_use_node(&self) -> bool {
        let mut choices = self.components.values().chain([&self.driver]);
        choices.any(|choice| *choice == DriverChoice::Node)
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            cpu_slice: Duration::from_secs(1),
            memory: ByteSize::mib(64),
            stack: ByteSize::kib(512),
            output: ByteSize::mib(10),
            headers: 64,
            fetches: 20,
            isolation: Isolation::default(),
            driver: DriverChoice::default(),
            components: BTreeMap::new(),
            dependencies: Vec::new(),
            quickjs: QuickJsSettings::default(),
            node: NodeSettings::default(),
        }
    }
}

impl Default for QuickJsSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            queue: 1_024,
            heap: ByteSize::mib(256),
            worker_memory: ByteSize::mib(512),
        }
    }
}
