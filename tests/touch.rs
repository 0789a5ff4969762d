//! A use is written down: inline, once an interval, by one request.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    BearerToken, Clock, IssuedToken, Lifetime, MemoryStore, Session, Subject, TokenAuthority,
};

type Tokens = TokenAuthority<FaultyStore<MemoryStore>>;

async fn start(lifetime: Lifetime) -> (Tokens, FaultyStore<MemoryStore>, ManualClock, IssuedToken) {
    let clock = ManualClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(lifetime)
        .clock(clock.clone())
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    (tokens, store, clock, issued)
}

async fn passes(tokens: &Tokens, issued: &IssuedToken) -> bool {
    tokens
        .authenticate(&BearerToken::parse(issued.secret()).unwrap())
        .await
        .is_ok()
}

async fn session(tokens: &Tokens) -> Session {
    tokens
        .sessions(&Subject::new("alice"))
        .await
        .unwrap()
        .remove(0)
}

#[tokio::test]
async fn a_use_is_written_once_an_interval_and_not_before() {
    let (tokens, store, clock, issued) = start(Lifetime::hours(24)).await;
    for (seconds, written) in [(59, 0), (1, 1), (59, 1), (1, 2)] {
        clock.advance(Duration::from_secs(seconds));
        assert!(passes(&tokens, &issued).await);
        assert_eq!(store.touched(), written);
    }
    assert_eq!(session(&tokens).await.last_used_at, clock.now());
}

#[tokio::test]
async fn an_idle_token_dies_idle_and_a_used_one_lives_to_its_cap() {
    let (tokens, _, clock, issued) =
        start(Lifetime::minutes(60).idle(Duration::from_secs(600))).await;
    for _ in 0..11 {
        clock.advance(Duration::from_secs(320));
        assert!(passes(&tokens, &issued).await);
    }
    clock.advance(Duration::from_secs(80));
    assert!(
        !passes(&tokens, &issued).await,
        "the cap, 3,600 seconds after issue"
    );

    let issued = tokens.issue("alice").await.unwrap();
    clock.advance(Duration::from_secs(600));
    assert!(!passes(&tokens, &issued).await, "600 seconds unused");
}

#[tokio::test]
async fn uses_that_are_written_months_apart_keep_a_token_alive_too() {
    let day = Duration::from_secs(24 * 3600);
    let lifetime = Lifetime::days(3650).idle(90 * day).write_every(60 * day);
    let (tokens, store, clock, issued) = start(lifetime).await;
    for written in 1..=20 {
        clock.advance(61 * day);
        assert!(passes(&tokens, &issued).await, "use {written}");
        assert_eq!(store.touched(), written);
    }
}

#[tokio::test]
async fn of_many_requests_at_once_one_writes() {
    let (tokens, store, clock, issued) = start(Lifetime::hours(24)).await;
    clock.advance(Duration::from_secs(100));
    let answers = join_all((0..50).map(|_| passes(&tokens, &issued))).await;
    assert!(answers.into_iter().all(|passed| passed));
    assert_eq!(store.touched(), 1);
}

#[tokio::test]
async fn a_touch_that_fails_fails_no_request_and_is_tried_again() {
    let (tokens, store, clock, issued) = start(Lifetime::hours(24)).await;
    clock.advance(Duration::from_secs(100));
    let broken = Broken(store.clone());
    let through_broken = TokenAuthority::builder(Arc::new(broken))
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    for _ in 0..2 {
        let token = BearerToken::parse(issued.secret()).unwrap();
        assert!(through_broken.authenticate(&token).await.is_ok());
    }
    assert_eq!(store.touched(), 0, "nothing was written");
    assert!(passes(&tokens, &issued).await);
    assert_eq!(store.touched(), 1);
}

#[tokio::test]
async fn a_dropped_touch_leaves_its_turn_to_the_next_request() {
    let (tokens, store, clock, issued) = start(Lifetime::hours(24)).await;
    clock.advance(Duration::from_secs(100));
    let waiting = Never(store.clone());
    let through_waiting = TokenAuthority::builder(waiting.clone())
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    for attempt in 1..=3 {
        let call = through_waiting.authenticate(&token);
        assert!(call.now_or_never().is_none(), "it waits for its write");
        assert_eq!(
            store.touched(),
            attempt,
            "each is dropped and the next has its turn"
        );
    }
    assert!(passes(&tokens, &issued).await);
}

/// Finds, but writes nothing.
struct Broken(FaultyStore<MemoryStore>);

/// Finds, but its writes never end.
#[derive(Clone)]
struct Never(FaultyStore<MemoryStore>);

mod stores {
    use super::{Broken, Never};
    use tower_expiring_token::{
        Finding, StoreError, Subject, TokenDigest, TokenStore, Touch, async_trait,
    };

    #[async_trait]
    impl TokenStore for Broken {
        type Principal = Subject;

        async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
            self.0.find(digest).await
        }

        async fn extend(&self, _touches: &[Touch]) -> Result<(), StoreError> {
            Err(StoreError::new("the disk is full"))
        }
    }

    #[async_trait]
    impl TokenStore for Never {
        type Principal = Subject;

        async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
            self.0.find(digest).await
        }

        async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
            self.0.fail();
            let _ = self.0.extend(touches).await;
            self.0.heal();
            std::future::pending().await
        }
    }
}
