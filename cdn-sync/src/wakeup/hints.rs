//! What messages ask for, however many there are: one slot.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

/// Longest number: 20 digits.
const DIGITS_MAX: usize = 20;

/// Why to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// A node says that the index has this generation.
    Generation(u64),
    /// Messages may have been missed.
    Gap,
}

/// The newest hint that nobody has followed yet.
#[derive(Debug, Default)]
pub(super) struct Hints {
    slot: Mutex<Option<Hint>>,
    filled: Notify,
    /// The last number heard, followed or not.
    heard: AtomicU64,
    received: AtomicU64,
    ignored: AtomicU64,
}

// === impl Hints ===

impl Hints {
    /// Takes a message; what is no number is counted and forgotten.
    pub(super) fn message(&self, payload: &[u8]) {
        let Some(generation) = parse(payload) else {
            self.ignored.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.received.fetch_add(1, Ordering::Relaxed);
        self.heard.store(generation, Ordering::Relaxed);
        self.put(Hint::Generation(generation));
    }

    /// A message that can be none of a node.
    pub(super) fn foreign(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that messages may have been missed.
    pub(super) fn gap(&self) {
        self.put(Hint::Gap);
    }

    /// Waits for a hint, and takes it.
    pub(super) async fn next(&self) -> Hint {
        loop {
            let taken = self.slot().take();
            match taken {
                Some(hint) => return hint,
                None => self.filled.notified().await,
            }
        }
    }

    /// Whether the last message said this generation: then nobody needs to be told.
    pub(super) fn has_heard(&self, generation: u64) -> bool {
        self.heard.load(Ordering::Relaxed) == generation
    }

    /// Messages that were understood, and others.
    pub(super) fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.received), count(&self.ignored))
    }

    fn put(&self, hint: Hint) {
        let mut slot = self.slot();
        // A gap asks for a poll whatever the messages after it say.
        if *slot != Some(Hint::Gap) {
            *slot = Some(hint);
        }
        drop(slot);
        self.filled.notify_one();
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Hint>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(payload: &[u8]) -> Option<u64> {
    if payload.len() > DIGITS_MAX || !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(payload).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_newest_number_counts_and_anything_else_is_ignored() {
        let hints = Hints::default();
        let huge = vec![b'9'; 1 << 20];
        for payload in [&b""[..], b"-1", b"+1", b"1.0", b"0x1", b"\xff\0", &huge] {
            hints.message(payload);
        }
        hints.message(b"99999999999999999999");
        assert_eq!(hints.counts(), (0, 8));
        hints.message(b"7");
        hints.message(b"8");
        assert_eq!(hints.next().await, Hint::Generation(8));
        assert!(hints.has_heard(8) && !hints.has_heard(7));
        assert_eq!(hints.counts(), (2, 8));
    }

    #[tokio::test]
    async fn a_gap_is_not_forgotten_for_a_message() {
        let hints = Hints::default();
        hints.gap();
        hints.message(b"7");
        assert_eq!(hints.next().await, Hint::Gap);
        hints.message(b"8");
        assert_eq!(hints.next().await, Hint::Generation(8));
    }
}
