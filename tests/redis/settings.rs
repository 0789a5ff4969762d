//! What a server is set up for is looked at, and what a store is made from.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis_client::{Client, cmd};
use tower_expiring_token::testing::contract;
use tower_expiring_token::{IssuingStore, RedisStore, StoreError, Timestamp, TokenStore, Touch};

use super::{on, times, told, until};
use crate::support::server::redis::{PASSWORD, Redis, prefix, shared};
use crate::support::tokens::{ADD, login, own};

/// The warnings of a store on a server with these settings.
async fn warnings(settings: &[&str]) -> Result<Vec<String>, StoreError> {
    let server = Redis::start(settings);
    let store = RedisStore::connect(&server.url()).await?;
    Ok(store.warnings().to_vec())
}

#[tokio::test]
async fn a_server_that_may_forget_what_it_acknowledged_is_warned_of() {
    let safe = ["appendonly yes", "appendfsync always"];
    assert_eq!(warnings(&safe).await.unwrap(), [] as [String; 0]);
    for (settings, expected) in [
        (&["appendonly no"][..], "appendonly is no: "),
        (
            &["appendonly yes", "appendfsync everysec"],
            "appendfsync is everysec: ",
        ),
        (&["appendonly yes", "appendfsync no"], "appendfsync is no: "),
    ] {
        let warnings = warnings(settings).await.unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(expected), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_server_that_evicts_tokens_is_warned_of_and_one_that_evicts_anything_refused() {
    let safe = ["appendonly yes", "appendfsync always"];
    let with = |more: &[&'static str]| [&safe, more].concat();
    let limit = "maxmemory 100mb";
    let refused = with(&[limit, "maxmemory-policy allkeys-lru"]);
    let error = warnings(&refused).await.unwrap_err();
    assert!(
        told(&error).contains("found allkeys-lru"),
        "{}",
        told(&error)
    );

    let volatile = with(&[limit, "maxmemory-policy volatile-ttl"]);
    let warned = warnings(&volatile).await.unwrap();
    assert!(
        warned[0].starts_with("maxmemory-policy is volatile-ttl: "),
        "{warned:?}"
    );
    for good in [
        with(&[limit, "maxmemory-policy noeviction"]),
        // Without a limit nothing is evicted.
        with(&["maxmemory-policy allkeys-lru"]),
    ] {
        assert_eq!(warnings(&good).await.unwrap(), [] as [String; 0]);
    }
}

#[tokio::test]
async fn what_can_not_be_checked_is_said() {
    let safe = ["appendonly yes", "appendfsync always"];
    let server = Redis::start(&safe);
    for (denied, expected) in [
        ("-config", "CONFIG GET is forbidden"),
        ("-info", "INFO is forbidden"),
    ] {
        let user = [
            "ACL", "SETUSER", "app", "reset", "on", ">app", "~*", "+@all",
        ];
        server.cli(user.into_iter().chain([denied]));
        let url = format!("redis://app:app@127.0.0.1:{}", server.port());
        let store = RedisStore::connect(&url).await.unwrap();
        assert_eq!(store.warnings().len(), 1);
        let warning = &store.warnings()[0];
        assert!(warning.starts_with(expected), "{warning}");
        let new = login(own("alice", 1), "alice", 1, times());
        store.insert(new, ADD).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_with_the_rights_that_are_documented_and_no_others_is_enough() {
    let server = Redis::start(&["appendonly yes", "appendfsync always"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = fs::read_to_string(root.join("src/store/redis/mod.rs")).unwrap();
    let lines = docs.lines().filter_map(|line| line.strip_prefix("/// "));
    let lines = lines.skip_while(|line| !line.starts_with("ACL SETUSER"));
    let rights: Vec<&str> = lines
        .take_while(|line| *line != "```")
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(rights[..3], ["ACL", "SETUSER", "service"]);
    server.cli(rights);

    let url = format!("redis://service:password@127.0.0.1:{}/1", server.port());
    let number = AtomicUsize::new(0);
    let node = async |prefix: &str| {
        let store = RedisStore::builder(&url).prefix(prefix).connect().await;
        let store = store.unwrap();
        assert!(store.warnings().is_empty(), "{:?}", store.warnings());
        store
    };
    let next = || format!("tokens:{}:", number.fetch_add(1, Ordering::Relaxed));
    let kept = contract::rotating_store(async || node(&next()).await).await;
    kept.unwrap();
    let heard = contract::watched_store(async || {
        let prefix = next();
        (node(&prefix).await, node(&prefix).await)
    });
    heard.await.unwrap();

    server.cli(["ACL", "SETUSER", "service", "-getrange"]);
    let touch = Touch {
        digest: own("alice", 1),
        used_at: times().issued_at,
        expires_at: times().ends_at,
    };
    let denied = node(&next()).await.extend(&[touch]).await.unwrap_err();
    assert!(
        told(&denied).contains("can't run this command"),
        "{}",
        told(&denied)
    );
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    let master = Redis::start(&[]);
    let replica = Redis::start(&[&format!("replicaof 127.0.0.1 {}", master.port())]);
    let node = Redis::start(&["cluster-enabled yes"]);
    for (server, expected) in [
        (replica, "found a replica"),
        (node, "found a node of Redis Cluster"),
    ] {
        let error = RedisStore::connect(&server.url()).await.unwrap_err();
        assert!(told(&error).contains(expected), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_an_error_that_says_so_until_it_takes_writes_again() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    let digest = own("alice", 1);
    let insert = async || store.insert(login(digest, "alice", 1, times()), ADD).await;
    insert().await.unwrap();
    // Of a master that is gone, so that it keeps what it has.
    server.cli(["REPLICAOF", "127.0.0.1", "1"]);
    let error = insert().await.unwrap_err();
    let said = told(&error);
    assert!(said.contains("this is a replica"), "{said}");
    // What a replica knows may have been removed since: it is connected to no more.
    for _ in 0..10 {
        let said = told(&store.find(&digest).await.unwrap_err());
        assert!(said.contains("found a replica"), "{said}");
    }
    server.cli(["REPLICAOF", "NO", "ONE"]);
    until("it takes writes", async || insert().await.is_ok()).await;
    assert!(store.find(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn a_prefix_with_braces_is_refused() {
    let store = RedisStore::builder(&shared().url()).prefix("tokens{1}:");
    let error = store.connect().await.unwrap_err();
    assert!(told(&error).contains("without braces"), "{}", told(&error));
}

#[tokio::test]
async fn a_store_is_made_for_a_client_that_the_application_has() {
    let client = Client::open(shared().url()).unwrap();
    let store = RedisStore::with_client(client.clone()).prefix(&prefix());
    let store = store.connect().await.unwrap();
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    assert!(store.find(&digest).await.unwrap().is_some());
    let mut own = client.get_connection().unwrap();
    assert_eq!(cmd("PING").query::<String>(&mut own).unwrap(), "PONG");
    assert!(!PASSWORD.is_empty());
}

#[tokio::test]
async fn any_retention_will_do() {
    let store = RedisStore::builder(&shared().url()).prefix(&prefix());
    let store = store.retention(Duration::MAX).connect().await.unwrap();
    let digest = own("alice", 1);
    store
        .insert(login(digest, "alice", 1, times()), ADD)
        .await
        .unwrap();
    assert!(store.find(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn a_value_that_cant_be_read_stops_no_purge_of_others() {
    let (server, prefix) = (shared(), prefix());
    let store = RedisStore::builder(&server.url()).prefix(&prefix);
    let store = store.connect().await.unwrap();
    for number in 0..200 {
        let name = format!("user{number}");
        let new = login(own(&name, number), &name, number, times());
        store.insert(new, ADD).await.unwrap();
    }
    let tokens = server.cli(["--scan", "--pattern", &format!("{prefix}[{{]*")]);
    let spoilt = tokens.lines().find(|key| key.contains("}:"));
    server.cli(["SET", spoilt.expect("a token"), "spoilt"]);
    let most = NonZeroUsize::new(1_000).expect("is not zero");
    let mut purged = 0;
    for _ in 0..10 {
        purged += store.purge(Timestamp::MAX, most).await.unwrap();
    }
    assert_eq!(purged, 199);
}
