//! Look-ups that share statements.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::yield_now;
use tower_expiring_token::{IssuingStore, TokenStore};

use super::{client, migrated, of, store, times};
use crate::support::server::postgres;
use crate::support::tokens::{ADD, login};

const TOKENS: u64 = 200;

async fn fill(store: &tower_expiring_token::PostgresStore) {
    for number in 0..TOKENS {
        let login = login(
            of("alice", number),
            &format!("user {number}"),
            number,
            times(),
        );
        store.insert(login, ADD).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_look_ups_at_once_gets_its_own_answer() {
    let (_database, store) = store().await;
    fill(&store).await;
    let finds = (0..2_000).map(|index| {
        let (store, number) = (store.clone(), index % (TOKENS + 20));
        tokio::spawn(async move {
            let found = store.find(&of("alice", number)).await.unwrap();
            let subject = found.map(|found| found.record().subject().to_string());
            let expected = (number < TOKENS).then(|| format!("user {number}"));
            assert_eq!(subject, expected);
        })
    });
    for find in join_all(finds).await {
        find.unwrap();
    }
}

#[tokio::test]
async fn those_who_wait_are_answered_when_those_who_ask_for_them_are_dropped() {
    let database = postgres::shared();
    let store = migrated(&database, |builder| {
        builder.time_out(Duration::from_secs(60))
    })
    .await;
    fill(&store).await;
    let mut client = client(&database).await;
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE expiring_tokens.token IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let finds: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.find(&of("alice", number)).await })
        })
        .collect();
    let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'";
    while lock.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        yield_now().await;
    }
    // The first ones have statements under way and the others stand in line.
    let (gone, stay): (Vec<_>, Vec<_>) = finds
        .into_iter()
        .enumerate()
        .partition(|(index, _)| index % 3 != 2);
    for (_, find) in gone {
        find.abort();
    }
    lock.commit().await.unwrap();
    for (_, find) in stay {
        assert!(find.await.unwrap().unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_turn_is_lost_when_callers_are_dropped_at_any_moment() {
    let (_database, store) = store().await;
    fill(&store).await;
    for round in 0..50 {
        let finds = (0..100).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.find(&of("alice", number)).await })
        });
        let finds: Vec<_> = finds.collect();
        for _ in 0..round {
            yield_now().await;
        }
        for find in finds {
            find.abort();
        }
        let found = store.find(&of("alice", round)).await;
        assert!(found.unwrap().is_some(), "after round {round}");
    }
}
