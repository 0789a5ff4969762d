//! Servers that are gone, silent or back again.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{
    Authenticated, IssuingStore, Lifetime, RedisStore, TokenAuthority, TokenStore,
};

use super::{on, times, until};
use crate::support::house::changed;
use crate::support::server::redis::{PASSWORD, Redis, prefix};
use crate::support::silence::Network;
use crate::support::tokens::{ADD, login, own};

/// What a layer over this store answers to a token.
async fn status(tokens: &TokenAuthority<RedisStore>, token: &str) -> (StatusCode, bool) {
    let inner = service_fn(async |request: Request<String>| {
        Authenticated::of(request.extensions()).expect("the layer lets nobody else in");
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    let service = tokens.layer().layer(inner);
    let response = service.oneshot(request.body(String::new()).unwrap()).await;
    let response = response.unwrap();
    let later = response.headers().contains_key("retry-after");
    (response.status(), later)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_503_and_garbage_is_refused_all_the_same_until_the_server_is_back() {
    let mut server = Redis::start(&["appendonly yes", "appendfsync always"]);
    let store = on(&server, &prefix()).await;
    let tokens = TokenAuthority::builder(store)
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let good = issued.secret();
    assert_eq!(status(&tokens, good).await.0, StatusCode::OK);
    for _ in 0..2 {
        server.kill9();
        for _ in 0..20 {
            let unavailable = (StatusCode::SERVICE_UNAVAILABLE, true);
            assert_eq!(status(&tokens, good).await, unavailable);
            let refused = (StatusCode::UNAUTHORIZED, false);
            assert_eq!(status(&tokens, &changed(good)).await, refused);
            assert!(tokens.issue("alice").await.is_err());
        }
        server.restart();
        until("the token opens again", async || {
            status(&tokens, good).await.0 == StatusCode::OK
        })
        .await;
        tokens.issue("alice").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_an_error_in_time_for_each_of_many_callers() {
    let server = Redis::start(&[]);
    let store = RedisStore::builder(&server.url()).time_out(Duration::from_millis(200));
    let store = store.connect().await.unwrap();
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    server.signal("STOP");
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        callers.spawn(async move { store.find(&digest).await.map(|found| found.is_some()) });
    }
    let store_ = store.clone();
    callers.spawn(async move { store_.remove(&digest).await });
    for answer in callers.join_all().await {
        assert!(answer.is_err());
    }
    server.signal("CONT");
    until("it answers again", async || {
        store.find(&digest).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_closes_is_replaced_before_it_is_needed() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    let digest = own("alice", 1);
    for _ in 0..5 {
        let connections = || server.cli(["CLIENT", "LIST"]).lines().count();
        server.cli(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        until("there is another", async || connections() == 2).await;
        store.find(&digest).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_at_connect() {
    let mut server = Redis::start(&[]);
    server.kill9();
    let error = RedisStore::connect(&server.url()).await.unwrap_err();
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_that_are_dropped_leave_the_others_alone() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    for round in 0..50 {
        let mut callers = JoinSet::new();
        for caller in 0..64 {
            let store = store.clone();
            callers.spawn(async move {
                let find = store.find(&digest);
                if (caller + round) % 3 == 0 {
                    let _ = timeout(Duration::from_micros(caller), find).await;
                    return true;
                }
                find.await.unwrap().is_some()
            });
        }
        assert!(callers.join_all().await.into_iter().all(|found| found));
    }
    assert!(store.find(&digest).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_replaced_though_no_caller_waits_for_that() {
    let server = Redis::start(&[]);
    let network = Network::to(server.port()).await;
    let url = server
        .url()
        .replace(&server.port().to_string(), &network.port().to_string());
    let store = RedisStore::builder(&url).time_out(Duration::from_millis(500));
    let store = store.connect().await.unwrap();
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    // Look-ups have a task of their own, which waits for an answer; lists have none.
    network.forget();
    until("the connection is found out", async || {
        let listed = timeout(Duration::from_millis(50), store.list(&"alice".into())).await;
        listed.is_ok_and(|listed| listed.is_ok())
    })
    .await;
}
