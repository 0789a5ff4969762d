//! What is kept, for how many there is room, and what is told of it.

use tower_expiring_token::{CacheStats, Cached, IssuingStore, TokenStore};

use super::{LONGEST, finds, has, insert, is_on, node, with_token};
use crate::support::remote::Remote;
use crate::support::tokens::{foreign, own};

#[tokio::test]
async fn there_is_never_more_in_it_than_there_is_room_for() {
    let store = Remote::new();
    for number in 0..2_000 {
        insert(&store, number).await;
    }
    let cached = Cached::with_entries(store.clone(), LONGEST, 60).unwrap();
    is_on(&cached).await;
    for number in 0..2_000 {
        assert!(finds(&cached, &own("alice", number)).await);
    }
    let stats = cached.stats();
    assert_eq!(stats.capacity, 64, "rounded up to eight");
    assert_eq!(stats.entries, 64);
}

#[tokio::test]
async fn a_token_that_is_used_stays_while_others_come_and_go() {
    let store = Remote::new();
    for number in 0..500 {
        insert(&store, number).await;
    }
    let cached = Cached::with_entries(store.clone(), LONGEST, 8).unwrap();
    is_on(&cached).await;
    let busy = own("alice", 0);
    assert!(finds(&cached, &busy).await);
    for number in 1..500 {
        assert!(has(&cached, &busy), "{number}");
        assert!(finds(&cached, &own("alice", number)).await);
    }
}

#[tokio::test]
async fn an_unknown_token_takes_no_room_and_is_asked_for_again() {
    let store = Remote::new();
    let cached = node(store.clone()).await;
    for number in 0..100 {
        assert!(!finds(&cached, &foreign(number)).await);
    }
    assert_eq!(cached.stats().entries, 0);
    insert(&store, 1).await;
    assert!(finds(&cached, &own("alice", 1)).await);
}

#[tokio::test]
async fn what_it_does_can_be_read() {
    let (cached, store, digest) = with_token().await;
    let before = cached.stats();
    assert_eq!((before.entries, before.capacity), (1, 256));
    assert_eq!(before.staleness, LONGEST);
    assert!(before.is_connected);
    for _ in 0..3 {
        assert!(cached.find_now(&digest).is_some());
    }
    assert!(!finds(&cached, &own("alice", 2)).await);
    let after = cached.stats();
    assert_eq!(after.hits, before.hits + 3);
    assert_eq!(after.loads, before.loads + 1);
    assert_eq!(after.losses, 0);
    store.remove(&digest).await.unwrap();
    let rate = |stats: &CacheStats| stats.hit_rate().unwrap();
    assert!(rate(&before) < rate(&after) && rate(&after) < 1.0);
    assert!(format!("{cached:?}").contains("hits"));
}
