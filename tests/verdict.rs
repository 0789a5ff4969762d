//! What decides about a token: in which order, by which time, and by which of its record's words.

use std::sync::Arc;
use std::time::Duration;

use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Clock, Found, Lifetime, MemoryStore, Reason, Rule, SessionId, Subject, Timestamp,
    TokenAuthority, TokenKind, TokenRecord, TokenStore, TokenTimes,
};

use crate::support::house::{House, changed};

const SECOND: Duration = Duration::from_secs(1);

/// Why the token is refused.
async fn reason<S: TokenStore>(tokens: &TokenAuthority<S>, secret: &str) -> Option<Reason> {
    let token = BearerToken::parse(secret).expect("is a token");
    let refused = tokens.authenticate(&token).await.err();
    refused.map(|rejection| rejection.reason().clone())
}

#[tokio::test]
async fn of_all_that_is_wrong_with_a_token_the_first_is_told() {
    for house in [House::at_once(), House::that_waits()] {
        let suspended = house.issuer.issue("mallory").life(SECOND).await.unwrap();
        let suspended = suspended.secret();
        assert_eq!(
            reason(&house.tokens, suspended).await,
            Some(Reason::Suspended)
        );
        house.wait(SECOND);
        let expired = Some(Reason::Expired(Rule::Record));
        assert_eq!(reason(&house.tokens, suspended).await, expired);
        house.revoke(suspended).await;
        assert_eq!(
            reason(&house.tokens, suspended).await,
            Some(Reason::UnknownToken)
        );
        house.fail();
        assert_eq!(
            reason(&house.tokens, suspended).await,
            Some(Reason::StoreUnavailable)
        );
        let asked = house.asked();
        assert_eq!(
            reason(&house.tokens, &changed(suspended)).await,
            Some(Reason::UnknownToken)
        );
        assert_eq!(house.asked(), asked, "its checksum says enough");
    }
}

/// A store whose answers take a second each, by the clock of those who ask.
struct Slow {
    store: MemoryStore,
    clock: ManualClock,
    at_once: bool,
}

#[tokio::test]
async fn a_token_that_ends_while_the_store_is_asked_has_ended() {
    for at_once in [true, false] {
        let clock = ManualClock::default();
        let store = MemoryStore::new();
        let issuer = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(24))
            .clock(clock.clone())
            .build()
            .unwrap();
        let tokens = TokenAuthority::builder(Slow {
            store,
            clock: clock.clone(),
            at_once,
        })
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
        let lasting = issuer.issue("alice").life(2 * SECOND).await.unwrap();
        let ending = issuer.issue("alice").life(2 * SECOND).await.unwrap();
        assert_eq!(reason(&tokens, lasting.secret()).await, None);
        assert_eq!(
            reason(&tokens, ending.secret()).await,
            Some(Reason::Expired(Rule::Record))
        );
        assert_eq!(clock.now(), ending.expires_at());
    }
}

#[tokio::test]
async fn a_record_of_another_kind_than_the_text_is_no_record_of_it() {
    let store = MemoryStore::new();
    let of_kind = |name| {
        let tokens = TokenAuthority::builder(store.clone()).access(TokenKind::new(name, "tet_"));
        tokens.expiry(Lifetime::hours(24)).build().unwrap()
    };
    let (access, trial) = (of_kind("access"), of_kind("trial"));
    let issued = trial.issue("alice").await.unwrap();
    assert_eq!(reason(&trial, issued.secret()).await, None);
    assert_eq!(
        reason(&access, issued.secret()).await,
        Some(Reason::UnknownToken)
    );
}

#[tokio::test]
async fn where_the_record_alone_says_when_a_token_ends_a_life_without_end_leaves_it_to_it() {
    let clock = ManualClock::default();
    let drawn = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24));
    let drawn = drawn.build().unwrap().issue("alice").await.unwrap();
    let times = TokenTimes::fixed(Timestamp::default(), clock.now() + SECOND);
    let session = SessionId::from_bytes([7; 16]);
    let record = TokenRecord::builder("access", session, "alice", times).build();
    let tokens = TokenAuthority::builder(Confused(record))
        .expiry(Lifetime::new(Duration::MAX))
        .clock(clock.clone())
        .build()
        .unwrap();
    assert_eq!(reason(&tokens, drawn.secret()).await, None);
    clock.advance(SECOND);
    let expired = Some(Reason::Expired(Rule::Record));
    assert_eq!(reason(&tokens, drawn.secret()).await, expired);
}

/// A store that finds one and the same record for whatever it is asked.
struct Confused(TokenRecord);

#[tokio::test]
async fn the_record_of_a_refresh_token_lets_nobody_in() {
    let clock = ManualClock::default();
    let drawn = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24));
    let drawn = drawn.build().unwrap().issue("alice").await.unwrap();
    let times = TokenTimes::fixed(clock.now(), clock.now() + SECOND);
    let session = SessionId::from_bytes([7; 16]);
    for (generation, expected) in [(None, None), (Some(0), Some(Reason::UnknownToken))] {
        let record = TokenRecord::builder("access", session, "alice", times);
        let record = match generation {
            None => record,
            Some(generation) => record.refresh(generation, None),
        };
        let tokens = TokenAuthority::builder(Confused(record.build()))
            .expiry(Lifetime::hours(24))
            .clock(clock.clone())
            .build()
            .unwrap();
        assert_eq!(reason(&tokens, drawn.secret()).await, expected);
    }
}

/// All tokens speak for one user, who is there once.
struct Shares(MemoryStore, Arc<String>);

#[tokio::test]
async fn a_principal_that_tokens_share_is_one_value_for_all_of_them() {
    let (store, user) = (MemoryStore::new(), Arc::new("Alice".to_owned()));
    let build = TokenAuthority::builder(store.clone());
    let issuer = build.expiry(Lifetime::hours(24)).build().unwrap();
    let build = TokenAuthority::builder(Shares(store, Arc::clone(&user)));
    let tokens = build.expiry(Lifetime::hours(24)).build().unwrap();
    for _ in 0..2 {
        let issued = issuer.issue("1").await.unwrap();
        let token = BearerToken::parse(issued.secret()).unwrap();
        let caller = tokens.authenticate(&token).await.unwrap();
        let found: &String = caller.principal().unwrap();
        assert!(std::ptr::eq(found, &*user));
        assert_eq!(caller.subject().as_str(), "1");
    }
    assert_eq!(Arc::strong_count(&user), 2, "no caller is left");
}

mod stores {
    use super::{Arc, Confused, Found, SECOND, Shares, Slow, Subject, TokenStore};
    use tower_expiring_token::{Finding, StoreError, TokenDigest, Touch, async_trait};

    #[async_trait]
    impl TokenStore for Slow {
        type Principal = Subject;

        async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
            self.clock.advance(SECOND);
            self.store.find(digest).await
        }

        fn find_now(&self, digest: &TokenDigest) -> Option<Finding<Subject>> {
            if !self.at_once {
                return None;
            }
            self.clock.advance(SECOND);
            self.store.find_now(digest)
        }

        async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
            self.store.extend(touches).await
        }
    }

    #[async_trait]
    impl TokenStore for Shares {
        type Principal = String;

        async fn find(&self, digest: &TokenDigest) -> Finding<String> {
            let found = self.0.find(digest).await?;
            Ok(found.map(|found| Found::shared(found.record().clone(), Arc::clone(&self.1))))
        }

        async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
            self.0.extend(touches).await
        }
    }

    #[async_trait]
    impl TokenStore for Confused {
        type Principal = Subject;

        async fn find(&self, _digest: &TokenDigest) -> Finding<Subject> {
            let subject = self.0.subject().clone();
            Ok(Some(Found::new(self.0.clone(), subject)))
        }

        async fn extend(&self, _touches: &[Touch]) -> Result<(), StoreError> {
            Ok(())
        }
    }
}
