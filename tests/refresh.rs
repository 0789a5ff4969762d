//! Refresh tokens, on every store: each use gives a new pair, a used one seen again ends its
//! session, and a retry is told the same again for as long as it may.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, IssueError, IssuedToken, Lifetime, LoginMode, MemoryStore, Principals,
    RefreshError, RotatingStore, ServerKey, StoreError, Subject, TokenAuthority, TokenKind,
    WithPrincipals, async_trait,
};

use crate::support::desk::{DAY, Desk, GRACE, HOUR, SECOND, builder, lives, refresh_of, refused};
use crate::support::refresh as forge;
use crate::support::steps::{Steps, poll_times, poll_while};
use crate::support::stores::{ALICE, BOB, on_every_store};

on_every_store!(
    a_refresh_gives_a_new_pair_and_ends_the_old_one,
    a_used_one_seen_again_ends_its_session_and_no_other,
    a_used_one_is_noticed_whatever_scopes_are_asked_for_by_it,
    a_retry_within_the_grace_gets_the_very_same_pair,
    the_grace_counts_from_the_first_use_and_is_for_the_last_one_alone,
    what_is_not_authentic_is_unknown_and_harms_nothing,
    another_clients_token_is_refused_without_harm,
    scopes_narrow_the_access_token_never_widen_it_and_never_the_refresh_token,
    a_refresh_never_moves_when_the_user_last_proved_who_he_is,
    the_suspended_are_refused_while_it_lasts,
    a_logout_burns_the_grace_too,
    neither_kind_of_token_passes_for_the_other,
    an_idle_refresh_token_dies_and_a_used_one_lives_to_the_end_of_its_life,
    no_access_token_outlives_its_session,
    a_stricter_policy_bites_at_once,
    a_session_has_one_record_of_each_however_often_it_is_refreshed,
    of_many_at_once_one_wins_and_within_the_grace_all_get_the_same,
    a_refresh_that_was_dropped_anywhere_can_be_tried_again,
    a_retry_that_the_next_refresh_overtakes_is_not_locked_out,
    a_process_of_another_key_knows_no_refresh_token,
    a_revoked_access_token_is_not_told_again,
    a_login_with_a_refresh_token_is_a_session_of_its_own,
    a_session_is_listed_once_with_the_end_of_its_refresh_token,
);

fn same(one: &IssuedToken, other: &IssuedToken) -> bool {
    let texts = |issued: &IssuedToken| {
        (
            issued.secret().to_owned(),
            issued.refresh_secret().map(ToOwned::to_owned),
        )
    };
    texts(one) == texts(other)
        && one.record() == other.record()
        && one.expires_at() == other.expires_at()
}

async fn a_refresh_gives_a_new_pair_and_ends_the_old_one<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    assert!(first.refresh_secret().unwrap().starts_with("ter_"));
    desk.later(HOUR / 2);
    let second = desk.refresh(&first).await.unwrap();
    assert_ne!(first.secret(), second.secret());
    assert_ne!(first.refresh_secret(), second.refresh_secret());
    assert_eq!(first.session(), second.session());
    assert_eq!(second.record().scopes(), first.record().scopes());
    assert_eq!(second.expires_at(), desk.tokens.now() + HOUR);
    assert!(desk.lives(&second).await && !desk.lives(&first).await);
    desk.later(HOUR);
    let third = desk.refresh(&second).await.unwrap();
    assert!(desk.lives(&third).await);
}

async fn a_used_one_seen_again_ends_its_session_and_no_other<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let (first, other) = (desk.login().await, desk.login().await);
    let second = desk.refresh(&first).await.unwrap();
    let third = desk.refresh(&second).await.unwrap();
    refused!(desk.refresh(&first).await, RefreshError::Reused);
    assert!(!desk.lives(&third).await, "the access token too");
    refused!(desk.refresh(&third).await, RefreshError::Unknown);
    refused!(desk.refresh(&first).await, RefreshError::Unknown);
    assert!(desk.lives(&other).await);
    desk.refresh(&other).await.unwrap();
}

async fn a_used_one_is_noticed_whatever_scopes_are_asked_for_by_it<S: RotatingStore + Clone>(
    store: S,
) {
    let scopes = [["admin"], ["\""]];
    for asked in scopes {
        let desk = Desk::new(store.clone());
        let first = desk.login().await;
        let token = refresh_of(&first);
        let wide = async || desk.tokens.refresh(&token).scopes(asked).await;
        assert!(wide().await.is_err());
        let second = desk.refresh(&first).await.unwrap();
        refused!(wide().await, RefreshError::Reused);
        assert!(!desk.lives(&second).await);

        let desk = Desk::with_grace(store.clone());
        let first = desk.login().await;
        let second = desk.refresh(&first).await.unwrap();
        let token = refresh_of(&first);
        let retry = desk.tokens.refresh(&token).scopes(asked).await;
        let error = retry.unwrap_err();
        assert!(
            matches!(error, RefreshError::Scope(_) | RefreshError::WiderScope(_)),
            "{error}"
        );
        assert!(desk.lives(&second).await);
    }
}

async fn a_retry_within_the_grace_gets_the_very_same_pair<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(store);
    let mut last = desk.login().await;
    for _ in 0..3 {
        let next = desk.refresh(&last).await.unwrap();
        for _ in 0..3 {
            desk.later(3 * SECOND);
            let again = desk.refresh(&last).await.unwrap();
            assert!(same(&next, &again), "{next:?} {again:?}");
            assert!(desk.lives(&again).await);
        }
        last = next;
        desk.later(HOUR);
    }
}

async fn the_grace_counts_from_the_first_use_and_is_for_the_last_one_alone<
    S: RotatingStore + Clone,
>(
    store: S,
) {
    let desk = Desk::with_grace(store.clone());
    let first = desk.login().await;
    let second = desk.refresh(&first).await.unwrap();
    desk.later(GRACE - Duration::from_micros(1));
    assert!(same(&second, &desk.refresh(&first).await.unwrap()));
    desk.later(Duration::from_micros(1));
    refused!(desk.refresh(&first).await, RefreshError::Reused);
    assert!(!desk.lives(&second).await);

    let first = desk.login().await;
    let second = desk.refresh(&first).await.unwrap();
    let third = desk.refresh(&second).await.unwrap();
    refused!(desk.refresh(&first).await, RefreshError::Reused);
    assert!(!desk.lives(&third).await);

    let strict = Desk::new(store);
    let first = strict.login().await;
    strict.refresh(&first).await.unwrap();
    refused!(strict.refresh(&first).await, RefreshError::Reused);
}

async fn what_is_not_authentic_is_unknown_and_harms_nothing<S: RotatingStore>(store: S) {
    let desk = Desk::new(FaultyStore::new(store));
    let first = desk.login().await;
    let text = first.refresh_secret().unwrap();
    for place in 0..text.len() {
        let mut changed = text.to_owned().into_bytes();
        changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).unwrap();
        let token = BearerToken::parse(&changed).unwrap();
        refused!(desk.tokens.refresh(&token).await, RefreshError::Unknown);
    }
    for text in ["garbage", &text[..text.len() - 1], &format!("{text}A")] {
        let token = BearerToken::parse(text).unwrap();
        refused!(desk.tokens.refresh(&token).await, RefreshError::Unknown);
    }
    assert_eq!(desk.tokens.store().asked(), 0, "the checksum says it");

    // The right checksum around the proof of another session.
    let other = desk.login().await;
    let forged = forge::with_proof_of(text, other.refresh_secret().unwrap());
    let token = BearerToken::parse(&forged).unwrap();
    refused!(desk.tokens.refresh(&token).await, RefreshError::Unknown);
    assert_eq!(desk.tokens.store().asked(), 1, "the store was asked");
    let later = forge::of_generation(text, 1);
    let token = BearerToken::parse(&later).unwrap();
    refused!(desk.tokens.refresh(&token).await, RefreshError::Unknown);

    assert!(desk.lives(&first).await);
    desk.refresh(&first).await.unwrap();
}

async fn another_clients_token_is_refused_without_harm<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let request = desk.tokens.issue(ALICE).client("app").refresh();
    let first = request.await.unwrap();
    let by = async |issued: &IssuedToken, client: &str| {
        desk.tokens
            .refresh(&refresh_of(issued))
            .client(client)
            .await
    };
    refused!(by(&first, "thief").await, RefreshError::OtherClient);
    refused!(desk.refresh(&first).await, RefreshError::OtherClient);
    let second = by(&first, "app").await.unwrap();
    assert_eq!(second.record().client(), Some("app"));
    refused!(by(&first, "thief").await, RefreshError::OtherClient);
    assert!(
        desk.lives(&second).await,
        "not even reuse is said to others"
    );

    let of_nobody = desk.login().await;
    let second = by(&of_nobody, "app").await.unwrap();
    assert_eq!(second.record().client(), None);
    desk.refresh(&second).await.unwrap();
}

async fn scopes_narrow_the_access_token_never_widen_it_and_never_the_refresh_token<
    S: RotatingStore,
>(
    store: S,
) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    let asking = async |issued: &IssuedToken, scopes: &[&str]| {
        desk.tokens
            .refresh(&refresh_of(issued))
            .scopes(scopes)
            .await
    };
    refused!(
        asking(&first, &["read", "admin"]).await,
        RefreshError::WiderScope(_)
    );
    refused!(asking(&first, &["a b"]).await, RefreshError::Scope(_));
    let second = asking(&first, &["read"]).await.unwrap();
    assert_eq!(second.record().scopes().as_str(), "read");
    let third = desk.refresh(&second).await.unwrap();
    assert_eq!(third.record().scopes().as_str(), "read write");
    let none: [&str; 0] = [];
    let fourth = asking(&third, &none).await.unwrap();
    assert_eq!(fourth.record().scopes().as_str(), "");
}

async fn a_refresh_never_moves_when_the_user_last_proved_who_he_is<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(store);
    let first = desk.login().await;
    let proved = desk.tokens.now();
    desk.later(HOUR);
    let second = desk.refresh(&first).await.unwrap();
    let again = desk.refresh(&first).await.unwrap();
    let third = desk.refresh(&second).await.unwrap();
    for issued in [&second, &again, &third] {
        assert_eq!(issued.record().times().authenticated_at, proved);
    }
    let token = BearerToken::parse(third.secret()).unwrap();
    let caller = desk.tokens.authenticate(&token).await.unwrap();
    assert_eq!(caller.authenticated_at(), proved);
    assert_eq!(caller.issued_at(), desk.tokens.now());
}

/// Knows everybody while nobody is suspended.
#[derive(Clone, Default)]
struct Switch(Arc<AtomicBool>);

#[async_trait]
impl Principals for Switch {
    type Principal = Subject;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<Subject>>, StoreError> {
        let suspended = self.0.load(Ordering::SeqCst);
        Ok((!suspended).then(|| Arc::new(subject.clone())))
    }
}

async fn the_suspended_are_refused_while_it_lasts<S: RotatingStore>(store: S) {
    let suspended = Switch::default();
    let desk = Desk::new(WithPrincipals::new(store, suspended.clone()));
    let first = desk.login().await;
    suspended.0.store(true, Ordering::SeqCst);
    refused!(desk.refresh(&first).await, RefreshError::Suspended);
    suspended.0.store(false, Ordering::SeqCst);
    assert!(desk.lives(&first).await);
    desk.refresh(&first).await.unwrap();
}

async fn a_logout_burns_the_grace_too<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(store);
    let alice = Subject::new(ALICE);
    for way in 0..3 {
        let (first, here) = (desk.login().await, desk.login().await);
        let second = desk.refresh(&first).await.unwrap();
        let ended = match way {
            0 => u64::from(
                desk.tokens
                    .revoke_session(&alice, first.session())
                    .await
                    .unwrap(),
            ),
            1 => desk.tokens.revoke_all(&alice).await.unwrap(),
            _ => desk
                .tokens
                .revoke_others(&alice, here.session())
                .await
                .unwrap(),
        };
        assert!(ended > 0);
        for dead in [&first, &second] {
            refused!(desk.refresh(dead).await, RefreshError::Unknown);
            assert!(!desk.lives(dead).await);
        }
        assert_eq!(desk.lives(&here).await, way != 1);
    }
}

async fn neither_kind_of_token_passes_for_the_other<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let issued = desk.login().await;
    assert!(!lives(&desk.tokens, issued.refresh_secret().unwrap()).await);
    let access = BearerToken::parse(issued.secret()).unwrap();
    refused!(desk.tokens.refresh(&access).await, RefreshError::Unknown);
    assert!(desk.lives(&issued).await);
    desk.refresh(&issued).await.unwrap();
}

async fn an_idle_refresh_token_dies_and_a_used_one_lives_to_the_end_of_its_life<
    S: RotatingStore,
>(
    store: S,
) {
    let desk = Desk::with(store, |builder| {
        builder.refresh(Lifetime::days(30).idle(7 * DAY))
    });
    let idle = desk.login().await;
    let mut used = desk.login().await;
    for _ in 0..4 {
        desk.later(7 * DAY - SECOND);
        used = desk.refresh(&used).await.unwrap();
    }
    refused!(desk.refresh(&idle).await, RefreshError::Expired(_));
    desk.later(2 * DAY + 4 * SECOND);
    refused!(desk.refresh(&used).await, RefreshError::Expired(_));
}

async fn no_access_token_outlives_its_session<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    let ends = desk.tokens.now() + 30 * DAY;
    desk.later(30 * DAY - HOUR / 2);
    let second = desk.refresh(&first).await.unwrap();
    assert_eq!(second.expires_at(), ends);

    let brief = builder(desk.tokens.store().clone(), &desk.clock).refresh(Lifetime::minutes(30));
    let brief = brief.build().unwrap().issue(ALICE).refresh().await;
    assert_eq!(brief.unwrap().expires_at(), desk.tokens.now() + HOUR / 2);

    let short = desk.tokens.issue(ALICE).life(HOUR / 2).refresh();
    let short = short.await.unwrap();
    let ends = desk.tokens.now() + HOUR / 2;
    assert_eq!(short.expires_at(), ends);
    desk.later(HOUR / 4);
    let short = desk.refresh(&short).await.unwrap();
    assert_eq!(
        short.expires_at(),
        ends,
        "a life of its own is the session's"
    );
    desk.later(HOUR / 4);
    refused!(desk.refresh(&short).await, RefreshError::Expired(_));
}

async fn a_stricter_policy_bites_at_once<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::new(store.clone());
    let first = desk.login().await;
    let strict = builder(store, &desk.clock).refresh(Lifetime::days(1));
    let strict = strict.build().unwrap();
    desk.later(DAY);
    refused!(
        strict.refresh(&refresh_of(&first)).await,
        RefreshError::Expired(_)
    );
    assert!(
        strict
            .sessions(&Subject::new(ALICE))
            .await
            .unwrap()
            .is_empty()
    );
    desk.refresh(&first).await.unwrap();
}

async fn a_session_has_one_record_of_each_however_often_it_is_refreshed<S: RotatingStore>(
    store: S,
) {
    let desk = Desk::with_grace(store);
    let mut last = desk.login().await;
    let mut texts = HashSet::new();
    for _ in 0..50 {
        last = desk.refresh(&last).await.unwrap();
        assert!(texts.insert(last.secret().to_owned()));
        assert!(texts.insert(last.refresh_secret().unwrap().to_owned()));
    }
    let records = desk
        .tokens
        .store()
        .list(&Subject::new(ALICE))
        .await
        .unwrap();
    assert_eq!(records.len(), 2);
}

async fn of_many_at_once_one_wins_and_within_the_grace_all_get_the_same<
    S: RotatingStore + Clone,
>(
    store: S,
) {
    for grace in [Duration::ZERO, GRACE] {
        let desk = Desk::with(store.clone(), |builder| builder.refresh_grace(grace));
        for _ in 0..5 {
            let first = desk.login().await;
            let text: Arc<str> = first.refresh_secret().unwrap().into();
            let refreshes = (0..16).map(|_| {
                let (tokens, text) = (desk.tokens.clone(), Arc::clone(&text));
                tokio::spawn(async move {
                    let token = BearerToken::parse(&text).unwrap();
                    tokens.refresh(&token).await
                })
            });
            let mut pairs = Vec::new();
            for outcome in join_all(refreshes).await {
                match outcome.unwrap() {
                    Ok(pair) => pairs.push(pair),
                    Err(error) => assert!(
                        grace.is_zero()
                            && matches!(error, RefreshError::Reused | RefreshError::Unknown),
                        "{error:?}"
                    ),
                }
            }
            assert_eq!(pairs.len(), if grace.is_zero() { 1 } else { 16 });
            assert!(pairs.iter().all(|pair| same(pair, &pairs[0])));
            assert_eq!(desk.lives(&pairs[0]).await, !grace.is_zero());
        }
    }
}

async fn a_refresh_that_was_dropped_anywhere_can_be_tried_again<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(Steps::new(store));
    let mut last = desk.login().await;
    let mut dropped = 0;
    for polls in 0.. {
        let before = refresh_of(&last);
        let finished = poll_times(desk.tokens.refresh(&before), polls).await;
        dropped += usize::from(finished.is_none());
        let next = desk.tokens.refresh(&before).await.unwrap();
        assert!(desk.lives(&next).await);
        let was_last = finished.is_some();
        last = next;
        desk.later(HOUR);
        if was_last {
            break;
        }
    }
    assert!(dropped >= 4, "two verbs, before and after each: {dropped}");
}

/// Two tabs: while one is told again what the other got, the other refreshes once more.
async fn a_retry_that_the_next_refresh_overtakes_is_not_locked_out<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(Steps::new(store));
    for stepped_up in [false, true] {
        let first = desk.login().await;
        let second = desk.refresh(&first).await.unwrap();
        if stepped_up {
            desk.later(SECOND);
            let caller = desk.caller(&second).await.unwrap();
            desk.tokens.step_up(&caller).await.unwrap();
        }
        // It has found the session and is told what it may have.
        let shown = refresh_of(&first);
        let mut retry = desk.tokens.refresh(&shown).into_future();
        let steps = desk.tokens.store();
        let told = steps.done() + 2;
        let early = poll_while(&mut retry, || steps.done() < told).await;
        assert!(early.is_none(), "it is under way");
        let third = desk.refresh(&second).await.unwrap();
        let again = retry.await.unwrap();
        assert_eq!(again.refresh_secret(), second.refresh_secret());
        assert!(same(&desk.refresh(&again).await.unwrap(), &third));
    }
}

async fn a_process_of_another_key_knows_no_refresh_token<S: RotatingStore + Clone>(store: S) {
    let desk = Desk::with_grace(store.clone());
    let first = desk.login().await;
    for key in [ServerKey::new([8; 32]), ServerKey::random().unwrap()] {
        let other = builder(store.clone(), &desk.clock)
            .key(key)
            .build()
            .unwrap();
        refused!(
            other.refresh(&refresh_of(&first)).await,
            RefreshError::Unknown
        );
        assert!(
            lives(&other, first.secret()).await,
            "no layer needs the key"
        );
    }
    let unkeyed = || {
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(1))
            .refresh(Lifetime::days(30));
        tokens.clock(desk.clock.clone()).build().unwrap()
    };
    let before = unkeyed();
    let issued = before.issue(ALICE).refresh().await.unwrap();
    let after = unkeyed();
    refused!(
        after.refresh(&refresh_of(&issued)).await,
        RefreshError::Unknown
    );
    before.refresh(&refresh_of(&issued)).await.unwrap();
    desk.refresh(&first).await.unwrap();
}

async fn a_revoked_access_token_is_not_told_again<S: RotatingStore>(store: S) {
    let desk = Desk::with_grace(store);
    let first = desk.login().await;
    let second = desk.refresh(&first).await.unwrap();
    let token = BearerToken::parse(second.secret()).unwrap();
    assert!(desk.tokens.revoke(&token).await.unwrap());
    refused!(desk.refresh(&first).await, RefreshError::Unknown);
    let third = desk.refresh(&second).await.unwrap();
    assert!(desk.lives(&third).await, "the session lives on");
}

async fn a_login_with_a_refresh_token_is_a_session_of_its_own<S: RotatingStore>(store: S) {
    let desk = Desk::with(store, |builder| builder.login(LoginMode::Renew));
    let renewed = async || desk.tokens.issue(ALICE).await.unwrap();
    let plain = renewed().await;
    let (first, second) = (desk.login().await, desk.login().await);
    assert_ne!(first.session(), second.session());
    let second = desk.refresh(&second).await.unwrap();
    assert!(
        same(&plain, &renewed().await),
        "no login takes a refreshed one"
    );
    for issued in [&plain, &first, &second] {
        assert!(desk.lives(issued).await);
    }
    let only = desk.tokens.issue(ALICE).login(LoginMode::ReplaceAll);
    let only = only.refresh().await.unwrap();
    for issued in [&plain, &first, &second] {
        assert!(!desk.lives(issued).await);
    }
    refused!(desk.refresh(&first).await, RefreshError::Unknown);
    desk.refresh(&only).await.unwrap();
}

async fn a_session_is_listed_once_with_the_end_of_its_refresh_token<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let request = desk
        .tokens
        .issue(ALICE)
        .scopes(["read", "write"])
        .label("phone");
    let first = request.refresh().await.unwrap();
    desk.tokens.issue(BOB).refresh().await.unwrap();
    let begun = desk.tokens.now();
    desk.later(2 * HOUR);
    let narrow = desk.tokens.refresh(&refresh_of(&first)).scopes(["read"]);
    let narrow = narrow.await.unwrap();
    desk.later(2 * HOUR);
    let sessions = desk.tokens.sessions(&Subject::new(ALICE)).await.unwrap();
    let [session] = &*sessions else {
        panic!("{sessions:?}");
    };
    assert_eq!(session.id, *narrow.session());
    assert_eq!(session.label.as_deref(), Some("phone"));
    assert_eq!(session.scopes.as_str(), "read write", "what it was granted");
    assert_eq!(session.issued_at, begun);
    assert_eq!(session.authenticated_at, begun);
    assert_eq!(session.last_used_at, begun + 2 * HOUR);
    assert_eq!(session.expires_at, begun + 30 * DAY);
}

#[tokio::test]
async fn access_tokens_of_any_kind_are_refreshed_as_their_kind() {
    let desk = Desk::with_grace(MemoryStore::new());
    let tokens = builder(MemoryStore::new(), &desk.clock)
        .refresh_grace(GRACE)
        .kind(TokenKind::hex("legacy", 40), Lifetime::minutes(5));
    let tokens = tokens.build().unwrap();
    let first = tokens.issue(ALICE).kind("legacy").refresh().await.unwrap();
    let second = tokens.refresh(&refresh_of(&first)).await.unwrap();
    let again = tokens.refresh(&refresh_of(&first)).await.unwrap();
    assert!(same(&second, &again));
    assert_eq!(
        (second.record().kind(), second.secret().len()),
        ("legacy", 40)
    );
    assert_eq!(second.expires_at(), tokens.now() + Duration::from_secs(300));
}

#[tokio::test]
async fn without_refresh_tokens_none_is_issued_and_none_is_known() {
    let store = MemoryStore::new();
    let desk = Desk::new(store.clone());
    let issued = desk.login().await;
    let without = TokenAuthority::builder(store).expiry(Lifetime::hours(1));
    let without = without.key(ServerKey::new([7; 32])).build().unwrap();
    refused!(without.issue(ALICE).refresh().await, IssueError::NoRefresh);
    refused!(
        without.refresh(&refresh_of(&issued)).await,
        RefreshError::Unknown
    );
}

#[tokio::test]
async fn a_store_that_cant_say_is_no_verdict_and_changes_nothing() {
    let store = FaultyStore::new(MemoryStore::new());
    let desk = Desk::new(store.clone());
    let first = desk.login().await;
    store.fail();
    refused!(desk.refresh(&first).await, RefreshError::Store(_));
    store.heal();
    desk.refresh(&first).await.unwrap();
}

#[tokio::test]
async fn a_life_of_sessions_that_is_made_shorter_ends_access_tokens_too() {
    let (store, clock) = (MemoryStore::new(), ManualClock::default());
    let of_life = |life| {
        TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(1))
            .refresh(life)
            .key(ServerKey::new([7; 32]))
            .clock(clock.clone())
            .build()
            .unwrap()
    };
    let (old, strict) = (of_life(Lifetime::days(30)), of_life(Lifetime::hours(2)));
    let issued = old.issue(ALICE).refresh().await.unwrap();
    let end = old.now() + 2 * HOUR;
    clock.advance(2 * HOUR - SECOND);
    let next = strict.refresh(&refresh_of(&issued)).await.unwrap();
    assert_eq!(next.expires_at(), end);
}

#[tokio::test]
async fn a_retry_gets_the_very_same_pair_also_where_its_kind_has_changed_meanwhile() {
    let (store, clock) = (MemoryStore::new(), ManualClock::default());
    let of_kind = |kind| {
        TokenAuthority::builder(store.clone())
            .access(kind)
            .expiry(Lifetime::hours(1))
            .refresh(Lifetime::days(30))
            .refresh_grace(GRACE)
            .key(ServerKey::new([7; 32]))
            .clock(clock.clone())
            .build()
            .unwrap()
    };
    let before = TokenKind::new("access", "tet_");
    let (old, new) = (
        of_kind(before.clone()),
        of_kind(TokenKind::new("access", "acm_").formerly(before)),
    );
    let issued = old.issue(ALICE).refresh().await.unwrap();
    let first = old.refresh(&refresh_of(&issued)).await.unwrap();
    let again = new.refresh(&refresh_of(&issued)).await.unwrap();
    assert_eq!(again.secret(), first.secret());
    assert_eq!(again.refresh_secret(), first.refresh_secret());
    let next = new.refresh(&refresh_of(&again)).await.unwrap();
    assert!(next.secret().starts_with("acm_"));
}
