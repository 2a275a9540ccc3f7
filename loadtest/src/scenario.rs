//! What is asked of a registry, and what must come back.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::arguments::ScenarioName;

/// Components in one batch.
const BATCH_SIZE: usize = 5;

const RENDERED: &str = "application/vnd.oc.rendered+json";
const UNRENDERED: &str = "application/vnd.oc.unrendered+json";

/// One kind of request, the same for every registry.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// HTTP method.
    pub(crate) method: Method,
    /// Path and query below the registry's own path.
    pub(crate) target: String,
    /// The `accept` header.
    pub(crate) accept: &'static str,
    /// JSON body; empty for none.
    pub(crate) body: Bytes,
    /// Text that every answer must hold.
    pub(crate) marker: String,
    /// How often it must, at least.
    pub(crate) marker_count: usize,
}

/// The components that scenarios ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Components<'a> {
    /// `name[/version]` of type `oc-template-es6`.
    pub(crate) es6: &'a str,
    /// `name[/version]` of type `oc-template-handlebars`.
    pub(crate) handlebars: &'a str,
    /// `name[/version]` of type `oc-template-react`.
    pub(crate) react: &'a str,
    /// Parameters of all of them, as a query.
    pub(crate) query: &'a str,
    /// Text that each of them answers to that query.
    pub(crate) marker: &'a str,
}

/// Why no scenario can be made of the command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScenarioError {
    #[error("an empty marker would prove nothing")]
    EmptyMarker,
    #[error("`{0}` is no component")]
    Component(String),
}

// === impl Components ===

impl Components<'_> {
    /// The requests of the scenario called `name`.
    pub(crate) fn scenario(&self, name: ScenarioName) -> Result<Scenario, ScenarioError> {
        if self.marker.is_empty() {
            return Err(ScenarioError::EmptyMarker);
        }
        match name {
            ScenarioName::Unrendered => self.single("unrendered", self.es6, UNRENDERED),
            ScenarioName::RenderedEs6 => self.single("rendered es6", self.es6, RENDERED),
            ScenarioName::RenderedHandlebars => {
                self.single("rendered handlebars", self.handlebars, RENDERED)
            }
            ScenarioName::RenderedReact => self.single("rendered react", self.react, RENDERED),
            ScenarioName::Batch => self.batch("batch of 5", UNRENDERED),
            ScenarioName::BatchRendered => self.batch("batch of 5, rendered", RENDERED),
        }
    }

    fn single(
        &self,
        name: &'static str,
        component: &str,
        accept: &'static str,
    ) -> Result<Scenario, ScenarioError> {
        let (component, version) = split(component)?;
        let version = version.map_or_else(String::new, |version| format!("/{version}"));
        let query = if self.query.is_empty() {
            String::new()
        } else {
            format!("?{}", self.query)
        };
        Ok(Scenario {
            name,
            method: Method::GET,
            target: format!("{component}{version}{query}"),
            accept,
            body: Bytes::new(),
            marker: self.marker.to_owned(),
            marker_count: 1,
        })
    }

    fn batch(&self, name: &'static str, accept: &'static str) -> Result<Scenario, ScenarioError> {
        let parameters: Map<_, _> = url::form_urlencoded::parse(self.query.as_bytes())
            .map(|(key, value)| (key.into_owned(), Value::from(value)))
            .collect();
        let entry = |component: &str| {
            let (name, version) = split(component)?;
            let version = version.unwrap_or_default();
            Ok(json!({"name": name, "version": version, "parameters": parameters}))
        };
        let kinds = [entry(self.es6)?, entry(self.handlebars)?];
        let components: Vec<_> = kinds.iter().cycle().take(BATCH_SIZE).collect();
        Ok(Scenario {
            name,
            method: Method::POST,
            target: String::new(),
            accept,
            body: json!({"components": components}).to_string().into(),
            marker: self.marker.to_owned(),
            marker_count: BATCH_SIZE,
        })
    }
}

/// Name and version of `name[/version]`.
fn split(component: &str) -> Result<(&str, Option<&str>), ScenarioError> {
    let (name, version) = component
        .split_once('/')
        .map_or((component, None), |(name, version)| (name, Some(version)));
    if name.is_empty() || version.is_some_and(|version| version.is_empty() || version.contains('/'))
    {
        return Err(ScenarioError::Component(component.to_owned()));
    }
    Ok((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENTS: Components<'_> = Components {
        es6: "e/1.x.x",
        handlebars: "h",
        react: "r",
        query: "name=Ada%20L&x=1",
        marker: "Ada",
    };

    #[test]
    fn single_component_is_asked_for_in_the_url() {
        let scenario = COMPONENTS.scenario(ScenarioName::RenderedEs6).unwrap();
        assert_eq!(scenario.target, "e/1.x.x?name=Ada%20L&x=1");
        assert_eq!((scenario.method, scenario.marker_count), (Method::GET, 1));

        let newest = COMPONENTS
            .scenario(ScenarioName::RenderedHandlebars)
            .unwrap();
        assert_eq!(newest.target, "h?name=Ada%20L&x=1");
    }

    #[test]
    fn batch_holds_five_components_in_turns() {
        let scenario = COMPONENTS.scenario(ScenarioName::Batch).unwrap();
        let body: Value = serde_json::from_slice(&scenario.body).unwrap();
        let names: Vec<_> = body["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["e", "h", "e", "h", "e"]);
        assert_eq!(
            body["components"][0],
            json!({"name": "e", "version": "1.x.x", "parameters": {"name": "Ada L", "x": "1"}})
        );
        assert_eq!(scenario.marker_count, 5);
    }

    #[test]
    fn scenarios_that_prove_nothing_are_refused() {
        let empty = Components {
            marker: "",
            ..COMPONENTS
        };
        assert!(empty.scenario(ScenarioName::Batch).is_err());
        let nameless = Components {
            es6: "/1.0.0",
            ..COMPONENTS
        };
        assert!(nameless.scenario(ScenarioName::Unrendered).is_err());
    }
}
