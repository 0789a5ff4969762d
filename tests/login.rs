//! What a login does to the tokens that are there, in each mode and on every store.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, IssuedToken, Lifetime, LoginMode, MemoryStore, RotatingStore, ServerKey, Subject,
    TokenAuthority, TokenKind,
};

use crate::support::stores::{ALICE, BOB, on_every_store};

const HOUR: Duration = Duration::from_secs(3600);

on_every_store!(
    a_new_login_gets_a_new_token_and_the_others_stay,
    a_renewed_token_is_the_same_and_its_life_starts_anew,
    a_renewal_revives_a_dead_token_but_not_a_removed_or_purged_one,
    a_renewal_takes_the_last_logins_scopes_and_label,
    a_live_token_is_told_again_as_it_is_and_a_dead_one_replaced,
    an_idle_token_that_is_told_again_is_told_with_its_end_and_has_not_been_used,
    one_session_at_a_time_ends_all_others,
    a_limit_holds_beside_every_mode,
    logins_at_the_same_moment_agree_on_one_outcome,
    a_restart_with_the_same_key_tells_the_same_token,
    with_another_key_a_login_replaces_what_it_cant_tell,
    no_login_hands_out_a_token_that_a_stricter_policy_refuses,
    tokens_of_other_kinds_are_issued_beside_one_another,
    users_never_share_a_token,
);

struct Desk<S> {
    tokens: TokenAuthority<S>,
    clock: ManualClock,
}

impl<S: RotatingStore + Clone> Desk<S> {
    fn new(store: S, mode: LoginMode) -> Self {
        let clock = ManualClock::default();
        let tokens = TokenAuthority::builder(store)
            .expiry(Lifetime::hours(24))
            .key(ServerKey::new([7; 32]))
            .login(mode)
            .clock(clock.clone());
        Self {
            tokens: tokens.build().unwrap(),
            clock,
        }
    }

    async fn login(&self) -> IssuedToken {
        login(&self.tokens).await
    }

    /// Another process over the same tokens.
    fn beside(&self, key: ServerKey, life: Lifetime, mode: LoginMode) -> TokenAuthority<S> {
        TokenAuthority::builder(self.tokens.store().clone())
            .expiry(life)
            .key(key)
            .login(mode)
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    async fn lives(&self, issued: &IssuedToken) -> bool {
        lives(&self.tokens, issued).await
    }

    /// How many records alice has.
    async fn kept(&self) -> usize {
        let records = self.tokens.store().list(&Subject::new(ALICE)).await;
        records.unwrap().len()
    }
}

async fn login<S: RotatingStore>(tokens: &TokenAuthority<S>) -> IssuedToken {
    tokens.issue(ALICE).await.unwrap()
}

async fn lives<S: RotatingStore>(tokens: &TokenAuthority<S>, issued: &IssuedToken) -> bool {
    let token = BearerToken::parse(issued.secret()).unwrap();
    match tokens.authenticate(&token).await {
        Ok(caller) => {
            assert_eq!(caller.expires_at(), issued.expires_at(), "what was said");
            true
        }
        Err(_) => false,
    }
}

async fn a_new_login_gets_a_new_token_and_the_others_stay<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store, LoginMode::New);
    let (first, second) = (desk.login().await, desk.login().await);
    assert_ne!(first.secret(), second.secret());
    assert_ne!(first.session(), second.session());
    assert!(desk.lives(&first).await && desk.lives(&second).await);
    assert!(first.record().seed().is_none(), "random, not derived");
}

async fn a_renewed_token_is_the_same_and_its_life_starts_anew<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store, LoginMode::Renew);
    let first = desk.login().await;
    desk.clock.advance(23 * HOUR);
    let second = desk.login().await;
    assert_eq!(first.secret(), second.secret());
    assert_eq!(first.session(), second.session());
    let now = desk.tokens.now();
    assert_eq!(second.record().times().authenticated_at, now);
    assert_eq!(second.expires_at(), now + 24 * HOUR);
    desk.clock.advance(23 * HOUR);
    assert!(desk.lives(&second).await);
    desk.clock.advance(HOUR);
    assert!(!desk.lives(&second).await);
    assert_eq!(desk.kept().await, 1);
}

async fn a_renewal_revives_a_dead_token_but_not_a_removed_or_purged_one<
    S: RotatingStore + Clone,
>(
    store: S,
) {
    let desk = Desk::new(store, LoginMode::Renew);
    let first = desk.login().await;
    desk.clock.advance(30 * HOUR);
    assert!(!desk.lives(&first).await);
    let revived = desk.login().await;
    assert_eq!(revived.secret(), first.secret());
    assert!(desk.lives(&revived).await);

    let subject = Subject::new(ALICE);
    let ended = desk.tokens.revoke_session(&subject, revived.session());
    assert!(ended.await.unwrap());
    let second = desk.login().await;
    assert_ne!(second.secret(), first.secret());
    assert!(!desk.lives(&first).await, "a logout is final");

    desk.clock.advance(48 * HOUR);
    assert_eq!(desk.tokens.purge().await.unwrap(), 1);
    let third = desk.login().await;
    assert_ne!(third.secret(), second.secret());
    assert!(!desk.lives(&second).await);
}

async fn a_renewal_takes_the_last_logins_scopes_and_label<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store, LoginMode::Renew);
    let first = desk.tokens.issue(ALICE).scopes(["read", "write"]);
    let first = first.label("phone").await.unwrap();
    let second = desk.tokens.issue(ALICE).scopes(["read"]);
    let second = second.label("tablet").await.unwrap();
    assert_eq!(first.secret(), second.secret());
    let token = BearerToken::parse(first.secret()).unwrap();
    let caller = desk.tokens.authenticate(&token).await.unwrap();
    for record in [second.record(), caller.record()] {
        assert_eq!(record.scopes().as_str(), "read");
        assert_eq!(record.label(), Some("tablet"));
    }
}

async fn a_live_token_is_told_again_as_it_is_and_a_dead_one_replaced<S: RotatingStore + Clone>(
    store: S,
) {
    let desk = Desk::new(store, LoginMode::ReplaceExpired);
    let first = desk.login().await;
    desk.clock.advance(24 * HOUR - Duration::from_micros(1));
    let second = desk.tokens.issue(ALICE).scopes(["read"]).await.unwrap();
    assert_eq!(first.secret(), second.secret());
    assert_eq!(first.record(), second.record());
    assert_eq!(first.expires_at(), second.expires_at());
    assert!(desk.lives(&second).await);

    desk.clock.advance(Duration::from_micros(1));
    let third = desk.login().await;
    assert_ne!(third.secret(), first.secret());
    assert!(desk.lives(&third).await && !desk.lives(&first).await);
    assert_eq!(desk.kept().await, 1);
}

async fn an_idle_token_that_is_told_again_is_told_with_its_end_and_has_not_been_used<
    S: RotatingStore + Clone,
>(
    store: S,
) {
    let desk = Desk::new(store, LoginMode::ReplaceExpired);
    let life = Lifetime::hours(24).idle(HOUR);
    let tokens = desk.beside(ServerKey::new([7; 32]), life, LoginMode::ReplaceExpired);
    let first = login(&tokens).await;
    desk.clock.advance(HOUR / 2);
    let again = login(&tokens).await;
    assert_eq!(first.secret(), again.secret());
    assert_eq!(again.expires_at(), first.expires_at());
    assert_eq!(
        again.expires_at().since(first.record().times().issued_at),
        HOUR
    );
    desk.clock.advance(HOUR / 2);
    assert!(!lives(&tokens, &again).await, "a login is no use");
    assert_ne!(login(&tokens).await.secret(), first.secret());
}

async fn one_session_at_a_time_ends_all_others<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store, LoginMode::ReplaceAll);
    let kept = desk.tokens.issue(ALICE).login(LoginMode::New);
    let others = [
        desk.login().await,
        kept.await.unwrap(),
        desk.tokens.issue(BOB).await.unwrap(),
    ];
    let last = desk.login().await;
    assert!(desk.lives(&last).await);
    assert!(!desk.lives(&others[0]).await && !desk.lives(&others[1]).await);
    assert!(desk.lives(&others[2]).await, "bob's");
}

async fn a_limit_holds_beside_every_mode<S: RotatingStore + Clone>(store: S) {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .limit(2);
    let tokens = tokens.build().unwrap();
    for (mode, live) in [
        (LoginMode::New, [false, false, true, true]),
        (LoginMode::Renew, [false, false, true, true]),
        (LoginMode::ReplaceExpired, [false, false, true, true]),
        (LoginMode::ReplaceAll, [false, false, false, true]),
    ] {
        let mut issued = Vec::new();
        for mode in [LoginMode::New, LoginMode::New, LoginMode::New, mode] {
            clock.advance(Duration::from_secs(1));
            issued.push(tokens.issue(ALICE).login(mode).await.unwrap());
        }
        for (issued, live) in issued.iter().zip(live) {
            assert_eq!(lives(&tokens, issued).await, live, "{mode:?}");
        }
        tokens.revoke_all(&Subject::new(ALICE)).await.unwrap();
    }
}

async fn logins_at_the_same_moment_agree_on_one_outcome<S: RotatingStore + Clone>(store: S) {
    for mode in [
        LoginMode::Renew,
        LoginMode::ReplaceExpired,
        LoginMode::ReplaceAll,
    ] {
        let desk = Desk::new(store.clone(), mode);
        for round in 0..5 {
            let logins = (0..8).map(|_| {
                let tokens = desk.tokens.clone();
                tokio::spawn(async move { login(&tokens).await })
            });
            let issued: Vec<IssuedToken> = join_all(logins)
                .await
                .into_iter()
                .map(Result::unwrap)
                .collect();
            let mut live = HashSet::new();
            for issued in &issued {
                if desk.lives(issued).await {
                    live.insert(issued.secret());
                } else {
                    assert_eq!(mode, LoginMode::ReplaceAll, "a login got a dead token");
                }
            }
            assert_eq!(live.len(), 1, "{mode:?}, round {round}");
            assert_eq!(desk.kept().await, 1, "{mode:?}, round {round}");
            // Dead by the next round.
            desk.clock.advance(25 * HOUR);
        }
        desk.tokens.revoke_all(&Subject::new(ALICE)).await.unwrap();
    }
}

async fn a_restart_with_the_same_key_tells_the_same_token<S: RotatingStore + Clone>(store: S) {
    for mode in [LoginMode::Renew, LoginMode::ReplaceExpired] {
        let desk = Desk::new(store.clone(), mode);
        let before = desk.login().await;
        let restarted = desk.beside(ServerKey::new([7; 32]), Lifetime::hours(24), mode);
        let after = login(&restarted).await;
        assert_eq!(before.secret(), after.secret());
    }
}

async fn with_another_key_a_login_replaces_what_it_cant_tell<S: RotatingStore + Clone>(store: S) {
    for mode in [LoginMode::Renew, LoginMode::ReplaceExpired] {
        let desk = Desk::new(store.clone(), mode);
        let before = desk.login().await;
        let other = desk.beside(ServerKey::new([8; 32]), Lifetime::hours(24), mode);
        let after = login(&other).await;
        assert_ne!(before.secret(), after.secret(), "key and table are needed");
        assert!(desk.lives(&after).await, "{mode:?}: no layer needs the key");
        assert!(!desk.lives(&before).await, "{mode:?}: one token a user");
        assert_eq!(login(&other).await.secret(), after.secret());
        assert_eq!(desk.kept().await, 1);
    }
}

async fn no_login_hands_out_a_token_that_a_stricter_policy_refuses<S: RotatingStore + Clone>(
    store: S,
) {
    for mode in [LoginMode::ReplaceExpired, LoginMode::Renew] {
        let desk = Desk::new(store.clone(), mode);
        let before = desk.login().await;
        desk.clock.advance(2 * HOUR);
        let strict = desk.beside(ServerKey::new([7; 32]), Lifetime::hours(1), mode);
        assert!(!lives(&strict, &before).await);
        let after = login(&strict).await;
        assert!(lives(&strict, &after).await, "{mode:?}");
        assert_eq!(after.expires_at(), strict.now() + HOUR);
        assert_eq!(desk.kept().await, 1);

        // What is told again says when it ends by the policy of today, not by what is stored.
        let lax = desk.beside(ServerKey::new([7; 32]), Lifetime::hours(24), mode);
        login(&lax).await;
        desk.clock.advance(Duration::from_secs(60));
        let told = login(&strict).await;
        assert!(lives(&strict, &told).await, "{mode:?}");
        desk.tokens.revoke_all(&Subject::new(ALICE)).await.unwrap();
    }
}

async fn tokens_of_other_kinds_are_issued_beside_one_another<S: RotatingStore + Clone>(store: S) {
    let tokens = TokenAuthority::builder(store)
        .expiry(Lifetime::hours(24))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .login(LoginMode::Renew)
        .build()
        .unwrap();
    let personal = async || tokens.issue(ALICE).kind("personal").await.unwrap();
    let (first, second) = (personal().await, personal().await);
    assert_ne!(first.secret(), second.secret());
    let renewed = async || {
        let request = tokens.issue(ALICE).kind("personal").login(LoginMode::Renew);
        request.await.unwrap()
    };
    assert_eq!(renewed().await.secret(), renewed().await.secret());
    assert_ne!(renewed().await.secret(), login(&tokens).await.secret());
    assert_eq!(
        login(&tokens).await.secret(),
        login(&tokens).await.secret(),
        "the first kind's"
    );
}

async fn users_never_share_a_token<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store, LoginMode::Renew);
    let alice = desk.login().await;
    let bob = desk.tokens.issue(BOB).await.unwrap();
    assert_ne!(alice.secret(), bob.secret());
    assert!(desk.lives(&alice).await && desk.lives(&bob).await);
}

#[tokio::test]
async fn kinds_of_a_foreign_form_are_derived_too() {
    for digits in [32, 40, 41, 64, 65, 200, 512] {
        let tokens = TokenAuthority::builder(MemoryStore::new())
            .expiry(Lifetime::hours(24))
            .access(TokenKind::hex("legacy", digits))
            .login(LoginMode::Renew)
            .build()
            .unwrap();
        let (first, second) = (login(&tokens).await, login(&tokens).await);
        assert_eq!(first.secret(), second.secret());
        assert_eq!(first.secret().len(), digits);
        assert!(lives(&tokens, &second).await);
        let halves = first.secret().split_at(digits / 2);
        assert_ne!(halves.0, halves.1, "no block is told twice");
    }
}

#[tokio::test]
async fn a_text_that_is_taken_over_is_never_told_as_another() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .access(TokenKind::hex("legacy", 40))
        .login(LoginMode::Renew)
        .build()
        .unwrap();
    let renewed = login(&tokens).await;
    let text = "0123456789abcdef0123456789abcdef01234567";
    let adopted = tokens.issue(ALICE).adopt(text).await.unwrap();
    assert_eq!(adopted.secret(), text);
    assert!(lives(&tokens, &adopted).await && lives(&tokens, &renewed).await);
}

#[tokio::test]
async fn only_a_key_that_was_given_outlives_the_process() {
    let builder = || TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24));
    assert!(!builder().build().unwrap().is_keyed());
    let keyed = builder().key(ServerKey::random().unwrap());
    assert!(keyed.build().unwrap().is_keyed());
}
