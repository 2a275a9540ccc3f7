//! What is remembered of the other registry, for a moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;

/// How long a registry, or a component of it, that did not answer is left alone.
pub(super) const REST: Duration = Duration::from_secs(1);

/// Requests in a row without an answer after which all of them pause.
const SILENCES_MAX: u32 = 8;

/// Bytes of names, versions and texts that are remembered.
const KEPT_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of an entry beside its texts, about.
const ENTRY: usize = 128;

/// What is asked of the other registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) name: Box<str>,
    /// The requested version.
    pub(super) version: Box<str>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Rendering,
    Description,
}

/// What the other registry did not have, and where it was silent, a moment ago.
#[derive(Debug)]
pub(super) struct Recent {
    /// What it said.
    absent: Cache<Question, Arc<str>>,
    silent: Cache<Question, ()>,
    started: Instant,
    /// Milliseconds after `started` until which it is asked nothing.
    resting_until: AtomicU64,
    /// Requests without an answer since the last one that had one.
    silences: AtomicU32,
}

// === impl Question ===

impl Question {
    pub(super) fn new((name, version): (&str, &str), kind: Kind) -> Self {
        let (name, version) = (name.into(), version.into());
        Self {
            name,
            version,
            kind,
        }
    }

    fn weight(&self, text: &str) -> u32 {
        let bytes = self.name.len() + self.version.len() + text.len() + ENTRY;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

// === impl Recent ===

impl Recent {
    pub(super) fn new(absent_for: Duration) -> Self {
        Self {
            absent: Cache::builder()
                .max_capacity(KEPT_MAX)
                .weigher(|question: &Question, text: &Arc<str>| question.weight(text))
                .time_to_live(absent_for)
                .build(),
            silent: Cache::builder()
                .max_capacity(KEPT_MAX)
                .weigher(|question: &Question, ()| question.weight(""))
                .time_to_live(REST)
                .build(),
            started: Instant::now(),
            resting_until: AtomicU64::new(0),
            silences: AtomicU32::new(0),
        }
    }

    /// What the other registry said when it did not have the component.
    ///
    /// What cannot be rendered cannot be described either; the reverse is not certain, since `~info`
    /// can be closed.
    pub(super) async fn absence(&self, question: &Question) -> Option<Arc<str>> {
        if let Some(text) = self.absent.get(question).await {
            return Some(text);
        }
        if question.kind == Kind::Rendering {
            return None;
        }
        let rendering = Question {
            kind: Kind::Rendering,
            ..question.clone()
        };
        self.absent.get(&rendering).await
    }

    pub(super) async fn not_there(&self, question: &Question, text: &str) {
        self.absent.insert(question.clone(), text.into()).await;
    }

    /// Whether this is not to be asked now.
    pub(super) fn is_resting(&self, question: &Question) -> bool {
        let until = self.resting_until.load(Ordering::Relaxed);
        self.started.elapsed() < Duration::from_millis(until) || self.silent.contains_key(question)
    }

    /// Notes that there was an answer, whatever it was.
    pub(super) fn answered(&self) {
        self.silences.store(0, Ordering::Relaxed);
    }

    /// Notes that there was no answer. One slow component is no reason to ask for no other; a
    /// registry that cannot be reached, or answers nothing at all, is.
    pub(super) async fn unanswered(&self, question: &Question, is_unreachable: bool) {
        let silences = self.silences.fetch_add(1, Ordering::Relaxed) + 1;
        if is_unreachable || silences >= SILENCES_MAX {
            let until = (self.started.elapsed() + REST).as_millis();
            let until = u64::try_from(until).unwrap_or(u64::MAX);
            self.resting_until.store(until, Ordering::Relaxed);
        } else {
            self.silent.insert(question.clone(), ()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: Kind) -> Question {
        Question::new((name, "1.x.x"), kind)
    }

    #[tokio::test]
    async fn a_slow_component_is_left_alone_by_itself() {
        let recent = Recent::new(Duration::from_mins(1));
        let (slow, other) = (
            question("slow", Kind::Rendering),
            question("other", Kind::Rendering),
        );
        for _ in 1..SILENCES_MAX {
            recent.unanswered(&slow, false).await;
        }
        assert!(!recent.is_resting(&other));
        recent.answered();
        recent.unanswered(&slow, false).await;
        assert!(!recent.is_resting(&other), "it answers others");
    }

    #[tokio::test]
    async fn a_registry_that_is_silent_or_gone_is_left_alone() {
        let other = question("other", Kind::Rendering);
        let until = |recent: &Recent| recent.resting_until.load(Ordering::Relaxed);
        let silent = Recent::new(Duration::from_mins(1));
        for name in 0..SILENCES_MAX {
            assert_eq!(until(&silent), 0);
            let asked = question(&name.to_string(), Kind::Rendering);
            silent.unanswered(&asked, false).await;
        }
        assert_ne!(until(&silent), 0);
        let gone = Recent::new(Duration::from_mins(1));
        gone.unanswered(&other, true).await;
        assert_ne!(until(&gone), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_rendered_cannot_be_described() {
        let recent = Recent::new(Duration::from_mins(1));
        let asked = |name, kind| question(name, kind);
        recent.not_there(&asked("a", Kind::Rendering), "no a").await;
        recent
            .not_there(&asked("b", Kind::Description), "no b")
            .await;
        let known = async |name, kind| recent.absence(&asked(name, kind)).await;
        assert_eq!(known("a", Kind::Rendering).await.as_deref(), Some("no a"));
        assert_eq!(known("a", Kind::Description).await.as_deref(), Some("no a"));
        assert_eq!(known("b", Kind::Rendering).await, None);
        assert_eq!(known("b", Kind::Description).await.as_deref(), Some("no b"));
    }
}
