//! States of releases and channels of components.

use ochre_model::{Change, ReleaseState};
use tokio::task::JoinSet;

use super::{Subject, catalog, catalogs, id, publish};
use crate::{
    CatalogSnapshot, ChannelAction, CommitError, Committed, ComponentStore, EditRefusal, Expected,
    IndexEdit, ReconcileScope, StoreChange, faulty::Fault,
};

/// More store calls than a change of the index makes.
const CALLS_MAX: usize = 100;

/// Every process learns a state, later ones count, and who asks twice changes nothing.
pub async fn a_state_is_seen_by_another_process(subject: &Subject) {
    released(subject, &["1.0.0", "1.1.0"]).await;
    let store = subject.store();
    let before = catalog(&store).await;
    let set = set_state(&store, "a@1.1.0", ReleaseState::Yanked).await;
    let set = set.expect("set");
    let other = subject.store();
    let read = other.read_catalog(Some(before.revision())).await;
    let after = read.expect("read").snapshot.expect("there is news");
    assert_eq!(
        CatalogSnapshot::difference(&before, &after),
        [Change::StateChanged {
            id: id("a", "1.1.0"),
            state: ReleaseState::Yanked
        }]
    );
    assert_eq!(resolved(&after, ""), Some("1.0.0"));
    assert_eq!(resolved(&after, "1.1.0"), Some("1.1.0"));
    let again = set_state(&other, "a@1.1.0", ReleaseState::Yanked).await;
    assert_eq!(again.expect("heard").generation, set.generation);
    set_state(&other, "a@1.1.0", ReleaseState::Active)
        .await
        .expect("set");
    let united = catalog(&store).await.union(&after);
    assert_eq!(resolved(&united, ""), Some("1.1.0"), "the later counts");
    let unknown = set_state(&store, "a@9.9.9", ReleaseState::Yanked).await;
    assert_eq!(refusal(unknown), EditRefusal::UnknownVersion);
}

/// A channel moves, goes back and goes away; what stands in its way is told.
pub async fn a_channel_is_moved_rolled_back_and_removed(subject: &Subject) {
    released(subject, &["1.0.0", "1.1.0", "2.0.0"]).await;
    let store = subject.store();
    let stable = async || catalog(&subject.store()).await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        move_to(&store, version, Expected::Anything)
            .await
            .expect("moved");
        assert_eq!(resolved(&stable().await, "stable"), Some(version));
    }
    set_state(&store, "a@1.1.0", ReleaseState::Yanked)
        .await
        .expect("set");
    let moved = move_to(&store, "1.1.0", Expected::Anything).await;
    assert_eq!(refusal(moved), EditRefusal::Yanked);
    channel(&store, ChannelAction::RollBack, Expected::Anything)
        .await
        .expect("rolled back");
    assert_eq!(resolved(&stable().await, "stable"), Some("1.0.0"));
    let back = channel(&store, ChannelAction::RollBack, Expected::Anything).await;
    assert_eq!(refusal(back), EditRefusal::NoEarlier);
    for expected in [Expected::Absence, expected("2.0.0")] {
        let moved = move_to(&store, "2.0.0", expected).await;
        let current = Some(id("a", "1.0.0").version);
        assert_eq!(refusal(moved), EditRefusal::Moved { current });
    }
    for _ in 0..2 {
        channel(&store, ChannelAction::Remove, Expected::Anything)
            .await
            .expect("removed");
    }
    assert_eq!(resolved(&stable().await, "stable"), None);
    let back = channel(&store, ChannelAction::RollBack, Expected::Anything).await;
    assert_eq!(refusal(back), EditRefusal::UnknownChannel);
    let unknown = move_to(&store, "9.9.9", Expected::Anything).await;
    assert_eq!(refusal(unknown), EditRefusal::UnknownVersion);
}

/// What is asked is decided on what the store holds, whatever a process has written last.
pub async fn a_change_is_decided_on_what_the_store_holds(subject: &Subject) {
    released(subject, &["1.0.0", "1.1.0", "2.0.0"]).await;
    let [one, other] = [subject.store(), subject.store()];
    move_to(&one, "1.0.0", Expected::Anything)
        .await
        .expect("moved");
    move_to(&other, "1.1.0", expected("1.0.0"))
        .await
        .expect("moved");
    channel(&one, ChannelAction::RollBack, expected("1.1.0"))
        .await
        .expect("it knows where it was");
    let moved = move_to(&other, "1.1.0", Expected::Anything).await;
    moved.expect("it knows that it went back");
    assert_eq!(resolved(&catalog(&one).await, "stable"), Some("1.1.0"));
    set_state(&one, "a@2.0.0", ReleaseState::Yanked)
        .await
        .expect("set");
    let moved = move_to(&other, "2.0.0", Expected::Anything).await;
    assert_eq!(refusal(moved), EditRefusal::Yanked);
    set_state(&other, "a@2.0.0", ReleaseState::Active)
        .await
        .expect("set");
    move_to(&one, "2.0.0", expected("1.1.0"))
        .await
        .expect("it is in use again");
    set_state(&one, "a@2.0.0", ReleaseState::Yanked)
        .await
        .expect("set");
    assert_eq!(resolved(&catalog(&other).await, ""), Some("1.1.0"));
}

/// Of many moves that expect the same exactly one is made; the others learn where it went.
pub async fn one_of_many_moves_that_expect_the_same_wins(subject: &Subject) {
    let versions: Vec<String> = (0..16).map(|number| format!("1.0.{number}")).collect();
    let texts: Vec<&str> = versions.iter().map(String::as_str).collect();
    released(subject, &texts).await;
    let stores = [subject.store(), subject.store()];
    move_to(&stores[0], "1.0.0", Expected::Absence)
        .await
        .expect("made");
    let mut moves = JoinSet::new();
    for (number, version) in versions.into_iter().enumerate().skip(1) {
        let store = stores[number % 2].clone();
        moves.spawn(async move {
            let moved = move_to(&store, &version, expected("1.0.0")).await;
            (version, moved)
        });
    }
    let mut winners = Vec::new();
    let mut current = Vec::new();
    for (version, moved) in moves.join_all().await {
        match moved {
            Ok(_) => winners.push(version),
            Err(CommitError::Refused(EditRefusal::Moved { current: Some(now) })) => {
                current.push(now.to_string());
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert!(current.iter().all(|now| *now == winners[0]), "{current:?}");
    let after = catalog(&subject.store()).await;
    assert_eq!(resolved(&after, "stable"), Some(winners[0].as_str()));
}

/// States and channels outlive the index: who knows them brings them back.
pub async fn states_and_channels_outlive_a_lost_index(subject: &Subject) {
    released(subject, &["1.0.0", "1.1.0", "2.0.0"]).await;
    let store = subject.store();
    set_state(&store, "a@2.0.0", ReleaseState::Yanked)
        .await
        .expect("set");
    for version in ["1.0.0", "1.1.0"] {
        move_to(&store, version, Expected::Anything)
            .await
            .expect("moved");
    }
    let known = catalog(&store).await;
    subject.delete_own("index").await;
    let other = subject.store();
    other
        .reconcile(ReconcileScope::Everything, Some(&known))
        .await
        .expect("reconciled");
    let after = catalog(&other).await;
    assert_eq!(CatalogSnapshot::difference(&known, &after), []);
    assert_eq!(resolved(&after, "stable"), Some("1.1.0"));
    assert_eq!(resolved(&after, ""), Some("1.1.0"));
    channel(
        &subject.store(),
        ChannelAction::RollBack,
        Expected::Anything,
    )
    .await
    .expect("rolled back");
    assert_eq!(resolved(&catalog(&other).await, "stable"), Some("1.0.0"));
}

/// What a Node registry published a moment ago can be given a state before any poll saw it.
pub async fn a_version_of_another_registry_gets_a_state(subject: &Subject) {
    catalogs::publish_as_node(subject, &["theirs@2.0.0"]).await;
    let store = subject.store();
    set_state(&store, "theirs@2.0.0", ReleaseState::Deprecated)
        .await
        .expect("set");
    let after = catalog(&store).await;
    let details = after.get("theirs").and_then(|all| {
        let version = id("theirs", "2.0.0").version;
        all.details(&version)
    });
    assert_eq!(
        details.and_then(|details| details.state()),
        Some("deprecated")
    );
}

/// One failed call, or one lost answer, makes no move twice and undoes none.
///
/// Meant for a runtime with paused time.
pub async fn a_channel_is_moved_once_whatever_answer_is_lost(subject: &Subject) {
    released(subject, &["1.0.0", "1.1.0", "1.2.0", "1.3.0"]).await;
    let faults: [fn(usize) -> Fault; 2] = [Fault::Fail, Fault::LoseAnswer];
    for fault in faults {
        for call in 0..CALLS_MAX {
            let whole = subject.store();
            for version in ["1.0.0", "1.1.0", "1.2.0"] {
                move_to(&whole, version, Expected::Anything)
                    .await
                    .expect("moved");
            }
            let (store, faulty) = subject.faulty(fault(call));
            channel(&store, ChannelAction::RollBack, expected("1.2.0"))
                .await
                .expect("rolled back");
            assert_eq!(resolved(&catalog(&whole).await, "stable"), Some("1.1.0"));
            let (store, _) = subject.faulty(fault(call));
            move_to(&store, "1.3.0", expected("1.1.0"))
                .await
                .expect("moved");
            assert_eq!(resolved(&catalog(&whole).await, "stable"), Some("1.3.0"));
            channel(&whole, ChannelAction::Remove, Expected::Anything)
                .await
                .expect("removed");
            if faulty.calls() <= call {
                break;
            }
        }
    }
}

async fn released(subject: &Subject, versions: &[&str]) {
    for version in versions {
        publish(&subject.store(), &id("a", version), "x")
            .await
            .expect("published");
    }
}

async fn set_state(
    store: &ComponentStore,
    release: &str,
    state: ReleaseState,
) -> Result<Committed, CommitError> {
    let change = StoreChange::Edit(IndexEdit::SetState {
        id: release.parse().expect("a release"),
        state,
        note: None,
    });
    store.committer().commit(change).await
}

async fn move_to(
    store: &ComponentStore,
    version: &str,
    expected: Expected,
) -> Result<Committed, CommitError> {
    let action = ChannelAction::MoveTo(id("a", version).version);
    channel(store, action, expected).await
}

async fn channel(
    store: &ComponentStore,
    action: ChannelAction,
    expected: Expected,
) -> Result<Committed, CommitError> {
    let change = StoreChange::Edit(IndexEdit::Channel {
        name: "a".parse().expect("a name"),
        channel: "stable".parse().expect("a channel"),
        action,
        expected,
    });
    store.committer().commit(change).await
}

fn expected(version: &str) -> Expected {
    Expected::Version(id("a", version).version)
}

fn refusal(result: Result<Committed, CommitError>) -> EditRefusal {
    match result {
        Err(CommitError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn resolved<'a>(catalog: &'a CatalogSnapshot, requested: &str) -> Option<&'a str> {
    let version = catalog.get("a")?.resolve(requested)?;
    Some(version.as_str())
}
