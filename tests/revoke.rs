//! A token ended by its text, of whatever kind (RFC 7009).

use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{BearerToken, IssuedToken, MemoryStore, RefreshError, RotatingStore};

use crate::support::desk::{DAY, Desk, refresh_of, refused};
use crate::support::refresh as forge;
use crate::support::stores::{ALICE, on_every_store};

on_every_store!(
    a_revoked_access_token_ends_alone,
    a_revoked_refresh_token_ends_its_session_also_a_spent_one,
    a_refresh_token_that_is_not_authentic_ends_nothing,
    a_client_ends_its_own_tokens_and_nobody_elses,
);

fn access_of(issued: &IssuedToken) -> BearerToken<'_> {
    BearerToken::parse(issued.secret()).unwrap()
}

async fn a_revoked_access_token_ends_alone<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    assert!(desk.tokens.revoke(&access_of(&first)).await.unwrap());
    assert!(!desk.lives(&first).await);
    assert!(!desk.tokens.revoke(&access_of(&first)).await.unwrap());
    let second = desk.refresh(&first).await.unwrap();
    assert!(desk.lives(&second).await, "its session lives on");
}

async fn a_revoked_refresh_token_ends_its_session_also_a_spent_one<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(store);
    let other = desk.login().await;
    for spent in 0..3 {
        let first = desk.login().await;
        let mut last = desk.refresh(&first).await.unwrap();
        for _ in 0..spent {
            last = desk.refresh(&last).await.unwrap();
        }
        let caller = desk.caller(&last).await.unwrap();
        let delegated = desk.tokens.delegate(&caller, "export").await.unwrap();
        assert!(desk.tokens.revoke(&refresh_of(&first)).await.unwrap());
        for issued in [&last, &delegated] {
            assert!(!desk.lives(issued).await);
        }
        refused!(desk.refresh(&last).await, RefreshError::Unknown);
        refused!(desk.refresh(&first).await, RefreshError::Unknown);
        assert!(!desk.tokens.revoke(&refresh_of(&last)).await.unwrap());
    }
    assert!(desk.lives(&other).await);

    let expired = desk.login().await;
    desk.later(30 * DAY);
    assert!(desk.tokens.revoke(&refresh_of(&expired)).await.unwrap());
}

async fn a_refresh_token_that_is_not_authentic_ends_nothing<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let (first, other) = (desk.login().await, desk.login().await);
    let text = first.refresh_secret().unwrap();
    for text in [
        forge::with_proof_of(text, other.refresh_secret().unwrap()),
        forge::of_generation(text, 1),
        text[..text.len() - 1].to_owned(),
    ] {
        let token = BearerToken::parse(&text).unwrap();
        assert!(!desk.tokens.revoke(&token).await.unwrap());
    }
    assert!(desk.lives(&first).await);
    desk.refresh(&first).await.unwrap();
}

async fn a_client_ends_its_own_tokens_and_nobody_elses<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let by = async |client: &str, token: BearerToken<'_>| {
        desk.tokens.revoke(&token).client(client).await.unwrap()
    };
    for access in [true, false] {
        let shown = |issued| match access {
            true => access_of(issued),
            false => refresh_of(issued),
        };
        let request = desk.tokens.issue(ALICE).client("app").refresh();
        let issued = request.await.unwrap();
        assert!(!by("thief", shown(&issued)).await);
        assert!(desk.lives(&issued).await);
        assert!(by("app", shown(&issued)).await);
        assert!(!desk.lives(&issued).await);

        let of_nobody = desk.login().await;
        assert!(by("app", shown(&of_nobody)).await);
        assert!(!desk.lives(&of_nobody).await);
    }
}

#[tokio::test]
async fn while_the_store_cant_say_nothing_is_said_to_be_revoked() {
    let store = FaultyStore::new(MemoryStore::new());
    let desk = Desk::new(store.clone());
    let issued = desk.login().await;
    store.fail();
    for token in [access_of(&issued), refresh_of(&issued)] {
        assert!(desk.tokens.revoke(&token).await.is_err());
        assert!(desk.tokens.revoke(&token).client("app").await.is_err());
    }
    store.heal();
    assert!(desk.lives(&issued).await);
}
