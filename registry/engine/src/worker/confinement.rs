//! What a worker process may not ask of the system.
//!
//! The permissions of Node do not cover signals, and a script that escapes from its engine has none
//! at all. A filter in the kernel holds for all threads, for programs that the process becomes, and
//! for their children.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod filter;

/// Whether a worker may start processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Children {
    /// It may, and may become another program: what Node may start is for its permissions to say.
    Allowed,
    /// Threads are all that it starts.
    Refused,
}

/// Why a worker is not confined.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The system has no such filters, or does not take this one.
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    #[error(transparent)]
    Filter(#[from] seccompiler::Error),
    /// There is no filter for this system.
    #[cfg(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )))]
    #[error("no filter for this system")]
    Unsupported,
}

/// Keeps this process from signalling, tracing and changing others, for ever.
///
/// Call it before there is a second thread.
///
/// # Errors
///
/// [`Error`]; what is not refused by then stays allowed.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(super) fn confine(children: Children) -> Result<(), Error> {
    Ok(filter::install(children)?)
}

/// Keeps this process from nothing: there is no filter for this system.
///
/// # Errors
///
/// [`Error::Unsupported`].
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) fn confine(_children: Children) -> Result<(), Error> {
    Err(Error::Unsupported)
}
