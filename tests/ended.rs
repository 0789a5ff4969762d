//! Whatever else lasts can wait for the end of its token.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_expiring_token::testing::{FaultyStore, ManualClock, acting_as};
use tower_expiring_token::{
    Authenticated, BearerToken, Clock, Finding, Lifetime, MemoryStore, Reason, Rule, StoreError,
    Subject, Timestamp, TokenAuthority, TokenDigest, TokenKind, TokenStore, Touch, async_trait,
};

use crate::support::gate::Gated;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_stream_goes_on_while_other_requests_keep_its_token_alive() {
    let clock = ManualClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24).idle(Duration::from_secs(600)))
        .clock(clock.clone())
        .look_again_every(Duration::from_millis(10))
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let mut ended = Box::pin(tokens.ended(&caller));
    let looks = async |more: usize| {
        let before = store.asked();
        while store.asked() < before + more {
            sleep(Duration::from_millis(1)).await;
        }
    };
    for _ in 0..5 {
        clock.advance(Duration::from_secs(400));
        tokens.authenticate(&token).await.expect("it is used");
        tokio::select! {
            _ = &mut ended => panic!("its end has moved"),
            () = looks(3) => {}
        }
    }
    let written = store.touched();
    clock.advance(Duration::from_secs(600));
    assert_eq!(*ended.await.reason(), Reason::Expired(Rule::Idle));
    assert_eq!(store.touched(), written, "to ask again is no use");
}

/// Tokens over this store, and one who has come by one of them.
async fn caller(memory: MemoryStore, clock: &ManualClock) -> Authenticated {
    let tokens = TokenAuthority::builder(memory)
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    tokens.authenticate(&token).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_every_two_seconds() {
    let clock = ManualClock::default();
    let memory = MemoryStore::new();
    let caller = caller(memory.clone(), &clock).await;
    let store = FaultyStore::new(memory);
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .clock(clock)
        .build()
        .unwrap();
    let minute = timeout(Duration::from_secs(61), tokens.ended(&caller)).await;
    assert!(minute.is_err(), "it lives");
    assert_eq!(store.asked(), 30);
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_every_ten_milliseconds_at_most() {
    let clock = ManualClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .clock(clock)
        .look_again_every(Duration::ZERO)
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let before = store.asked();
    let _ = timeout(Duration::from_millis(105), tokens.ended(&caller)).await;
    assert!(store.asked() - before <= 10);
}

/// Follows tokio's clock.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::default() + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_used_just_before_its_idle_end_lives_on_however_far_the_store_is() {
    let minute = Duration::from_secs(60);
    let began = tokio::time::Instant::now();
    let memory = MemoryStore::new();
    let lifetime = Lifetime::hours(24).idle(30 * minute);
    let issuer = TokenAuthority::builder(memory.clone()).expiry(lifetime);
    let issuer = issuer.clock(Paused(began)).build().unwrap();
    let tokens = TokenAuthority::builder(Far(memory)).expiry(lifetime);
    let tokens = tokens.clock(Paused(began)).build().unwrap();
    let issued = issuer.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    sleep(30 * minute - Duration::from_secs(1)).await;
    let caller = tokens.authenticate(&token).await.unwrap();
    let ended = timeout(minute, tokens.ended(&caller)).await;
    assert!(ended.is_err(), "{ended:?}");
}

/// Each look-up takes its time.
struct Far(MemoryStore);

#[async_trait]
impl TokenStore for Far {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        sleep(Duration::from_millis(25)).await;
        self.0.find(digest).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.0.extend(touches).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_keeps_nothing_alive_beyond_its_end() {
    let clock = ManualClock::default();
    let memory = MemoryStore::new();
    let caller = caller(memory.clone(), &clock).await;
    let tokens = TokenAuthority::builder(Gated::new(memory))
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let mut ended = Box::pin(tokens.ended(&caller));
    let minute = timeout(Duration::from_secs(60), &mut ended).await;
    assert!(minute.is_err(), "it lives");
    clock.advance(DAY);
    assert_eq!(*ended.await.reason(), Reason::Expired(Rule::Life));
}

#[tokio::test(start_paused = true)]
async fn one_who_only_acts_never_ends_and_a_kind_that_is_no_more_ends_at_once() {
    let clock = ManualClock::default();
    let memory = MemoryStore::new();
    let caller = caller(memory.clone(), &clock).await;
    let tokens = TokenAuthority::builder(memory)
        .access(TokenKind::new("other", "oth_"))
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    assert_eq!(*tokens.ended(&caller).await.reason(), Reason::UnknownToken);
    let acting = acting_as(Subject::new("alice")).authenticated();
    clock.advance(DAY);
    assert!(timeout(DAY, tokens.ended(&acting)).await.is_err());
}
