//! How a program behaved in this process, and whether it is let in for now.

use std::{
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    driver::{Failure, Limits, Outcome, Program},
    router::Placement,
};

/// Suspension after the first strike; each further one doubles it.
const SUSPENSION: Duration = Duration::from_millis(250);

/// Longest suspension: short, because one caller's requests suspend the program for all callers;
/// what protects other programs is that this one keeps to one thread.
const SUSPENSION_MAX: Duration = Duration::from_secs(2);

/// Time without a strike, from the end of a suspension, after which strikes are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// A call that takes more CPU time keeps its program on one thread.
const HEAVY: Duration = Duration::from_millis(50);

/// What all instants here are counted from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A circuit breaker for one program: calls that had to be stopped because they did not give their
/// thread back are strikes, and a program with strikes waits before it may block a thread again.
#[derive(Debug, Default)]
pub struct Conduct {
    /// A call ended by itself.
    is_proven: AtomicBool,
    /// The last call took much CPU time.
    is_heavy: AtomicBool,
    strikes: AtomicU32,
    /// Milliseconds since [`EPOCH`].
    suspended_until: AtomicU64,
    /// After a suspension one call is let in alone, until it ended by itself.
    is_on_probation: AtomicBool,
    has_probe: AtomicBool,
    /// Which driver executes the program, when there are several.
    pub(crate) placement: Placement,
    /// Whether Node executes it where modules can be required, once that was decided.
    pub(crate) needs_modules: OnceLock<bool>,
}

/// Leave for one call of a program.
#[derive(Debug)]
pub(crate) struct Pass {
    program: Arc<Program>,
    admission: Admission,
}

/// How a call was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// Like any other.
    Free,
    /// As the one call that shows whether the program behaves again.
    Probe,
}

impl Pass {
    /// Lets a call in, or tells how long to wait.
    pub(crate) fn take(program: &Arc<Program>) -> Result<Self, Duration> {
        let admission = program.conduct.admit_at(now())?;
        Ok(Self {
            program: Arc::clone(program),
            admission,
        })
    }

    /// The program that is called.
    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The call is over and took `cpu`; `was_stopped`: it had not given its thread back.
    pub(crate) fn ended(&self, cpu: Duration, was_stopped: bool) {
        self.program.conduct.ended(cpu, was_stopped);
    }

    /// As [`Pass::ended`], with what the call brought.
    pub(crate) fn settled(&self, outcome: &Outcome, limits: &Limits) {
        // The sum of many short runs is no reason to stop one.
        let was_stopped = matches!(outcome.result, Err(Failure::Timeout(_)))
            && outcome.cpu >= limits.cpu_slice.mul_f64(0.9);
        self.ended(outcome.cpu, was_stopped);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.admission == Admission::Probe {
            self.program
                .conduct
                .has_probe
                .store(false, Ordering::Release);
        }
    }
}

impl Conduct {
    /// Whether calls that wait in a queue are refused.
    pub(crate) fn is_suspended(&self) -> bool {
        self.strikes.load(Ordering::Relaxed) > 0
            && now() < self.suspended_until.load(Ordering::Relaxed)
    }

    /// Whether the program may use every thread that it could: it does not block them.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
            && self.strikes.load(Ordering::Relaxed) == 0
            && !self.is_heavy.load(Ordering::Relaxed)
    }

    fn ended(&self, cpu: Duration, was_stopped: bool) {
        let is_heavy = cpu >= HEAVY;
        if was_stopped {
            self.strike_at(now());
        } else if is_heavy || !self.is_trusted() {
            self.is_heavy.store(is_heavy, Ordering::Relaxed);
            self.is_proven.store(true, Ordering::Relaxed);
            self.is_on_probation.store(false, Ordering::Relaxed);
        }
    }

    fn admit_at(&self, now: u64) -> Result<Admission, Duration> {
        if self.strikes.load(Ordering::Relaxed) == 0 {
            return Ok(Admission::Free);
        }
        let until = self.suspended_until.load(Ordering::Relaxed);
        if now < until {
            return Err(Duration::from_millis(until - now));
        }
        if now > until.saturating_add(milliseconds(FORGOTTEN_AFTER)) {
            self.strikes.store(0, Ordering::Relaxed);
            self.is_on_probation.store(false, Ordering::Relaxed);
            return Ok(Admission::Free);
        }
        if !self.is_on_probation.load(Ordering::Relaxed) {
            return Ok(Admission::Free);
        }
        if self.has_probe.swap(true, Ordering::Acquire) {
            return Err(SUSPENSION);
        }
        Ok(Admission::Probe)
    }

    fn strike_at(&self, now: u64) {
        let earlier = self.strikes.fetch_add(1, Ordering::Relaxed);
        let doubled = SUSPENSION.saturating_mul(1 << earlier.min(16));
        let until = now + milliseconds(doubled.min(SUSPENSION_MAX));
        self.suspended_until.fetch_max(until, Ordering::Relaxed);
        self.is_on_probation.store(true, Ordering::Relaxed);
    }
}

fn now() -> u64 {
    milliseconds(EPOCH.elapsed())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_trusted_once_a_call_ended_by_itself() {
        let conduct = Conduct::default();
        assert!(!conduct.is_trusted());

        assert_eq!(conduct.admit_at(0), Ok(Admission::Free));
        conduct.ended(Duration::ZERO, false);

        assert!(conduct.is_trusted());
    }

    #[test]
    fn heavy_program_is_not_trusted_until_it_is_light_again() {
        let conduct = Conduct::default();

        conduct.ended(HEAVY, false);
        assert!(!conduct.is_trusted());

        conduct.ended(Duration::ZERO, false);
        assert!(conduct.is_trusted());
    }

    #[test]
    fn strikes_double_the_suspension() {
        let conduct = Conduct::default();
        for (strike, expected) in [250, 500, 1_000, 2_000].into_iter().enumerate() {
            let at = 100_000 * strike as u64;
            conduct.strike_at(at);
            assert_eq!(conduct.admit_at(at), Err(Duration::from_millis(expected)));
        }
        for _ in 0..40 {
            conduct.strike_at(1_000_000);
        }
        assert_eq!(conduct.admit_at(1_000_000), Err(SUSPENSION_MAX));
    }

    #[test]
    fn one_call_shows_whether_the_program_behaves_again() {
        let conduct = Conduct::default();
        conduct.strike_at(0);

        assert_eq!(conduct.admit_at(300), Ok(Admission::Probe));
        assert_eq!(conduct.admit_at(300), Err(SUSPENSION));
        conduct.ended(Duration::ZERO, false);

        assert_eq!(conduct.admit_at(301), Ok(Admission::Free));
        assert!(!conduct.is_trusted());
    }

    #[test]
    fn strikes_are_forgotten_after_a_while() {
        let conduct = Conduct::default();
        conduct.strike_at(0);

        assert_eq!(conduct.admit_at(62_000), Ok(Admission::Free));
        assert_eq!(conduct.strikes.load(Ordering::Relaxed), 0);
    }
}
