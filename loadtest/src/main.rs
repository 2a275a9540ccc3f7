//! Load scenarios against any `OpenComponents` registry, one alone or two side by side.
//!
//! Start with [`load`] (the closed loop), then [`scenario`] (what is asked and what must come
//! back), [`cpu`] (what it cost the server) and [`report`].

mod arguments;
mod cpu;
mod load;
mod registry;
mod report;
mod scenario;

use anyhow::{Context as _, bail};
use clap::Parser as _;

use crate::{
    arguments::Arguments,
    load::{Load, Sample},
    registry::Registry,
    report::Report,
    scenario::Scenario,
};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // One thread: the generator must leave the machine to the server.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("runtime could not be started")?;
    let report = runtime.block_on(run(&arguments))?;

    #[expect(
        clippy::print_stdout,
        reason = "the report is what this program is for"
    )]
    {
        println!("{report}");
    }
    match report.errors() {
        0 => Ok(()),
        errors => bail!("{errors} requests were not answered as expected"),
    }
}

/// Runs every scenario, round by round, in turns between the registries.
async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let scenarios = arguments.scenarios()?;
    for registry in &arguments.registries {
        for scenario in &scenarios {
            load::probe(registry, scenario).await.with_context(|| {
                format!(
                    "`{}` does not answer `{}` as expected",
                    registry.name, scenario.name
                )
            })?;
        }
    }
    let mut report = Report::new(arguments.load(), arguments.rounds, &arguments.registries);
    for scenario in &scenarios {
        for _ in 0..arguments.rounds {
            for registry in &arguments.registries {
                let sample = measure(registry, scenario, arguments.load()).await?;
                report.add(scenario.name, &registry.name, sample);
            }
        }
    }
    Ok(report)
}

async fn measure(registry: &Registry, scenario: &Scenario, load: Load) -> anyhow::Result<Sample> {
    load::run(registry, scenario, load).await.with_context(|| {
        format!(
            "`{}` could not be measured with `{}`",
            registry.name, scenario.name
        )
    })
}
