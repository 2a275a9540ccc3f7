//! `ochre`: publishes components to registries, and asks them what they hold.

mod bundle;
mod cli;
mod command;
mod console;
mod disk;
mod outcome;
mod registries;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Publish(arguments) => command::publish::run(arguments).await,
        Command::Validate(arguments) => command::validate::run(arguments).await,
        Command::Registry(arguments) => command::registry::run(arguments).await,
    };
    ExitCode::from(exit.code())
}
