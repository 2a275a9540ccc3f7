//! The template types that a registry serves, and what it tells of them.

use std::sync::Arc;

use bytes::Bytes;
use ochre_engine::template::{
    self, ES6, External, ExternalSpec, HANDLEBARS, JADE, PACKS, PackSpec,
};
use serde_json::{Map, Value, json};

use super::TemplateSettings;

/// Where scripts of packs lie below the registry's URL.
const SERVED: &str = "~externals/";

/// The types that are served, in OC's order: its own, those of the settings, those installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTypes {
    specs: Vec<&'static PackSpec>,
    infos: Bytes,
    client: Value,
    /// URLs in views, and what is served instead, below the registry's URL.
    moved: Vec<(&'static str, String)>,
    /// The registry's URL that what is served begins with.
    base_url: Arc<str>,
}

// === impl KnownTypes ===

impl KnownTypes {
    /// `installed`: the types that have a pack in the store.
    pub(super) fn new(settings: &TemplateSettings, installed: &[String], base_url: &str) -> Self {
        let mut specs: Vec<&'static PackSpec> = Vec::new();
        let configured = settings.types.iter().map(String::as_str);
        let installed = PACKS
            .iter()
            .map(|spec| spec.template_type)
            .filter(|name| installed.iter().any(|other| other == name));
        for name in [JADE, HANDLEBARS]
            .into_iter()
            .chain(configured)
            .chain(installed)
        {
            let is_new = specs.iter().all(|spec| spec.template_type != name);
            specs.extend(template::spec(name).filter(|_| is_new));
        }
        let own_path = |external: &ExternalSpec| {
            let file = external.file;
            let package = file.package;
            format!("{SERVED}{}@{}/{}", package.name, package.version, file.path)
        };
        let own_url = |external: &ExternalSpec| format!("{base_url}{}", own_path(external));
        let is_served = settings.serve_externals;
        let externals = |spec: &PackSpec| -> Vec<External> {
            let own = spec.externals.iter().map(|file| file.at(own_url(file)));
            if is_served {
                own.collect()
            } else {
                spec.externals()
            }
        };
        let moved = specs.iter().flat_map(|spec| spec.externals);
        let moved = moved.map(|external| (external.url, own_path(external)));
        Self {
            infos: infos(&specs, externals),
            client: client(&specs, externals),
            moved: moved.filter(|_| is_served).collect(),
            base_url: base_url.into(),
            specs,
        }
    }

    /// The types of the settings alone.
    #[cfg(test)]
    pub(crate) fn of_settings(settings: &TemplateSettings) -> Self {
        Self::new(settings, &[], "http://host/")
    }

    /// Whether components of this type are served at all.
    pub fn contains(&self, template_type: &str) -> bool {
        template_type == ES6
            || self
                .specs
                .iter()
                .any(|spec| spec.template_type == template_type)
    }

    /// `context.templates` as JSON text: type, version and externals of every type served here, for
    /// callers that know the registry as `base_url`.
    pub fn infos(&self, base_url: &str) -> Bytes {
        if self.moved.is_empty() || *self.base_url == *base_url {
            return self.infos.clone();
        }
        let text = String::from_utf8_lossy(&self.infos);
        Bytes::from(self.below(&text, base_url))
    }

    /// What the browser client needs to know: `{type: {externals: [{global, url}]}}`; for pages that
    /// know the registry as `base_url`.
    pub fn client(&self, base_url: &str) -> Value {
        if self.moved.is_empty() || *self.base_url == *base_url {
            return self.client.clone();
        }
        let text = self.below(&self.client.to_string(), base_url);
        serde_json::from_str(&text).unwrap_or_else(|_| self.client.clone())
    }

    /// JSON text with the URLs of what is served here below another URL of the registry.
    fn below(&self, json: &str, base_url: &str) -> String {
        let text = |url: &str| json!(format!("{url}{SERVED}")).to_string();
        let (own, other) = (text(&self.base_url), text(base_url));
        json.replace(own.trim_end_matches('"'), other.trim_end_matches('"'))
    }

    /// The served files that browsers load: package, version and path of each.
    pub(crate) fn serves(&self, origin: &str) -> Option<&'static str> {
        let has = |spec: &&&'static PackSpec| {
            spec.externals.iter().any(|external| {
                let file = external.file;
                let rest = origin.strip_prefix(file.package.name);
                let rest = rest.and_then(|rest| rest.strip_prefix('@'));
                let rest = rest.and_then(|rest| rest.strip_prefix(file.package.version));
                rest.and_then(|rest| rest.strip_prefix('/')) == Some(file.path)
            })
        };
        let served = (!self.moved.is_empty()).then_some(&self.specs)?;
        served.iter().find(has).map(|spec| spec.template_type)
    }

    /// The HTML of a view with the URLs of its externals replaced by those served here, for callers
    /// that know the registry as `base_url`.
    pub fn with_own_urls(&self, html: String, base_url: &str) -> String {
        let is_moved = |(url, _): &&(&str, String)| html.contains(url);
        let moved: Vec<_> = self.moved.iter().filter(is_moved).collect();
        moved.into_iter().fold(html, |html, (url, own)| {
            html.replace(url, &format!("{base_url}{own}"))
        })
    }
}

fn infos(specs: &[&'static PackSpec], externals: impl Fn(&PackSpec) -> Vec<External>) -> Bytes {
    let es6 = template::es6();
    let es6 = json!({ "type": es6.template_type, "version": es6.version, "externals": [] });
    let others = specs.iter().map(|spec| {
        json!({
            "type": spec.template_type,
            "version": spec.template_version,
            "externals": externals(spec),
        })
    });
    let infos: Vec<_> = std::iter::once(es6).chain(others).collect();
    serde_json::to_vec(&infos).unwrap_or_default().into()
}

fn client(specs: &[&'static PackSpec], externals: impl Fn(&PackSpec) -> Vec<External>) -> Value {
    let mut types = Map::new();
    types.insert(ES6.to_owned(), json!({ "externals": [] }));
    for spec in specs {
        let externals = externals(spec);
        let externals: Vec<_> = externals
            .iter()
            .map(|external| json!({ "global": external.global, "url": external.url }))
            .collect();
        let told = json!({ "externals": externals });
        types.insert(spec.template_type.to_owned(), told);
    }
    Value::Object(types)
}

#[cfg(test)]
mod tests {
    use super::{KnownTypes, TemplateSettings};

    const REACT: &str = "oc-template-react";

    fn known(settings: &TemplateSettings, installed: &[&str]) -> KnownTypes {
        let installed: Vec<_> = installed.iter().map(|name| (*name).to_owned()).collect();
        KnownTypes::new(settings, &installed, "http://host/")
    }

    #[test]
    fn types_are_told_in_order_and_once() {
        let settings = TemplateSettings {
            types: vec![REACT.to_owned(), "oc-template-handlebars".to_owned()],
            ..TemplateSettings::default()
        };
        let known = known(&settings, &["oc-template-typescript-react", REACT]);
        let infos: Vec<serde_json::Value> =
            serde_json::from_slice(&known.infos("http://host/")).unwrap();
        let types: Vec<_> = infos.iter().map(|info| &info["type"]).collect();
        assert_eq!(
            types,
            [
                "oc-template-es6",
                "oc-template-jade",
                "oc-template-handlebars",
                REACT,
                "oc-template-typescript-react",
            ]
        );
        assert_eq!(
            infos[3]["externals"][1].to_string(),
            "{\"global\":\"ReactDOM\",\"paths\":[\"client\"],\"name\":\"react-dom\",\
             \"url\":\"https://unpkg.com/react-dom@18.3.1/umd/react-dom.production.min.js\"}"
        );
        assert!(known.contains(REACT));
        assert!(!known.contains("oc-template-none"));
    }

    #[test]
    fn externals_are_those_of_the_registry_when_it_serves_them() {
        let settings = TemplateSettings {
            serve_externals: true,
            ..TemplateSettings::default()
        };
        let known = known(&settings, &[REACT]);
        let own = "http://host/~externals/react@18.3.1/umd/react.production.min.js";
        assert_eq!(
            known.client("http://host/")[REACT]["externals"][0]["url"],
            own
        );
        let html = "load('https://unpkg.com/react@18.3.1/umd/react.production.min.js')";
        assert_eq!(
            known.with_own_urls(html.to_owned(), "http://host/"),
            format!("load('{own}')")
        );
        let other = "https://other/oc/";
        let there = own.replace("http://host/", other);
        assert_eq!(known.client(other)[REACT]["externals"][0]["url"], there);
        let infos: serde_json::Value = serde_json::from_slice(&known.infos(other)).unwrap();
        assert_eq!(infos[3]["externals"][0]["url"], there);
        assert_eq!(
            known.with_own_urls(html.to_owned(), other),
            format!("load('{there}')")
        );
        let file = "react@18.3.1/umd/react.production.min.js";
        assert_eq!(known.serves(file), Some(REACT));
        assert_eq!(known.serves("react@18.3.1/package.json"), None);
    }

    #[test]
    fn nothing_is_served_without_the_setting() {
        let known = known(&TemplateSettings::default(), &[REACT]);
        assert_eq!(
            known.serves("react@18.3.1/umd/react.production.min.js"),
            None
        );
    }
}
