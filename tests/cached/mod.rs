//! A cache never lies about a revoked token.

mod contract;
mod nodes;
mod races;
mod revocation;
mod room;
mod task;

use std::time::Duration;

use tower_expiring_token::{Cached, IssuingStore, TokenDigest, TokenStore, WatchedStore};

use crate::support::remote::Remote;
use crate::support::tokens::{ADD, hour, login, own};

const LONGEST: Duration = Duration::from_secs(30);

/// A node whose cache is on.
async fn node<S: WatchedStore>(store: S) -> Cached<S> {
    let cached = Cached::with_entries(store, LONGEST, 256).unwrap();
    is_on(&cached).await;
    cached
}

async fn is_on<S: WatchedStore>(cached: &Cached<S>) {
    while !cached.stats().is_connected {
        // Any look-up starts the task.
        cached.find(&own("nobody", 0)).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// A node whose cache has a token, the store that it has it from, and the token.
async fn with_token(store: Remote) -> (Cached<Remote>, Remote, TokenDigest) {
    let digest = own("alice", 1);
    insert(&store, 1).await;
    let cached = node(store.clone()).await;
    assert!(finds(&cached, &digest).await);
    assert!(has(&cached, &digest));
    (cached, store, digest)
}

/// Keeps a token of Alice's that lives for an hour of the year 2100.
async fn insert(store: &impl IssuingStore, number: u64) {
    let new = login(own("alice", number), "alice", number, hour());
    store.insert(new, ADD).await.unwrap();
}

async fn finds(store: &impl TokenStore, digest: &TokenDigest) -> bool {
    store.find(digest).await.unwrap().is_some()
}

/// Whether the cache answers by itself.
fn has(cached: &Cached<Remote>, digest: &TokenDigest) -> bool {
    cached.find_now(digest).is_some()
}
