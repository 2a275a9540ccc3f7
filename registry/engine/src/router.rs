//! Which driver executes a program.
//!
//! Decided once for each program, by what it needs (`needs`) and what the operator said; a program
//! that needs nothing special starts in the embedded engine and moves to Node when its calls take
//! long there (`placement`). Nothing else moves it: not an error, not a full queue, and no call is
//! ever executed twice.

mod needs;
mod placement;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;

use self::{needs::Need, placement::Place};
pub(crate) use self::{needs::needs_modules, placement::Placement};
use crate::driver::{Call, Driver, DriverHealth, EngineError, Outcome, Program};

/// Where programs are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Where they do best: decided by what they need and what they cost.
    Auto,
    /// In the embedded engine.
    QuickJs,
    /// In Node.
    Node,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    /// For all programs that `components` does not name.
    pub choice: Choice,
    /// By component name, or the beginning of names and `*`; the longest that fits counts.
    pub components: BTreeMap<String, Choice>,
    /// What components may require.
    pub dependencies: BTreeSet<String>,
}

/// Executes each program in the driver where it belongs.
#[derive(Debug)]
pub struct Router {
    quickjs: Arc<dyn Driver>,
    node: Option<Arc<dyn Driver>>,
    settings: RouterSettings,
}

// === impl Router ===

impl Router {
    /// Puts the drivers together. Without Node everything is executed by the embedded engine, and
    /// what it cannot do fails there.
    pub fn new(
        quickjs: Arc<dyn Driver>,
        node: Option<Arc<dyn Driver>>,
        settings: RouterSettings,
    ) -> Self {
        Self {
            quickjs,
            node,
            settings,
        }
    }

    fn driver(&self, place: Place) -> &Arc<dyn Driver> {
        match &self.node {
            Some(node) if place.is_node() => node,
            _ => &self.quickjs,
        }
    }

    /// Where `program` is executed now.
    fn place(&self, program: &Program) -> Place {
        let placement = &program.conduct.placement;
        placement.get().unwrap_or_else(|| {
            let place = self.decide(program);
            placement.set(place);
            place
        })
    }

    fn decide(&self, program: &Program) -> Place {
        if self.node.is_none() {
            return Place::QuickJsAlways;
        }
        match self.choice(program) {
            Choice::QuickJs => Place::QuickJsAlways,
            Choice::Node => Place::NodeAlways,
            Choice::Auto => match needs::of(program, &self.settings.dependencies) {
                Some(Need::Module | Need::Global | Need::Template) => Place::NodeAlways,
                None => Place::QuickJs,
            },
        }
    }

    fn choice(&self, program: &Program) -> Choice {
        let name = program.label.split('@').next().unwrap_or_default();
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let components = &self.settings.components;
        let fitting = components.iter().filter(|(pattern, _)| fits(pattern));
        let nearest = fitting.max_by_key(|(pattern, _)| pattern.len());
        nearest.map_or(self.settings.choice, |(_, choice)| *choice)
    }
}

#[async_trait]
impl Driver for Router {
    fn name(&self) -> &'static str {
        "router"
    }

    async fn warm(&self, program: &Arc<Program>) -> Result<(), EngineError> {
        self.driver(self.place(program)).warm(program).await
    }

    async fn call(&self, program: &Arc<Program>, call: Call) -> Result<Outcome, EngineError> {
        let place = self.place(program);
        let driver = self.driver(place);
        let outcome = driver.call(program, call).await?;
        let placement = &program.conduct.placement;
        if let Some(better) = placement.note(place, outcome.cpu) {
            placement.set(better);
            let to = self.driver(better).name();
            tracing::info!(
                component = &*program.label,
                from = driver.name(),
                to,
                "component moved to the driver that suits what its calls cost"
            );
        }
        Ok(outcome)
    }

    fn health(&self) -> DriverHealth {
        let quickjs = self.quickjs.health();
        let Some(node) = &self.node else {
            return quickjs;
        };
        let node = node.health();
        // Without its workers a node can do what needs none of them.
        let is_node_first = self.settings.choice == Choice::Node;
        DriverHealth {
            queue_depth: quickjs.queue_depth + node.queue_depth,
            abandoned: quickjs.abandoned + node.abandoned,
            restarts: quickjs.restarts + node.restarts,
            is_exhausted: quickjs.is_exhausted || (is_node_first && node.is_exhausted),
        }
    }

    fn healths(&self) -> Vec<(&'static str, DriverHealth)> {
        let drivers = [Some(&self.quickjs), self.node.as_ref()];
        let healths = drivers.into_iter().flatten().map(|driver| driver.healths());
        healths.flatten().collect()
    }
}

#[cfg(test)]
mod tests;
