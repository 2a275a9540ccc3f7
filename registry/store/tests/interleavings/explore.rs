//! Which orders are tried.
//!
//! [`all_orders`] tries one order out of each class of orders that cannot differ in what they do:
//! two calls commute unless one of them writes what the other touches (dynamic partial-order
//! reduction with source sets and sleep sets: Abdulla, Aronis, Jonsson, Sagonas, POPL 2014). Where
//! that is too much, [`few_switches`] tries every order that takes the turn from an actor that
//! could go on at most so many times (context bounding: Musuvathi, Qadeer, PLDI 2007).
//!
//! Nothing is saved between runs but the choices: each order is run from the start.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    gate::Fate,
    run::{Execution, Fault, Id, Pending, execute},
    stage::Stage,
};

/// What was tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    /// Orders run to their end.
    pub(crate) orders: usize,
    /// Runs given up because their order had been tried.
    pub(crate) repeats: usize,
    /// Whether the fault struck in any of them.
    pub(crate) struck: bool,
    /// What several actors touched, one of them writing.
    pub(crate) contended: Contended,
}

/// Actors, and keys that they touch and others too.
pub(crate) type Contended = BTreeSet<(usize, String)>;

impl std::ops::AddAssign for Tried {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.repeats += other.repeats;
        self.struck |= other.struck;
        self.contended.extend(other.contended);
    }
}

/// A choice on the way of the current run.
struct Choice {
    pending: Vec<Pending>,
    /// Calls whose consequences have been explored from here.
    asleep: Vec<Id>,
    /// Calls to explore from here.
    wanted: Vec<Id>,
    chosen: Id,
}

// === impl Choice ===

impl Choice {
    fn call(&self, id: Id) -> Option<&Pending> {
        self.pending.iter().find(|pending| pending.id == id)
    }
}

/// Runs every order that makes a difference, at most `most` of them.
pub(crate) fn all_orders(stage: &Arc<Stage>, fault: Fault, most: usize) -> Tried {
    let mut tried = Tried::default();
    let mut path: Vec<Choice> = Vec::new();
    loop {
        let kept = path.len();
        let mut blocked = false;
        let mut choose = |step: usize, pending: &[Pending]| {
            if step < kept {
                return Some(replayed(path[step].chosen, pending));
            }
            let asleep = path.last().map_or_else(Vec::new, still_asleep);
            let first = pending.iter().find(|one| !asleep.contains(&one.id));
            let Some(first) = first else {
                blocked = true;
                return None;
            };
            let chosen = first.id;
            path.push(Choice {
                pending: pending.to_vec(),
                asleep,
                wanted: vec![chosen],
                chosen,
            });
            pending.iter().position(|one| one.id == chosen)
        };
        let execution = execute(stage, fault, kept, &mut choose);
        note(stage, fault, &execution, &mut tried, blocked);
        want_reversals(&mut path, &execution);
        if !next(&mut path) || tried.orders + tried.repeats >= most {
            return tried;
        }
    }
}

/// Goes back to the last choice that has an alternative; false when there is none.
fn next(path: &mut Vec<Choice>) -> bool {
    while let Some(last) = path.last_mut() {
        last.asleep.push(last.chosen);
        let alternative = last.wanted.iter().find(|id| !last.asleep.contains(id));
        if let Some(id) = alternative {
            last.chosen = *id;
            return true;
        }
        path.pop();
    }
    false
}

/// Calls that slept before the last choice and commute with it.
fn still_asleep(last: &Choice) -> Vec<Id> {
    let Some(chosen) = last.call(last.chosen) else {
        return Vec::new();
    };
    let sleeping = last.asleep.iter().filter_map(|id| last.call(*id));
    sleeping
        .filter(|other| !depends(other, chosen))
        .map(|other| other.id)
        .collect()
}

/// Whether the order of two calls makes a difference.
fn depends(left: &Pending, right: &Pending) -> bool {
    let one_process = left.id.actor == right.id.actor;
    let fails = left.fate != Fate::Work || right.fate != Fate::Work;
    left.call.conflicts(&right.call) || (one_process && fails)
}

/// For each pair of calls that could have come the other way round, wants that order explored.
fn want_reversals(path: &mut [Choice], execution: &Execution) {
    let events = &execution.events;
    let before = happens_before(events);
    for later in 0..events.len() {
        for earlier in 0..later {
            let caused = events[earlier].id.actor == events[later].id.actor
                && earlier < events[later].issued;
            if caused || !before[later][earlier] || !depends(&events[earlier], &events[later]) {
                continue;
            }
            let between =
                (earlier + 1..later).any(|middle| before[middle][earlier] && before[later][middle]);
            if !between {
                want(path, events, &before, (earlier, later));
            }
        }
    }
}

/// Wants, before `earlier`, a call that leads to `later` without it.
fn want(
    path: &mut [Choice],
    events: &[Pending],
    before: &[Vec<bool>],
    (earlier, later): (usize, usize),
) {
    let mut apart: Vec<usize> = (earlier + 1..later)
        .filter(|at| !before[*at][earlier])
        .collect();
    apart.push(later);
    let first = |at: &usize| {
        let earlier_ones = apart.iter().take_while(|other| *other < at);
        !earlier_ones.into_iter().any(|other| before[*at][*other])
    };
    let firsts: Vec<Id> = apart
        .iter()
        .filter(|at| first(at))
        .map(|at| events[*at].id)
        .collect();
    let choice = &mut path[earlier];
    if !firsts.iter().any(|id| choice.wanted.contains(id)) {
        let reachable = firsts.into_iter().find(|id| choice.call(*id).is_some());
        choice.wanted.push(reachable.unwrap());
    }
}

/// Which calls each call must come behind.
fn happens_before(events: &[Pending]) -> Vec<Vec<bool>> {
    let mut before: Vec<Vec<bool>> = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        let mut mine = vec![false; at];
        for earlier in (0..at).rev() {
            let caused = events[earlier].id.actor == event.id.actor && earlier < event.issued;
            if !mine[earlier] && (caused || depends(&events[earlier], event)) {
                mine[earlier] = true;
                for (index, earlier_still) in before[earlier].iter().enumerate() {
                    mine[index] |= earlier_still;
                }
            }
        }
        before.push(mine);
    }
    before
}

/// Runs every order with at most `switches` turns taken from an actor that could go on.
pub(crate) fn few_switches(
    stage: &Arc<Stage>,
    contended: &Contended,
    fault: Fault,
    switches: usize,
) -> Tried {
    let mut tried = Tried::default();
    // The choices of the run, and how many each had.
    let mut path: Vec<(usize, usize)> = Vec::new();
    loop {
        let kept = path.len();
        let mut turn: Option<usize> = None;
        let mut left = switches;
        let mut choose = |step: usize, pending: &[Pending]| {
            let options = options(pending, turn, left, contended);
            if step >= kept {
                path.push((0, options.len()));
            }
            let chosen = options[path[step].0];
            let actor = pending[chosen].id.actor;
            let goes_on = pending.iter().any(|one| Some(one.id.actor) == turn);
            if goes_on && Some(actor) != turn {
                left -= 1;
            }
            turn = Some(actor);
            Some(chosen)
        };
        let execution = execute(stage, fault, kept, &mut choose);
        note(stage, fault, &execution, &mut tried, false);
        loop {
            match path.pop() {
                None => return tried,
                Some((chosen, options)) if chosen + 1 < options => {
                    path.push((chosen + 1, options));
                    break;
                }
                Some(_) => {}
            }
        }
    }
}

/// The first call of each actor whose turn it may be, that of the last one first. Before a call
/// that concerns nobody else there is no reason to take the turn away.
fn options(
    pending: &[Pending],
    turn: Option<usize>,
    left: usize,
    contended: &Contended,
) -> Vec<usize> {
    let first = |actor: usize| pending.iter().position(|one| one.id.actor == actor);
    let same = turn.and_then(first);
    if let Some(at) = same {
        let Pending { id, call, .. } = &pending[at];
        if left == 0 || !contended.contains(&(id.actor, call.key.clone())) {
            return vec![at];
        }
    }
    let mut actors: Vec<usize> = pending.iter().map(|one| one.id.actor).collect();
    actors.dedup();
    let others = actors.into_iter().filter(|actor| Some(*actor) != turn);
    same.into_iter().chain(others.filter_map(first)).collect()
}

/// Runs one order: `actor.call` after `actor.call`, then whatever comes first.
pub(crate) fn replay(stage: &Arc<Stage>, fault: Fault, schedule: &str) -> Execution {
    let ids: Vec<Id> = schedule
        .split_whitespace()
        .map(|text| {
            let (actor, call) = text.split_once('.').unwrap();
            Id {
                actor: actor.parse().unwrap(),
                call: call.parse().unwrap(),
            }
        })
        .collect();
    let mut choose = |step: usize, pending: &[Pending]| {
        let wanted = ids.get(step);
        let found = wanted.and_then(|id| pending.iter().position(|one| one.id == *id));
        Some(found.unwrap_or(0))
    };
    execute(stage, fault, 0, &mut choose)
}

fn replayed(id: Id, pending: &[Pending]) -> usize {
    let found = pending.iter().position(|one| one.id == id);
    found.unwrap_or_else(|| panic!("the run is not the same again: {id:?} of {pending:#?}"))
}

fn note(stage: &Arc<Stage>, fault: Fault, execution: &Execution, tried: &mut Tried, blocked: bool) {
    assert!(
        execution.broken.is_none(),
        "{}\nin {:#?}\nwith {fault:?} after {tried:?}\nschedule \"{}\"\n{}",
        execution.broken.as_deref().unwrap_or_default(),
        stage.scenario,
        execution.schedule(),
        execution.story()
    );
    if blocked {
        tried.repeats += 1;
    } else {
        tried.orders += 1;
    }
    tried.struck |= execution.struck;
    for (at, event) in execution.events.iter().enumerate() {
        for other in &execution.events[..at] {
            if event.id.actor != other.id.actor && event.call.conflicts(&other.call) {
                for one in [event, other] {
                    let key = (one.id.actor, one.call.key.clone());
                    tried.contended.insert(key);
                }
            }
        }
    }
}
