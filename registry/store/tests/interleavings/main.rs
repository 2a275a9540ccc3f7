//! The shipped code, driven through the orders in which the calls of several processes can reach
//! one store.
//!
//! Every process is a [`ochre_store::ComponentStore`] of its own over a store that holds each call
//! back ([`gate`]) until it is its turn ([`run`]). [`explore`] chooses the turns, one order after
//! another; [`laws`] says what must be true after every call and at the end. A broken law prints
//! the schedule, which [`explore::replay`] runs again.
#![expect(clippy::print_stdout, reason = "how much was tried is the result")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod actors;
mod content_tags;
mod explore;
mod gate;
mod index_forms;
mod laws;
mod run;
mod serial;
mod stage;

use std::sync::Arc;

use actors::{Actor, Edit, NodeList};
use explore::{Contended, Tried};
use gate::Fate;
use ochre_model::ReleaseState;
use ochre_store::ReconcileScope;
use run::Fault;
use stage::{Ground, IndexForm, Scenario, Stage};

/// What goes wrong with a call; none is the end of its process.
const FAULTS: [Option<Fate>; 8] = [
    None,
    Some(Fate::Fail),
    Some(Fate::LoseAnswer),
    Some(Fate::Refuse),
    Some(Fate::Repeat),
    Some(Fate::DoLater),
    Some(Fate::Miss),
    Some(Fate::ListThePast),
];

/// Most orders of one case that are tried by hand.
const ORDERS_MAX: usize = 5_000;

const X: Actor = publisher("1.0.0", "x");
const Y: Actor = publisher("1.0.0", "y");
const OTHER: Actor = publisher("1.0.1", "z");
const PENDING: Actor = Actor::Reconcile(ReconcileScope::Pending);
const EVERYTHING: Actor = Actor::Reconcile(ReconcileScope::Everything);

const YANK: Edit = Edit::SetState("0.9.0", ReleaseState::Yanked);
const UNYANK: Edit = Edit::SetState("0.9.0", ReleaseState::Active);

const fn publisher(version: &'static str, content: &'static str) -> Actor {
    Actor::Publish { version, content }
}

const fn node(version: &'static str, list: NodeList) -> Actor {
    Actor::Node {
        version,
        content: "node",
        list,
    }
}

/// Over a store that holds a version already.
fn over_a_catalog(actors: &[Actor]) -> Scenario {
    Scenario {
        seed: &["0.9.0"],
        ground: Ground::Bucket,
        index: IndexForm::Log,
        actors: actors.to_vec(),
    }
}

/// Over a store without anything.
fn over_nothing(actors: &[Actor]) -> Scenario {
    Scenario {
        seed: &[],
        ..over_a_catalog(actors)
    }
}

/// Over a store with a channel that has pointed elsewhere.
fn over_a_channel(edits: &[Edit]) -> Scenario {
    Scenario {
        seed: &["0.7.0", "0.8.0", "0.9.0"],
        ..over_a_catalog(&edits.iter().copied().map(Actor::Edit).collect::<Vec<_>>())
    }
}

/// Over a store with the same tags for the same content.
fn over_content_tags(actors: &[Actor]) -> Scenario {
    Scenario {
        ground: Ground::ContentTags,
        ..over_a_catalog(actors)
    }
}

/// Over a folder that holds a version already.
fn over_a_folder(actors: &[Actor]) -> Scenario {
    Scenario {
        ground: Ground::Folder,
        ..over_a_catalog(actors)
    }
}

/// The same over an index that lies there in another form.
fn found_as(index: IndexForm, scenario: Scenario) -> Scenario {
    Scenario { index, ..scenario }
}

fn every_order(scenario: &Scenario) {
    orders(scenario, usize::MAX);
}

fn orders(scenario: &Scenario, most: usize) {
    let begun = std::time::Instant::now();
    let tried = explore::all_orders(&Stage::new(scenario), Fault::None, most);
    told(scenario, "every order", &tried, begun);
}

/// One fault, at every call of every process and of every kind.
fn every_fault(scenario: &Scenario) {
    one_fault(scenario, &FAULTS, 1);
}

/// The same where a run takes long: one process after the other.
fn every_fault_in_turn(scenario: &Scenario) {
    one_fault(scenario, &FAULTS, 0);
}

/// The end of a process at every call.
fn every_crash(scenario: &Scenario) {
    one_fault(scenario, &[None], 0);
}

fn one_fault(scenario: &Scenario, fates: &[Option<Fate>], switches: usize) {
    let begun = std::time::Instant::now();
    let stage = Stage::new(scenario);
    let switches = switches.max(usize::from(is_thorough()));
    let contended = contended(&stage, switches);
    let mut sum = Tried::default();
    for actor in 0..scenario.actors.len() {
        for fate in fates.iter().copied() {
            // To an edit, an index that is not found is one without versions.
            let edits = matches!(scenario.actors[actor], Actor::Edit(_) | Actor::Fold(_));
            if edits && fate == Some(Fate::Miss) {
                continue;
            }
            for call in 0.. {
                let fault = match fate {
                    None => Fault::Crash { actor, call },
                    Some(fate) => Fault::Call { actor, call, fate },
                };
                let tried = explore::few_switches(&stage, &contended, fault, switches);
                let struck = tried.struck;
                sum += tried;
                if !struck {
                    break;
                }
            }
        }
    }
    told(
        scenario,
        &format!("one fault anywhere, {switches} switches"),
        &sum,
        begun,
    );
}

/// Whether it is run by hand, with more orders.
fn is_thorough() -> bool {
    std::env::var_os("OCHRE_INTERLEAVINGS").is_some_and(|value| value == "thorough")
}

fn told(scenario: &Scenario, what: &str, tried: &Tried, begun: std::time::Instant) {
    println!(
        "{what}: {} orders ({} given up) in {:?} of {scenario:?}",
        tried.orders,
        tried.repeats,
        begun.elapsed()
    );
}

/// Makes a test of each case.
macro_rules! cases {
    ($how:ident { $($name:ident: $scenario:expr;)+ }) => {
        mod $how {
            use super::*;
            $(
                #[test]
                fn $name() {
                    super::$how(&$scenario);
                }
            )+
        }
    };
}

cases! { every_order {
    one_version_is_published_twice: over_a_catalog(&[X, Y]);
    one_version_is_published_twice_with_one_content: over_a_catalog(&[X, X]);
    the_first_version_is_published_twice: over_nothing(&[X, Y]);
    two_versions_are_published: over_a_catalog(&[X, OTHER]);
    the_first_two_versions_are_published: over_nothing(&[X, OTHER]);
    two_versions_are_published_and_equal_content_has_equal_tags: over_content_tags(&[X, OTHER]);
    a_publish_is_reconciled: over_a_catalog(&[X, PENDING]);
    a_publish_is_polled: over_a_catalog(&[X, Actor::Poll(2)]);
    a_publish_is_read: over_a_catalog(&[X, Actor::Read { version: "1.0.0" }]);
    a_node_registry_publishes_too: over_a_catalog(&[X, node("1.0.1", NodeList::Folders)]);
    a_node_registry_with_an_old_list_publishes_too:
        over_a_catalog(&[X, node("1.0.1", NodeList::Stale)]);
    a_node_registry_is_polled:
        over_a_catalog(&[Actor::Poll(2), node("1.0.1", NodeList::Folders)]);
    a_node_registry_is_read: over_a_catalog(&[
        Actor::Read { version: "1.0.1" },
        node("1.0.1", NodeList::Folders),
    ]);
    a_node_registry_publishes_the_same_version:
        over_a_catalog(&[X, node("1.0.0", NodeList::Folders)]);
    a_channel_is_rolled_back_twice: over_a_channel(&[Edit::RollBack, Edit::RollBack]);
    a_channel_is_moved_and_removed: over_a_channel(&[Edit::MoveTo("0.7.0"), Edit::Remove]);
    a_channel_is_moved_to_a_version_that_is_yanked:
        over_a_channel(&[Edit::MoveTo("0.9.0"), Edit::RollBack, YANK]);
    a_version_is_yanked_beside_a_publish: over_a_catalog(&[X, Actor::Edit(YANK)]);
    two_versions_are_published_and_a_log_is_folded:
        found_as(IndexForm::LongLog, over_a_catalog(&[X, OTHER]));
    a_publish_folds_a_log_and_is_polled:
        found_as(IndexForm::LongLog, over_a_catalog(&[X, Actor::Poll(2)]));
    snapshots_are_removed_under_a_reader:
        found_as(IndexForm::Snapshot, over_a_catalog(&[Actor::Fold(2), Actor::Poll(1)]));
    two_versions_are_published_into_an_index_of_one_text:
        found_as(IndexForm::OneText, over_a_catalog(&[X, OTHER]));
    an_index_of_one_text_is_upgraded_beside_a_publish:
        found_as(IndexForm::OneText, over_a_catalog(&[X, Actor::Upgrade]));
    a_channel_in_an_index_of_one_text_is_rolled_back_twice:
        found_as(IndexForm::OneText, over_a_channel(&[Edit::RollBack, Edit::RollBack]));
} }

cases! { two_switches {
    a_list_that_lost_a_version_again_is_mended_by_polls:
        over_a_catalog(&[X, Actor::NodeStart, Actor::Poll(1)]);
    one_version_is_published_twice_in_a_folder: over_a_folder(&[X, Y]);
    two_versions_are_published_in_a_folder: over_a_folder(&[X, OTHER]);
    a_publish_in_a_folder_is_polled: over_a_folder(&[X, Actor::Poll(2)]);
    a_publish_in_a_folder_is_reconciled: over_a_folder(&[X, PENDING]);
    a_publish_in_a_folder_is_read: over_a_folder(&[X, Actor::Read { version: "1.0.0" }]);
    a_channel_in_a_folder_is_rolled_back_twice: Scenario {
        ground: Ground::Folder,
        ..over_a_channel(&[Edit::RollBack, Edit::RollBack])
    };
    a_channel_is_moved_while_a_log_is_folded: found_as(
        IndexForm::LongLog,
        over_a_channel(&[Edit::MoveTo("0.7.0"), Edit::RollBack, YANK]),
    );
} }

cases! { every_fault {
    one_version_is_published_twice: over_a_catalog(&[X, Y]);
    two_versions_are_published: over_a_catalog(&[X, OTHER]);
    a_publish_is_reconciled: over_a_catalog(&[X, PENDING]);
    a_node_registry_publishes_too: over_a_catalog(&[X, node("1.0.1", NodeList::Folders)]);
    a_node_registry_is_read: over_a_catalog(&[
        Actor::Read { version: "1.0.1" },
        node("1.0.1", NodeList::Folders),
    ]);
    a_channel_is_moved_and_removed: over_a_channel(&[Edit::MoveTo("0.7.0"), Edit::Remove]);
    a_channel_is_rolled_back_twice: over_a_channel(&[Edit::RollBack, Edit::RollBack]);
    a_version_is_yanked_and_offered_again: over_a_channel(&[YANK, UNYANK]);
} }

cases! { every_crash {
    a_version_is_published_into_a_large_catalog:
        found_as(IndexForm::Large, over_a_catalog(&[X]));
} }

cases! { every_fault_in_turn {
    one_version_is_published_twice_in_a_folder: over_a_folder(&[X, Y]);
    two_versions_are_published_in_a_folder: over_a_folder(&[X, OTHER]);
    snapshots_are_removed_under_a_reader:
        found_as(IndexForm::Snapshot, over_a_catalog(&[Actor::Fold(2), Actor::Poll(1)]));
    two_versions_are_published_and_a_log_is_folded:
        found_as(IndexForm::LongLog, over_a_catalog(&[X, OTHER]));
    two_versions_are_published_into_an_index_of_one_text:
        found_as(IndexForm::OneText, over_a_catalog(&[X, OTHER]));
} }

cases! { one_switch {
    a_publish_is_reconciled_with_everything: over_a_catalog(&[X, EVERYTHING]);
    three_versions_are_published: over_a_catalog(&[X, OTHER, publisher("1.0.2", "u")]);
    one_version_is_published_thrice: over_a_catalog(&[X, Y, X]);
    one_version_is_published_twice_and_reconciled: over_a_catalog(&[X, Y, PENDING]);
    a_log_is_folded_beside_a_publish_and_a_poll:
        found_as(IndexForm::Snapshot, over_a_catalog(&[X, Actor::Fold(2), Actor::Poll(1)]));
    two_versions_are_published_into_a_large_catalog:
        found_as(IndexForm::Large, over_a_catalog(&[X, OTHER]));
    a_publish_into_a_large_catalog_is_polled:
        found_as(IndexForm::Large, over_a_catalog(&[X, Actor::Poll(2)]));
    a_node_registry_and_ours_are_polled:
        over_a_catalog(&[X, node("1.0.1", NodeList::Folders), Actor::Poll(2)]);
} }

fn one_switch(scenario: &Scenario) {
    some_orders(scenario, 1);
}

fn two_switches(scenario: &Scenario) {
    some_orders(scenario, 2);
}

/// Orders with few switches; in what is run by hand every order, or as many as end within minutes.
/// Where one actor waits for the lock of another there is no every order, and in a large catalog a
/// single one takes long: one switch more.
fn some_orders(scenario: &Scenario, switches: usize) {
    let is_slow = scenario.has_locks() || scenario.index == IndexForm::Large;
    if is_thorough() && !is_slow {
        return orders(scenario, ORDERS_MAX);
    }
    let switches = switches + usize::from(is_thorough());
    let begun = std::time::Instant::now();
    let stage = Stage::new(scenario);
    let contended = in_turn(&stage).contended;
    let tried = explore::few_switches(&stage, &contended, Fault::None, switches);
    told(scenario, &format!("{switches} switches"), &tried, begun);
}

/// What several actors touch.
fn contended(stage: &Arc<Stage>, switches: usize) -> Contended {
    match switches {
        0 => Contended::new(),
        _ if stage.scenario.has_locks() => in_turn(stage).contended,
        _ => explore::all_orders(stage, Fault::None, usize::MAX).contended,
    }
}

/// One actor after the other.
fn in_turn(stage: &Arc<Stage>) -> Tried {
    explore::few_switches(stage, &Contended::new(), Fault::None, 0)
}

/// Orders in which a law was broken once.
mod once_broken {
    use super::*;

    fn replay(scenario: &Scenario, fault: Fault, schedule: &str) {
        let execution = explore::replay(&Stage::new(scenario), fault, schedule);
        assert_eq!(execution.broken, None, "{}", execution.story());
    }

    /// The poll read an old index and a new list, and never compared the list again.
    #[test]
    fn a_list_loses_a_version_between_the_two_reads_of_a_poll() {
        replay(
            &over_a_catalog(&[X, Actor::NodeStart, Actor::Poll(1)]),
            Fault::None,
            "2.0 1.0 1.1 0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 0.10 0.11 0.12 0.13 1.2 2.1",
        );
    }

    /// The release was taken over without files, for ever.
    #[test]
    fn a_listing_lags_behind_the_package_json_that_it_should_show() {
        replay(
            &over_a_catalog(&[
                Actor::Read { version: "1.0.1" },
                node("1.0.1", NodeList::Folders),
            ]),
            Fault::Call {
                actor: 0,
                call: 0,
                fate: Fate::ListThePast,
            },
            "0.0 1.0 1.1 1.2 1.3 1.4 1.5 1.6 0.1 0.2 0.3 0.4 0.5",
        );
    }
}
