//! Values that other programs left under a store's keys.

use tower_expiring_token::{
    Finding, IssuingStore, Place, RedisStore, Slot, Subject, TokenDigest, TokenStore, Touch,
};

use super::{on, times, told};
use crate::support::server::redis::{Redis, prefix, shared};
use crate::support::tokens::{ADD, at, login, own};

/// A store with alice's first token, and the keys of her second and third.
async fn with_a_token() -> (RedisStore, String, [TokenDigest; 3]) {
    let prefix = prefix();
    let store = on(shared(), &prefix).await;
    let digests = [1, 2, 3].map(|number| own("alice", number));
    let new = login(digests[0], "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    (store, prefix, digests)
}

fn key(prefix: &str, digest: &TokenDigest) -> String {
    let keys = shared().cli(["--scan", "--pattern", &format!("{prefix}{{*")]);
    let key = keys.lines().next().expect("alice has a token");
    let (tag, _) = key.split_once("}:").expect("a hash tag");
    format!("{tag}}}:{digest}")
}

fn says_what(finding: Finding<Subject>, expected: &str) {
    let error = finding.expect_err("a foreign value is no verdict");
    assert!(told(&error).contains(expected), "{}", told(&error));
}

#[tokio::test]
async fn a_value_that_is_no_token_is_an_error_and_never_unknown() {
    let (store, prefix, [one, two, three]) = with_a_token().await;
    let token = shared().cli(["--no-raw", "GET", &key(&prefix, &one)]);
    assert!(token.starts_with("\"\\x01"), "{token}");
    for (value, expected) in [
        ("", "found an empty one"),
        ("hello", "found one that begins with 104"),
        ("\u{1}hello", "found one that is cut off or was changed"),
    ] {
        shared().cli(["SET", &key(&prefix, &two), value]);
        says_what(store.find(&two).await, expected);
    }
    shared().cli(["HSET", &key(&prefix, &three), "field", "value"]);
    says_what(store.find(&three).await, "WRONGTYPE");
    // Also when they share a message, and they alone.
    let (a, b, c, d) = tokio::join!(
        store.find(&one),
        store.find(&two),
        store.find(&three),
        store.find(&one)
    );
    assert!(a.unwrap().is_some() && d.unwrap().is_some());
    says_what(b, "cut off");
    says_what(c, "WRONGTYPE");
}

#[tokio::test]
async fn a_changed_byte_of_a_token_is_an_error_or_another_value_but_never_a_panic() {
    let (store, prefix, [one, ..]) = with_a_token().await;
    let key = key(&prefix, &one);
    let length: usize = shared().cli(["STRLEN", &key]).parse().unwrap();
    for at in 0..length {
        shared().cli(["SETRANGE", &key, &at.to_string(), "\u{7f}"]);
        // Whatever it is, nothing panics.
        let _ = store.find(&one).await;
        let _ = store.list(&Subject::new("alice")).await;
    }
    says_what(store.find(&one).await, "expected a token's value");
}

#[tokio::test]
async fn a_verb_that_meets_a_foreign_value_says_where_and_changes_nothing() {
    let (store, prefix, [one, two, three]) = with_a_token().await;
    let alice = Subject::new("alice");
    let new = login(two, "alice", 2, times());
    store.insert(new, ADD).await.unwrap();
    shared().cli(["SET", &key(&prefix, &two), "hello"]);
    let replace = Slot {
        place: Place::ReplaceAll,
        limit: None,
    };
    let new = login(three, "alice", 3, times());
    for error in [
        store.remove(&two).await.map(drop).unwrap_err(),
        store.list(&alice).await.map(drop).unwrap_err(),
        store
            .remove_subject(&alice, None)
            .await
            .map(drop)
            .unwrap_err(),
        store.insert(new, replace).await.map(drop).unwrap_err(),
    ] {
        assert!(told(&error).contains(&two.to_string()), "{}", told(&error));
    }
    assert!(store.find(&one).await.unwrap().is_some());
    assert!(store.find(&three).await.unwrap().is_none());

    let touch = |digest| Touch {
        digest,
        used_at: at(10),
        expires_at: at(70),
    };
    let error = store.extend(&[touch(two), touch(one)]).await.unwrap_err();
    assert!(told(&error).contains(&two.to_string()), "{}", told(&error));
    let used = store.find(&one).await.unwrap().unwrap();
    assert_eq!(used.record().times().last_used_at, at(10));

    shared().cli(["DEL", &key(&prefix, &two)]);
    assert_eq!(store.remove_subject(&alice, None).await.unwrap(), 1);
}

#[tokio::test]
async fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let server = Redis::start(&[]);
    let store = on(&server, &prefix()).await;
    for number in 0..3 {
        let digest = own("alice", number);
        let new = login(digest, "alice", number, times());
        store.insert(new, ADD).await.unwrap();
        server.cli(["SCRIPT", "FLUSH"]);
        assert!(store.remove(&digest).await.unwrap());
    }
}
