//! Programs that a worker process was given.

use std::{collections::HashMap, sync::Arc};

use crate::{
    conduct::Conduct,
    driver::{Program, View},
    frame::program::{Load, LoadPack, LoadPlugin, LoadView},
    plugin::Plugin,
    script::Script,
    template::{Runtime, TemplatePack},
};

/// Programs by the host's numbers.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: HashMap<u32, Arc<Program>>,
    /// Packs are the same for many programs, and compiled once.
    packs: Vec<Arc<TemplatePack>>,
    plugins: Arc<[Arc<Plugin>]>,
}

impl Programs {
    pub(super) fn get(&self, number: u32) -> Option<Arc<Program>> {
        self.known.get(&number).cloned()
    }

    pub(super) fn load(&mut self, number: u32, load: Load) {
        let program = self.program(load);
        self.known.insert(number, Arc::new(program));
    }

    pub(super) fn forget(&mut self, number: u32) {
        self.known.remove(&number);
    }

    fn program(&mut self, load: Load) -> Program {
        Program {
            label: load.label.into(),
            digest: load.digest.into(),
            provider: load.provider.map(Script::from),
            view: load.view.map(|view| self.view(view)),
            environment: load.environment,
            console: load.console,
            plugins: self.plugins(load.plugins),
            conduct: Conduct::default(),
        }
    }

    /// Plugins are those of the registry: the same for every program, and compiled once.
    fn plugins(&mut self, plugins: Vec<LoadPlugin>) -> Arc<[Arc<Plugin>]> {
        let plugins: Arc<[_]> = plugins
            .into_iter()
            .map(Plugin::from)
            .map(Arc::new)
            .collect();
        let is_same = |(one, other): (&Arc<Plugin>, &Arc<Plugin>)| one.is_same(other);
        let are_same =
            self.plugins.len() == plugins.len() && self.plugins.iter().zip(&*plugins).all(is_same);
        if !are_same {
            self.plugins = plugins;
        }
        Arc::clone(&self.plugins)
    }

    fn view(&mut self, view: LoadView) -> View {
        View {
            script: view.script.into(),
            key: view.key.into(),
            pack: self.pack(view.pack),
        }
    }

    fn pack(&mut self, pack: LoadPack) -> Arc<TemplatePack> {
        let pack = TemplatePack {
            template_type: pack.template_type.into(),
            version: pack.version.into(),
            runtimes: pack.runtimes.into_iter().map(Runtime::from).collect(),
            adapter: pack.adapter.into(),
            // Only the host tells of them.
            files: Vec::new(),
        };
        self.packs.retain(|known| Arc::strong_count(known) > 1);
        let known = self.packs.iter().find(|known| known.is_same(&pack));
        let pack = known.map_or_else(|| Arc::new(pack), Arc::clone);
        self.packs.push(Arc::clone(&pack));
        pack
    }
}
