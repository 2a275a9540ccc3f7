//! `ochre-cdn-sync`: flags, settings, logs, then the mirror until a signal or until it is level.

mod command;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use ochre_cdn_sync::{
    configuration,
    mirror::MirrorSettings,
    program::{EXIT_CONFIG, Program, environment},
    telemetry,
};

const PROGRAM: Program = Program("ochre-cdn-sync");

/// Copies published releases to CDNs and to stores of other regions.
///
/// Without `--once` it follows the source and keeps every target level with it. Every setting can
/// also be given as an environment variable `OCHRE__SECTION__KEY`.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(version)]
struct Arguments {
    /// Settings, a TOML file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Check the settings, print them with every default, and exit.
    #[arg(long)]
    check_config: bool,
    /// Copy what the targets lack, then exit: 0 when they have all of it, 1 when not.
    #[arg(long)]
    once: bool,
    /// Tell what the targets lack, and copy nothing.
    #[arg(long)]
    dry_run: bool,
    /// Tell the outcome as JSON, on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Only this target.
    #[arg(long, value_name = "NAME", global = true)]
    target: Option<String>,
    /// Address and port of `/metrics`, `/health` and `/ready`, instead of `metrics.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<SocketAddr>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Delete from a `cdn` target what the source does not list. Needs `--target`.
    Prune {
        /// Tell what would be deleted, and delete nothing.
        #[arg(long)]
        dry_run: bool,
        /// Delete without asking.
        #[arg(long)]
        yes: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments.config.as_deref();
    let loaded = configuration::load(file, environment(), MirrorSettings::problems);
    let mut settings = match loaded {
        Ok(settings) => settings,
        Err(error) => return PROGRAM.fail(EXIT_CONFIG, &error),
    };
    settings.metrics.listen = arguments.metrics_listen.or(settings.metrics.listen);
    if arguments.check_config {
        return PROGRAM.print_settings(&settings);
    }
    if let Err(error) = telemetry::start(&settings.telemetry) {
        return PROGRAM.fail(EXIT_CONFIG, &error);
    }
    let only = arguments.target.as_deref();
    let finished = match arguments.command {
        Some(Command::Prune { dry_run, yes }) => {
            let consent = command::Consent { dry_run, yes };
            command::prune(&settings, only, consent, arguments.json).await
        }
        None if arguments.dry_run => command::plan(&settings, only, arguments.json).await,
        None if arguments.once => command::once(&settings, only, arguments.json).await,
        None => command::follow(&settings, only).await,
    };
    match finished {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => PROGRAM.fail(1, error.as_ref()),
    }
}
