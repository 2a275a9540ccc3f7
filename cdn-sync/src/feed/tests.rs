use super::*;

fn change(number: usize) -> Vec<Change> {
    vec![Change::Published(ochre_model::ComponentId {
        name: "a".parse().unwrap(),
        version: format!("1.0.{number}").parse().unwrap(),
    })]
}

/// What a subscriber who comes back with `cursor` is told, by number of the change.
async fn replayed(feed: &Feed, cursor: Cursor) -> Vec<Vec<Change>> {
    let Resumed::Subscribed(mut subscription) = feed.resume(&cursor) else {
        panic!("{cursor} cannot be resumed");
    };
    let last = feed.revision();
    let mut told = Vec::new();
    while subscription.place().revision < last {
        let event = subscription.next_place().await.unwrap();
        if !event.changes.is_empty() {
            told.push(event.changes.to_vec());
        }
    }
    told
}

/// A place that another node has told.
fn elsewhere(generation: u64) -> Cursor {
    Cursor {
        generation,
        node: 0,
        revision: 1_000_000,
    }
}

#[tokio::test]
async fn events_come_in_order_and_are_numbered() {
    let feed = Feed::new();
    feed.publish(Told::Read(1), change(0));
    let mut subscription = feed.subscribe();
    feed.publish(Told::Read(1), Vec::new());
    feed.publish(Told::Read(2), change(1));
    feed.publish(Told::Read(3), change(2));
    for number in [2, 3] {
        let event = subscription.next().await.unwrap();
        assert_eq!((event.revision, event.generation), (number, number));
        let number = usize::try_from(number).unwrap();
        assert_eq!(*event.changes, *change(number - 1));
    }
}

#[tokio::test]
async fn a_slow_subscriber_learns_that_it_missed_events() {
    let feed = Feed::with_capacity(100);
    let mut subscription = feed.subscribe();
    for number in 0..110 {
        feed.publish(Told::Read(number as u64), change(number));
    }
    assert_eq!(subscription.next().await, Err(FeedError::Lagged(10)));
    assert_eq!(subscription.next().await.unwrap().revision, 11);
    drop(feed);
    while subscription.next().await.is_ok() {}
    assert_eq!(subscription.next().await, Err(FeedError::Closed));
}

#[tokio::test]
async fn more_changes_at_once_than_are_kept_are_missed_by_everyone() {
    let feed = Feed::with_capacity(3);
    let mut subscription = feed.subscribe();
    feed.publish(Told::Read(5), (0..4).flat_map(change).collect());
    assert_eq!(subscription.next().await, Err(FeedError::Lagged(1)));
    feed.publish(Told::Read(6), change(9));
    assert_eq!(subscription.next().await.unwrap().revision, 2);
    assert!(matches!(feed.resume(&elsewhere(4)), Resumed::TooOld(_)));
    assert_eq!(replayed(&feed, elsewhere(5)).await, [change(9)]);
}

#[tokio::test]
async fn who_comes_back_to_the_same_node_is_told_exactly_what_was_missed() {
    let feed = Feed::new();
    feed.begin(10);
    let mut subscription = feed.subscribe();
    // Two publishes of this node before it has read what else the index holds.
    feed.publish(Told::Committed(12), change(0));
    feed.publish(Told::Committed(14), change(1));
    subscription.next().await.unwrap();
    let place = subscription.place();
    assert_eq!(place.generation, 10);
    assert_eq!(replayed(&feed, place).await, [change(1)]);
    assert!(replayed(&feed, feed.subscribe().place()).await.is_empty());
}

#[tokio::test]
async fn who_comes_from_another_node_misses_nothing() {
    let feed = Feed::new();
    feed.begin(10);
    feed.publish(Told::Committed(12), change(0));
    feed.publish(Told::Read(13), change(1));
    feed.publish(Told::Read(15), change(2));
    // Told up to 10 or 11 elsewhere: all of it is new.
    for generation in [10, 11] {
        let told = replayed(&feed, elsewhere(generation)).await;
        assert_eq!(told, [change(0), change(1), change(2)]);
    }
    // A read from 10 to 13 may hold what came after 12.
    let told = replayed(&feed, elsewhere(12)).await;
    assert_eq!(told, [change(1), change(2)]);
    assert_eq!(replayed(&feed, elsewhere(14)).await, [change(2)]);
    assert!(replayed(&feed, elsewhere(15)).await.is_empty());
}

#[tokio::test]
async fn places_before_the_first_catalog_and_after_the_last_read_are_no_places() {
    let feed = Feed::new();
    feed.begin(10);
    assert!(matches!(feed.resume(&elsewhere(9)), Resumed::TooOld(_)));
    assert!(matches!(feed.resume(&elsewhere(11)), Resumed::Ahead));
    // A run of this node before: its numbers mean nothing now.
    let before = Cursor {
        revision: 99,
        ..feed.subscribe().place()
    };
    assert!(replayed(&feed, before).await.is_empty());
}

#[tokio::test]
async fn changes_without_a_generation_are_told_to_who_comes_from_another_node() {
    let feed = Feed::new();
    feed.begin(10);
    feed.publish(Told::Unlisted, change(0));
    feed.publish(Told::Read(10), change(1));
    let told = replayed(&feed, elsewhere(10)).await;
    assert_eq!(told, [change(0), change(1)]);
}

#[tokio::test]
async fn a_generation_that_grows_moves_the_place_without_changes() {
    let feed = Feed::new();
    feed.publish(Told::Committed(1), change(0));
    let mut subscription = feed.subscribe();
    feed.publish(Told::Read(1), Vec::new());
    let event = subscription.next_place().await.unwrap();
    assert_eq!((event.generation, event.changes.len()), (1, 0));
    assert_eq!(subscription.place(), feed.subscribe().place());
}
