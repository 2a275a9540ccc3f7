//! `ochre-registry store`: what operators do with a store.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "answers of a command line program"
)]

mod exposure;
mod manifest;

use std::{
    io::IsTerminal as _,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use bytesize::ByteSize;
use clap::Subcommand;
use ochre_store::{
    Amount, CheckProgress, CheckReport, ComponentStore, Problem, RepairPlan, RepairReport,
    StoreStats,
};

use crate::{app, settings::Settings};

/// Problems that are printed one by one.
const PRINTED_MAX: usize = 100;

/// Longest wait for `components.json` after a change of the catalog.
const SETTLE: Duration = Duration::from_mins(2);

/// Subcommands of `store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Have the catalog written as a log of changes: for stores that an older Ochre made, once no
    /// older release runs any more.
    Upgrade,
    /// Check every release against its recorded digests, and the manifests against the releases.
    /// Writes nothing; fails when something is wrong.
    Check {
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check, then mend what can be mended: rewrite files from the release objects, finish
    /// interrupted publishes, write the index and the manifests again as the union of all.
    Repair {
        /// Tell what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print plan and report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Count components, versions, bytes, unfinished publishes.
    Stats {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the manifest (versions, states, channels) into a file; releases are not in it.
    Backup {
        /// The file; one that exists is refused.
        file: PathBuf,
    },
    /// List what a backup of the manifest lists, beside what is listed already.
    Restore {
        /// The file.
        file: PathBuf,
        /// Tell what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        /// Restore the rest when the store has nothing of some versions of the backup.
        #[arg(long)]
        pass_over_unsupported: bool,
    },
}

/// Runs a subcommand on the store that the settings describe.
///
/// # Errors
///
/// When the store cannot be opened, read or written, when a check finds problems, and when
/// something cannot be mended or restored.
pub async fn run(settings: &Settings, command: StoreCommand) -> anyhow::Result<()> {
    let store = app::store(settings)?;
    // Nothing is written unless the command is one that writes, and the store keeps its promises.
    store.hold_writes();
    match command {
        StoreCommand::Upgrade => upgrade(&store).await,
        StoreCommand::Check { json } => check(settings, &store, json).await,
        StoreCommand::Repair { dry_run, json } => repair(&store, dry_run, json).await,
        StoreCommand::Stats { json } => stats(&store, json).await,
        StoreCommand::Backup { file } => manifest::backup(&store, &file).await,
        StoreCommand::Restore {
            file,
            dry_run,
            pass_over_unsupported,
        } => manifest::restore(&store, &file, (dry_run, pass_over_unsupported)).await,
    }
}

async fn upgrade(store: &ComponentStore) -> anyhow::Result<()> {
    allow_writes(store).await?;
    if store.upgrade_index().await? {
        settle(store).await?;
        println!("the catalog is a log of changes from now on");
    } else {
        println!("the catalog is a log of changes already");
    }
    Ok(())
}

/// Tests the store as a node does at its start, then lets it be written.
async fn allow_writes(store: &ComponentStore) -> anyhow::Result<()> {
    store.probe().await?;
    store.release_writes();
    Ok(())
}

/// Waits until OC's manifests hold what was written: nobody does it once the process has ended.
async fn settle(store: &ComponentStore) -> anyhow::Result<()> {
    if !store.committer().drain(SETTLE).await {
        anyhow::bail!("components.json does not hold everything yet: run the command again");
    }
    Ok(())
}

async fn check(settings: &Settings, store: &ComponentStore, json: bool) -> anyhow::Result<()> {
    let report = store.check(&Progress::new()).await?;
    let exposed = exposure::look(settings, store).await?;
    if json {
        let mut value = serde_json::to_value(&report)?;
        value["publicPrivateFiles"] = serde_json::to_value(&exposed)?;
        println!("{value:#}");
    } else {
        print_report(&report);
        for address in exposed.addresses() {
            println!("public although private: {address}");
        }
        exposed.print();
    }
    let problems = report.problems.len() as u64 + report.more_problems;
    let problems = problems + exposed.addresses().len() as u64;
    if problems > 0 {
        anyhow::bail!(
            "the store has {problems} problems: see `ochre-registry store repair --help`"
        );
    }
    Ok(())
}

fn print_report(report: &CheckReport) {
    print_problems(&report.problems, report.more_problems);
    println!(
        "{} releases: {} files, {}, are what was published",
        report.releases,
        report.files,
        ByteSize(report.bytes)
    );
    if report.not_adopted > 0 {
        println!(
            "{} releases of other registries have nothing recorded yet to check them against",
            report.not_adopted
        );
    }
    if report.pending > 0 {
        println!("{} publishes are unfinished", report.pending);
    }
}

fn print_problems(problems: &[Problem], more: u64) {
    for problem in problems.iter().take(PRINTED_MAX) {
        let kind = serde_json::to_value(problem.kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default().to_owned();
        match &problem.release {
            Some(id) => println!("{kind}: {id}: {}", problem.detail),
            None => println!("{kind}: {}", problem.detail),
        }
    }
    let more = more + problems.len().saturating_sub(PRINTED_MAX) as u64;
    if more > 0 {
        println!("and {more} problems more: --json has up to 10,000");
    }
}

async fn repair(store: &ComponentStore, dry_run: bool, json: bool) -> anyhow::Result<()> {
    let plan = RepairPlan::new(&store.check(&Progress::new()).await?);
    if json && dry_run {
        println!("{:#}", serde_json::to_value(&plan)?);
    } else if !json {
        print_plan(&plan, dry_run);
    }
    let mut report = RepairReport::default();
    if !dry_run {
        if !plan.is_empty() {
            allow_writes(store).await?;
            report = store.repair(&plan).await?;
            settle(store).await?;
        }
        if json {
            let value = serde_json::json!({ "plan": plan, "report": report });
            println!("{value:#}");
        } else if !plan.is_empty() {
            print_repaired(&report);
        }
    }
    let (beyond, failed) = (plan.beyond_repair.len(), report.failed.len());
    if beyond + failed > 0 {
        anyhow::bail!("{beyond} problems are beyond repair, {failed} could not be mended");
    }
    Ok(())
}

fn print_plan(plan: &RepairPlan, dry_run: bool) {
    let would = if dry_run { "would " } else { "" };
    for id in plan.rewrite.iter().take(PRINTED_MAX) {
        println!("{would}rewrite the files of {id}");
    }
    if plan.reconcile {
        println!("{would}finish, list and export whatever is not");
    }
    print_problems(&plan.beyond_repair, 0);
    if plan.is_empty() && plan.beyond_repair.is_empty() {
        println!("nothing to mend");
    }
}

fn print_repaired(report: &RepairReport) {
    for (place, why) in &report.failed {
        println!("could not mend {place}: {why}");
    }
    println!(
        "rewrote {} releases, finished or listed {}",
        report.rewritten.len(),
        report.finished.len()
    );
}

async fn stats(store: &ComponentStore, json: bool) -> anyhow::Result<()> {
    let stats = store.stats().await?;
    if json {
        println!("{:#}", serde_json::to_value(&stats)?);
    } else {
        print_stats(&stats);
    }
    Ok(())
}

fn print_stats(stats: &StoreStats) {
    println!("components       {}", stats.components);
    println!("releases         {}", stats.releases);
    println!("unfinished       {}", stats.pending);
    let amounts: [(&str, Amount); 5] = [
        ("files", stats.files),
        ("release objects", stats.release_objects),
        ("variants", stats.variants),
        ("templates", stats.templates),
        ("other", stats.other),
    ];
    for (name, amount) in amounts {
        let bytes = ByteSize(amount.bytes);
        println!("{name:<16} {} objects, {bytes}", amount.objects);
    }
    for (id, bytes) in &stats.largest {
        println!("large            {id} {}", ByteSize(*bytes));
    }
}

/// Tells on standard error how far a check is: often at a terminal, else seldom.
struct Progress {
    every: Duration,
    last: Mutex<Instant>,
}

// === impl Progress ===

impl Progress {
    #[expect(clippy::new_ret_no_self, reason = "the store wants a function")]
    fn new() -> impl Fn(CheckProgress) + Sync {
        let seconds = if std::io::stderr().is_terminal() {
            1
        } else {
            30
        };
        let progress = Self {
            every: Duration::from_secs(seconds),
            last: Mutex::new(Instant::now()),
        };
        move |now| progress.tell(now)
    }

    fn tell(&self, progress: CheckProgress) {
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        if last.elapsed() >= self.every {
            *last = Instant::now();
            eprintln!("checked {} of {} releases", progress.done, progress.total);
        }
    }
}
