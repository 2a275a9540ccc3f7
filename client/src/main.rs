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
use ochre_model::ReleaseState;

use crate::cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Publish(arguments) => command::publish::run(arguments).await,
        Command::Validate(arguments) => command::validate::run(arguments).await,
        Command::Deprecate(arguments) => {
            command::lifecycle::set_state(arguments, ReleaseState::Deprecated).await
        }
        Command::Yank(arguments) => {
            command::lifecycle::set_state(arguments, ReleaseState::Yanked).await
        }
        Command::Unyank(arguments) => {
            command::lifecycle::set_state(arguments, ReleaseState::Active).await
        }
        Command::Channel(arguments) => command::lifecycle::channel(arguments).await,
        Command::Registry(arguments) => command::registry::run(arguments).await,
    };
    ExitCode::from(exit.code())
}
