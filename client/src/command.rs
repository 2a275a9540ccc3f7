//! The commands, each of which ends with an exit code.

pub(crate) mod lifecycle;
pub(crate) mod publish;
pub(crate) mod registry;
pub(crate) mod validate;

use ochre_client::Client;
use serde_json::{Value, json};

use crate::{
    bundle::{Bounds, Bundle, BundleError},
    cli::{PackageArguments, ValidateArguments},
    console::{self, Chain},
    outcome::{Exit, Outcome},
    registries,
};

/// A package, and the registries that are asked about it.
struct Prepared {
    bundle: Bundle,
    /// URL and client of each.
    clients: Vec<(String, Client)>,
}

/// Asks every registry about the package, one after the other; one that fails does not keep it from
/// the others. `kind`: what is done there, for those who read JSON.
async fn at_each(
    asked: &ValidateArguments,
    kind: &'static str,
    ask: impl AsyncFn(&str, &Client, &Bundle) -> Outcome,
) -> Exit {
    let Prepared { bundle, clients } = match prepare(asked).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let mut outcomes = Vec::with_capacity(clients.len());
    for (registry, client) in &clients {
        let outcome = ask(registry, client, &bundle).await;
        console::say_lines(&outcome.to_lines());
        outcomes.push(outcome);
    }
    finish(&bundle, &outcomes, (kind, asked.target.registries.json))
}

/// Reads what the arguments name, and tells people what the package is.
async fn prepare(asked: &ValidateArguments) -> Result<Prepared, Exit> {
    let registries = &asked.target.registries;
    let is_json = registries.json;
    let credentials = asked.target.credentials.credentials();
    let credentials = credentials.map_err(|error| failed(&error, Exit::Usage, is_json))?;
    let options = registries.options(credentials);
    let clients = registries::clients(&registries.registries, &options);
    let clients = clients.map_err(|error| failed(&error, Exit::Usage, is_json))?;
    let bundle = bundle(&asked.package, is_json).await?;
    announce(&bundle);
    Ok(Prepared { bundle, clients })
}

/// Reads and checks the package.
async fn bundle(arguments: &PackageArguments, is_json: bool) -> Result<Bundle, Exit> {
    let path = arguments.path.clone();
    let bounds = Bounds {
        packed: arguments.max_size,
        unpacked: arguments.max_unpacked,
        entries: arguments.max_entries,
    };
    let reading = tokio::task::spawn_blocking(move || Bundle::at(&path, bounds)).await;
    let error: Box<dyn std::error::Error> = match reading {
        Ok(Ok(bundle)) => return Ok(bundle),
        Ok(Err(error)) => {
            let exit = match error {
                BundleError::Unreadable { .. }
                | BundleError::NoComponent { .. }
                | BundleError::NotCompiled { .. } => Exit::Usage,
                _ => Exit::Failed,
            };
            return Err(failed(&error, exit, is_json));
        }
        Err(error) => error.into(),
    };
    Err(failed(&*error, Exit::Failed, is_json))
}

/// Tells a failure before any registry was asked.
fn failed(error: &dyn std::error::Error, exit: Exit, is_json: bool) -> Exit {
    let text = Chain(error).to_string();
    if is_json {
        console::print_json(&json!({ "error": text }));
    }
    console::say(format_args!("error: {text}"));
    exit
}

/// Tells people what the package is.
fn announce(bundle: &Bundle) {
    let (id, files) = (&bundle.id, bundle.files);
    let size = console::size(bundle.archive.len());
    console::say(format_args!("{id}: {files} files, {size} packed"));
    for warning in &bundle.warnings {
        console::say(format_args!("warning: {warning}"));
    }
}

/// Tells how it ended everywhere.
fn finish(bundle: &Bundle, outcomes: &[Outcome], (kind, is_json): (&'static str, bool)) -> Exit {
    if is_json {
        let results: Vec<Value> = outcomes.iter().map(Outcome::to_json).collect();
        console::print_json(&json!({
            "component": bundle.id.name.as_str(),
            "version": bundle.id.version.as_str(),
            "operation": kind,
            "size": bundle.archive.len(),
            "warnings": bundle.warnings,
            "results": results,
        }));
    }
    Exit::of(outcomes)
}
