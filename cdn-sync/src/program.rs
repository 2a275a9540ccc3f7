//! How a program of Ochre begins and ends: what its environment says, and what it says where there
//! is no log yet.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use ochre_model::Chain;
use serde::Serialize;

/// Exit code of settings that cannot be used (`EX_CONFIG` of `sysexits.h`).
pub const EXIT_CONFIG: u8 = 78;

/// One program, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Program(pub &'static str);

// === impl Program ===

impl Program {
    /// Answers `--check-config`: every setting as it is, on standard output.
    pub fn print_settings(self, settings: &impl Serialize) -> ExitCode {
        let text = match toml::to_string_pretty(settings) {
            Ok(text) => text,
            Err(error) => return self.fail(EXIT_CONFIG, &error),
        };
        match writeln!(io::stdout(), "{text}") {
            Ok(()) => ExitCode::SUCCESS,
            // Who reads the beginning alone has what it wanted.
            Err(gone) if gone.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => self.fail(1, &error),
        }
    }

    /// Ends with `code` and says why, on standard error.
    #[expect(clippy::print_stderr, reason = "there may be no log yet")]
    pub fn fail(self, code: u8, error: &(dyn Error + 'static)) -> ExitCode {
        eprintln!("{}: {}", self.0, Chain(error));
        ExitCode::from(code)
    }
}

/// The variables that are text; others are none of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
