//! Which promises a history shows broken.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Asked, Event, History, Millis, Operation, Outcome, Rule, Violation};

/// Time after which a node that is ready again is asked by the load balancer, or that goes on.
const SETTLED: Millis = 2_000;

/// Time after which a node whose store is there again has noticed: what was on its way must have
/// ended first.
const MENDED: Millis = 6_000;

/// Everything about one version.
#[derive(Default)]
struct Seen<'a> {
    publishes: Vec<&'a Operation>,
    reads: Vec<&'a Operation>,
}

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut releases: BTreeMap<&str, Seen<'_>> = BTreeMap::new();
    for operation in &history.operations {
        let seen = releases.entry(&operation.release).or_default();
        match operation.action {
            Action::Publish(_) => seen.publishes.push(operation),
            Action::Read | Action::LastRead => seen.reads.push(operation),
        }
    }
    let mut violations = Vec::new();
    for (release, seen) in releases {
        let mut told = |rule: Rule, text: String| {
            violations.push(Violation {
                rule,
                seen: format!("{release}: {text}"),
            });
        };
        let winner = winner(&seen, &mut told);
        contents(&seen, winner, &mut told);
        last_reads(history, &seen, winner, &mut told);
        for read in &seen.reads {
            answered(history, &seen, read, &mut told);
        }
    }
    violations
}

fn content(publish: &Operation) -> &str {
    match &publish.action {
        Action::Publish(content) => content,
        Action::Read | Action::LastRead => "",
    }
}

/// The acknowledged content, and when it was first acknowledged.
fn winner<'a>(seen: &Seen<'a>, told: &mut impl FnMut(Rule, String)) -> Option<(&'a str, Millis)> {
    let won = |publish: &&&'a Operation| publish.outcome == Outcome::Acknowledged;
    let winners: BTreeSet<&str> = seen
        .publishes
        .iter()
        .filter(won)
        .map(|p| content(p))
        .collect();
    if winners.len() > 1 {
        told(Rule::OneWinner, format!("acknowledged as {winners:?}"));
    }
    let all_clear = seen
        .publishes
        .iter()
        .all(|publish| matches!(publish.outcome, Outcome::Refused));
    if all_clear && !seen.publishes.is_empty() {
        told(Rule::OneWinner, "every publish was refused".to_owned());
    }
    let first = seen
        .publishes
        .iter()
        .filter(won)
        .min_by_key(|publish| publish.end)?;
    Some((content(first), first.end))
}

/// One content, whole, and one that somebody published.
fn contents(seen: &Seen<'_>, winner: Option<(&str, Millis)>, told: &mut impl FnMut(Rule, String)) {
    let mut found = BTreeSet::new();
    for read in &seen.reads {
        match &read.outcome {
            Outcome::Found(content) => drop(found.insert(content.as_str())),
            Outcome::Torn(what) => told(Rule::NothingTorn, format!("{:?}: {what}", read.asked)),
            _ => {}
        }
    }
    found.extend(winner.map(|(content, _)| content));
    if found.len() > 1 {
        told(Rule::OneTruth, format!("read or acknowledged as {found:?}"));
    }
    for content in found {
        if !seen
            .publishes
            .iter()
            .any(|publish| self::content(publish) == content)
        {
            told(Rule::OneTruth, format!("{content} was never published"));
        }
    }
}

/// After everything was mended: what was acknowledged is everywhere, and all agree.
fn last_reads(
    history: &History,
    seen: &Seen<'_>,
    winner: Option<(&str, Millis)>,
    told: &mut impl FnMut(Rule, String),
) {
    let last = seen
        .reads
        .iter()
        .filter(|read| read.action == Action::LastRead);
    let last: Vec<&&Operation> = last.collect();
    let found = |read: &&&&Operation| matches!(read.outcome, Outcome::Found(_));
    let expected = winner.is_some() || last.iter().any(|read| found(&read));
    if !expected {
        return;
    }
    for read in last.iter().filter(|read| !found(read)) {
        told(
            Rule::NothingLost,
            format!("{:?} at last: {:?}", read.asked, read.outcome),
        );
    }
    let everyone = (0..history.nodes).map(Asked::Node).chain([Asked::Store]);
    for asked in everyone {
        if !last.iter().any(|read| read.asked == asked) {
            told(
                Rule::NothingLost,
                format!("{asked:?} was not asked at last"),
            );
        }
    }
}

/// A read that found nothing is right only if nobody could have done better.
fn answered(
    history: &History,
    seen: &Seen<'_>,
    read: &Operation,
    told: &mut impl FnMut(Rule, String),
) {
    let is_told = matches!(read.outcome, Outcome::Found(_) | Outcome::Torn(_));
    let acknowledged = seen
        .publishes
        .iter()
        .any(|publish| publish.outcome == Outcome::Acknowledged && publish.end <= read.start);
    if is_told || !acknowledged || read.action == Action::LastRead {
        return;
    }
    let what = || {
        format!(
            "{:?} answered {:?} at {} to {} ms",
            read.asked, read.outcome, read.start, read.end
        )
    };
    match read.asked {
        Asked::Node(_) | Asked::Balancer(Some(_)) if read.outcome == Outcome::Missing => {
            told(Rule::FoundAtOnce, what());
        }
        Asked::Node(node) if is_able(history, seen, node, read) => {
            told(Rule::FoundAtOnce, what());
        }
        Asked::Balancer(_) => {
            let able: Vec<usize> = (0..history.nodes)
                .filter(|node| is_able(history, seen, *node, read))
                .collect();
            if !able.is_empty() {
                let what = what();
                told(
                    Rule::ReadsAnswered,
                    format!("{what}; nodes {able:?} could have"),
                );
            }
        }
        Asked::Node(_) | Asked::Store => {}
    }
}

/// Whether a node could have answered a read all the while: it ran, was ready, and had the release
/// in memory or a store to read it from.
fn is_able(history: &History, seen: &Seen<'_>, node: usize, read: &Operation) -> bool {
    let mut runs = Condition::default();
    let mut store = Condition::new(true);
    let mut started = 0;
    let mut happenings: Vec<_> = history
        .happenings
        .iter()
        .filter(|h| h.node == node)
        .collect();
    happenings.sort_by_key(|happening| happening.at);
    for happening in happenings {
        let at = happening.at;
        if at > read.end {
            break;
        }
        match happening.event {
            Event::Ready | Event::Resumed => runs.begin(at),
            Event::Killed => {
                runs.end();
                started = at;
            }
            Event::Paused => runs.end(),
            Event::StoreBroken => store.end(),
            Event::StoreMended => store.begin(at),
        }
    }
    let holds = seen.reads.iter().any(|other| {
        let by = matches!(other.asked, Asked::Node(n) | Asked::Balancer(Some(n)) if n == node);
        let is_found = matches!(other.outcome, Outcome::Found(_));
        by && is_found && other.start >= started && other.end <= read.start
    });
    runs.held(read.start, SETTLED) && (holds || store.held(read.start, MENDED))
}

/// Something that is so since a moment, or not.
#[derive(Default)]
struct Condition {
    since: Option<Millis>,
    /// Since the beginning: nothing has to settle.
    always: bool,
}

impl Condition {
    fn new(always: bool) -> Self {
        Self {
            since: None,
            always,
        }
    }

    fn begin(&mut self, at: Millis) {
        self.since = Some(at);
    }

    fn end(&mut self) {
        self.since = None;
        self.always = false;
    }

    fn held(&self, at: Millis, settled: Millis) -> bool {
        self.always || self.since.is_some_and(|since| since + settled <= at)
    }
}

#[cfg(test)]
mod tests;
