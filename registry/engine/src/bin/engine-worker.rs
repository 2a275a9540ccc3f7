//! The worker process of the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    ochre_engine::worker::run(std::env::args_os().skip(1))
}
