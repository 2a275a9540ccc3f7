//! Which driver executes a program, and what its calls cost there.

use std::{
    sync::atomic::{AtomicU8, AtomicU32, Ordering},
    time::Duration,
};

/// Average CPU time of a call above which a program is moved to Node: there it costs a third, and
/// below it the way over the socket eats up the gain.
const HEAVY: u32 = micros(150);

/// Average on Node below which a program is moved back: far enough from [`HEAVY`], which is told
/// by another engine, that no program goes to and fro.
const LIGHT: u32 = micros(15);

/// Calls that have to be seen before a program is moved to Node, and back.
const SEEN_HEAVY: u32 = 32;
const SEEN_LIGHT: u32 = 4_096;

/// A call counts for this part of the average.
const WEIGHT: u32 = 16;

/// Most that one call counts for, so that loading a program moves it nowhere.
const COST_MAX: u32 = micros(2_000);

/// The average is kept in sixteenths of a microsecond.
const fn micros(micros: u32) -> u32 {
    micros * 16
}

/// Where a program is executed; see [`super::Router`].
#[derive(Debug, Default)]
pub(crate) struct Placement {
    place: AtomicU8,
    average: AtomicU32,
    seen: AtomicU32,
}

/// A driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    /// The embedded engine, until it proves too slow.
    QuickJs = 1,
    /// The embedded engine, whatever it costs.
    QuickJsAlways = 2,
    /// Node, because it is faster.
    Node = 3,
    /// Node, because nothing else will do.
    NodeAlways = 4,
}

impl Place {
    pub(super) fn is_node(self) -> bool {
        matches!(self, Self::Node | Self::NodeAlways)
    }
}

impl Placement {
    /// The place, once it is decided.
    pub(super) fn get(&self) -> Option<Place> {
        match self.place.load(Ordering::Relaxed) {
            1 => Some(Place::QuickJs),
            2 => Some(Place::QuickJsAlways),
            3 => Some(Place::Node),
            4 => Some(Place::NodeAlways),
            _ => None,
        }
    }

    pub(super) fn set(&self, place: Place) {
        self.place.store(place as u8, Ordering::Relaxed);
        self.seen.store(0, Ordering::Relaxed);
    }

    /// Notes what a call cost at `place`; answers where the program belongs from now on, if that
    /// is elsewhere.
    pub(super) fn note(&self, place: Place, cpu: Duration) -> Option<Place> {
        let cost = u32::try_from(cpu.as_micros()).unwrap_or(u32::MAX);
        let cost = cost.saturating_mul(16).min(COST_MAX);
        // Calls at the same moment may lose a count: the average does not need to be exact.
        let seen = self.seen.load(Ordering::Relaxed).saturating_add(1);
        let before = self.average.load(Ordering::Relaxed);
        let weight = WEIGHT.min(seen);
        let average = before - before / weight + cost / weight;
        self.seen.store(seen, Ordering::Relaxed);
        self.average.store(average, Ordering::Relaxed);
        match place {
            Place::QuickJs if average > HEAVY && seen >= SEEN_HEAVY => Some(Place::Node),
            Place::Node if average < LIGHT && seen >= SEEN_LIGHT => Some(Place::QuickJs),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(placement: &Placement, place: Place, calls: u32, cpu: u64) -> Option<Place> {
        let cpu = Duration::from_micros(cpu);
        let mut notes = (0..calls).map(|_| placement.note(place, cpu));
        notes.find_map(|moved| moved)
    }

    #[test]
    fn program_moves_to_node_once_its_average_is_heavy() {
        let placement = Placement::default();
        placement.set(Place::QuickJs);
        assert_eq!(after(&placement, Place::QuickJs, 31, 400), None);
        let moved = after(&placement, Place::QuickJs, 1, 400);
        assert_eq!(moved, Some(Place::Node));
    }

    #[test]
    fn light_program_with_a_slow_first_call_stays() {
        let placement = Placement::default();
        placement.set(Place::QuickJs);
        assert_eq!(after(&placement, Place::QuickJs, 1, 50_000), None);
        assert_eq!(after(&placement, Place::QuickJs, 200, 30), None);
    }

    #[test]
    fn program_on_node_stays_unless_it_is_very_light() {
        let placement = Placement::default();
        placement.set(Place::Node);
        assert_eq!(after(&placement, Place::Node, 10_000, 50), None);
        let back = after(&placement, Place::Node, 5_000, 5);
        assert_eq!(back, Some(Place::QuickJs));
    }

    #[test]
    fn what_is_fixed_is_not_moved() {
        let placement = Placement::default();
        placement.set(Place::QuickJsAlways);
        assert_eq!(after(&placement, Place::QuickJsAlways, 100, 5_000), None);
    }
}
