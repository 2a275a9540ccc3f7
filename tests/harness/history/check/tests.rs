use super::*;
use crate::history::Happening;

const NODES: usize = 2;

fn operation(
    asked: Asked,
    action: Action,
    (start, end): (Millis, Millis),
    outcome: Outcome,
) -> Operation {
    Operation {
        release: "a@1.0.0".to_owned(),
        asked,
        action,
        start,
        end,
        outcome,
    }
}

fn publish(content: &str, times: (Millis, Millis), outcome: Outcome) -> Operation {
    let action = Action::Publish(content.to_owned());
    operation(Asked::Balancer(Some(0)), action, times, outcome)
}

fn read(asked: Asked, times: (Millis, Millis), outcome: Outcome) -> Operation {
    operation(asked, Action::Read, times, outcome)
}

fn found(content: &str) -> Outcome {
    Outcome::Found(content.to_owned())
}

/// Everyone is asked at the end.
fn last(of: [Outcome; NODES + 1]) -> Vec<Operation> {
    let everyone = [Asked::Node(0), Asked::Node(1), Asked::Store];
    let times = (90_000, 90_010);
    let reads = everyone.into_iter().zip(of);
    reads
        .map(|(asked, outcome)| operation(asked, Action::LastRead, times, outcome))
        .collect()
}

fn happening(node: usize, at: Millis, event: Event) -> Happening {
    Happening { node, at, event }
}

/// Both nodes are ready from the beginning.
fn history(operations: Vec<Operation>) -> History {
    History {
        nodes: NODES,
        operations,
        happenings: (0..NODES)
            .map(|node| happening(node, 0, Event::Ready))
            .collect(),
    }
}

fn good() -> Vec<Operation> {
    let mut operations = vec![
        publish("x", (10_000, 10_100), Outcome::Acknowledged),
        publish("y", (10_000, 10_200), Outcome::Refused),
        read(Asked::Node(0), (10_050, 10_060), Outcome::Missing),
        read(Asked::Node(1), (10_101, 10_110), found("x")),
        read(Asked::Balancer(Some(0)), (10_300, 10_310), found("x")),
    ];
    operations.extend(last([found("x"), found("x"), found("x")]));
    operations
}

fn rules(history: &History) -> Vec<Rule> {
    history
        .violations()
        .into_iter()
        .map(|violation| violation.rule)
        .collect()
}

#[test]
fn a_good_history_has_nothing_to_say() {
    assert_eq!(rules(&history(good())), []);
}

#[test]
fn two_winners_are_seen() {
    let mut operations = good();
    operations[1].outcome = Outcome::Acknowledged;
    assert!(rules(&history(operations)).contains(&Rule::OneWinner));
}

#[test]
fn a_race_that_nobody_wins_is_seen() {
    let refused = [
        publish("x", (10_000, 10_100), Outcome::Refused),
        publish("y", (10_000, 10_200), Outcome::Refused),
    ];
    assert_eq!(rules(&history(refused.to_vec())), [Rule::OneWinner]);
    let unclear = [
        publish("x", (10_000, 10_100), Outcome::Refused),
        publish("y", (10_000, 10_200), Outcome::Unavailable(503)),
    ];
    assert_eq!(rules(&history(unclear.to_vec())), []);
}

#[test]
fn an_acknowledged_version_that_is_gone_is_seen_wherever_it_is_gone() {
    for at in 0..=NODES {
        let mut operations = good();
        let first = operations.len() - NODES - 1;
        operations[first + at].outcome = Outcome::Missing;
        assert_eq!(rules(&history(operations)), [Rule::NothingLost]);
        let mut operations = good();
        operations.remove(first + at);
        assert_eq!(
            rules(&history(operations)),
            [Rule::NothingLost],
            "nobody asked {at}"
        );
    }
}

#[test]
fn an_unclear_publish_may_be_there_or_not_but_everywhere_alike() {
    let unclear = publish("x", (10_000, 12_000), Outcome::Unavailable(503));
    let with = |of| {
        let mut operations = vec![unclear.clone()];
        operations.extend(last(of));
        rules(&history(operations))
    };
    let gone = || Outcome::Missing;
    assert_eq!(with([gone(), gone(), gone()]), []);
    assert_eq!(with([found("x"), found("x"), found("x")]), []);
    assert_eq!(with([found("x"), gone(), found("x")]), [Rule::NothingLost]);
}

#[test]
fn other_bytes_are_seen() {
    let mut operations = good();
    operations.push(read(Asked::Node(0), (11_000, 11_010), found("y")));
    assert_eq!(rules(&history(operations)), [Rule::OneTruth]);
    let mut operations = good();
    operations.push(read(Asked::Node(0), (11_000, 11_010), found("z")));
    assert!(rules(&history(operations)).contains(&Rule::OneTruth));
    let mut operations = good();
    let torn = Outcome::Torn("half".to_owned());
    operations.push(read(Asked::Node(0), (11_000, 11_010), torn));
    assert_eq!(rules(&history(operations)), [Rule::NothingTorn]);
}

#[test]
fn a_node_that_does_not_find_what_was_acknowledged_is_seen() {
    for outcome in [
        Outcome::Missing,
        Outcome::Unavailable(503),
        Outcome::Lost(String::new()),
    ] {
        let mut operations = good();
        operations.push(read(Asked::Node(1), (11_000, 11_010), outcome));
        assert_eq!(rules(&history(operations)), [Rule::FoundAtOnce]);
    }
}

#[test]
fn a_node_without_its_store_may_say_so_but_never_that_nothing_is_there() {
    let with = |outcome, at: Millis| {
        let mut history = history(good());
        // It has not read the version: nothing is in its memory.
        history
            .operations
            .retain(|seen| seen.action != Action::Read);
        let times = (at, at + 10);
        history
            .operations
            .push(read(Asked::Node(1), times, outcome));
        history
            .happenings
            .push(happening(1, 11_000, Event::StoreBroken));
        history
            .happenings
            .push(happening(1, 20_000, Event::StoreMended));
        rules(&history)
    };
    let unavailable = || Outcome::Unavailable(503);
    assert_eq!(with(unavailable(), 15_000), []);
    assert_eq!(
        with(unavailable(), 10_995),
        [],
        "it broke before the answer"
    );
    assert_eq!(with(unavailable(), 22_000), [], "just mended");
    assert_eq!(with(unavailable(), 30_000), [Rule::FoundAtOnce]);
    assert_eq!(with(Outcome::Missing, 15_000), [Rule::FoundAtOnce]);
}

#[test]
fn what_is_in_memory_must_be_served_without_a_store() {
    let with = |event| {
        let mut history = history(good());
        let unavailable = Outcome::Unavailable(503);
        history
            .operations
            .push(read(Asked::Node(1), (15_000, 15_010), unavailable));
        history
            .happenings
            .push(happening(1, 11_000, Event::StoreBroken));
        if let Some((at, event)) = event {
            history.happenings.push(happening(1, at, event));
            history.happenings.push(happening(1, at + 1, Event::Ready));
        }
        rules(&history)
    };
    assert_eq!(with(None), [Rule::FoundAtOnce]);
    assert_eq!(
        with(Some((12_000, Event::Killed))),
        [],
        "its memory is gone"
    );
    assert_eq!(
        with(Some((12_000, Event::Paused))),
        [Rule::FoundAtOnce],
        "its memory is not"
    );
}

#[test]
fn a_failed_read_is_seen_while_one_node_could_have_answered() {
    let with = |nodes: &[usize]| {
        let mut history = history(good());
        let lost = Outcome::Lost("reset".to_owned());
        history
            .operations
            .push(read(Asked::Balancer(None), (15_000, 15_500), lost));
        for node in nodes {
            history
                .happenings
                .push(happening(*node, 14_000, Event::Killed));
        }
        rules(&history)
    };
    assert_eq!(with(&[]), [Rule::ReadsAnswered]);
    assert_eq!(with(&[1]), [Rule::ReadsAnswered]);
    assert_eq!(with(&[0, 1]), []);
}

#[test]
fn nobody_may_say_that_an_acknowledged_version_is_missing() {
    let mut history = history(good());
    let broken = happening(0, 14_000, Event::StoreBroken);
    let killed = happening(1, 14_000, Event::Killed);
    history.happenings.extend([broken, killed]);
    let asked = Asked::Balancer(Some(0));
    let missing = read(asked, (15_000, 15_500), Outcome::Missing);
    history.operations.push(missing);
    assert_eq!(rules(&history), [Rule::FoundAtOnce]);
}

#[test]
fn a_node_that_fell_during_a_read_or_just_came_back_is_no_excuse_for_the_other() {
    let mut history = history(good());
    let told = Outcome::Unavailable(503);
    history
        .operations
        .push(read(Asked::Balancer(Some(0)), (15_000, 15_500), told));
    history.happenings.push(happening(0, 15_200, Event::Paused));
    assert_eq!(rules(&history), [Rule::ReadsAnswered]);
    history.happenings.push(happening(1, 13_000, Event::Paused));
    history
        .happenings
        .push(happening(1, 14_500, Event::Resumed));
    assert_eq!(rules(&history), [], "the other one has just come back");
}
