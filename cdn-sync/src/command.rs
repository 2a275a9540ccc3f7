//! What the program can be asked to do. Each gives whether all of it was done.
#![expect(clippy::print_stdout, reason = "answers of a command line program")]

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use anyhow::Context as _;
use ochre_cdn_sync::mirror::{
    Daemon, DaemonParts, Mirror, MirrorSettings, Monitor, Outcome, Selection, Setup,
};
use ochre_model::Chain;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Releases that are named in a plan.
const NAMED_MAX: usize = 1000;

/// How long messages to the webhook may take after the work is done.
const PURGE_WITHIN: Duration = Duration::from_mins(2);

/// Whether something may be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// Only tell.
    pub(crate) dry_run: bool,
    /// Do not ask.
    pub(crate) yes: bool,
}

/// What goes on beside the work, until it is ended.
struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Keeps the targets level with the source until a signal.
pub(crate) async fn follow(settings: &MirrorSettings, only: Option<&str>) -> anyhow::Result<bool> {
    let setup = Setup::open(settings, only)?;
    let running = Running::start(&setup);
    let stop = stop_at_signal()?;
    let probed = stop.run_until_cancelled(setup.probe()).await;
    probed.transpose()?;
    let parts = DaemonParts {
        watch: setup.watch.clone(),
        mirrors: setup.mirrors.clone(),
        clock: Arc::clone(&setup.clock),
        metrics: Arc::clone(&setup.metrics),
    };
    let daemon = Arc::new(Daemon::new(parts, settings.mirror.clone()));
    if let Some(address) = settings.metrics.listen {
        let monitor = Monitor::bind(address).await?;
        let (daemon, stop) = (Arc::clone(&daemon), running.stop.clone());
        running
            .tasks
            .spawn(async move { monitor.run(daemon, stop).await });
        tracing::info!("metrics are at http://{address}/metrics");
    }
    tracing::info!("mirroring to {} targets", setup.mirrors.len());
    let bound = async {
        stop.cancelled().await;
        tokio::time::sleep(settings.mirror.shutdown_timeout).await;
    };
    tokio::select! {
        () = daemon.run(&stop) => {}
        () = bound => tracing::warn!("copies did not finish in time; the next start goes on with them"),
    }
    if let Some(purge) = &setup.purge {
        purge.drain(settings.purge.timeout).await;
    }
    running.end().await;
    tracing::info!("stopped");
    Ok(true)
}

/// Copies what the targets lack.
pub(crate) async fn once(
    settings: &MirrorSettings,
    only: Option<&str>,
    as_json: bool,
) -> anyhow::Result<bool> {
    let setup = Setup::open(settings, only)?;
    setup.probe().await?;
    let running = Running::start(&setup);
    let stop = stop_at_signal()?;
    let catalog = setup.catalog().await?;
    let runs = setup.mirrors.iter().map(|mirror| async {
        let outcome = mirror.run(&catalog, Selection::Everything, &stop).await;
        (Arc::clone(mirror), outcome)
    });
    let mut is_complete = true;
    for (mirror, outcome) in futures::future::join_all(runs).await {
        match outcome {
            Ok(outcome) => {
                is_complete &= outcome.is_complete();
                tell(&mirror, &outcome, as_json);
            }
            Err(error) => {
                is_complete = false;
                tracing::error!(error = %Chain(&error), "nothing was copied to {}", mirror.name());
            }
        }
    }
    if let Some(purge) = &setup.purge {
        let delivered = purge.drain(PURGE_WITHIN).await && setup.metrics.purges_failed() == 0;
        if !delivered {
            tracing::error!("the purge webhook was not told of everything");
        }
        is_complete &= delivered;
    }
    running.end().await;
    Ok(is_complete)
}

/// Tells what the targets lack.
pub(crate) async fn plan(
    settings: &MirrorSettings,
    only: Option<&str>,
    as_json: bool,
) -> anyhow::Result<bool> {
    let setup = Setup::open(settings, only)?;
    let running = Running::start(&setup);
    let catalog = setup.catalog().await?;
    for mirror in &setup.mirrors {
        let plan = mirror.plan(&catalog).await?;
        let named = plan.items().take(NAMED_MAX).map(|item| item.id.to_string());
        let named: Vec<String> = named.collect();
        if as_json {
            let plan = json!({
                "target": mirror.name(),
                "dryRun": true,
                "releases": catalog.version_count(),
                "missing": plan.len(),
                "first": named,
            });
            println!("{plan}");
        } else {
            println!(
                "{}: lacks {} of {} releases",
                mirror.name(),
                plan.len(),
                catalog.version_count()
            );
            for id in &named {
                println!("  {id}");
            }
            if plan.len() > named.len() {
                println!("  … and {} more", plan.len() - named.len());
            }
        }
    }
    running.end().await;
    Ok(true)
}

/// Deletes from a target what the source does not list.
pub(crate) async fn prune(
    settings: &MirrorSettings,
    only: Option<&str>,
    consent: Consent,
    as_json: bool,
) -> anyhow::Result<bool> {
    let only = only.context("name the target with --target")?;
    let setup = Setup::open(settings, Some(only))?;
    let running = Running::start(&setup);
    let catalog = setup.catalog().await?;
    let status = setup.watch.status();
    if let Some(alert) = status.alerts.first() {
        anyhow::bail!("nothing is deleted while something is wrong with the source: {alert}");
    }
    let mirror = setup.mirrors.first().context("there is no such target")?;
    let surplus = mirror.surplus(&catalog).await?;
    let names: Vec<String> = surplus.iter().map(ToString::to_string).collect();
    let agreed = !consent.dry_run && !surplus.is_empty() && {
        consent.yes || asks_for(mirror.name(), &names)?
    };
    let mut files = 0;
    if agreed {
        files = mirror.remove(&surplus).await?;
    }
    if let Some(purge) = &setup.purge {
        purge.drain(PURGE_WITHIN).await;
    }
    if as_json {
        let report = json!({
            "target": mirror.name(),
            "deleted": agreed,
            "files": files,
            "releases": names,
        });
        println!("{report}");
    } else {
        let word = if agreed { "deleted" } else { "would delete" };
        println!("{}: {word} {} releases", mirror.name(), names.len());
        for name in &names {
            println!("  {name}");
        }
    }
    running.end().await;
    Ok(agreed || consent.dry_run || names.is_empty())
}

/// Asks on a terminal; elsewhere `--yes` is needed.
#[expect(clippy::print_stderr, reason = "a question to a person")]
fn asks_for(target: &str, names: &[String]) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!(
            "{} releases would be deleted from `{target}`: look with --dry-run, then give --yes",
            names.len()
        );
    }
    for name in names {
        eprintln!("  {name}");
    }
    eprint!(
        "delete these {} releases from `{target}`? [y/N] ",
        names.len()
    );
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

fn tell(mirror: &Mirror, outcome: &Outcome, as_json: bool) {
    let report = outcome.to_json(mirror.name());
    if as_json {
        println!("{report}");
        return;
    }
    if outcome.planned == 0 {
        println!("{}: lacks no release", mirror.name());
    } else {
        println!(
            "{}: copied {} of {} releases ({} were there, {} failed), {} bytes in {:.1} s",
            mirror.name(),
            outcome.copied,
            outcome.planned,
            outcome.present,
            outcome.failed,
            outcome.bytes,
            outcome.elapsed.as_secs_f64()
        );
    }
    let failures = report.get("failures").and_then(Value::as_array);
    for failure in failures.into_iter().flatten().take(NAMED_MAX) {
        let text = |key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default();
        println!(
            "  {} ({}): {}",
            text("release"),
            text("kind"),
            text("error")
        );
    }
    if let Some(problem) = outcome.problem() {
        println!("  {problem}");
    }
}

/// Cancelled by SIGTERM and SIGINT.
fn stop_at_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("finishing copies in progress");
        stopping.cancel();
    });
    Ok(stop)
}

// === impl Running ===

impl Running {
    fn start(setup: &Setup) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (watch, ended) = (setup.watch.clone(), stop.clone());
        tasks.spawn(async move { watch.run(ended).await });
        if let Some(purge) = setup.purge.clone() {
            let ended = stop.clone();
            tasks.spawn(async move { purge.run(ended).await });
        }
        Self { stop, tasks }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
