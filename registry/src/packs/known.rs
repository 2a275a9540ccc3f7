//! The template types that a registry serves, and what it tells of them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use ochre_engine::template::{
    self, ES6, External, ExternalSpec, HANDLEBARS, JADE, PACKS, PackSpec,
};
use serde_json::{Map, Value, json};

use super::TemplateSettings;
use crate::base_url::BaseUrls;

/// Where scripts of packs lie below the registry's URL.
const SERVED: &str = "~externals/";

/// The types that are served, in OC's order: its own, those of the settings, those installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTypes {
    specs: Vec<&'static PackSpec>,
    /// For callers that know the registry by its main URL.
    infos: Bytes,
    /// For those who know it by another, where it serves what browsers load.
    infos_elsewhere: HashMap<Arc<str>, Bytes>,
    /// URLs in views, and what is served instead, below the registry's URL.
    moved: Vec<(&'static str, String)>,
}

// === impl KnownTypes ===

impl KnownTypes {
    /// `installed`: the types that have a pack in the store.
    pub(super) fn new(
        settings: &TemplateSettings,
        installed: &[String],
        base_urls: &BaseUrls,
    ) -> Self {
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
        let is_served = settings.serve_externals;
        let others = base_urls.others().into_iter().filter(|_| is_served);
        let others = others.map(|url| (Arc::clone(url), infos(&specs, Some(url))));
        let moved = specs.iter().flat_map(|spec| spec.externals);
        let moved = moved.map(|external| (external.url, own_path(external)));
        Self {
            infos: infos(&specs, is_served.then_some(&**base_urls.main())),
            infos_elsewhere: others.collect(),
            moved: moved.filter(|_| is_served).collect(),
            specs,
        }
    }

    /// The types of the settings alone.
    #[cfg(test)]
    pub(crate) fn of_settings(settings: &TemplateSettings) -> Self {
        let http = crate::settings::HttpSettings::default();
        Self::new(settings, &[], &BaseUrls::new(&http))
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
    /// callers that know the registry as `base_url`, one of its URLs.
    pub fn infos(&self, base_url: &str) -> Bytes {
        let elsewhere = self.infos_elsewhere.get(base_url);
        elsewhere.unwrap_or(&self.infos).clone()
    }

    /// What the browser client needs to know: `{type: {externals: [{global, url}]}}`; for pages that
    /// know the registry as `base_url`.
    pub fn client(&self, base_url: &str) -> Value {
        let served_below = (!self.moved.is_empty()).then_some(base_url);
        let mut types = Map::new();
        types.insert(ES6.to_owned(), json!({ "externals": [] }));
        for spec in &self.specs {
            let externals: Vec<_> = externals(spec, served_below)
                .iter()
                .map(|external| json!({ "global": external.global, "url": external.url }))
                .collect();
            let told = json!({ "externals": externals });
            types.insert(spec.template_type.to_owned(), told);
        }
        Value::Object(types)
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

/// Where a script lies below the registry's URL.
fn own_path(external: &ExternalSpec) -> String {
    let file = external.file;
    let package = file.package;
    format!("{SERVED}{}@{}/{}", package.name, package.version, file.path)
}

/// The scripts of a type: those that the registry serves below its URL, else where OC's package
/// says they are.
fn externals(spec: &PackSpec, served_below: Option<&str>) -> Vec<External> {
    let Some(base_url) = served_below else {
        return spec.externals();
    };
    let own = |external: &ExternalSpec| external.at(format!("{base_url}{}", own_path(external)));
    spec.externals.iter().map(own).collect()
}

/// `context.templates` as JSON text.
fn infos(specs: &[&'static PackSpec], served_below: Option<&str>) -> Bytes {
    let es6 = template::es6();
    let es6 = json!({ "type": es6.template_type, "version": es6.version, "externals": [] });
    let others = specs.iter().map(|spec| {
        json!({
            "type": spec.template_type,
            "version": spec.template_version,
            "externals": externals(spec, served_below),
        })
    });
    let infos: Vec<_> = std::iter::once(es6).chain(others).collect();
    serde_json::to_vec(&infos).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HttpSettings;

    const REACT: &str = "oc-template-react";

    const OTHER: &str = "https://other/oc/";

    fn known(settings: &TemplateSettings, installed: &[&str]) -> KnownTypes {
        let installed: Vec<_> = installed.iter().map(|name| (*name).to_owned()).collect();
        let mut http = HttpSettings {
            base_url: Some("http://host/".into()),
            ..HttpSettings::default()
        };
        http.base_urls.insert("other".into(), OTHER.into());
        KnownTypes::new(settings, &installed, &BaseUrls::new(&http))
    }

    #[test]
    fn types_are_told_in_order_and_once() {
        let settings = TemplateSettings {
            types: vec![REACT.to_owned(), "oc-template-handlebars".to_owned()],
            ..TemplateSettings::default()
        };
        let known = known(&settings, &["oc-template-typescript-react", REACT]);
        let infos: Vec<Value> = serde_json::from_slice(&known.infos("http://host/")).unwrap();
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
        let there = own.replace("http://host/", OTHER);
        assert_eq!(known.client(OTHER)[REACT]["externals"][0]["url"], there);
        for (base_url, url) in [(OTHER, &*there), ("http://host/", own)] {
            let infos: Value = serde_json::from_slice(&known.infos(base_url)).unwrap();
            assert_eq!(infos[3]["externals"][0]["url"], url);
        }
        assert_eq!(
            known.with_own_urls(html.to_owned(), OTHER),
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
