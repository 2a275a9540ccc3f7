//! The program that runs for a release.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ochre_engine::{
    conduct::Conduct,
    driver::{Program, View},
    script::Script,
    template::TemplatePack,
};
use ochre_model::ComponentId;
use ochre_store::ReleaseFiles;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// `render.env` with what a component's `.env` says in its place.
pub(super) fn merged(
    shared: &BTreeMap<String, Value>,
    own: &[(String, String)],
) -> Map<String, Value> {
    let own = own
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())));
    shared
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(own)
        .collect()
}

/// What runs for a release: provider and view, with the environment they see.
pub(super) fn program(
    id: &ComponentId,
    files: &ReleaseFiles,
    environment: &Map<String, Value>,
    pack: Option<Arc<TemplatePack>>,
) -> Program {
    let script = |file: &str, bytes: &Bytes| {
        Script::new(
            format!("{id}/{file}"),
            String::from_utf8_lossy(bytes).into_owned(),
        )
    };
    let provider = files
        .server
        .as_ref()
        .map(|bytes| script("server.js", bytes));
    let view = files.template.as_ref().zip(pack).map(|(bytes, pack)| View {
        script: script("template.js", bytes),
        key: Arc::from(files.manifest.oc().files.template.hash_key.as_str()),
        pack,
    });
    let mut process = Map::new();
    process.insert("NODE_ENV".into(), Value::String("production".into()));
    process.extend(environment.clone());

    // Module state belongs to one release, so its name is part of what identifies the program.
    let mut digest = Sha256::new();
    digest.update(id.to_string());
    for script in provider.iter().chain(view.iter().map(|view| &view.script)) {
        digest.update([0]);
        digest.update(script.digest.as_bytes());
    }
    if let Some(view) = &view {
        digest.update([0]);
        digest.update(view.pack.version.as_bytes());
    }
    digest.update([0]);
    digest.update(serde_json::to_vec(&process).unwrap_or_default());
    Program {
        label: Arc::from(id.to_string()),
        digest: Arc::from(hex::encode(digest.finalize())),
        provider,
        view,
        environment: process,
        console: false,
        plugins: Arc::default(),
        conduct: Conduct::default(),
    }
}
