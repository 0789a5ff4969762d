//! Further tokens within a session: stepped up, and made by another token.

use std::time::Duration;

use futures_util::future::join_all;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Clock, IssueError, IssuingStore, Lifetime, LoginMode, MemoryStore, RefreshError,
    RotatingStore, Subject, TokenAuthority, TokenKind,
};

use crate::support::desk::{DAY, Desk, GRACE, HOUR, SECOND, refused};
use crate::support::steps::{Steps, poll_times};
use crate::support::stores::{ALICE, on_every_store};

on_every_store!(
    a_stepped_up_token_is_fresh_and_ends_when_the_old_one_would,
    a_step_up_leaves_the_token_that_was_shown_as_it_is,
    a_refresh_does_not_keep_what_was_stepped_up,
    a_retry_within_the_grace_is_told_the_first_pair_also_after_a_step_up,
    a_delegated_token_is_narrower_and_ends_with_its_maker_at_the_latest,
    a_delegated_token_ends_with_its_session,
    a_refresh_leaves_delegated_tokens_and_reuse_ends_them,
    no_further_token_is_made_in_a_session_that_has_ended,
    a_session_with_further_tokens_is_listed_once_as_its_login,
    no_further_token_counts_against_the_limit,
    a_token_that_is_renewed_meanwhile_makes_further_ones_all_the_same,
    one_of_two_that_stepped_up_in_one_instant_makes_nothing_once_it_is_gone,
);

async fn a_stepped_up_token_is_fresh_and_ends_when_the_old_one_would<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let request = desk.tokens.issue(ALICE).scopes(["read"]).label("phone");
    let old = request.client("app").await.unwrap();
    desk.later(HOUR / 2);
    let caller = desk.caller(&old).await.unwrap();
    let fresh = desk.tokens.step_up(&caller).await.unwrap();
    assert_ne!(fresh.secret(), old.secret());
    assert_eq!(fresh.expires_at(), old.expires_at());
    let caller = desk.caller(&fresh).await.unwrap();
    assert_eq!(caller.authenticated_at(), desk.tokens.now());
    assert_eq!(caller.record(), fresh.record());
    assert_eq!(caller.session(), old.session());
    assert_eq!(caller.kind(), "access");
    assert_eq!(caller.scopes().as_str(), "read");
    assert_eq!(caller.record().label(), Some("phone"));
    assert_eq!(caller.record().client(), Some("app"));

    desk.later(HOUR / 4);
    let fresher = desk.tokens.step_up(&caller).await.unwrap();
    assert_eq!(
        fresher.expires_at(),
        old.expires_at(),
        "not by steps either"
    );
    desk.later(HOUR / 4);
    for issued in [&old, &fresh, &fresher] {
        assert!(!desk.lives(issued).await);
    }
    refused!(desk.tokens.step_up(&caller).await, IssueError::Ended);
}

async fn a_step_up_leaves_the_token_that_was_shown_as_it_is<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let old = desk.login().await;
    let login = desk.tokens.now();
    desk.later(SECOND);
    let caller = desk.caller(&old).await.unwrap();
    let fresh = desk.tokens.step_up(&caller).await.unwrap();
    let caller = desk.caller(&old).await.unwrap();
    assert_eq!(
        caller.authenticated_at(),
        login,
        "what was sniffed is not enough"
    );
    assert_eq!(caller.expires_at(), old.expires_at());
    assert!(desk.logout(&old).await);
    assert!(!desk.lives(&old).await && !desk.lives(&fresh).await);
}

async fn a_refresh_does_not_keep_what_was_stepped_up<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    let login = desk.tokens.now();
    desk.later(SECOND);
    let caller = desk.caller(&first).await.unwrap();
    let fresh = desk.tokens.step_up(&caller).await.unwrap();
    assert!(fresh.refresh_secret().is_none());
    let second = desk.refresh(&first).await.unwrap();
    assert_eq!(second.record().times().authenticated_at, login);
    assert!(!desk.lives(&fresh).await && !desk.lives(&first).await);
    assert!(desk.lives(&second).await);
}

async fn a_retry_within_the_grace_is_told_the_first_pair_also_after_a_step_up<S: RotatingStore>(
    store: S,
) {
    let desk = Desk::with_grace(store);
    let first = desk.login().await;
    let second = desk.refresh(&first).await.unwrap();
    let caller = desk.caller(&second).await.unwrap();
    for _ in 0..5 {
        desk.later(GRACE / 10);
        desk.tokens.step_up(&caller).await.unwrap();
        let again = desk.refresh(&first).await.unwrap();
        assert_eq!(again.secret(), second.secret());
        assert_eq!(again.record(), second.record());
        assert!(desk.lives(&again).await);
    }
}

async fn a_delegated_token_is_narrower_and_ends_with_its_maker_at_the_latest<S: RotatingStore>(
    store: S,
) {
    let desk = Desk::new(store);
    let maker = desk.login().await;
    desk.later(HOUR / 2);
    let caller = desk.caller(&maker).await.unwrap();
    let delegate = || desk.tokens.delegate(&caller, "export");
    let made = delegate().scopes(["read"]).label("printer").client("shop");
    let made = made.await.unwrap();
    assert!(made.secret().starts_with("exp_"));
    assert_eq!(
        made.expires_at(),
        maker.expires_at(),
        "not its kind's 7 days"
    );
    assert!(made.refresh_secret().is_none());
    let token = desk.caller(&made).await.unwrap();
    assert_eq!(token.record(), made.record());
    assert_eq!(token.session(), maker.session());
    assert_eq!((token.kind(), token.scopes().as_str()), ("export", "read"));
    assert_eq!(token.record().label(), Some("printer"));
    assert_eq!(token.record().client(), Some("shop"));
    assert_eq!(token.authenticated_at(), caller.authenticated_at());

    let bare = delegate().await.unwrap();
    assert!(bare.record().scopes().is_empty());
    let short = delegate().life(HOUR / 4).await.unwrap();
    assert_eq!(short.expires_at(), desk.tokens.now() + HOUR / 4);
    let long = delegate().life(DAY).await.unwrap();
    assert_eq!(long.expires_at(), maker.expires_at());

    let wider = delegate().scopes(["read", "admin"]);
    refused!(wider.await, IssueError::WiderScope(_));
    refused!(delegate().scopes(["a b"]).await, IssueError::Scope(_));
    let same = desk.tokens.delegate(&caller, "access");
    refused!(same.await, IssueError::SameKind(_));
    let unknown = desk.tokens.delegate(&caller, "nothing");
    refused!(unknown.await, IssueError::UnknownKind(_));

    desk.later(HOUR / 2);
    assert!(!desk.lives(&made).await);
    refused!(delegate().await, IssueError::NoLife);
}

async fn a_delegated_token_ends_with_its_session<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let (maker, other) = (desk.login().await, desk.login().await);
    let caller = desk.caller(&maker).await.unwrap();
    let made = desk.tokens.delegate(&caller, "export").await.unwrap();
    assert!(desk.logout(&other).await);
    assert!(desk.lives(&made).await);
    assert!(desk.logout(&maker).await);
    assert!(!desk.lives(&made).await && !desk.lives(&maker).await);
}

async fn a_refresh_leaves_delegated_tokens_and_reuse_ends_them<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    let first = desk.login().await;
    let caller = desk.caller(&first).await.unwrap();
    let made = desk.tokens.delegate(&caller, "export").await.unwrap();
    desk.refresh(&first).await.unwrap();
    assert!(desk.lives(&made).await);
    refused!(desk.refresh(&first).await, RefreshError::Reused);
    assert!(!desk.lives(&made).await);
}

/// Whoever holds a token must not save himself over a logout that comes at the same moment.
async fn no_further_token_is_made_in_a_session_that_has_ended<S: RotatingStore>(store: S) {
    let desk = Desk::new(Steps::new(store));
    for polls in 0.. {
        let login = desk.login().await;
        let caller = desk.caller(&login).await.unwrap();
        desk.later(SECOND);
        let further = async || {
            let made = [
                desk.tokens.step_up(&caller).await,
                desk.tokens.delegate(&caller, "export").await,
            ];
            made.into_iter().filter_map(Result::ok).collect::<Vec<_>>()
        };
        // Several at once, or each would be vouched for by none but itself.
        let mut under_way = Box::pin(join_all((0..3).map(|_| further())));
        let finished = poll_times(&mut under_way, polls).await;
        assert!(desk.logout(&login).await);
        let made = match &finished {
            Some(_) => finished.unwrap(),
            None => under_way.await,
        };
        for made in made.iter().flatten() {
            assert!(!desk.lives(made).await, "made around a logout, {polls}");
        }
        let left = desk
            .tokens
            .store()
            .list(&Subject::new(ALICE))
            .await
            .unwrap();
        assert!(left.is_empty(), "{left:?}");
        if made.iter().all(|made| made.len() == 2) {
            assert!(polls >= 8, "a logout came before and after each verb");
            break;
        }
    }
}

async fn a_session_with_further_tokens_is_listed_once_as_its_login<S: RotatingStore>(store: S) {
    let desk = Desk::new(store);
    for refreshable in [true, false] {
        let request = desk
            .tokens
            .issue(ALICE)
            .scopes(["read", "write"])
            .label("phone");
        let login = match refreshable {
            true => request.refresh().await.unwrap(),
            false => request.await.unwrap(),
        };
        let began = desk.tokens.now();
        let caller = desk.caller(&login).await.unwrap();
        desk.later(SECOND);
        let made = desk.tokens.delegate(&caller, "export").label("printer");
        made.await.unwrap();
        desk.later(SECOND);
        desk.tokens.step_up(&caller).await.unwrap();
        let sessions = desk.sessions().await;
        let [session] = &*sessions else {
            panic!("{sessions:?}");
        };
        assert_eq!(session.id, *login.session());
        assert_eq!(session.kind, "access");
        assert_eq!(session.label.as_deref(), Some("phone"));
        assert_eq!(session.scopes.as_str(), "read write");
        assert_eq!(session.issued_at, began);
        assert_eq!(session.authenticated_at, desk.tokens.now());
        let life = if refreshable { 30 * DAY } else { HOUR };
        assert_eq!(session.expires_at, began + life);
        desk.tokens.revoke_all(&Subject::new(ALICE)).await.unwrap();
    }
}

async fn no_further_token_counts_against_the_limit<S: RotatingStore>(store: S) {
    let desk = Desk::with(store, |builder| builder.limit(1));
    let login = desk.login().await;
    let caller = desk.caller(&login).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(desk.tokens.step_up(&caller).await.unwrap());
        made.push(desk.tokens.delegate(&caller, "export").await.unwrap());
    }
    for issued in made.iter().chain([&login]) {
        assert!(desk.lives(issued).await);
    }
    let last = desk.login().await;
    for issued in made.iter().chain([&login]) {
        assert!(!desk.lives(issued).await, "all go with their session");
    }
    assert!(desk.lives(&last).await);
}

#[tokio::test]
async fn a_delegated_token_of_an_idle_maker_ends_where_the_maker_would() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24).idle(HOUR))
        .kind(TokenKind::new("export", "exp_"), Lifetime::days(7));
    let tokens = tokens.build().unwrap();
    let login = tokens.issue(ALICE).await.unwrap();
    let token = BearerToken::parse(login.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let made = tokens.delegate(&caller, "export").await.unwrap();
    assert_eq!(made.expires_at(), caller.expires_at());
    assert!(made.expires_at() <= login.record().times().issued_at + HOUR);
}

#[tokio::test]
async fn a_use_is_counted_in_when_its_token_is_said_to_end_and_in_what_it_delegates() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24).idle(HOUR))
        .clock(clock.clone())
        .kind(TokenKind::new("export", "exp_"), Lifetime::days(7));
    let tokens = tokens.build().unwrap();
    let login = tokens.issue(ALICE).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(60));
    let token = BearerToken::parse(login.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    assert_eq!(caller.expires_at(), clock.now() + HOUR);
    let listed = &tokens.sessions(&Subject::new(ALICE)).await.unwrap()[0];
    assert_eq!(listed.expires_at, caller.expires_at());
    let made = tokens.delegate(&caller, "export").await.unwrap();
    assert_eq!(made.expires_at(), caller.expires_at());
    let told = tokens.introspect(&token).await.unwrap();
    assert_eq!(told.expires_at(), caller.expires_at(), "to ask is no use");
}

async fn a_token_that_is_renewed_meanwhile_makes_further_ones_all_the_same<S: RotatingStore>(
    store: S,
) {
    let desk = Desk::with(store, |builder| builder.login(LoginMode::Renew));
    let login = desk.tokens.issue(ALICE).await.unwrap();
    desk.later(SECOND);
    let caller = desk.caller(&login).await.unwrap();
    // On another device.
    let again = desk.tokens.issue(ALICE).await.unwrap();
    assert_eq!(again.secret(), login.secret());
    desk.tokens.step_up(&caller).await.unwrap();
    desk.tokens.delegate(&caller, "export").await.unwrap();
}

async fn one_of_two_that_stepped_up_in_one_instant_makes_nothing_once_it_is_gone<
    S: RotatingStore,
>(
    store: S,
) {
    let desk = Desk::new(store);
    let login = desk.login().await;
    let caller = desk.caller(&login).await.unwrap();
    desk.later(SECOND);
    let step_up = async || desk.tokens.step_up(&caller).await.unwrap();
    let (gone, _twin) = (step_up().await, step_up().await);
    let caller = desk.caller(&gone).await.unwrap();
    let token = BearerToken::parse(gone.secret()).unwrap();
    assert!(desk.tokens.revoke(&token).await.unwrap());
    refused!(desk.tokens.step_up(&caller).await, IssueError::Ended);
    refused!(
        desk.tokens.delegate(&caller, "export").await,
        IssueError::Ended
    );
}

/// The system's clock is read to the kernel's tick: much happens in one instant.
#[tokio::test]
async fn two_that_step_up_in_the_instant_of_their_login_do_not_survive_its_logout() {
    let desk = Desk::new(Steps::new(MemoryStore::new()));
    for polls in 0..20 {
        let login = desk.login().await;
        let caller = desk.caller(&login).await.unwrap();
        let two = (0..2).map(async |_| desk.tokens.step_up(&caller).await);
        let mut two = Box::pin(join_all(two));
        let finished = poll_times(&mut two, polls).await;
        assert!(desk.logout(&login).await);
        let made = match finished {
            Some(made) => made,
            None => two.await,
        };
        for made in made.iter().flatten() {
            assert!(!desk.lives(made).await, "made around a logout, {polls}");
        }
    }
}
