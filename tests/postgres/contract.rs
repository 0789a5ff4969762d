//! The contract, and what two stores on one database do to each other.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tower_expiring_token::testing::contract::{self, Broken};
use tower_expiring_token::{IssuingStore, PostgresStore, TokenStore, TokenTimes, Touch};

use super::{client, migrated, of, store, times};
use crate::support::server::postgres;
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
async fn a_use_whose_row_another_transaction_holds_is_written_after_it_or_said_not_to_be() {
    let (database, store) = store().await;
    let digest = of("alice", 1);
    store
        .insert(login(digest, "alice", 1, times()), ADD)
        .await
        .unwrap();
    let mut client = client(&database).await;
    let used = |second| Touch {
        digest,
        used_at: at(second),
        expires_at: at(600),
    };
    let hold = "SELECT 1 FROM expiring_tokens.token FOR UPDATE";

    let transaction = client.transaction().await.unwrap();
    transaction.execute(hold, &[]).await.unwrap();
    let error = store.extend(&[used(10)]).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("held by other transactions"), "{cause}");

    let later = [used(20)];
    let mut extended = pin!(store.extend(&later));
    let early = timeout(Duration::from_millis(20), &mut extended).await;
    assert!(early.is_err(), "it is tried again");
    transaction.rollback().await.unwrap();
    extended.await.unwrap();
    let found = store.find(&digest).await.unwrap().unwrap();
    assert_eq!(found.record().times().last_used_at, at(20));
}

#[tokio::test]
async fn no_index_knows_what_a_use_changes() {
    let (database, store) = store().await;
    let digest = of("alice", 1);
    let idle = TokenTimes {
        expires_at: at(60),
        ..times()
    };
    store
        .insert(login(digest, "alice", 1, idle), ADD)
        .await
        .unwrap();
    database.psql("CREATE TABLE before AS TABLE expiring_tokens.token");
    let used = Touch {
        digest,
        used_at: at(10),
        expires_at: at(600),
    };
    store.extend(&[used]).await.unwrap();

    let changed = "SELECT string_agg(now.key, ' ' ORDER BY now.key)
        FROM expiring_tokens.token t, json_each_text(row_to_json(t)) now,
            before b, json_each_text(row_to_json(b)) old
        WHERE now.key = old.key AND now.value IS DISTINCT FROM old.value";
    assert_eq!(database.psql(changed), "expires_at last_used_at");
    let known = "SELECT count(*) FROM pg_index i
        JOIN pg_depend d ON d.objid = i.indexrelid AND d.refobjid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
        WHERE i.indrelid = 'expiring_tokens.token'::regclass
            AND a.attname IN ('expires_at', 'last_used_at')";
    assert_eq!(database.psql(known), "0");
    // So a new version of a row can stay on its page, where there is room for it.
    let room =
        "SELECT reloptions::text FROM pg_class WHERE oid = 'expiring_tokens.token'::regclass";
    let options = database.psql(room);
    assert!(options.contains("fillfactor="), "{options}");
}
