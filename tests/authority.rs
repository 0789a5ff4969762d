//! Issue, authenticate, list, revoke.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    BearerToken, Clock, DigestKey, IssueError, IssuedToken, Lifetime, LoginMode, MemoryStore,
    Principals, Reason, Rejection, Rule, ServerKey, StoreError, Subject, TokenAuthority, TokenKind,
    WithPrincipals, async_trait,
};

const HOUR: Duration = Duration::from_secs(3600);

type Tokens = TokenAuthority<MemoryStore>;

fn tokens() -> (Tokens, ManualClock) {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .clock(clock.clone());
    (tokens.build().unwrap(), clock)
}

async fn reason(tokens: &Tokens, secret: &str) -> Option<Reason> {
    let verdict = tokens
        .authenticate(&BearerToken::parse(secret).unwrap())
        .await;
    verdict.err().map(|rejection| rejection.reason().clone())
}

async fn lives(tokens: &Tokens, issued: &IssuedToken) -> bool {
    reason(tokens, issued.secret()).await.is_none()
}

#[tokio::test]
async fn an_issued_token_says_who_what_and_until_when() {
    let (tokens, clock) = tokens();
    let issued = tokens
        .issue("alice")
        .scopes(["write", "read"])
        .label("phone")
        .client("app")
        .await
        .unwrap();
    let caller = tokens
        .authenticate(&BearerToken::parse(issued.secret()).unwrap())
        .await
        .unwrap();

    assert_eq!(caller.principal::<Subject>().unwrap().as_str(), "alice");
    assert_eq!(caller.subject().as_str(), "alice");
    assert_eq!(caller.kind(), "access");
    assert_eq!(caller.scopes().as_str(), "read write");
    assert_eq!(caller.record().label(), Some("phone"));
    assert_eq!(caller.record().client(), Some("app"));
    assert_eq!(caller.session(), issued.session());
    assert_eq!(
        (caller.issued_at(), caller.authenticated_at()),
        (clock.now(), clock.now())
    );
    assert_eq!(caller.expires_at(), clock.now() + 24 * HOUR);
    assert_eq!(caller.bound().rule, Rule::Life);
}

#[tokio::test]
async fn a_token_has_its_prefix_and_fits_one_block_of_the_digest() {
    let (tokens, _) = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    assert!(issued.secret().starts_with("tet_"));
    assert_eq!(issued.secret().len(), 55);
}

#[tokio::test]
async fn a_tokens_own_life_shortens_and_never_lengthens() {
    let (tokens, clock) = tokens();
    let short = tokens.issue("alice").life(HOUR).await.unwrap();
    let long = tokens.issue("alice").life(48 * HOUR).await.unwrap();
    assert_eq!(short.record().times().ends_at, clock.now() + HOUR);
    assert_eq!(long.record().times().ends_at, clock.now() + 24 * HOUR);
    clock.advance(HOUR);
    assert_eq!(
        reason(&tokens, short.secret()).await,
        Some(Reason::Expired(Rule::Record))
    );
    assert!(lives(&tokens, &long).await);
    clock.advance(23 * HOUR);
    assert_eq!(
        reason(&tokens, long.secret()).await,
        Some(Reason::Expired(Rule::Life))
    );
    assert!(matches!(
        tokens.issue("alice").life(Duration::ZERO).await,
        Err(IssueError::NoLife)
    ));
}

#[tokio::test]
async fn a_changed_character_anywhere_is_refused_without_asking_the_store() {
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    for place in 0..issued.secret().len() {
        let mut text = issued.secret().to_owned().into_bytes();
        text[place] = if text[place] == b'x' { b'y' } else { b'x' };
        let text = String::from_utf8(text).unwrap();
        let rejection = tokens
            .authenticate(&BearerToken::parse(&text).unwrap())
            .await
            .unwrap_err();
        assert_eq!(*rejection.reason(), Reason::UnknownToken);
    }
    assert_eq!(store.asked(), 0);
}

#[tokio::test]
async fn revoking_ends_a_token_at_once_and_twice_is_no_error() {
    let (tokens, _) = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    assert!(tokens.revoke(&token).await.unwrap());
    assert_eq!(
        reason(&tokens, issued.secret()).await,
        Some(Reason::UnknownToken)
    );
    assert!(!tokens.revoke(&token).await.unwrap());
    assert!(
        !tokens
            .revoke(&BearerToken::parse("garbage").unwrap())
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_session_is_ended_by_its_own_user_alone() {
    let (tokens, _) = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    assert!(
        !tokens
            .revoke_session(&Subject::new("bob"), issued.session())
            .await
            .unwrap()
    );
    assert!(lives(&tokens, &issued).await);
    assert!(
        tokens
            .revoke_session(&Subject::new("alice"), issued.session())
            .await
            .unwrap()
    );
    assert!(!lives(&tokens, &issued).await);
}

#[tokio::test]
async fn all_of_a_subjects_tokens_end_or_all_but_one() {
    let (tokens, _) = tokens();
    let alice = Subject::new("alice");
    let [phone, laptop, tablet] = [
        tokens.issue("alice").await,
        tokens.issue("alice").await,
        tokens.issue("alice").await,
    ]
    .map(Result::unwrap);
    let bob = tokens.issue("bob").await.unwrap();

    assert_eq!(
        tokens.revoke_others(&alice, phone.session()).await.unwrap(),
        2
    );
    assert!(
        lives(&tokens, &phone).await
            && !lives(&tokens, &laptop).await
            && !lives(&tokens, &tablet).await
    );
    assert_eq!(tokens.revoke_all(&alice).await.unwrap(), 1);
    assert!(!lives(&tokens, &phone).await && lives(&tokens, &bob).await);
}

#[tokio::test]
async fn live_sessions_are_listed_the_most_recently_used_first() {
    let (tokens, clock) = tokens();
    let short = tokens
        .issue("alice")
        .life(HOUR)
        .label("short")
        .await
        .unwrap();
    let laptop = tokens
        .issue("alice")
        .label("laptop")
        .scopes(["read"])
        .await
        .unwrap();
    clock.advance(HOUR / 2);
    let phone = tokens.issue("alice").label("phone").await.unwrap();
    tokens.issue("bob").await.unwrap();

    let labels = |sessions: Vec<tower_expiring_token::Session>| -> Vec<String> {
        sessions
            .into_iter()
            .map(|session| session.label.unwrap())
            .collect()
    };
    let alice = Subject::new("alice");
    assert_eq!(labels(tokens.sessions(&alice).await.unwrap())[0], "phone");

    clock.advance(HOUR / 2);
    assert!(lives(&tokens, &laptop).await);
    let sessions = tokens.sessions(&alice).await.unwrap();
    assert_eq!(sessions[0].id, *laptop.session());
    assert_eq!(
        (sessions[0].last_used_at, sessions[0].scopes.as_str()),
        (clock.now(), "read")
    );
    assert_eq!(
        labels(sessions),
        ["laptop", "phone"],
        "{:?} has ended",
        short.session()
    );
    assert!(lives(&tokens, &phone).await);
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_session_least_recently_used() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .limit(2)
        .clock(clock.clone())
        .build()
        .unwrap();
    let first = tokens.issue("alice").await.unwrap();
    clock.advance(HOUR);
    let second = tokens.issue("alice").await.unwrap();
    clock.advance(HOUR);
    assert!(
        lives(&tokens, &first).await,
        "a use, so the second is now the least recently used"
    );
    let third = tokens.issue("alice").await.unwrap();
    let bobs = tokens.issue("bob").await.unwrap();
    assert!(!lives(&tokens, &second).await);
    for issued in [first, third, bobs] {
        assert!(lives(&tokens, &issued).await);
    }
}

#[tokio::test]
async fn the_limit_of_logins_ends_no_personal_token_which_may_have_one_of_its_own() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .limit(1)
        .clock(clock.clone())
        .build()
        .unwrap();
    let kinds = async || {
        let sessions = tokens.sessions(&Subject::new("alice")).await.unwrap();
        let personal = sessions.iter().filter(|session| session.kind == "personal");
        (sessions.len(), personal.count())
    };
    for _ in 0..3 {
        clock.advance(HOUR);
        tokens.issue("alice").kind("personal").await.unwrap();
        tokens.issue("alice").await.unwrap();
    }
    assert_eq!(kinds().await, (1 + 3, 3));
    clock.advance(HOUR);
    let limited = tokens.issue("alice").kind("personal").limit(2);
    limited.await.unwrap();
    assert_eq!(kinds().await, (1 + 2, 2));
    tokens.issue("alice").limit(2).await.unwrap();
    assert_eq!(kinds().await, (2 + 2, 2), "one login more than usual");
    let none = tokens.issue("alice").limit(0).await.unwrap_err();
    assert!(none.to_string().contains("found 0"), "{none}");
}

#[tokio::test]
async fn each_kind_has_its_own_prefix_and_life_and_opens_only_doors_that_let_it_in() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(1))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .clock(clock.clone())
        .build()
        .unwrap();
    let personal = tokens.issue("alice").kind("personal").await.unwrap();
    assert!(personal.secret().starts_with("pat_"));
    assert_eq!(personal.expires_at(), clock.now() + 90 * 24 * HOUR);
    assert_eq!(
        reason(&tokens, personal.secret()).await,
        Some(Reason::WrongKind)
    );
    assert!(matches!(
        tokens.issue("alice").kind("persnal").await,
        Err(IssueError::UnknownKind(_))
    ));
}

#[tokio::test]
async fn a_prefix_and_a_key_change_without_logging_anybody_out() {
    let store = MemoryStore::new();
    let of_kind = |kind| {
        let tokens = TokenAuthority::builder(store.clone()).access(kind);
        let tokens = tokens.expiry(Lifetime::hours(24)).limit(4);
        tokens.key(ServerKey::new([7; 32])).build().unwrap()
    };
    let first = || TokenKind::hex("access", 40);
    let second = || TokenKind::new("access", "tet_").formerly(first());
    let third = || {
        let third = TokenKind::new("access", "acm_").keyed(DigestKey::new([7; 32]));
        third.formerly(second())
    };
    let mut issued = Vec::new();
    for kind in [first(), second(), third()] {
        let tokens = of_kind(kind);
        issued.push(tokens.issue("alice").await.unwrap());
        issued.push(tokens.issue("bob").login(LoginMode::Renew).await.unwrap());
        for issued in &issued {
            assert!(lives(&tokens, issued).await, "{}", issued.secret());
        }
    }
    let prefixes = [0, 2, 4].map(|index| &issued[index].secret()[..4]);
    assert!(prefixes[0] < "g" && prefixes[1..] == ["tet_", "acm_"]);
    for bobs in [1, 3, 5] {
        assert_eq!(issued[bobs].secret(), issued[1].secret(), "is told again");
    }

    let tokens = of_kind(third());
    assert_eq!(tokens.sessions(&"alice".into()).await.unwrap().len(), 3);
    let old = BearerToken::parse(issued[0].secret()).unwrap();
    let caller = tokens.authenticate(&old).await.unwrap();
    assert_eq!(caller.kind(), "access");
    assert!(tokens.revoke(&old).await.unwrap());
    assert!(!lives(&tokens, &issued[0]).await);
    assert!(lives(&tokens, &issued[2]).await);
}

#[tokio::test]
async fn a_token_of_another_system_is_adopted_and_lives_on() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .access(TokenKind::hex("access", 40))
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let django = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
    let adopted = tokens.issue("alice").adopt(django).await.unwrap();
    assert_eq!(adopted.secret(), django);
    assert!(lives(&tokens, &adopted).await);
    let token = BearerToken::parse(django).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let stale = caller.require_recent(HOUR, clock.now());
    assert!(stale.is_err(), "nobody has proved who he is");
    assert_eq!(
        reason(&tokens, &django.to_uppercase()).await,
        Some(Reason::UnknownToken)
    );
    assert!(matches!(
        tokens.issue("alice").adopt("tet_no").await,
        Err(IssueError::NotOfKind(_))
    ));
    assert_eq!(
        tokens.issue("bob").await.unwrap().secret().len(),
        40,
        "new ones look the same"
    );
    assert_eq!(tokens.revoke_all(&Subject::new("alice")).await.unwrap(), 1);
    assert!(!lives(&tokens, &adopted).await);
}

#[tokio::test]
async fn tokens_that_are_taken_over_are_no_logins_and_end_no_other() {
    for mode in [
        LoginMode::New,
        LoginMode::ReplaceAll,
        LoginMode::ReplaceExpired,
    ] {
        let tokens = TokenAuthority::builder(MemoryStore::new())
            .expiry(Lifetime::hours(24))
            .access(TokenKind::new("access", "tet_").formerly(TokenKind::hex("knox", 64)))
            .login(mode)
            .limit(2)
            .key(ServerKey::random().unwrap())
            .build()
            .unwrap();
        let login = tokens.issue("alice").await.unwrap();
        for number in 0..4 {
            let text = format!("{number:064x}");
            tokens.issue("alice").adopt(&text).await.unwrap();
        }
        let live = async |text: &str| {
            let token = BearerToken::parse(text).unwrap();
            tokens.authenticate(&token).await.is_ok()
        };
        assert!(live(login.secret()).await);
        for number in 0..4 {
            assert!(live(&format!("{number:064x}")).await, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_new_key_comes_with_a_new_kind_and_logs_nobody_out() {
    let store = MemoryStore::new();
    let old = TokenKind::new("access", "one_").keyed(DigestKey::new([1; 32]));
    let new = TokenKind::new("access-2", "two_").keyed(DigestKey::new([2; 32]));
    let before = TokenAuthority::builder(store.clone())
        .access(old.clone())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let issued = before.issue("alice").await.unwrap();

    let after = TokenAuthority::builder(store)
        .access(new)
        .expiry(Lifetime::hours(24))
        .kind(old, Lifetime::hours(24))
        .build()
        .unwrap();
    assert!(
        after
            .issue("alice")
            .await
            .unwrap()
            .secret()
            .starts_with("two_")
    );
    assert_eq!(
        after.sessions(&Subject::new("alice")).await.unwrap().len(),
        2
    );
    assert!(after.layer().kinds(&["access", "access-2"]).is_ok());
    assert!(lives(&before, &issued).await);
}

#[tokio::test]
async fn the_wrong_key_finds_nothing() {
    let store = MemoryStore::new();
    let with = |key| {
        let kind = TokenKind::new("access", "tet_").keyed(DigestKey::new(key));
        TokenAuthority::builder(store.clone())
            .access(kind)
            .expiry(Lifetime::hours(24))
            .build()
            .unwrap()
    };
    let issued = with([1; 32]).issue("alice").await.unwrap();
    assert!(lives(&with([1; 32]), &issued).await);
    assert_eq!(
        reason(&with([2; 32]), issued.secret()).await,
        Some(Reason::UnknownToken)
    );
}

#[tokio::test]
async fn a_store_that_cant_say_is_never_a_verdict() {
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    store.fail();
    let rejection = tokens
        .authenticate(&BearerToken::parse(issued.secret()).unwrap())
        .await
        .unwrap_err();
    assert_eq!(*rejection.reason(), Reason::StoreUnavailable);
    let causes: Vec<String> =
        std::iter::successors(std::error::Error::source(&rejection), |error| {
            error.source()
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        causes,
        ["the token store could not answer", "told to fail"],
        "the cause stays for logs"
    );
    assert!(matches!(
        tokens.issue("alice").await,
        Err(IssueError::Store(_))
    ));
    let error: StoreError = tokens.revoke_all(&Subject::new("alice")).await.unwrap_err();
    assert_eq!(error.to_string(), "the token store could not answer");
}

#[tokio::test]
async fn a_purge_takes_what_has_been_dead_for_the_retention_and_no_live_token() {
    let (tokens, clock) = tokens();
    let old = tokens.issue("alice").await.unwrap();
    clock.advance(47 * HOUR);
    let live = tokens.issue("alice").await.unwrap();
    assert_eq!(
        tokens.purge().await.unwrap(),
        0,
        "dead for 23 hours, kept for 24"
    );
    clock.advance(HOUR);
    assert_eq!(tokens.purge().await.unwrap(), 1);
    assert_eq!(tokens.store().len(), 1);
    assert!(lives(&tokens, &live).await && !lives(&tokens, &old).await);
}

#[tokio::test]
async fn an_invalid_scope_is_refused_and_nothing_is_kept() {
    let (tokens, _) = tokens();
    let error = tokens.issue("alice").scopes(["re ad"]).await.unwrap_err();
    assert!(error.to_string().contains("\"re ad\""), "{error}");
    assert!(tokens.store().is_empty());
}

/// Knows everybody, or nobody.
#[derive(Clone, Copy)]
struct People {
    everybody: bool,
    at_once: bool,
}

#[async_trait]
impl Principals for People {
    type Principal = String;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<String>>, StoreError> {
        Ok(self.everybody.then(|| Arc::new(subject.to_string())))
    }

    fn load_now(&self, subject: &Subject) -> Option<Result<Option<Arc<String>>, StoreError>> {
        self.at_once
            .then(|| Ok(self.everybody.then(|| Arc::new(subject.to_string()))))
    }
}

#[tokio::test]
async fn whom_a_store_suspends_no_principals_around_it_bring_back() {
    let (issuer, clock) = tokens();
    let issued = issuer.issue("alice").await.unwrap();
    for at_once in [false, true] {
        let people = |everybody| People { everybody, at_once };
        let suspending = WithPrincipals::new(issuer.store().clone(), people(false));
        let around = WithPrincipals::new(suspending, people(true));
        let tokens = TokenAuthority::builder(around)
            .expiry(Lifetime::hours(24))
            .clock(clock.clone());
        let service = tokens
            .build()
            .unwrap()
            .layer()
            .layer(service_fn(async |_: Request<()>| {
                Ok::<_, Infallible>(Response::new(()))
            }));
        let request =
            Request::builder().header("authorization", format!("Bearer {}", issued.secret()));
        let refused = service.oneshot(request.body(()).unwrap()).await.unwrap();
        let why = refused.extensions().get::<Rejection>().unwrap();
        assert_eq!(why.reason(), &Reason::Suspended);
    }
}
