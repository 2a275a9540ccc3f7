//! The program with someone at the keyboard.

use std::{path::Path, process::Stdio, time::Duration};

use ochre_tests::{Tools, within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
};

const PATIENCE: Duration = Duration::from_mins(1);

/// One run of `oc`.
pub(super) struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    /// Starts `oc` in a folder.
    pub(super) fn open(
        tools: &Tools,
        folder: &Path,
        arguments: impl Iterator<Item = String>,
    ) -> Self {
        let mut child = Command::from(tools.oc(folder))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Node starts");
        Self {
            keyboard: child.stdin.take(),
            screen: child.stdout.take().expect("output is piped"),
            child,
            shown: String::new(),
        }
    }

    /// Waits for a question and types the answer. Does nothing when the program ends before.
    pub(super) async fn answer(&mut self, question: &str, answer: &str) {
        let asked = async { while !self.shown.contains(question) && self.read().await {} };
        within(question, PATIENCE, asked).await;
        if let Some(keyboard) = &mut self.keyboard {
            let line = format!("{answer}\n");
            drop(keyboard.write_all(line.as_bytes()).await);
            drop(keyboard.flush().await);
        }
    }

    /// Waits until the program ends; gives its exit code and everything it showed, uncolored.
    pub(super) async fn closed(mut self) -> (i32, String) {
        self.keyboard = None;
        let ended = async {
            while self.read().await {}
            self.child.wait().await
        };
        let status = within("oc", PATIENCE, ended).await.expect("a child ends");
        (status.code().unwrap_or(-1), uncolored(&self.shown))
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.screen.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.shown
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
                true
            }
        }
    }
}

/// Text without terminal color codes (`ESC [ … m`).
fn uncolored(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}
