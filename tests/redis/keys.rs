//! What lies on the server, under which names, and for how long.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, IssuingStore, Lifetime, RedisStore, Subject, Timestamp, TokenAuthority,
    TokenStore, TokenTimes,
};

use super::{empty, on, times, until};
use crate::support::server::redis::{prefix, shared};
use crate::support::tokens::{ADD, at, foreign, login, own};

const MANY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

fn keys(prefix: &str) -> Vec<String> {
    let keys = shared().cli(["--scan", "--pattern", &format!("{prefix}*")]);
    keys.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn all_keys_that_concern_a_subject_have_one_hash_tag() {
    let prefix = prefix();
    let store = on(shared(), &prefix).await;
    for subject in ["alice", "bob", "{mallory}"] {
        for number in 0..3 {
            let digest = own(subject, number);
            let new = login(digest, subject, number, times());
            store.insert(new, ADD).await.unwrap();
        }
        let tags: HashSet<String> = keys(&prefix)
            .iter()
            .map(|key| {
                // As Redis Cluster finds it.
                let (_, rest) = key.split_once('{').unwrap();
                rest.split_once('}').unwrap().0.to_owned()
            })
            .collect();
        assert_eq!(tags.len(), 1, "{tags:?}");
        assert_eq!(tags.iter().next().unwrap().len(), 2);
        assert_eq!(keys(&prefix).len(), 5);
        store.remove_subject(&subject.into(), None).await.unwrap();
        store.purge(at(600), MANY).await.unwrap();
        assert_eq!(keys(&prefix), [] as [String; 0]);
    }
}

#[tokio::test]
async fn a_purge_tidies_up_whatever_has_ended_or_was_removed() {
    let prefix = prefix();
    let store = on(shared(), &prefix).await;
    for number in 0..300 {
        let subject = format!("user {}", number % 70);
        let digest = match number % 3 {
            0 => foreign(number),
            _ => own(&subject, number),
        };
        let new = login(digest, &subject, number, times());
        store.insert(new, ADD).await.unwrap();
    }
    store
        .remove_subject(&Subject::new("user 1"), None)
        .await
        .unwrap();
    store.remove(&own("user 2", 2)).await.unwrap();
    let left = 300 - 5 - 1;
    assert_eq!(store.purge(at(600), MANY).await.unwrap(), left);
    assert_eq!(keys(&prefix), [] as [String; 0]);
}

#[tokio::test]
async fn the_server_drops_what_nobody_purges_and_the_next_purge_forgets_it() {
    let prefix = prefix();
    let store = RedisStore::builder(&shared().url()).prefix(&prefix);
    let store = store.retention(Duration::from_millis(1));
    let store = store.connect().await.unwrap();
    let ends_at = at(0) + Duration::from_millis(1);
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, TokenTimes::fixed(at(0), ends_at));
    store.insert(new, ADD).await.unwrap();
    until("the server has dropped it", async || {
        store.find(&digest).await.unwrap().is_none()
    })
    .await;
    let alice = Subject::new("alice");
    assert_eq!(store.list(&alice).await.unwrap(), []);
    assert_eq!(store.remove_subject(&alice, None).await.unwrap(), 0);
    assert_eq!(store.purge(at(1), MANY).await.unwrap(), 0);
    assert_eq!(keys(&prefix), [] as [String; 0]);
}

#[tokio::test]
async fn a_token_that_the_server_dropped_and_somebody_took_over_is_only_his() {
    let store = RedisStore::builder(&shared().url()).prefix(&prefix());
    let store = store.retention(Duration::from_millis(1));
    let store = store.connect().await.unwrap();
    let digest = foreign(1);
    let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
    let short = TokenTimes::fixed(at(0), at(0));
    let new = login(digest, "alice", 1, short);
    store.insert(new, ADD).await.unwrap();
    until("the server has dropped it", async || {
        store.find(&digest).await.unwrap().is_none()
    })
    .await;
    let new = login(digest, "bob", 2, times());
    store.insert(new, ADD).await.unwrap();
    assert_eq!(store.list(&alice).await.unwrap(), []);
    assert_eq!(store.remove_subject(&alice, None).await.unwrap(), 0);
    assert_eq!(store.purge(at(1), MANY).await.unwrap(), 0);
    assert_eq!(store.list(&bob).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_kept_for_its_life_and_the_retention_whatever_the_clocks_show() {
    let prefix = prefix();
    let store = on(shared(), &prefix).await;
    let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
    let tokens = TokenAuthority::builder(store)
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    tokens.authenticate(&token).await.unwrap();

    let keys = keys(&prefix);
    let key = keys
        .iter()
        .find(|key| key.starts_with(&format!("{prefix}{{")));
    let left: u64 = shared().cli(["TTL", key.unwrap()]).parse().unwrap();
    assert!(left > 47 * 3600 && left <= 48 * 3600, "{left} s");
    clock.advance(Duration::from_secs(24 * 3600));
    assert!(tokens.authenticate(&token).await.is_err());
}

#[tokio::test]
async fn stores_of_one_prefix_share_tokens_and_others_know_nothing_of_them() {
    let prefix = prefix();
    let [one, two, three] = [
        on(shared(), &prefix).await,
        on(shared(), &prefix).await,
        empty().await,
    ];
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    one.insert(new, ADD).await.unwrap();
    assert!(two.find(&digest).await.unwrap().is_some());
    assert!(three.find(&digest).await.unwrap().is_none());
    assert!(two.remove(&digest).await.unwrap());
    assert!(one.find(&digest).await.unwrap().is_none());
}
