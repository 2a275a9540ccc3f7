//! The inside of a worker process.

mod confinement;
mod host;
mod programs;
pub(crate) mod quickjs;

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    sync::{Mutex, MutexGuard, PoisonError},
};

use confinement::Children;

/// Exit code of arguments that are not understood (`EX_USAGE` of `sysexits.h`).
const EXIT_USAGE: u8 = 64;

/// Works for the process that started this one, until that ends.
///
/// `arguments`: `quickjs SETTINGS` to execute programs here, or `exec PROGRAM ARGUMENTS…` to become
/// another program. Call it before anything else of the process: before a runtime, logs or settings.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mode = arguments.next();
    let worked = end_with_parent().and_then(|()| match mode.as_deref().and_then(OsStr::to_str) {
        Some("quickjs") => {
            confine(Children::Refused);
            quickjs::serve(&arguments.next().unwrap_or_default())
        }
        Some("exec") => {
            confine(Children::Allowed);
            exec(arguments)
        }
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    });
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// A script that blocks the process keeps it from seeing that nobody listens any more.
fn end_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Where the system knows no such filter, a worker works without: the rest of what holds it is there.
fn confine(children: Children) {
    if let Err(error) = confinement::confine(children) {
        warn(&error);
    }
}

fn exec(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let program = arguments
        .next()
        .ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    Err(Command::new(program).args(arguments).exec())
}

#[expect(clippy::print_stderr, reason = "the parent puts it into its log")]
fn complain(error: &io::Error) {
    eprintln!("worker cannot work: {error}");
}

#[expect(clippy::print_stderr, reason = "the parent puts it into its log")]
fn warn(error: &confinement::Error) {
    eprintln!("worker is not kept from signalling other processes: {error}");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
