//! What is kept, for how many there is room, and what is told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_expiring_token::{
    CacheStats, Cached, Finding, Found, IssuingStore, StoreError, Subject, TokenDigest, TokenStore,
    Touch, Watch, WatchedStore, async_trait,
};

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

/// A store that knows who is suspended.
struct WithAccounts {
    store: Remote,
    is_suspended: Arc<AtomicBool>,
}

#[async_trait]
impl TokenStore for WithAccounts {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let found = self.store.find(digest).await?;
        Ok(
            found.map(|found| match self.is_suspended.load(Ordering::SeqCst) {
                true => Found::suspended(found.record().clone()),
                false => found,
            }),
        )
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.store.extend(touches).await
    }
}

#[async_trait]
impl WatchedStore for WithAccounts {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        self.store.watch().await
    }
}

#[tokio::test]
async fn whoever_is_suspended_is_asked_for_again_and_let_in_as_soon_as_he_may() {
    let (store, is_suspended) = (Remote::new(), Arc::new(AtomicBool::new(true)));
    insert(&store, 1).await;
    let cached = node(WithAccounts {
        store,
        is_suspended: Arc::clone(&is_suspended),
    })
    .await;
    let digest = own("alice", 1);
    let found = cached.find(&digest).await.unwrap().unwrap();
    assert!(found.principal().is_none());
    is_suspended.store(false, Ordering::SeqCst);
    let found = cached.find(&digest).await.unwrap().unwrap();
    assert!(found.principal().is_some());
}

#[tokio::test]
async fn what_it_does_can_be_read() {
    let (cached, store, digest) = with_token(Remote::new()).await;
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
