//! `ochre deprecate`, `yank`, `unyank` and `channel`.

use std::time::{Duration, Instant};

use ochre_client::{
    ChannelChange, ChannelGuard, ChannelState, Client, Lifecycle, LifecycleError, VersionState,
};
use ochre_model::{ChannelName, ComponentName, ReleaseState};
use serde_json::{Value, json};

use super::failed;
use crate::{
    cli::{
        ChannelArguments, ChannelCommand, ChannelTarget, RegistriesArguments, StateArguments,
        TargetArguments,
    },
    console,
    outcome::{Exit, Outcome, Verdict},
    registries,
};

/// Gives a release another state in every registry.
pub(crate) async fn set_state(arguments: StateArguments, state: ReleaseState) -> Exit {
    let StateArguments { id, reason, target } = arguments;
    let clients = match clients(&target) {
        Ok(clients) => clients,
        Err(exit) => return exit,
    };
    let mut outcomes = Vec::with_capacity(clients.len());
    for (registry, client) in &clients {
        let started = Instant::now();
        let set = client.set_state(&id, state, reason.as_deref()).await;
        let asked = (client.has_credentials(), started.elapsed());
        outcomes.push(told(registry, set.map(|set| state_told(&set)), asked));
    }
    let head = json!({ "component": id.name, "version": id.version, "operation": state });
    finish(head, &outcomes, &target.registries)
}

/// Changes or lists the channels of a component in every registry.
pub(crate) async fn channel(arguments: ChannelArguments) -> Exit {
    match arguments.command {
        ChannelCommand::Set {
            on,
            version,
            if_absent,
        } => {
            let absent = if_absent.then_some(ChannelGuard::Absent);
            change(on, ChannelChange::MoveTo(version.to_string()), absent).await
        }
        ChannelCommand::Rollback { on } => change(on, ChannelChange::RollBack, None).await,
        ChannelCommand::Rm { on } => change(on, ChannelChange::Remove, None).await,
        ChannelCommand::Ls { name, registries } => list(&name, &registries).await,
    }
}

async fn change(on: ChannelTarget, change: ChannelChange, guard: Option<ChannelGuard>) -> Exit {
    let ChannelTarget {
        name,
        channel,
        if_current,
        target,
    } = on;
    let clients = match clients(&target) {
        Ok(clients) => clients,
        Err(exit) => return exit,
    };
    let expected = if_current.map(|version| ChannelGuard::At(version.to_string()));
    let guard = expected.or(guard).unwrap_or_default();
    let mut outcomes = Vec::with_capacity(clients.len());
    for (registry, client) in &clients {
        let started = Instant::now();
        let changed = client.change_channel((&name, &channel), &change, &guard);
        let changed = changed.await.map(|now| channel_told(&channel, &now));
        let asked = (client.has_credentials(), started.elapsed());
        outcomes.push(told(registry, changed, asked));
    }
    let operation = match change {
        ChannelChange::MoveTo(_) => "channel-set",
        ChannelChange::RollBack => "channel-rollback",
        ChannelChange::Remove => "channel-rm",
    };
    let head = json!({ "component": name, "channel": channel, "operation": operation });
    finish(head, &outcomes, &target.registries)
}

async fn list(name: &ComponentName, registries: &RegistriesArguments) -> Exit {
    let clients = registries::clients(&registries.registries, &registries.options(None));
    let clients = match clients {
        Ok(clients) => clients,
        Err(error) => return failed(&error, Exit::Usage, registries.json),
    };
    let mut outcomes = Vec::with_capacity(clients.len());
    for (registry, client) in &clients {
        let started = Instant::now();
        let lifecycle = client.lifecycle(name).await;
        if let (Ok(lifecycle), false) = (&lifecycle, registries.json) {
            if clients.len() > 1 {
                console::print(format_args!("{registry}"));
            }
            for line in lines(lifecycle) {
                console::print(format_args!("{line}"));
            }
        }
        let asked = (true, started.elapsed());
        outcomes.push(match lifecycle {
            Ok(lifecycle) => {
                let mut outcome = Outcome::new(registry, Verdict::Listed, asked.1);
                let channels = lifecycle.channels.iter();
                let channels = channels.map(|(name, now)| (name.clone(), channel_json(now)));
                outcome.member("channels", Some(channels.collect()));
                outcome
            }
            Err(error) => told(registry, Err(error), asked),
        });
    }
    let head = json!({ "component": name, "operation": "channel-ls" });
    finish(head, &outcomes, registries)
}

fn lines(lifecycle: &Lifecycle) -> Vec<String> {
    let channels = &lifecycle.channels;
    let width = channels.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, now): (&String, &ChannelState)| {
        let version = now.version.as_deref().unwrap_or_default();
        let of_version = |state: &&VersionState| state.version == version;
        let state = lifecycle.versions.iter().find(of_version);
        let state = state.filter(|state| state.state != "active");
        let state = state.map_or_else(String::new, |state| format!("  ({})", state.state));
        format!("{name:width$}  {version}{state}")
    };
    channels.iter().map(line).collect()
}

/// A client for each registry.
fn clients(target: &TargetArguments) -> Result<Vec<(String, Client)>, Exit> {
    let is_json = target.registries.json;
    let credentials = target.credentials.credentials();
    let credentials = credentials.map_err(|error| failed(&error, Exit::Usage, is_json))?;
    let options = target.registries.options(credentials);
    registries::clients(&target.registries.registries, &options)
        .map_err(|error| failed(&error, Exit::Usage, is_json))
}

/// A message for people and members for programs.
type Told = (String, Vec<(&'static str, Value)>);

fn state_told(now: &VersionState) -> Told {
    let members = vec![
        ("state", json!(now.state)),
        ("reason", json!(now.reason)),
        ("since", json!(now.since)),
    ];
    (format!("{} is {}", now.version, now.state), members)
}

fn channel_told(channel: &ChannelName, now: &ChannelState) -> Told {
    let text = match &now.version {
        Some(version) => format!("{channel} points to {version}"),
        None => format!("{channel} is gone"),
    };
    (text, vec![("version", json!(now.version))])
}

fn channel_json(now: &ChannelState) -> Value {
    let earlier: Vec<&str> = now.earlier.iter().map(|target| &*target.version).collect();
    json!({ "version": now.version, "earlier": earlier })
}

/// What one registry did.
fn told(
    registry: &str,
    result: Result<Told, LifecycleError>,
    (has_credentials, duration): (bool, Duration),
) -> Outcome {
    match result {
        Ok((message, members)) => {
            let mut outcome = Outcome::new(registry, Verdict::Changed, duration);
            outcome.message = Some(message);
            for (name, value) in members {
                outcome.member(name, Some(value).filter(|value| !value.is_null()));
            }
            outcome
        }
        Err(error) => Outcome::of_lifecycle(registry, &error, (has_credentials, duration)),
    }
}

/// Tells how it ended everywhere.
fn finish(mut head: Value, outcomes: &[Outcome], registries: &RegistriesArguments) -> Exit {
    for outcome in outcomes {
        if outcome.verdict != Verdict::Listed {
            console::say_lines(&outcome.to_lines());
        }
    }
    if registries.json {
        head["results"] = outcomes.iter().map(Outcome::to_json).collect();
        console::print_json(&head);
    }
    Exit::of(outcomes)
}
