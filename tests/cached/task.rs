//! The cache listens while there is a runtime, and no longer than somebody needs it.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tower_expiring_token::{Cached, IssuingStore, TokenStore};

use super::{LONGEST, finds, has, insert, is_on, node, with_token};
use crate::support::remote::Remote;
use crate::support::tokens::own;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_staleness_of_more_than_thirty_seconds_is_refused_with_a_reason() {
    assert!(Cached::new(Remote::new(), LONGEST).is_ok());
    let error = Cached::new(Remote::new(), Duration::from_secs(36_000)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("at most 30s, not for 36000s"), "{text}");
}

#[test]
fn room_for_more_tokens_than_memory_has_is_refused_with_a_reason() {
    for entries in [(1 << 26) + 1, usize::MAX] {
        let error = Cached::with_entries(Remote::new(), LONGEST, entries).unwrap_err();
        let found = format!("at most 67108864 tokens, not for {entries}");
        assert!(error.to_string().contains(&found), "{error}");
    }
}

#[tokio::test]
async fn a_staleness_of_zero_keeps_nothing_and_listens_to_nothing() {
    let store = Remote::new();
    insert(&store, 1).await;
    let cached = Cached::new(store.clone(), Duration::ZERO).unwrap();
    for asked in 1..5 {
        assert!(finds(&cached, &own("alice", 1)).await);
        assert_eq!(store.store.asked(), asked);
        yield_now().await;
    }
    assert!(!cached.stats().is_connected);
}

#[test]
fn without_a_runtime_each_request_asks_the_store() {
    let store = Remote::new();
    let digest = own("alice", 1);
    runtime().block_on(insert(&store, 1));
    let cached = Cached::new(store.clone(), LONGEST).unwrap();
    for asked in 1..5 {
        let found = pin!(cached.find(&digest)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(found, Poll::Ready(Ok(Some(_)))));
        assert_eq!(store.store.asked(), asked);
    }
}

#[test]
fn when_its_runtime_ends_all_is_forgotten_and_the_next_one_listens_again() {
    let digest = own("alice", 1);
    let (cached, store, _) = runtime().block_on(with_token(Remote::new()));
    assert!(!cached.stats().is_connected);
    assert!(!has(&cached, &digest), "nobody listens");
    runtime().block_on(async {
        is_on(&cached).await;
        assert!(finds(&cached, &digest).await && has(&cached, &digest));
    });
    drop(store);
}

#[test]
fn while_its_thread_is_busy_nobody_is_answered_from_memory() {
    let store = Remote::new();
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let remote = store.clone();
    let listens = thread::spawn(move || {
        runtime().block_on(async {
            let (cached, _, digest) = with_token(remote).await;
            tell.send((cached.clone(), digest)).unwrap();
            // All else in this runtime waits, too.
            let _ = ended.recv();
            is_on(&cached).await;
            assert!(!has(&cached, &digest), "from before it slept");
        });
    });
    let (cached, digest) = told.recv().unwrap();
    assert!(has(&cached, &digest), "it has been heard of lately");
    runtime().block_on(async {
        assert!(store.remove(&digest).await.unwrap());
        while finds(&cached, &digest).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!cached.stats().is_connected);
    });
    end.send(()).unwrap();
    listens.join().unwrap();
}

#[tokio::test]
async fn it_tries_again_until_the_store_can_be_listened_to() {
    let store = Remote::new();
    insert(&store, 1).await;
    store.store.fail();
    let cached = Cached::new(store.clone(), LONGEST).unwrap();
    for _ in 0..3 {
        assert!(cached.find(&own("alice", 1)).await.is_err());
        yield_now().await;
    }
    store.store.heal();
    while !cached.stats().is_connected {
        assert!(finds(&cached, &own("alice", 1)).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_last_clone_takes_the_task_with_it() {
    let store = Remote::new();
    let cached = node(store.clone()).await;
    let clone = cached.clone();
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    drop(cached);
    yield_now().await;
    assert_eq!(tasks(), 1);
    drop(clone);
    while tasks() > 0 {
        yield_now().await;
    }
}
