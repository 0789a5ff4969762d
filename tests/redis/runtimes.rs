//! A store lasts longer than the runtime in which it was made.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join;
use futures_util::poll;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tower_expiring_token::{IssuingStore, RedisStore, TokenStore};

use super::{on, times, until};
use crate::support::server::redis::{Redis, prefix, shared};
use crate::support::tokens::{ADD, login, own};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_store_goes_on_in_one_runtime_after_another() {
    let store = runtime().block_on(on(shared(), &prefix()));
    for number in 0..3 {
        runtime().block_on(async {
            let digest = own("alice", number);
            let new = login(digest, "alice", number, times());
            store.insert(new, ADD).await.unwrap();
            assert!(store.find(&digest).await.unwrap().is_some());
        });
    }
}

/// Whether a token is found or not, but for an error, soon.
async fn recovers(store: &RedisStore) {
    until("it answers", async || {
        store.find(&own("alice", 1)).await.is_ok()
    })
    .await;
}

#[test]
fn a_runtime_that_ends_while_there_is_no_connection_leaves_it_to_others() {
    let mut server = Redis::start(&[]);
    let lasts = runtime();
    let store = lasts.block_on(on(&server, &prefix()));
    server.kill9();
    // It notices, and ends before there is another.
    let noticed = runtime().block_on(store.find(&own("alice", 1)));
    noticed.unwrap_err();
    server.restart();
    lasts.block_on(recovers(&store));

    server.kill9();
    let refused = runtime().block_on(async {
        store.find(&own("alice", 1)).await.unwrap_err();
        store.find(&own("alice", 1)).await
    });
    refused.unwrap_err();
    server.restart();
    runtime().block_on(recovers(&store));
}

#[test]
fn look_ups_whose_runtime_has_ended_keep_nobody_waiting() {
    let lasts = runtime();
    let store = lasts.block_on(on(shared(), &prefix()));
    let digest = own("alice", 1);
    runtime().block_on(async {
        let mut alone = pin!(store.find(&digest));
        let mut waits = pin!(store.find(&digest));
        assert!(poll!(alone.as_mut()).is_pending() && poll!(waits.as_mut()).is_pending());
    });
    let both = async { join(store.find(&digest), store.find(&digest)).await };
    let both = lasts.block_on(async { timeout(Duration::from_secs(30), both).await });
    let (alone, waits) = both.expect("both are answered");
    assert!(alone.unwrap().is_none() && waits.unwrap().is_none());
}
