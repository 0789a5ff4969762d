//! Each way in which a cache could be filled with the past, or hold somebody up.

use std::num::NonZeroUsize;

use tokio::task::{JoinHandle, yield_now};
use tower_expiring_token::{Cached, IssuingStore, Subject, TokenDigest};

use super::{finds, has, insert, node, with_token};
use crate::support::remote::Remote;
use crate::support::tokens::{at, own, session};

/// A node with an empty cache, a store that answers late, and a look-up that has read a token
/// there, of which the answer is still under way.
async fn loading(store: Remote) -> (Cached<Remote>, Remote, TokenDigest, JoinHandle<bool>) {
    let digest = own("alice", 1);
    insert(&store, 1).await;
    let cached = node(store.clone()).await;
    store.answer_late();
    let asked = store.store.asked();
    let load = look_up(&cached, digest);
    store.is_asked(asked + 1).await;
    (cached, store, digest, load)
}

fn look_up(cached: &Cached<Remote>, digest: TokenDigest) -> JoinHandle<bool> {
    let cached = cached.clone();
    tokio::spawn(async move { finds(&cached, &digest).await })
}

/// Lets all tasks do what they can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test]
async fn look_ups_of_one_token_at_once_are_one() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    let asked = store.store.asked();
    let others: Vec<_> = (0..10).map(|_| look_up(&cached, digest)).collect();
    settle().await;
    store.answer();
    assert!(load.await.unwrap());
    for other in others {
        assert!(other.await.unwrap());
    }
    assert!(has(&cached, &digest), "and it is kept");
    assert_eq!(store.store.asked(), asked);
    let stats = cached.stats();
    assert_eq!((stats.joined, stats.loading), (10, 0));
}

#[tokio::test]
async fn look_ups_of_several_tokens_do_not_wait_for_each_other() {
    let (cached, store, _, load) = loading(Remote::new()).await;
    let asked = store.store.asked();
    let other = look_up(&cached, own("alice", 2));
    store.is_asked(asked + 1).await;
    store.answer();
    assert!(!other.await.unwrap());
    assert!(load.await.unwrap());
}

#[tokio::test]
async fn an_answer_that_comes_after_its_token_was_removed_elsewhere_is_not_kept() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    store.memory.remove(&digest).await.unwrap();
    settle().await;
    store.answer();
    assert!(load.await.unwrap(), "it answers who has waited for it");
    assert!(!has(&cached, &digest));
    assert!(!finds(&cached, &digest).await);
}

#[tokio::test]
async fn nobody_joins_a_look_up_that_began_before_a_removal_elsewhere_was_told() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    store.memory.remove(&digest).await.unwrap();
    settle().await;
    let asked = store.store.asked();
    let later = look_up(&cached, digest);
    store.is_asked(asked + 1).await;
    store.answer();
    assert!(!later.await.unwrap());
    assert!(load.await.unwrap());
}

/// Each way to remove Alice's token here.
async fn remove(cached: &Cached<Remote>, digest: &TokenDigest, way: usize) {
    let alice = Subject::new("alice");
    let removed = match way {
        0 => cached.remove(digest).await.map(u64::from),
        1 => cached.remove_session(&alice, &session(1)).await,
        2 => cached.remove_subject(&alice, None).await,
        _ => cached
            .purge(at(3_600), NonZeroUsize::MIN)
            .await
            .map(|purged| purged as u64),
    };
    assert_eq!(removed.unwrap(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_after_its_token_was_removed_here_is_not_kept() {
    for way in 0..4 {
        let (cached, store, digest, load) = loading(Remote::silent()).await;
        remove(&cached, &digest, way).await;
        store.answer();
        assert!(load.await.unwrap(), "it answers who has waited for it");
        assert!(!has(&cached, &digest), "{way}");
    }
}

#[tokio::test]
async fn nobody_joins_a_look_up_that_began_before_a_removal_here_was_acknowledged() {
    for way in 0..4 {
        let (cached, store, digest, load) = loading(Remote::silent()).await;
        remove(&cached, &digest, way).await;
        let asked = store.store.asked();
        let later = look_up(&cached, digest);
        store.is_asked(asked + 1).await;
        store.answer();
        assert!(!later.await.unwrap(), "{way}");
        assert!(load.await.unwrap());
        assert!(!has(&cached, &digest), "{way}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_the_channel_was_cut_is_not_kept() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    store.store.cut();
    settle().await;
    assert!(!cached.stats().is_connected);
    store.answer();
    assert!(load.await.unwrap());
    assert!(!has(&cached, &digest));
}

#[tokio::test]
async fn an_answer_to_what_was_asked_before_the_channel_was_whole_again_is_not_kept() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    store.store.cut();
    settle().await;
    let meanwhile = look_up(&cached, digest);
    settle().await;
    store.store.mend();
    settle().await;
    assert!(cached.stats().is_connected);
    store.answer();
    assert!(load.await.unwrap());
    assert!(meanwhile.await.unwrap());
    assert!(!has(&cached, &digest));
}

#[tokio::test]
async fn nobody_joins_a_look_up_that_began_before_the_channel_was_whole_again() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    store.store.cut();
    store.store.mend();
    settle().await;
    assert!(cached.stats().is_connected);
    let asked = store.store.asked();
    let anew = look_up(&cached, digest);
    store.is_asked(asked + 1).await;
    store.answer();
    assert!(load.await.unwrap() && anew.await.unwrap());
    assert!(has(&cached, &digest), "what is asked now is kept");
}

#[tokio::test]
async fn while_the_channel_is_cut_everybody_asks_for_himself() {
    let (cached, store, digest) = with_token(Remote::new()).await;
    store.store.cut();
    settle().await;
    store.answer_late();
    let asked = store.store.asked();
    let both = [look_up(&cached, digest), look_up(&cached, digest)];
    store.is_asked(asked + 2).await;
    store.answer();
    for one in both {
        assert!(one.await.unwrap());
    }
    assert!(!has(&cached, &digest));
}

#[tokio::test]
async fn when_the_one_who_asks_goes_away_another_of_those_who_wait_asks() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    let asked = store.store.asked();
    let waiting = [look_up(&cached, digest), look_up(&cached, digest)];
    settle().await;
    load.abort();
    store.is_asked(asked + 1).await;
    store.answer();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert!(has(&cached, &digest));
    assert_eq!(store.store.asked(), asked + 1);
}

#[tokio::test]
async fn when_all_who_wait_go_away_the_next_one_asks() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    let waiting = look_up(&cached, digest);
    settle().await;
    assert_eq!(cached.stats().loading, 1);
    load.abort();
    waiting.abort();
    settle().await;
    assert_eq!(cached.stats().loading, 0, "nothing is left of it");
    let asked = store.store.asked();
    let next = look_up(&cached, digest);
    store.is_asked(asked + 1).await;
    store.answer();
    assert!(next.await.unwrap());
    assert!(has(&cached, &digest));
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_for_it_and_to_nobody_else() {
    let (cached, store, digest, load) = loading(Remote::new()).await;
    load.abort();
    settle().await;
    store.store.fail();
    let failing = [look_up(&cached, digest), look_up(&cached, digest)];
    settle().await;
    store.answer();
    for one in failing {
        assert!(one.await.is_err(), "the look-up has failed");
    }
    store.store.heal();
    assert!(finds(&cached, &digest).await);
}
