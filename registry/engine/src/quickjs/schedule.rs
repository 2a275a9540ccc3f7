//! What an engine thread has to do at a later time.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::call::CallId;

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The call is over, answered or not.
    Deadline(CallId),
    /// A timer that the provider set.
    Timer(CallId, u32),
}

/// Place of an entry; takes it out again.
pub(super) type Place = (Instant, u64);

/// Entries ordered by time; those of the same time in the order they were set.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: BTreeMap<Place, (u64, Due)>,
    last: u64,
}

impl Schedule {
    /// Adds an entry of the isolate `isolate`.
    pub(super) fn add(&mut self, at: Instant, isolate: u64, due: Due) -> Place {
        self.last += 1;
        self.entries.insert((at, self.last), (isolate, due));
        (at, self.last)
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.entries.remove(&place);
    }

    /// When the next entry becomes due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.keys().next().map(|place| place.0)
    }

    /// Takes the first entry that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(u64, Due)> {
        let first = self.entries.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Due, Instant, Schedule};

    #[test]
    fn entries_come_out_by_time_then_by_order() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.add(now + Duration::from_secs(1), 1, Due::Timer(1, 3));
        schedule.add(now, 1, Due::Timer(1, 1));
        let removed = schedule.add(now, 1, Due::Timer(1, 9));
        schedule.add(now, 1, Due::Timer(1, 2));
        schedule.remove(removed);

        assert_eq!(schedule.next(), Some(now));
        assert_eq!(schedule.pop(now), Some((1, Due::Timer(1, 1))));
        assert_eq!(schedule.pop(now), Some((1, Due::Timer(1, 2))));
        assert_eq!(schedule.pop(now), None);
    }
}
