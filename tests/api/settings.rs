//! Settings that cannot be used are refused before anything starts.

use std::{
    fs,
    process::{Command, Output},
};

use ochre_tests::registry_binary;
use tempfile::TempDir;

fn check(settings: &str, variables: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().expect("a folder can be made");
    let file = folder.path().join("ochre.toml");
    fs::write(&file, settings).expect("a file can be written");
    Command::new(registry_binary())
        .args(["--check-config", "--config"])
        .arg(&file)
        .current_dir(folder.path())
        .envs(variables.iter().copied())
        .output()
        .expect("the registry starts")
}

fn text(output: &Output) -> String {
    [output.stdout.as_slice(), &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// What is told of settings that are refused.
pub(crate) fn refused(settings: &str) -> String {
    let output = check(settings, &[]);
    assert!(!output.status.success(), "{settings}");
    text(&output)
}

#[test]
fn defaults_are_usable() {
    let output = check("", &[]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn what_cannot_be_used_is_named() {
    let cases = [
        ("[http]\nlisten_on = \"x\"", "listen_on"),
        ("[nothing]\na = 1", "nothing"),
        ("[http]\nlisten = \"nowhere\"", "listen"),
        ("[http]\nprefix = \"components\"", "prefix"),
        ("[sync]\npoll_interval = \"soon\"", "poll_interval"),
        ("[storage]\nbackend = \"tape\"", "backend"),
        ("[storage]\nbackend = \"s3\"", "bucket"),
        ("[http]\nbatch_max = 0", "batch_max"),
        (
            "[auth]\nlogins = [{ username = \"\", password = \"p\" }]",
            "logins[0]",
        ),
        ("[engine.node]\npath = \"/nowhere\"", "engine.node.path"),
        (
            "[redis]\nurl = \"rediss://localhost\"\nca_file = \"/nowhere\"",
            "redis.ca_file",
        ),
        ("[http", "line 1"),
    ];
    for (settings, named) in cases {
        let output = check(settings, &[]);
        assert!(!output.status.success(), "{settings}");
        assert!(
            text(&output).contains(named),
            "{settings}: {}",
            text(&output)
        );
    }
}

#[test]
fn environment_overrides_the_file() {
    let output = check("[http]\nbatch_max = 7", &[("OCHRE__HTTP__BATCH_MAX", "9")]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("batch_max = 9"), "{}", text(&output));

    let output = check("", &[("OCHRE__HTTP__BATCH_MAX", "many")]);
    assert!(!output.status.success(), "{}", text(&output));
    assert!(
        text(&output).to_lowercase().contains("batch_max"),
        "{}",
        text(&output)
    );
}

#[test]
fn secrets_are_not_printed() {
    let settings = "[auth]\nlogins = [{ username = \"u\", password = \"hunter2\" }]\n[storage]\nsecret_access_key = \"s3cr3t\"";
    let output = check(settings, &[]);
    assert!(
        !text(&output).contains("hunter2") && !text(&output).contains("s3cr3t"),
        "{}",
        text(&output)
    );
}
