//! The scripts of the browser client: from the build, with constants from the settings.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    assets::{Asset, Effort, Encoding},
    base_url::BaseUrls,
    packs::KnownTypes,
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
pub(super) const MAP: &str = include_str!(concat!(env!("OUT_DIR"), "/client.map"));

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

/// The scripts with their constants.
#[derive(Debug)]
pub(super) struct Scripts {
    /// The template types that were known then.
    pub(super) known: Arc<KnownTypes>,
    main: Pair,
    /// By the URL of this registry that pages know, where it has several and serves what the
    /// scripts load.
    by_base_url: HashMap<Arc<str>, Pair>,
}

/// Both scripts with the same constants.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) code: Variants,
    pub(super) development: Variants,
}

/// One file, as it is and compressed.
#[derive(Debug)]
pub(super) struct Variants {
    identity: Asset,
    compressed: Vec<(Encoding, Asset)>,
}

// === impl Scripts ===

impl Scripts {
    /// `serves_externals`: `templates.serve_externals`.
    pub(super) fn of(
        known: Arc<KnownTypes>,
        settings: &ClientSettings,
        (serves_externals, base_urls): (bool, &BaseUrls),
    ) -> Self {
        if !settings.compile {
            let settings = ClientSettings::default();
            let constants = constants(&settings, &templates(&settings, &Value::Null, false));
            return Self {
                known,
                main: Pair::new(&constants),
                by_base_url: HashMap::new(),
            };
        }
        let at = |base_url: &str| {
            let types = known.client(base_url);
            let templates = templates(settings, &types, serves_externals);
            Pair::new(&constants(settings, &templates))
        };
        let others = base_urls.others().into_iter();
        let others = others.filter(|_| serves_externals);
        Self {
            main: at(base_urls.main()),
            by_base_url: others.map(|url| (Arc::clone(url), at(url))).collect(),
            known,
        }
    }

    /// The scripts for pages that know this registry as `base_url`.
    pub(super) fn at(&self, base_url: &str) -> &Pair {
        self.by_base_url.get(base_url).unwrap_or(&self.main)
    }
}

// === impl Pair ===

impl Pair {
    fn new(constants: &Value) -> Self {
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
            code: Variants::new(code, script),
            development: Variants::new(development, script),
        }
    }
}

// === impl Variants ===

impl Variants {
    pub(super) fn new(text: String, content_type: &'static str) -> Self {
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

    pub(super) fn get(&self, encoding: Encoding) -> Asset {
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

    use super::*;
    use crate::packs::TemplateSettings;
    use crate::settings::{ClientTemplate, External, Global, HttpSettings};

    fn base_urls() -> BaseUrls {
        BaseUrls::new(&HttpSettings::default())
    }

    fn packs() -> Value {
        json!({
            "oc-template-react": { "externals": [{ "global": "React", "url": "u" }] },
            "oc-template-handlebars": { "externals": [{ "global": "Handlebars", "url": "own" }] },
        })
    }

    fn scripts(settings: &ClientSettings) -> [String; 2] {
        let constants = constants(settings, &templates(settings, &packs(), false));
        let scripts = Pair::new(&constants);
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

    #[test]
    fn a_client_that_is_not_compiled_knows_no_settings() {
        let mut settings = ClientSettings {
            compile: false,
            ..ClientSettings::default()
        };
        let url = "https://cdn.example/x.js";
        settings.imports.insert("x".into(), url.into());
        let types = TemplateSettings {
            types: vec!["oc-template-react".into()],
            ..TemplateSettings::default()
        };
        let known = Arc::new(KnownTypes::of_settings(&types));
        let script = |settings: &ClientSettings| {
            let scripts = Scripts::of(Arc::clone(&known), settings, (false, &base_urls()));
            let asset = scripts.main.code.get(Encoding::Identity);
            String::from_utf8(asset.body.to_vec()).unwrap()
        };

        let plain = script(&settings);
        settings.compile = true;
        let compiled = script(&settings);

        for own in [url, "oc-template-react"] {
            assert!(compiled.contains(own) && !plain.contains(own), "{own}");
        }
        assert!(plain.contains("oc-template-handlebars"), "{plain}");
    }

    #[test]
    fn what_is_served_here_lies_below_the_url_that_the_page_knows() {
        let mut http = HttpSettings::default();
        let other = "https://a.example/";
        http.base_urls.insert("a.example".into(), other.into());
        let types = TemplateSettings {
            types: vec!["oc-template-react".into()],
            serve_externals: true,
            ..TemplateSettings::default()
        };
        let known = Arc::new(KnownTypes::of_settings(&types));
        let served = (true, &BaseUrls::new(&http));
        let scripts = Scripts::of(known, &ClientSettings::default(), served);
        for (base_url, expected) in [(other, other), ("http://other/", "http://localhost:3000/")] {
            let asset = scripts.at(base_url).code.get(Encoding::Identity);
            let script = String::from_utf8(asset.body.to_vec()).unwrap();
            let react = format!("\"{expected}~externals/react@");
            assert!(script.contains(&react), "{script}");
        }
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
