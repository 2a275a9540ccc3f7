//! What can be typed.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};
use ochre_client::{ClientOptions, Credentials};
use ochre_model::{ChannelName, ComponentId, ComponentName, Version};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: by a registry, or because the package is not valid; or another failure
  2  wrong usage, or no registry is named
  3  the version is already published
  4  the registry requires other credentials
  5  the registry cannot be reached, or cannot answer now
With several registries: the code of those that failed when it is the same for all, else 1.";

/// Publishes components to OpenComponents registries, and asks them what they hold.
#[derive(Debug, Parser)]
#[command(name = "ochre", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish a compiled component to one or many registries.
    #[command(after_help = EXIT_CODES)]
    Publish(PublishArguments),
    /// Ask registries whether a compiled component could be published.
    ///
    /// Asks `~registry/validate`; a registry that does not offer it is asked for a dry run, which
    /// may need credentials.
    #[command(after_help = EXIT_CODES)]
    Validate(ValidateArguments),
    /// Have registries tell all who use a release that they should not any more.
    #[command(after_help = EXIT_CODES)]
    Deprecate(StateArguments),
    /// Take a release out of ranges; who asks for the exact version still gets it.
    #[command(after_help = EXIT_CODES)]
    Yank(StateArguments),
    /// Take a release back into use that was yanked or deprecated.
    #[command(after_help = EXIT_CODES, alias = "undeprecate")]
    Unyank(StateArguments),
    /// Change or list the channels of a component: names that stand where a version could.
    Channel(ChannelArguments),
    /// Ask a registry what it is and what it holds.
    Registry(RegistryArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    #[command(flatten)]
    pub(crate) asked: ValidateArguments,
    /// Have everything checked and nothing stored.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take a version that is already published for a success, unless its content is known to
    /// differ.
    #[arg(long)]
    pub(crate) skip_existing: bool,
}

/// A package, and the registries that are asked about it.
#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    #[command(flatten)]
    pub(crate) package: PackageArguments,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
}

/// Registries that are asked to change something.
#[derive(Debug, Args)]
pub(crate) struct TargetArguments {
    #[command(flatten)]
    pub(crate) registries: RegistriesArguments,
    #[command(flatten)]
    pub(crate) credentials: CredentialArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// The release.
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) id: ComponentId,
    /// Why, in one line of at most 512 bytes; whoever may read the registry can read it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ChannelArguments {
    #[command(subcommand)]
    pub(crate) command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Point a channel to a version; it comes to be if it is not there.
    #[command(after_help = EXIT_CODES)]
    Set {
        #[command(flatten)]
        on: ChannelTarget,
        /// The exact version.
        version: Version,
        /// Only if there is no such channel yet.
        #[arg(long, conflicts_with = "if_current")]
        if_absent: bool,
    },
    /// Point a channel to what it pointed to before; yanked versions are passed over.
    #[command(after_help = EXIT_CODES)]
    Rollback {
        #[command(flatten)]
        on: ChannelTarget,
    },
    /// Remove a channel.
    #[command(after_help = EXIT_CODES)]
    Rm {
        #[command(flatten)]
        on: ChannelTarget,
    },
    /// List the channels of a component.
    #[command(after_help = EXIT_CODES)]
    Ls {
        /// The component.
        name: ComponentName,
        #[command(flatten)]
        registries: RegistriesArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ChannelTarget {
    /// The component.
    pub(crate) name: ComponentName,
    /// The channel: a lower-case letter, then up to 31 of a-z, 0-9 and `-`.
    pub(crate) channel: ChannelName,
    /// Only if it points to this version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_current: Option<Version>,
    #[command(flatten)]
    pub(crate) target: TargetArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// List the components of a registry with their versions.
    #[command(after_help = EXIT_CODES)]
    Ls(AskArguments),
    /// Show what a registry is and whether it is ready.
    #[command(after_help = EXIT_CODES)]
    Info(AskArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    /// The registry, prefix included; default as for `--registry`.
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) registries: RegistriesArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PackageArguments {
    /// A compiled component: its folder with `_package` in it, the `_package` folder itself, or a
    /// `.tar.gz` of it.
    #[arg(value_name = "FOLDER | .tar.gz")]
    pub(crate) path: PathBuf,
    /// Largest archive; registries have a limit of their own.
    #[arg(long, value_name = "SIZE", default_value = "50MiB")]
    pub(crate) max_size: ByteSize,
    /// Most bytes of all files together, unpacked.
    #[arg(long, value_name = "SIZE", default_value = "200MiB")]
    pub(crate) max_unpacked: ByteSize,
    /// Most files and folders.
    #[arg(long, value_name = "COUNT", default_value_t = 5_000)]
    pub(crate) max_entries: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RegistriesArguments {
    /// A registry, prefix included; may be repeated, also with commas between. Default: `registries`
    /// of `oc.json` in the current folder. A user and password in it are sent and never shown.
    #[arg(
        short,
        long = "registry",
        value_name = "URL",
        env = "OCHRE_REGISTRIES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) registries: Vec<String>,
    /// Longest time for one registry [default: 5m for an upload, 30s else].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Print one JSON document on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialArguments {
    /// User for basic authentication.
    #[arg(long, env = "OCHRE_USERNAME", hide_env_values = true)]
    pub(crate) username: Option<String>,
    /// Password; better in the environment, where other users do not see it.
    #[arg(long, env = "OCHRE_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// Bearer token, instead of user and password; better in the environment.
    #[arg(long, env = "OCHRE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// One half of user and password is missing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HalfCredentials(&'static str);

// === impl CredentialArguments ===

impl CredentialArguments {
    /// What is sent; a token wins over a user. An empty variable counts as unset.
    ///
    /// # Errors
    ///
    /// [`HalfCredentials`].
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, HalfCredentials> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(token) = given(&self.token) {
            return Ok(Some(Credentials::Bearer(token)));
        }
        match (given(&self.username), given(&self.password)) {
            (None, None) => Ok(None),
            (Some(username), Some(password)) => Ok(Some(Credentials::Basic { username, password })),
            (Some(_), None) => Err(HalfCredentials("user without password: set OCHRE_PASSWORD")),
            (None, Some(_)) => Err(HalfCredentials("password without user: set OCHRE_USERNAME")),
        }
    }
}

// === impl RegistriesArguments ===

impl RegistriesArguments {
    /// How each registry is spoken to.
    pub(crate) fn options(&self, credentials: Option<Credentials>) -> ClientOptions {
        let mut options = ClientOptions {
            credentials,
            ..ClientOptions::default()
        };
        if let Some(timeout) = self.timeout {
            options.timeout = timeout;
            options.publish_timeout = timeout;
            options.connect_timeout = options.connect_timeout.min(timeout);
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["ochre", "publish", "hello", "--max-size", "1GiB"]);
        let Command::Publish(arguments) = cli.command else {
            panic!("another command");
        };
        assert_eq!(arguments.asked.package.max_size, ByteSize::gib(1));
        assert_eq!(arguments.asked.package.max_unpacked, ByteSize::mib(200));
    }

    #[test]
    fn token_wins_and_empty_values_are_none() {
        let arguments = |username: &str, password: &str, token: &str| CredentialArguments {
            username: Some(username.to_owned()),
            password: Some(password.to_owned()),
            token: Some(token.to_owned()),
        };
        assert!(matches!(
            arguments("u", "p", "t").credentials(),
            Ok(Some(Credentials::Bearer(_)))
        ));
        assert!(matches!(
            arguments("u", "p", "").credentials(),
            Ok(Some(Credentials::Basic { .. }))
        ));
        assert!(matches!(arguments("", "", "").credentials(), Ok(None)));
        assert!(arguments("u", "", "").credentials().is_err());
        assert!(arguments("", "p", "").credentials().is_err());
    }
}
