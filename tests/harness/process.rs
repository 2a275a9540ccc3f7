//! One child process: its output is kept, and it ends when the test does.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tempfile::NamedTempFile;

use crate::eventually;

/// How long a process that says so may take until it is ready.
const READY_WITHIN: Duration = Duration::from_mins(3);

/// A running child process. Dropping it kills it, and prints its log when the test is failing.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: NamedTempFile,
}

impl Process {
    /// Starts `command`; standard output and error go to one log.
    ///
    /// Standard input is a pipe that closes when this process ends, however it ends: servers that
    /// watch it never outlive the tests.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        let log = NamedTempFile::new().expect("a log file can be made");
        let output = || File::options().append(true).open(log.path());
        let child = command
            .stdin(Stdio::piped())
            .stdout(output().expect("the log can be opened"))
            .stderr(output().expect("the log can be opened"))
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start ({command:?}): {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Everything the process printed so far.
    pub fn log(&self) -> String {
        read_lossy(self.log.path())
    }

    /// What follows the word `ready` in the first line that begins with it.
    pub async fn ready(&mut self) -> String {
        self.ready_again(1).await
    }

    /// As [`Process::ready`], once there have been `times` such lines; of the last of them.
    pub async fn ready_again(&mut self, times: usize) -> String {
        let what = format!("{} to be ready", self.name);
        eventually(&what, READY_WITHIN, || {
            self.assert_running();
            let log = self.log();
            let mut lines = log.lines().filter_map(|line| line.strip_prefix("ready"));
            let rest = lines.nth(times - 1).map(|rest| rest.trim().to_owned());
            async move { rest }
        })
        .await
    }

    /// Writes a line to the standard input.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("standard input is a pipe");
        writeln!(input, "{line}").expect("the process reads its standard input");
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once the process has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Fails the test if the process has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.exit_status() {
            panic!("{} ended ({status}):\n{}", self.name, self.log());
        }
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks the process to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal by its `kill` option, as in `-STOP`.
    pub fn signal(&self, option: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([option, &id]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill {option} {id} failed"
        );
    }

    /// Waits until the process has ended, and fails the test after `bound`.
    pub async fn ended(&mut self, bound: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        eventually(&what, bound, || {
            let status = self.child.try_wait().expect("a child can be waited for");
            async move { status }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            write_log(&self.name, &self.log());
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log belongs to the failure")]
fn write_log(name: &str, log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    let tail = &lines[lines.len().saturating_sub(100)..];
    eprintln!("--- log of {name}\n{}\n---", tail.join("\n"));
}

fn read_lossy(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
