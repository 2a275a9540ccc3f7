//! One child process: its output is kept, and it ends when the test does.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tempfile::NamedTempFile;

use crate::eventually;

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
