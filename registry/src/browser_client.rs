//! The browser client as this registry serves it: scripts from the build, constants from the settings.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    assets::{Asset, Effort, Encoding},
    packs::{KnownTypes, Packs},
    settings::ClientSettings,
};

/// Version of OC's client whose contract ours fulfils: `oc.clientVersion` on a page.
const CLIENT_VERSION: &str = "2.1.12";

/// Stands for the constants in the scripts. Source: `build.rs`.
const PLACE: &str = "__OCHRE_CLIENT__";

/// Minified; ends with its constants.
const CODE: &str = include_str!(concat!(env!("OUT_DIR"), "/client.js"));

/// The modules one after another, to read.
const DEVELOPMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/client.dev.js"));

/// Source map of [`CODE`].
const MAP: &str = include_str!(concat!(env!("OUT_DIR"), "/client.map"));

/// Types that OC's client always knows, each with the global and the script that it needs.
const BASE_TEMPLATES: [(&str, Option<(&str, &str)>); 3] = [
    (
        "oc-template-handlebars",
        Some((
            "Handlebars",
            "https://cdnjs.cloudflare.com/ajax/libs/handlebars.js/4.7.7/handlebars.runtime.min.js",
        )),
    ),
    (
        "oc-template-jade",
        Some((
            "jade",
            "https://cdnjs.cloudflare.com/ajax/libs/jade/1.11.0/runtime.min.js",
        )),
    ),
    ("oc-template-es6", None),
];

/// A file of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFile {
    /// Minified.
    Code,
    /// To read.
    Development,
    /// The source map.
    Map,
}

/// The files of the client in every encoding, in memory.
#[derive(Debug)]
pub struct BrowserClient {
    settings: ClientSettings,
    packs: Arc<Packs>,
    /// The scripts of packs come from this registry, even those that OC's client always knows.
    serves_externals: bool,
    map: Variants,
    scripts: ArcSwap<Scripts>,
}

/// The scripts with their constants.
#[derive(Debug)]
struct Scripts {
    /// The template types that were known then.
    known: Arc<KnownTypes>,
    code: Variants,
    development: Variants,
}

/// One file, as it is and compressed.
#[derive(Debug)]
struct Variants {
    identity: Asset,
    compressed: Vec<(Encoding, Asset)>,
}

// === impl BrowserClient ===

impl BrowserClient {
    /// Writes the constants into the scripts and compresses them.
    ///
    /// `serves_externals`: `templates.serve_externals`.
    pub fn new(settings: ClientSettings, packs: Arc<Packs>, serves_externals: bool) -> Self {
        let known = Arc::clone(&packs.known());
        let templates = templates(&settings, known.client(), serves_externals);
        let scripts = Scripts::new(known, &constants(&settings, &templates));
        Self {
            map: Variants::new(MAP.to_owned(), "application/json; charset=utf-8"),
            scripts: ArcSwap::from_pointee(scripts),
            settings,
            packs,
            serves_externals,
        }
    }

    /// A file in an encoding, or as it is when that makes it no smaller.
    pub fn file(&self, file: ClientFile, encoding: Encoding) -> Asset {
        match file {
            ClientFile::Code => self.scripts.load().code.get(encoding),
            ClientFile::Development => self.scripts.load().development.get(encoding),
            ClientFile::Map => self.map.get(encoding),
        }
    }

    /// Whether the scripts know the template types that are served now.
    pub fn is_current(&self) -> bool {
        Arc::ptr_eq(&self.scripts.load().known, &self.packs.known())
    }

    /// Makes the scripts again, with the template types that are served now. Takes CPU for a while.
    pub fn renew(&self) {
        let known = Arc::clone(&self.packs.known());
        let templates = templates(&self.settings, known.client(), self.serves_externals);
        let constants = constants(&self.settings, &templates);
        self.scripts
            .store(Arc::new(Scripts::new(known, &constants)));
    }
}

// === impl Scripts ===

impl Scripts {
    fn new(known: Arc<KnownTypes>, constants: &Value) -> Self {
        // In a script that is part of a page, `</script>` would end it.
        let constants = constants.to_string().replace('<', "\\u003c");
        let code = CODE.replace(PLACE, &constants);
        let code = format!(
            "{}\n//# sourceMappingURL=oc-client.min.map",
            code.trim_end()
        );
        let development = DEVELOPMENT.replace(PLACE, &constants);
        let script = "application/javascript; charset=utf-8";
        Self {
            known,
            code: Variants::new(code, script),
            development: Variants::new(development, script),
        }
    }
}

// === impl Variants ===

impl Variants {
    fn new(text: String, content_type: &'static str) -> Self {
        let identity = Asset::of(Bytes::from(text), content_type, Encoding::Identity);
        let compressed = Encoding::COMPRESSED
            .into_iter()
            .filter_map(|encoding| {
                let body = encoding.compressed(&identity.body, Effort::Kept)?;
                let is_smaller = body.len() < identity.body.len();
                is_smaller.then(|| (encoding, Asset::of(body, content_type, encoding)))
            })
            .collect();
        Self {
            identity,
            compressed,
        }
    }

    fn get(&self, encoding: Encoding) -> Asset {
        let found = self.compressed.iter().find(|(own, _)| *own == encoding);
        found.map_or(&self.identity, |(_, asset)| asset).clone()
    }
}

/// The object that the scripts are called with; `client/browser/registry.js` shows its shape.
fn constants(settings: &ClientSettings, templates: &Map<String, Value>) -> Value {
    json!({
        "version": CLIENT_VERSION,
        "templates": templates,
        "externals": settings.externals,
        "imports": settings.imports,
        "retryLimit": settings.retry_limit,
        "retryInterval": u64::try_from(settings.retry_interval.as_millis()).unwrap_or(u64::MAX),
        "disableLoader": settings.disable_loader,
        "disableLegacyTemplates": settings.disable_legacy_templates,
    })
}

/// What each template type needs on a page. `packs`: the same, of the types served here.
///
/// Later ones win: packs, what OC's client always knows, the settings. Pages may only allow the
/// scripts that OC's client loads; but packs win when this registry serves their scripts itself.
fn templates(
    settings: &ClientSettings,
    packs: &Value,
    serves_externals: bool,
) -> Map<String, Value> {
    let packs = packs.as_object().cloned().unwrap_or_default();
    let base = BASE_TEMPLATES.into_iter().map(|(name, external)| {
        let externals: Vec<Value> = external
            .map(|(global, url)| json!({ "global": global, "url": url }))
            .into_iter()
            .collect();
        (name.to_owned(), json!({ "externals": externals }))
    });
    let base: Map<String, Value> = base.collect();
    let (first, second) = if serves_externals {
        (base, packs)
    } else {
        (packs, base)
    };
    let own = settings
        .templates
        .iter()
        .map(|(name, template)| (name.clone(), json!(template)));
    let is_legacy = |name: &str| matches!(name, "oc-template-handlebars" | "oc-template-jade");
    first
        .into_iter()
        .chain(second)
        .filter(|(name, _)| !(settings.disable_legacy_templates && is_legacy(name)))
        .chain(own)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ochre_model::SystemClock;
    use ochre_store::{Backend, ComponentStore, StoreSettings};

    use super::*;
    use crate::packs::TemplateSettings;
    use crate::settings::{ClientTemplate, External, Global};

    fn packs() -> Value {
        json!({
            "oc-template-react": { "externals": [{ "global": "React", "url": "u" }] },
            "oc-template-handlebars": { "externals": [{ "global": "Handlebars", "url": "own" }] },
        })
    }

    fn scripts(settings: &ClientSettings) -> [String; 2] {
        let constants = constants(settings, &templates(settings, &packs(), false));
        let known = KnownTypes::of_settings(&TemplateSettings::default());
        let scripts = Scripts::new(Arc::new(known), &constants);
        [&scripts.code, &scripts.development].map(|variants| {
            String::from_utf8(variants.get(Encoding::Identity).body.to_vec()).unwrap()
        })
    }

    #[test]
    fn constants_are_written_into_both_scripts() {
        let mut settings = ClientSettings {
            retry_interval: Duration::from_millis(1500),
            ..ClientSettings::default()
        };
        let url = "https://cdn.example/</script>";
        settings.imports.insert("x".into(), url.into());
        let [code, development] = scripts(&settings);

        for script in [&code, &development] {
            assert!(script.contains("\"retryInterval\":1500"), "{script}");
            assert!(script.contains("oc-template-react"), "{script}");
            assert!(!script.contains("</script>") && !script.contains(PLACE));
        }
        assert!(code.ends_with("\n//# sourceMappingURL=oc-client.min.map"));
        assert!(code.len() < development.len() / 2);
    }

    #[test]
    fn settings_win_over_what_the_client_always_knows_and_that_over_packs() {
        let mut settings = ClientSettings::default();
        let external = External {
            global: Global::Path(vec!["Some".into(), "Jade".into()]),
            url: "/jade.js".into(),
        };
        let externals = vec![external];
        let jade = ClientTemplate { externals };
        settings.templates.insert("oc-template-jade".into(), jade);

        let found = Value::Object(templates(&settings, &packs(), false));

        assert_eq!(
            found["oc-template-jade"],
            json!({ "externals": [{ "global": ["Some", "Jade"], "url": "/jade.js" }] })
        );
        let handlebars = &found["oc-template-handlebars"]["externals"][0]["url"];
        assert!(handlebars.as_str().unwrap().contains("cdnjs"), "{found}");
        let react = &found["oc-template-react"]["externals"][0]["global"];
        assert_eq!(react, "React");
    }

    #[test]
    fn packs_win_when_their_scripts_are_served_here() {
        let found = Value::Object(templates(&ClientSettings::default(), &packs(), true));

        let handlebars = &found["oc-template-handlebars"]["externals"][0]["url"];
        assert_eq!(handlebars, "own");
    }

    #[tokio::test]
    async fn scripts_are_made_again_only_when_they_are_renewed() {
        let memory = StoreSettings {
            backend: Backend::Memory,
            ..StoreSettings::default()
        };
        let store = ComponentStore::open(&memory, Arc::new(SystemClock), None).unwrap();
        store
            .write_pack("oc-template-react/pack.json", &Bytes::from_static(b"{}"))
            .await
            .unwrap();
        let packs = Packs::new(store, TemplateSettings::default(), "http://host/");
        let packs = Arc::new(packs);
        let client = BrowserClient::new(ClientSettings::default(), Arc::clone(&packs), false);
        let text = || {
            let asset = client.file(ClientFile::Code, Encoding::Identity);
            String::from_utf8(asset.body.to_vec()).unwrap()
        };
        assert!(client.is_current());
        packs.refresh().await.unwrap();
        packs.changed().await;
        assert!(!client.is_current());
        assert!(!text().contains("oc-template-react"));
        client.renew();
        assert!(client.is_current());
        assert!(text().contains("oc-template-react"));
    }

    #[test]
    fn legacy_types_can_be_left_out() {
        let settings = ClientSettings {
            disable_legacy_templates: true,
            ..ClientSettings::default()
        };
        let found = templates(&settings, &packs(), false);

        let names: Vec<_> = found.keys().collect();
        assert_eq!(names, ["oc-template-react", "oc-template-es6"]);
    }

    #[test]
    fn the_source_map_leads_to_the_modules() {
        let map: Value = serde_json::from_str(MAP).unwrap();
        let sources: Vec<_> = map["sources"].as_array().unwrap().iter().collect();

        assert!(sources.contains(&&json!("index.js")), "{sources:?}");
        assert!(!sources.contains(&&json!("registry.js")), "{sources:?}");
        let contents = map["sourcesContent"].as_array().unwrap();
        assert_eq!(sources.len(), contents.len());
        assert!(map["mappings"].as_str().unwrap().len() > 1000);
    }

    #[test]
    fn every_encoding_is_ready() {
        let variants = Variants::new(CODE.to_owned(), "application/javascript");
        for encoding in Encoding::COMPRESSED {
            let asset = variants.get(encoding);
            assert_eq!(asset.encoding, Some(encoding.as_str()));
            assert!(asset.body.len() < 8000, "{}", asset.body.len());
        }
    }
}
