//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::{
    load::Load,
    registry::Registry,
    scenario::{Components, Scenario, ScenarioError},
};

/// Measures what requests cost a registry: throughput, latency, CPU.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Registry to measure; give it twice to compare two. Loopback addresses only.
    #[arg(
        long = "registry",
        value_name = "NAME=URL[,pid=PID]",
        required = true,
        num_args = 1
    )]
    pub(crate) registries: Vec<Registry>,

    /// Scenario to run; repeatable. Default: all of them.
    #[arg(long = "scenario", value_enum)]
    names: Vec<ScenarioName>,

    /// Component of type `oc-template-es6`, with the version to ask for.
    #[arg(long, value_name = "NAME[/VERSION]", default_value = "load-es6/1.x.x")]
    es6: String,

    /// Component of type `oc-template-handlebars`, with the version to ask for.
    #[arg(
        long,
        value_name = "NAME[/VERSION]",
        default_value = "load-handlebars/1.x.x"
    )]
    handlebars: String,

    /// Component of type `oc-template-react`, with the version to ask for.
    #[arg(
        long,
        value_name = "NAME[/VERSION]",
        default_value = "load-react/1.x.x"
    )]
    react: String,

    /// Parameters of every component.
    #[arg(long, default_value = "name=Ada")]
    query: String,

    /// Text that every answer must hold, once for each component asked for.
    #[arg(long, default_value = "Hello, Ada")]
    marker: String,

    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,

    /// Seconds of load before each measurement.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,

    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    duration: u64,

    /// Measurements of each scenario and registry, in turns between the registries.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
}

/// What is asked of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScenarioName {
    /// Data and template URL of the es6 component.
    Unrendered,
    /// HTML of the es6 component.
    RenderedEs6,
    /// HTML of the handlebars component.
    RenderedHandlebars,
    /// HTML of the React component.
    RenderedReact,
    /// Five components unrendered in one exchange, es6 and handlebars in turns.
    Batch,
    /// Five components rendered in one exchange, es6 and handlebars in turns.
    BatchRendered,
}

// === impl Arguments ===

impl Arguments {
    /// How each measurement is made.
    pub(crate) fn load(&self) -> Load {
        Load {
            connections: self.connections,
            warmup: Duration::from_secs(self.warmup),
            duration: Duration::from_secs(self.duration),
        }
    }

    /// The scenarios asked for, in the order in which they are declared here.
    pub(crate) fn scenarios(&self) -> Result<Vec<Scenario>, ScenarioError> {
        let components = Components {
            es6: &self.es6,
            handlebars: &self.handlebars,
            react: &self.react,
            query: &self.query,
            marker: &self.marker,
        };
        ScenarioName::value_variants()
            .iter()
            .filter(|name| self.names.is_empty() || self.names.contains(name))
            .map(|name| components.scenario(*name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(["ochre-loadtest"].iter().chain(arguments))
    }

    #[test]
    fn every_scenario_runs_unless_some_are_named() {
        let all = parse(&["--registry", "a=http://127.0.0.1:1"]).unwrap();
        assert_eq!(all.scenarios().unwrap().len(), 6);

        let named = ["--registry", "a=http://127.0.0.1:1", "--scenario", "batch"];
        let named = parse(&named).unwrap().scenarios().unwrap();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].name, "batch of 5");
    }

    #[test]
    fn two_registries_are_taken_in_order() {
        let two = [
            "--registry",
            "ochre=http://127.0.0.1:3000/,pid=1",
            "--registry",
            "oc=http://127.0.0.1:3001/,pid=2",
        ];
        let registries = parse(&two).unwrap().registries;
        let names: Vec<_> = registries.iter().map(|registry| &registry.name).collect();
        assert_eq!(names, ["ochre", "oc"]);
    }

    #[test]
    fn registry_elsewhere_is_refused_with_the_reason() {
        let error = parse(&["--registry", "a=http://192.0.2.1:3000/"]).unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
    }

    #[test]
    fn bounds_of_the_load_are_checked() {
        for bad in [
            ["--connections", "0"],
            ["--duration", "0"],
            ["--rounds", "0"],
        ] {
            let arguments = ["--registry", "a=http://127.0.0.1:1", bad[0], bad[1]];
            assert!(parse(&arguments).is_err(), "{bad:?}");
        }
    }
}
