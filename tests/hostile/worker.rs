//! Worker processes: what they may know, whom their end harms, and that none outlives its node.

use std::{fs, time::Duration};

use ochre_tests::{TestPackage, TestRegistry, Tools, eventually, within};
use serde_json::json;
use tempfile::TempDir;

const BOUND: Duration = Duration::from_secs(20);

const SETTINGS: &str = "[engine]\ndriver = \"quickjs\"\ndeadline = \"15s\"\ncpu_slice = \"300ms\"\n\
                        [engine.quickjs]\nthreads = 2";

/// Keeps a native loop of QuickJS busy that nothing can interrupt, for many seconds.
const STUCK: &str = "'x'.repeat(4e5).indexOf('x'.repeat(2e5) + 'y')";

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start_with(SETTINGS).await;
    registry
        .publish(&TestPackage::new("good", "1.0.0").props("{n: 1}"))
        .await;
    registry.get("/good").await.expect_status(200);
    registry
}

/// The processes that a process has started and that run.
pub(crate) fn workers(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("the system tells its processes");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
    })
    .collect()
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{pid} runs");
}

/// How many of its workers the embedded engine has started again.
async fn restarts(registry: &TestRegistry) -> u64 {
    registry
        .metric("ochre_engine_worker_restarts_total{driver=\"quickjs\"}")
        .await
}

#[tokio::test]
async fn workers_know_nothing_of_the_node() {
    let registry = registry().await;
    let workers = workers(registry.process.id());
    assert_eq!(workers.len(), 3, "two and a spare");
    for pid in workers {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).expect("the worker runs");
        assert_eq!(read("environ"), b"");
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).expect("the worker runs");
        assert_eq!(folder.as_os_str(), "/");
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("the worker runs");
        for descriptor in open.flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let target = target.to_string_lossy().into_owned();
            let is_harmless = target == "/dev/null"
                || target.starts_with("socket:")
                || target.starts_with("anon_inode:")
                || target.starts_with("pipe:");
            assert!(is_harmless, "{target}");
        }
    }
}

/// Killed while it runs nothing: what runs in a worker that dies cannot be told from what ended it.
#[tokio::test]
async fn worker_that_is_killed_harms_nobody() {
    let registry = registry().await;
    for _ in 0..3 {
        let before = workers(registry.process.id());
        kill(*before.first().expect("there are workers"));
        for _ in 0..40 {
            registry.get("/good").await.expect_status(200);
        }
        eventually("three workers again", BOUND, || async {
            let now = workers(registry.process.id());
            (now.len() == 3 && now != before).then_some(())
        })
        .await;
    }
    let restarts = restarts(&registry).await;
    assert!(restarts >= 3, "{restarts}");
}

/// A component that ends its own worker is to be found in the log.
#[tokio::test]
async fn components_of_a_worker_that_died_are_named() {
    let registry = registry().await;
    let waits = "setTimeout(() => callback(null, { component: { props: {} } }), 4000)";
    let waits = TestPackage::new("waits", "1.0.0").provider(waits);
    registry.publish(&waits).await;

    let request = registry.request("GET", "/waits");
    let asked = tokio::spawn(ochre_tests::Answer::try_of(request));
    eventually("the component to be named", BOUND, || async {
        let all = workers(registry.process.id());
        if all.len() == 3 {
            all.into_iter().for_each(kill);
        }
        let log = registry.process.log();
        (log.contains("worker process ended") && log.contains("{\\\"waits@1.0.0\\\"}"))
            .then_some(())
    })
    .await;
    asked.abort();
}

#[tokio::test]
async fn script_in_a_native_loop_is_killed_while_others_are_answered() {
    let registry = registry().await;
    registry
        .publish(&TestPackage::new("stuck", "1.0.0").provider(STUCK))
        .await;

    let stuck = tokio::spawn(ochre_tests::Answer::try_of(
        registry.request("GET", "/stuck"),
    ));
    while !stuck.is_finished() {
        let get = registry.get("/good");
        within("the good component", BOUND, get)
            .await
            .expect_status(200);
    }

    let answer = stuck.await.expect("the task ends").expect("an answer");
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("timeout"), "{}", answer.text());
    let restarts = restarts(&registry).await;
    assert_eq!(restarts, 1);
}

#[tokio::test]
async fn workers_end_with_their_node() {
    let mut registry = registry().await;
    registry
        .publish(&TestPackage::new("stuck", "1.0.0").provider(STUCK))
        .await;
    let workers = workers(registry.process.id());
    let request = registry.request("GET", "/stuck");
    let stuck = tokio::spawn(ochre_tests::Answer::try_of(request));
    // Long enough for the script to run, which keeps its worker from seeing anything.
    eventually("the worker to be busy", BOUND, || async {
        let used = workers.iter().map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let ticks = stat.split_whitespace().nth(13).map(str::to_owned);
            ticks
                .and_then(|ticks| ticks.parse::<u64>().ok())
                .unwrap_or(0)
        });
        used.max().is_some_and(|ticks| ticks > 10).then_some(())
    })
    .await;

    registry.process.kill();

    eventually("the workers to end", BOUND, || async {
        let is_over = |pid: &u32| {
            !fs::exists(format!("/proc/{pid}/exe")).unwrap_or(false)
                || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
        };
        workers.iter().all(is_over).then_some(())
    })
    .await;
    assert!(stuck.await.expect("the task ends").is_err());
}

#[tokio::test]
async fn components_run_on_threads_when_asked() {
    let settings = "[engine]\nisolation = \"thread\"";
    let registry = TestRegistry::start_with(settings).await;
    registry
        .publish(&TestPackage::new("good", "1.0.0").props("{n: 1}"))
        .await;
    registry.get("/good").await.expect_status(200);
    assert!(workers(registry.process.id()).is_empty());
}

#[tokio::test]
async fn workers_are_confined() {
    let registry = registry().await;
    for pid in workers(registry.process.id()) {
        eventually("the worker to be confined", BOUND, || async {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let is_confined =
                status.contains("\nSeccomp:\t2\n") && status.contains("\nNoNewPrivs:\t1\n");
            is_confined.then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn module_cannot_kill_the_node() {
    let modules = TempDir::new().expect("a folder can be made");
    let package = modules.path().join("node_modules/hostile");
    fs::create_dir_all(&package).expect("a folder can be made");
    let script = "module.exports = () => [
        () => process.kill(process.ppid, 9), () => process._debugProcess(process.ppid),
    ].map((act) => { try { act(); return 'done'; } catch (error) { return error.code || 'refused'; } });";
    fs::write(package.join("index.js"), script).expect("a file can be written");
    let registry = TestRegistry::start_with(&format!(
        "[engine]\ndependencies = [\"hostile\"]\n[engine.node]\npath = {}\nmodules = {}",
        json!(Tools::find().node()),
        json!(modules.path()),
    ))
    .await;
    let hostile = TestPackage::new("hostile", "1.0.0").props("{tried: require('hostile')()}");
    registry.publish(&hostile).await;

    let answer = registry.get_unrendered("/hostile").await.expect_status(200);

    let props = &answer.json()["data"]["component"]["props"];
    assert_eq!(props["tried"][0], "EPERM", "{props}");
    assert_ne!(props["tried"][1], "done", "{props}");
    registry.get("/hostile").await.expect_status(200);
}
