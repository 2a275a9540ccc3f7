//! `ochre registry ls` and `ochre registry info`.

use ochre_client::{Client, ExchangeError, Listed, RegistryInfo};
use serde_json::{Value, json};

use super::failed;
use crate::{
    cli::{AskArguments, RegistryArguments, RegistryCommand},
    console::{self, Chain},
    outcome::Exit,
    registries,
};

/// Asks each registry.
pub(crate) async fn run(arguments: RegistryArguments) -> Exit {
    match arguments.command {
        RegistryCommand::Ls(arguments) => ask(arguments, Question::List).await,
        RegistryCommand::Info(arguments) => ask(arguments, Question::Info).await,
    }
}

#[derive(Clone, Copy)]
enum Question {
    List,
    Info,
}

/// What a registry answered, for programs and for people.
struct Told {
    document: Value,
    lines: Vec<String>,
}

async fn ask(arguments: AskArguments, question: Question) -> Exit {
    let AskArguments { url, registries } = arguments;
    let given = url.map_or_else(|| registries.registries.clone(), |url| vec![url]);
    let clients = match registries::clients(&given, &registries.options(None)) {
        Ok(clients) => clients,
        Err(error) => return failed(&error, Exit::Usage, registries.json),
    };
    let mut exits = Vec::new();
    let mut documents = Vec::new();
    let several = clients.len() > 1;
    for (registry, client) in &clients {
        let told = match question {
            Question::List => list(client).await,
            Question::Info => info(registry, client).await,
        };
        match told {
            Ok(told) => {
                documents.push(json!({ "registry": registry, "answer": told.document }));
                if !registries.json {
                    show(several.then_some(registry), &told.lines);
                }
            }
            Err(error) => {
                let text = Chain(&error).to_string();
                console::say(format_args!("{registry}: failed: {text}"));
                documents.push(json!({ "registry": registry, "error": text }));
                exits.push(Exit::of_exchange(&error));
            }
        }
    }
    if registries.json {
        console::print_json(&json!({ "registries": documents }));
    }
    match exits.split_first() {
        None => Exit::Done,
        Some((first, rest)) if rest.iter().all(|exit| exit == first) => *first,
        Some(_) => Exit::Failed,
    }
}

fn show(heading: Option<&String>, lines: &[String]) {
    if let Some(registry) = heading {
        console::print(format_args!("{registry}"));
    }
    let indent = if heading.is_some() { "  " } else { "" };
    for line in lines {
        console::print(format_args!("{indent}{line}"));
    }
}

async fn list(client: &Client) -> Result<Told, ExchangeError> {
    let listed = client.list_versions().await?;
    let width = listed.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let line = |one: &Listed| {
        let versions = match (&one.version, one.all_versions.len()) {
            (None, _) => "version not told".to_owned(),
            (Some(version), 0..=1) => version.clone(),
            (Some(version), count) => format!("{version}  ({count} versions)"),
        };
        format!("{:width$}  {versions}", one.name)
    };
    let document = |one: &Listed| json!({ "name": one.name, "version": one.version, "allVersions": one.all_versions });
    Ok(Told {
        lines: listed.iter().map(line).collect(),
        document: listed.iter().map(document).collect(),
    })
}

async fn info(registry: &str, client: &Client) -> Result<Told, ExchangeError> {
    let RegistryInfo {
        discovery,
        is_ready,
    } = client.registry_info().await?;
    let ready = match is_ready {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not told",
    };
    let count = discovery.components.len();
    Ok(Told {
        lines: vec![
            format!("registry    {registry}"),
            format!("href        {}", discovery.href),
            format!("type        {}", discovery.registry_type),
            format!("oc version  {}", discovery.oc_version),
            format!("components  {count}"),
            format!("ready       {ready}"),
        ],
        document: json!({
            "href": discovery.href,
            "type": discovery.registry_type,
            "ocVersion": discovery.oc_version,
            "components": count,
            "ready": is_ready,
        }),
    })
}
