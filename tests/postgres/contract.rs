//! The contract, and what two stores on one database do to each other.

use std::sync::atomic::{AtomicUsize, Ordering};

use tower_expiring_token::testing::contract::{self, Broken};
use tower_expiring_token::{IssuingStore, PostgresStore, TokenStore, Touch};

use super::{migrated, of, store, times};
use crate::support::server::{postgres, wait_until};
use crate::support::tokens::{ADD, at, login};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() -> Result<(), Broken> {
    let database = postgres::shared();
    let schemas = AtomicUsize::new(0);
    let empty = || async {
        let schema = format!("schema_{}", schemas.fetch_add(1, Ordering::Relaxed));
        migrated(&database, |builder| builder.schema(&schema)).await
    };
    contract::rotating_store(empty)
        .spawn(|job| drop(tokio::spawn(job)))
        .rounds(8)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_tell_each_other_what_they_change() -> Result<(), Broken> {
    let database = postgres::shared();
    let schemas = AtomicUsize::new(0);
    let two = || async {
        let schema = format!("schema_{}", schemas.fetch_add(1, Ordering::Relaxed));
        let one = migrated(&database, |builder| builder.schema(&schema)).await;
        let other = PostgresStore::builder(&database.url()).schema(&schema);
        (one, other.connect().await.unwrap())
    };
    let contract = contract::watched_store(two);
    contract
        .spawn(|job| drop(tokio::spawn(job)))
        .rounds(8)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn touches_in_opposite_orders_from_two_nodes_never_stop_each_other() {
    const TOKENS: u64 = 300;
    let (database, one) = store().await;
    let two = PostgresStore::connect(&database.url()).await.unwrap();
    for number in 0..TOKENS {
        let login = login(of("alice", number), "alice", number, times());
        one.insert(login, ADD).await.unwrap();
    }
    let touches = |second: u64| -> Vec<Touch> {
        let all = 0..TOKENS;
        all.map(|number| Touch {
            digest: of("alice", number),
            used_at: at(second),
            expires_at: at(600),
        })
        .collect()
    };
    let forward = tokio::spawn(async move {
        for second in 0..40 {
            one.extend(&touches(second)).await.unwrap();
        }
    });
    for second in 0..40 {
        let mut touches = touches(second);
        touches.reverse();
        two.extend(&touches).await.unwrap();
    }
    forward.await.unwrap();
    two.extend(&touches(50)).await.unwrap();
    let used = "SELECT count(*) FROM expiring_tokens.token WHERE last_used_at = \
        (SELECT max(last_used_at) FROM expiring_tokens.token)";
    assert_eq!(database.psql(used), TOKENS.to_string());
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.psql(deadlocks), "0");
}

#[tokio::test]
async fn uses_rewrite_no_index() {
    const TOKENS: u64 = 500;
    let (database, store) = store().await;
    for number in 0..TOKENS {
        let login = login(of("alice", number), "alice", number, times());
        store.insert(login, ADD).await.unwrap();
    }
    // Each statement those of a few out of many tokens that lie together.
    for round in 0..20 {
        let touches = (0..TOKENS / 20).map(|index| Touch {
            digest: of("alice", index * 20 + round),
            used_at: at(round),
            expires_at: at(600),
        });
        store.extend(&touches.collect::<Vec<_>>()).await.unwrap();
    }
    // The server counts them when a session ends, or a while later.
    drop(store);
    let counted = || {
        let sql = "SELECT n_tup_upd, n_tup_hot_upd > 0.95 * n_tup_upd
            FROM pg_stat_user_tables WHERE relname = 'token'";
        database.psql(sql)
    };
    let all = format!("{TOKENS}|t");
    assert!(wait_until(|| counted() == all), "{}", counted());
}
