//! Fail-over by Sentinel.

use tower_expiring_token::{Change, IssuingStore, RedisStore, TokenStore, WatchedStore};

use super::{hear, times, told, until};
use crate::support::server::redis::{PASSWORD, Redis, Sentinel};
use crate::support::tokens::{ADD, login, own};

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_is_followed() {
    let mut first = Redis::start(&[]);
    let second = Redis::start(&[&format!("replicaof 127.0.0.1 {}", first.port())]);
    let sentinels = [
        Sentinel::start(&first, "main"),
        Sentinel::start(&first, "main"),
    ];
    let hosts = sentinels
        .each_ref()
        .map(|sentinel| format!("127.0.0.1:{}", sentinel.port()));
    let url = format!("redis-sentinel://:{PASSWORD}@{}/0#main", hosts.join(","));

    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(told(&error).contains("NOAUTH"), "{}", told(&error));
    let store = RedisStore::builder(&url).sentinel_login("default", PASSWORD);
    let store = store.connect().await.unwrap();
    let shown = format!("{store:?}");
    assert!(
        shown.contains(&hosts[1]) && !shown.contains(PASSWORD),
        "{shown}"
    );

    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    until("the replica has it", async || second.cli(["DBSIZE"]) == "3").await;

    first.kill9();
    until("the token is found again", async || {
        // Not before: Ok or StoreError, and no other answer.
        store.find(&digest).await.is_ok_and(|found| {
            assert!(found.is_some(), "it was replicated");
            true
        })
    })
    .await;
    assert!(second.cli(["ROLE"]).starts_with("master"));
    hear(&mut *watch, |change| *change == Change::Lost).await;
    hear(&mut *watch, |change| *change == Change::Connected).await;
    assert!(store.remove(&digest).await.unwrap());
    hear(&mut *watch, |change| {
        *change == Change::Removed(vec![digest])
    })
    .await;
}

#[tokio::test]
async fn a_master_that_the_sentinels_do_not_know_is_an_error_that_says_so() {
    let server = Redis::start(&[]);
    let sentinel = Sentinel::start(&server, "main");
    let url = format!(
        "redis-sentinel://:{PASSWORD}@127.0.0.1:{}/0#other",
        sentinel.port()
    );
    let store = RedisStore::builder(&url).sentinel_login("default", PASSWORD);
    let error = store.connect().await.unwrap_err();
    assert!(
        told(&error).contains("not found in sentinel"),
        "{}",
        told(&error)
    );

    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", sentinel.port());
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(
        told(&error).contains("found a sentinel"),
        "{}",
        told(&error)
    );
}
