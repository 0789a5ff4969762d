//! A token that is removed is refused: here at once, elsewhere as soon as it is told, and after
//! the staleness whatever happens.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Cached, Clock, IssueError, IssuingStore, Lifetime, NewSession, NewToken, Place,
    Principals, Reason, Rotated, RotatingStore, Rotation, Slot, StoreError, Subject, SystemClock,
    TokenAuthority, TokenDigest, TokenKind, TokenRecord, TokenStore, TokenTimes, Touch,
    WithPrincipals, async_trait,
};

use super::{LONGEST, finds, has, insert, is_on, node, with_token};
use crate::support::remote::Remote;
use crate::support::tokens::{ADD, at, hour, login, own, session};

const NINE: NonZeroUsize = NonZeroUsize::new(9).expect("is not zero");

#[tokio::test]
async fn what_is_removed_here_is_refused_from_the_next_request_on() {
    let alice = Subject::new("alice");
    for verb in 0..6 {
        let (cached, _, digest) = with_token(Remote::silent()).await;
        let new = login(own("alice", 2), "alice", 2, hour());
        let limited = Slot {
            limit: Some(NonZeroUsize::MIN),
            ..ADD
        };
        let alone = Slot {
            place: Place::ReplaceAll,
            ..ADD
        };
        match verb {
            0 => assert!(cached.remove(&digest).await.unwrap()),
            1 => assert_eq!(cached.remove_session(&alice, &session(1)).await.unwrap(), 1),
            2 => assert_eq!(cached.remove_subject(&alice, None).await.unwrap(), 1),
            3 => drop(cached.insert(new, limited).await.unwrap()),
            4 => drop(cached.insert(new, alone).await.unwrap()),
            _ => assert_eq!(cached.purge(at(3_600), NINE).await.unwrap(), 1),
        }
        assert!(!has(&cached, &digest), "{verb}");
        assert!(!finds(&cached, &digest).await, "{verb}");
    }
}

#[tokio::test]
async fn what_a_rotation_or_a_reuse_ends_here_is_refused_from_the_next_request_on() {
    let cached = node(Remote::silent()).await;
    let mut new = login(own("alice", 1), "alice", 1, hour());
    let refresh = TokenDigest::of_session(&session(1), Subject::new("alice").route());
    new.refresh = Some(NewToken {
        digest: refresh,
        record: TokenRecord::builder("access", session(1), "alice", hour())
            .refresh(0, None)
            .build(),
    });
    cached.insert(new, ADD).await.unwrap();
    let rotation = |generation, number| {
        let NewSession { access, .. } = login(own("alice", number), "alice", 1, hour());
        Rotation {
            digest: refresh,
            generation,
            at: at(10),
            grace: Duration::ZERO,
            expires_at: at(3_600),
            access,
        }
    };
    for (generation, number, outcome) in [(0, 2, Rotated::Rotated), (0, 3, Rotated::Reused)] {
        let before = own("alice", number - 1);
        assert!(finds(&cached, &before).await && has(&cached, &before));
        assert!(finds(&cached, &refresh).await && !has(&cached, &refresh));
        let rotated = cached.rotate(rotation(generation, number)).await.unwrap();
        assert_eq!(rotated, outcome);
        assert!(!has(&cached, &before));
        assert!(!finds(&cached, &before).await);
    }
}

#[tokio::test]
async fn what_another_node_removes_is_refused_as_soon_as_it_is_told() {
    let (one, store, digest) = with_token(Remote::new()).await;
    let two = node(store.clone()).await;
    for number in 1..50 {
        let digest = own("alice", number);
        insert(&one, number).await;
        for node in [&one, &two] {
            assert!(finds(node, &digest).await && has(node, &digest));
        }
        assert!(one.remove(&digest).await.unwrap());
        let refused = async {
            while finds(&two, &digest).await {
                yield_now().await;
            }
        };
        timeout(LONGEST / 3, refused).await.unwrap();
    }
    assert!(!finds(&one, &digest).await);
}

#[tokio::test]
async fn a_removal_that_is_given_up_or_fails_is_asked_for_again() {
    let (cached, store, digest) = with_token(Remote::silent()).await;
    store.acknowledge_nothing();
    let removal = cached.remove(&digest);
    assert!(timeout(Duration::ZERO, removal).await.is_err());
    assert!(!has(&cached, &digest), "the store may have done it");

    let (cached, store, digest) = with_token(Remote::silent()).await;
    store.store.fail();
    assert!(cached.remove(&digest).await.is_err());
    store.store.heal();
    assert!(!has(&cached, &digest), "the store may have done it");
    assert!(finds(&cached, &digest).await);
}

#[tokio::test]
async fn a_token_that_somebody_else_takes_over_here_is_his_from_the_next_request_on() {
    let (cached, _, digest) = with_token(Remote::silent()).await;
    let new = login(digest, "bob", 2, hour());
    cached.insert(new, ADD).await.unwrap();
    let found = cached.find(&digest).await.unwrap().unwrap();
    assert_eq!(found.record().subject().as_str(), "bob");
}

#[tokio::test]
async fn a_use_that_is_written_is_seen_by_the_next_request() {
    let cached = node(Remote::silent()).await;
    let sliding = TokenTimes {
        expires_at: at(60),
        ..hour()
    };
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, sliding);
    cached.insert(new, ADD).await.unwrap();
    assert!(finds(&cached, &digest).await);
    let touch = Touch {
        digest,
        used_at: at(30),
        expires_at: at(90),
    };
    cached.extend(&[touch]).await.unwrap();
    let found = cached.find(&digest).await.unwrap().unwrap();
    assert_eq!(found.record().times().expires_at, at(90));
}

#[tokio::test]
async fn while_the_channel_is_cut_each_request_asks_the_store_and_afterwards_all_is_as_before() {
    let (cached, store, digest) = with_token(Remote::new()).await;
    store.store.cut();
    while cached.stats().is_connected {
        yield_now().await;
    }
    assert!(!has(&cached, &digest), "all is forgotten");
    for _ in 0..3 {
        let asked = store.store.asked();
        assert!(finds(&cached, &digest).await);
        assert_eq!(store.store.asked(), asked + 1);
    }
    store.memory.remove(&digest).await.unwrap();
    assert!(!finds(&cached, &digest).await, "though nobody was told");
    insert(&store, 2).await;
    store.store.mend();
    is_on(&cached).await;
    assert!(finds(&cached, &own("alice", 2)).await && has(&cached, &own("alice", 2)));
    assert_eq!(cached.stats().losses, 1);
}

#[tokio::test]
async fn no_answer_is_older_than_the_staleness_even_if_nobody_tells_anything() {
    let store = Remote::silent();
    insert(&store, 1).await;
    let digest = own("alice", 1);
    let stale = Cached::new(store.clone(), LONGEST).unwrap();
    let brief = Cached::new(store.clone(), Duration::from_millis(50)).unwrap();
    is_on(&stale).await;
    is_on(&brief).await;
    assert!(finds(&stale, &digest).await && finds(&brief, &digest).await);
    store.memory.remove(&digest).await.unwrap();
    assert!(finds(&stale, &digest).await, "that is what staleness is");
    sleep(Duration::from_millis(50)).await;
    assert!(!finds(&brief, &digest).await);
}

#[tokio::test]
async fn an_answer_is_as_old_as_the_question() {
    let store = Remote::silent();
    insert(&store, 1).await;
    let digest = own("alice", 1);
    let cached = Cached::new(store.clone(), Duration::from_millis(50)).unwrap();
    is_on(&cached).await;
    store.answer_late();
    let load = {
        let cached = cached.clone();
        tokio::spawn(async move { finds(&cached, &digest).await })
    };
    sleep(Duration::from_millis(50)).await;
    store.answer();
    assert!(load.await.unwrap());
    assert!(cached.find_now(&digest).is_none());
}

#[tokio::test]
async fn a_token_that_is_used_elsewhere_is_never_refused_for_what_is_remembered_of_it() {
    let store = Remote::new();
    let cached = node(store.clone()).await;
    let now = SystemClock.now();
    let end = now + Duration::from_millis(60);
    let times = TokenTimes {
        expires_at: end,
        ..TokenTimes::fixed(now, now + LONGEST)
    };
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times);
    store.insert(new, ADD).await.unwrap();
    assert!(finds(&cached, &digest).await && has(&cached, &digest));
    let touch = Touch {
        digest,
        used_at: now,
        expires_at: now + LONGEST,
    };
    store.extend(&[touch]).await.unwrap();
    while SystemClock.now() < end {
        sleep(Duration::from_millis(5)).await;
    }
    let found = cached.find(&digest).await.unwrap().unwrap();
    assert!(found.record().times().expires_at > end);
}

struct Everybody;

#[async_trait]
impl Principals for Everybody {
    type Principal = ();

    async fn load(&self, _subject: &Subject) -> Result<Option<Arc<()>>, StoreError> {
        Ok(Some(Arc::new(())))
    }
}

#[tokio::test]
async fn what_is_remembered_of_a_token_makes_no_further_ones() {
    let store = Remote::silent();
    let around = WithPrincipals::new(node(store.clone()).await, Everybody);
    let tokens = TokenAuthority::builder(Arc::new(around))
        .expiry(Lifetime::hours(1))
        .kind(TokenKind::new("export", "exp_"), Lifetime::hours(1));
    let tokens = tokens.build().unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let subject = caller.subject();
    store.remove_subject(subject, None).await.unwrap();
    assert!(tokens.authenticate(&token).await.is_ok(), "nobody was told");
    let stepped_up = tokens.step_up(&caller).await;
    assert!(matches!(stepped_up, Err(IssueError::Ended)));
    let delegated = tokens.delegate(&caller, "export").await;
    assert!(matches!(delegated, Err(IssueError::Ended)));
    assert!(store.list(subject).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_is_revoked_at_one_door_opens_none() {
    let store = Remote::new();
    let doors = [node(store.clone()).await, node(store.clone()).await].map(|node| {
        let tokens = TokenAuthority::builder(node).expiry(Lifetime::hours(1));
        tokens.clock(ManualClock::at(at(0))).build().unwrap()
    });
    let [one, two] = &doors;
    let issued = one.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    for door in [one, two, one, two] {
        door.authenticate(&token).await.unwrap();
    }
    one.revoke_all(issued.record().subject()).await.unwrap();
    let refused = one.authenticate(&token).await.unwrap_err();
    assert_eq!(*refused.reason(), Reason::UnknownToken);
    let refused = async {
        loop {
            match two.authenticate(&token).await {
                Ok(_) => yield_now().await,
                Err(refused) => return refused,
            }
        }
    };
    let refused = timeout(LONGEST / 3, refused).await.unwrap();
    assert_eq!(*refused.reason(), Reason::UnknownToken);
}

#[tokio::test]
async fn nobody_joins_a_look_up_that_began_before_an_answer_may_be_so_old() {
    // A channel that says nothing, and a store that is slow.
    let remote = Remote::silent();
    let now = SystemClock.now();
    let digest = own("alice", 1);
    let times = TokenTimes::fixed(now, now + Duration::from_secs(3_600));
    let new = login(digest, "alice", 1, times);
    remote.memory.insert(new, ADD).await.unwrap();
    let cached = Cached::new(remote.clone(), Duration::from_millis(100)).unwrap();
    is_on(&cached).await;
    remote.answer_late();
    let look_up = || {
        let cached = cached.clone();
        tokio::spawn(async move { finds(&cached, &digest).await })
    };
    let first = look_up();
    sleep(Duration::from_millis(20)).await;
    // Another process logs her out, and much later somebody shows the token.
    assert!(remote.memory.remove(&digest).await.unwrap());
    sleep(Duration::from_millis(300)).await;
    let later = look_up();
    sleep(Duration::from_millis(20)).await;
    remote.answer();
    assert!(first.await.unwrap(), "it was there when it was looked up");
    assert!(!later.await.unwrap());
}
