//! `ochre-registry`: flags, settings, logs, then the app until a signal.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use ochre_registry::{
    app::{self, App},
    drivers, memory,
    program::{EXIT_CONFIG, Program, environment},
    settings::{self, Settings},
    store_command::{self, StoreCommand},
    telemetry, template_command,
};
use tokio::signal::unix::{SignalKind, signal};

const PROGRAM: Program = Program("ochre-registry");

/// Runs one node of the Ochre component registry.
///
/// Without a file it listens on localhost:3000 and keeps components in the folder `ochre-data`.
/// Every setting can also be given as an environment variable `OCHRE__SECTION__KEY`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Settings, a TOML file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Check the settings, print them with every default, and exit.
    #[arg(long)]
    check_config: bool,
    /// Address and port to listen on, instead of `http.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage the template packs that render template types.
    Templates {
        #[command(subcommand)]
        command: TemplateCommand,
    },
    /// Check, repair, count, back up and restore the store.
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
}

#[derive(Debug, Subcommand)]
enum TemplateCommand {
    /// Fetch packs from the npm registry into the store, so that every node has them.
    Add {
        /// Template types, each with or without a version: `oc-template-react@4.2.0`.
        #[arg(value_name = "TYPE[@VERSION]", required_unless_present = "all")]
        types: Vec<String>,
        /// Every type there is a pack for.
        #[arg(long, conflicts_with = "types")]
        all: bool,
    },
    /// List the packs in the store.
    List,
    /// Take a pack out of the store: its components are not served any more, unless the type is
    /// one of OC's own or set in `templates.types`.
    Remove {
        /// The type, for example `oc-template-react`.
        template_type: String,
    },
}

fn main() -> ExitCode {
    memory::give_back_large_blocks();
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == drivers::WORKER_COMMAND)
    {
        // Neither settings nor logs: a worker has nothing but what it is sent.
        return ochre_engine::worker::run(arguments);
    }
    node()
}

#[tokio::main]
async fn node() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match settings::load(arguments.config.as_deref(), environment()) {
        Ok(mut settings) => {
            settings.http.listen = arguments.listen.unwrap_or(settings.http.listen);
            settings
        }
        Err(error) => return PROGRAM.fail(EXIT_CONFIG, &error),
    };
    if arguments.check_config {
        return check(&settings).await;
    }
    if let Err(error) = telemetry::start(&settings.telemetry) {
        return PROGRAM.fail(EXIT_CONFIG, &error);
    }
    let finished = match arguments.command {
        None => run(settings).await,
        Some(Command::Templates { command }) => manage_templates(&settings, command).await,
        Some(Command::Store { command }) => store_command::run(&settings, command).await,
    };
    match finished {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.fail(1, error.as_ref()),
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let app = App::build(settings).await?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    app.run_until(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await?;
    Ok(())
}

async fn manage_templates(settings: &Settings, command: TemplateCommand) -> anyhow::Result<()> {
    let packs = app::packs(settings)?;
    match command {
        TemplateCommand::Add { all: true, .. } => template_command::add_all(&packs).await,
        TemplateCommand::Add { types, .. } => template_command::add(&packs, &types).await,
        TemplateCommand::List => template_command::list(&packs).await,
        TemplateCommand::Remove { template_type } => {
            template_command::remove(&packs, &template_type).await
        }
    }
}

/// Answers `--check-config`: what has to be tried is tried too.
async fn check(settings: &Settings) -> ExitCode {
    match app::check(settings).await {
        Ok(()) => PROGRAM.print_settings(settings),
        Err(error) => PROGRAM.fail(EXIT_CONFIG, &error),
    }
}
