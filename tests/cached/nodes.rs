//! Two nodes on one database, each with a cache.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_expiring_token::testing::contract::{self, Broken};
use tower_expiring_token::{
    Cached, IssuingStore, PostgresStore, RedisStore, RotatingStore, Subject, TokenDigest,
    TokenStore, WatchedStore,
};

use super::{LONGEST, finds, insert, node};
use crate::support::server::postgres::{self, Database};
use crate::support::server::redis::{self, Redis};
use crate::support::tokens::own;

async fn in_postgres(database: &Database, schema: &str) -> PostgresStore {
    let builder = || PostgresStore::builder(&database.url()).schema(schema);
    builder().migrate().await.unwrap();
    builder().connect().await.unwrap()
}

async fn in_redis(server: &Redis, prefix: &str) -> RedisStore {
    let store = RedisStore::builder(&server.url()).prefix(prefix);
    store.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_before_postgres_keeps_the_contract() -> Result<(), Broken> {
    let database = postgres::shared();
    let schemas = AtomicUsize::new(0);
    let empty = || async {
        let schema = format!("schema_{}", schemas.fetch_add(1, Ordering::Relaxed));
        node(in_postgres(&database, &schema).await).await
    };
    contract::rotating_store(empty)
        .spawn(|job| drop(tokio::spawn(job)))
        .rounds(4)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_before_redis_keeps_the_contract() -> Result<(), Broken> {
    let empty = || async { node(in_redis(redis::shared(), &redis::prefix()).await).await };
    contract::rotating_store(empty)
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_revokes_in_postgres_is_refused_by_the_other() {
    let database = postgres::shared();
    let one = in_postgres(&database, "expiring_tokens").await;
    let other = in_postgres(&database, "expiring_tokens").await;
    let cut = || {
        database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name LIKE '%listening' AND datname = current_database()",
        );
    };
    two_nodes(one, other, cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_revokes_in_redis_is_refused_by_the_other() {
    let server = Redis::start(&[]);
    let one = in_redis(&server, "").await;
    let other = in_redis(&server, "").await;
    // All connections, those that listen among them: the store connects again by itself.
    let cut = || drop(server.cli(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]));
    two_nodes(one, other, cut).await;
}

async fn two_nodes<S: RotatingStore + WatchedStore>(one: S, other: S, cut: impl Fn()) {
    let [one, other] = [node(one).await, node(other).await];
    let alice = Subject::new("alice");
    for number in 0..20 {
        let digest = own("alice", number);
        insert(&one, number).await;
        for node in [&one, &other] {
            is_kept(node, &digest).await;
        }
        match number % 2 {
            0 => assert!(one.remove(&digest).await.unwrap()),
            _ => assert_eq!(one.remove_subject(&alice, None).await.unwrap(), 1),
        }
        assert!(!finds(&one, &digest).await, "it is known here");
        is_refused(&other, &digest).await;
    }

    let digest = own("alice", 20);
    insert(&one, 20).await;
    is_kept(&other, &digest).await;
    cut();
    in_time(async || one.remove(&digest).await.is_ok()).await;
    is_refused(&other, &digest).await;
    in_time(async || other.stats().losses > 0).await;

    let digest = own("alice", 21);
    insert(&one, 21).await;
    is_kept(&other, &digest).await;
    assert!(one.remove(&digest).await.unwrap());
    is_refused(&other, &digest).await;
}

/// Until the node answers by itself.
async fn is_kept<S: WatchedStore>(node: &Cached<S>, digest: &TokenDigest) {
    in_time(async || {
        let _ = node.find(digest).await;
        node.find_now(digest).is_some()
    })
    .await;
}

/// Until the node knows that there is no such token.
async fn is_refused<S: WatchedStore>(node: &Cached<S>, digest: &TokenDigest) {
    in_time(async || matches!(node.find(digest).await, Ok(None))).await;
}

/// Sooner than anything becomes stale.
async fn in_time(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONGEST / 2, wait).await.expect("sooner than that");
}
