//! What a store tells those who watch it.

use std::time::Duration;

use tokio::time::timeout;
use tower_expiring_token::{Change, IssuingStore, RedisStore, TokenStore, WatchedStore};

use super::{hear, on, times, until};
use crate::support::server::redis::{Redis, prefix, shared};
use crate::support::tokens::{ADD, login, own};

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_what_another_store_and_what_redis_cli_removes() {
    let prefix = prefix();
    let [one, two] = [on(shared(), &prefix).await, on(shared(), &prefix).await];
    let digests = [1, 2].map(|number| own("alice", number));
    for (digest, number) in digests.into_iter().zip(1..) {
        let new = login(digest, "alice", number, times());
        one.insert(new, ADD).await.unwrap();
    }
    let mut watch = two.watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    one.remove(&digests[0]).await.unwrap();
    assert_eq!(watch.next().await, Change::Removed(vec![digests[0]]));

    let keys = shared().cli(["--scan", "--pattern", &format!("{prefix}{{*")]);
    shared().cli(["DEL", &keys]);
    assert_eq!(watch.next().await, Change::Removed(vec![digests[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_that_everything_was_removed() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    let mut watch = store.watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    server.cli(["FLUSHALL"]);
    assert_eq!(watch.next().await, Change::Lost);
    assert_eq!(watch.next().await, Change::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_that_it_was_cut_and_that_it_listens_again() {
    let mut server = Redis::start(&["appendonly yes"]);
    let store = on(&server, &prefix()).await;
    let mut watch = store.watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    for _ in 0..2 {
        server.kill9();
        hear(&mut *watch, |change| *change == Change::Lost).await;
        assert!(store.watch().await.is_err());
        server.restart();
        assert_eq!(watch.next().await, Change::Connected);
        until("the store works again", async || {
            store.find(&own("alice", 1)).await.is_ok()
        })
        .await;
        let digest = own("alice", 2);
        let new = login(digest, "alice", 2, times());
        store.insert(new, ADD).await.unwrap();
        store.remove(&digest).await.unwrap();
        hear(&mut *watch, |change| {
            *change == Change::Removed(vec![digest])
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_on_a_silent_server_is_lost_however_long_the_store_may_wait() {
    let server = Redis::start(&[]);
    let store = RedisStore::builder(&server.url()).time_out(Duration::from_secs(3600));
    let store = store.connect().await.unwrap();
    let mut watch = store.watch().await.unwrap();
    assert_eq!(watch.next().await, Change::Connected);
    server.signal("STOP");
    let lost = timeout(Duration::from_secs(30), watch.next()).await;
    server.signal("CONT");
    assert_eq!(lost, Ok(Change::Lost));
    assert_eq!(watch.next().await, Change::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_dropped_closes_its_connection() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    let connections = || server.cli(["CLIENT", "LIST"]).lines().count();
    let before = connections();
    let watch = store.watch().await.unwrap();
    assert_eq!(connections(), before + 1);
    drop(watch);
    until("it is closed", async || connections() == before).await;
}
