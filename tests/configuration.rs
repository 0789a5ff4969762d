//! Misuse is caught when the authority is built: what was expected, what was found, what to do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    AuthorityBuilder, BearerToken, Clock, DigestKey, ExpiringTokenLayer, ExpiryPolicy,
    IssuingStore, Json, Lifetime, MemoryStore, RotatingStore, Subject, TokenAuthority, TokenKind,
};

use crate::support::ask::ask;

fn builder() -> AuthorityBuilder<MemoryStore> {
    TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24))
}

#[track_caller]
fn refused(builder: AuthorityBuilder<MemoryStore>, words: &str) {
    let error = builder.build().expect_err("it can't work").to_string();
    assert!(error.contains(words), "{error:?} does not say {words:?}");
    assert!(
        error.contains("expected") && error.contains("found"),
        "{error:?}"
    );
}

#[test]
fn no_lifetime_is_refused() {
    refused(
        TokenAuthority::builder(MemoryStore::new()),
        "Lifetime::hours(24)",
    );
}

#[test]
fn a_life_of_zero_is_refused() {
    refused(builder().expiry(Lifetime::hours(0)), "expected a life");
    refused(
        builder().expiry(Lifetime::new(Duration::from_nanos(999))),
        "expected a life",
    );
}

#[test]
fn an_idle_time_of_zero_or_beyond_the_life_is_refused() {
    refused(
        builder().expiry(Lifetime::hours(1).idle(Duration::ZERO)),
        "leave `.idle(..)` out",
    );
    refused(
        builder().expiry(Lifetime::hours(1).idle(Duration::from_secs(3601))),
        "3601s",
    );
}

#[test]
fn uses_written_less_often_than_the_idle_time_are_refused() {
    let idle = Duration::from_secs(60);
    refused(
        builder().expiry(Lifetime::hours(1).idle(idle).write_every(idle)),
        "write_every",
    );
}

#[test]
fn refresh_tokens_that_cant_work_are_refused() {
    let refreshed = || builder().refresh(Lifetime::days(30));
    let minute = Duration::from_secs(60);
    assert!(refreshed().refresh_grace(minute).build().is_ok());
    refused(
        refreshed().refresh_grace(minute + Duration::from_micros(1)),
        "at most 60s",
    );
    refused(builder().refresh_grace(minute), "add `.refresh(");
    refused(builder().refresh_prefix("ter_"), "add `.refresh(");
    refused(
        builder().refresh(Lifetime::days(0)),
        "the expiry of kind \"refresh\": expected a life",
    );
    refused(refreshed().refresh_prefix("a b"), "the prefix of kind");
    refused(
        refreshed().refresh_prefix("tet_r"),
        "prefixes of which neither",
    );
    refused(
        refreshed().kind(TokenKind::new("other", "ter_"), Lifetime::hours(1)),
        "prefixes of which neither",
    );
}

#[test]
fn an_empty_or_invalid_scheme_is_refused() {
    for scheme in ["", "Bear er", "Bearer:", "Bé", "a\r\nb", "\u{212a}"] {
        refused(builder().scheme(scheme), "expected a scheme");
    }
    refused(
        builder().scheme("Bearer").scheme("bearer"),
        "found \"bearer\" again",
    );
}

#[test]
fn an_empty_or_invalid_realm_is_refused() {
    for realm in ["", "a\r\nX: y", "a\0b", "naïve", "tab\there"] {
        refused(builder().realm(realm), "expected a realm");
    }
}

#[test]
fn a_prefix_that_cant_stand_in_a_header_is_refused() {
    for prefix in ["", "acme token_", "acme=", "é_", "a\n", &"x".repeat(33)] {
        refused(
            builder().access(TokenKind::new("access", prefix)),
            &format!(
                "the prefix of kind \"access\": expected 1 to 32 letters, digits or -._~+/, found {prefix:?}"
            ),
        );
    }
}

#[test]
fn a_prefix_beyond_one_block_of_the_digest_is_allowed() {
    assert!(
        builder()
            .access(TokenKind::new("access", "a-long-company-name_"))
            .build()
            .is_ok()
    );
}

#[test]
fn foreign_tokens_short_enough_to_guess_are_refused() {
    for digits in [0, 31, 513] {
        refused(
            builder().access(TokenKind::hex("access", digits)),
            &format!("expected 32 to 512, found {digits}"),
        );
    }
    assert!(
        builder()
            .access(TokenKind::hex("access", 40))
            .build()
            .is_ok()
    );
}

#[test]
fn two_kinds_whose_texts_cant_be_told_apart_are_refused() {
    let day = Lifetime::days(1);
    refused(
        builder().kind(TokenKind::new("other", "tet_"), day),
        "\"access\" and \"other\"",
    );
    refused(
        builder().kind(TokenKind::new("other", "tet_more_"), day),
        "neither begins the other",
    );
    let digits = builder()
        .kind(TokenKind::hex("a", 40), day)
        .kind(TokenKind::hex("b", 40), day);
    refused(digits, "\"a\" and \"b\"");
    let lookalike = builder()
        .kind(TokenKind::new("a", "abcdef0123456"), day)
        .kind(TokenKind::hex("b", 64), day);
    refused(lookalike, "\"a\" and \"b\"");
}

#[test]
fn more_kinds_than_a_layer_can_name_are_refused() {
    let with = |others: usize| {
        (0..others).fold(builder(), |builder, other| {
            let kind = TokenKind::new(&format!("kind {other}"), &format!("t{other}_"));
            builder.kind(kind, Lifetime::days(1))
        })
    };
    let tokens = with(63).build().unwrap();
    assert!(tokens.layer().kinds(&["access", "kind 62"]).is_ok());
    refused(with(64), "found 65");
}

#[test]
fn former_texts_that_cant_be_told_from_todays_or_another_kinds_are_refused() {
    let day = Lifetime::days(1);
    let access = |prefix| TokenKind::new("access", prefix);
    refused(
        builder().access(access("acm_").formerly(access("acm_old_"))),
        "former definition of kind \"access\"",
    );
    let keyed = TokenKind::hex("access", 40).keyed(DigestKey::new([7; 32]));
    refused(
        builder().access(keyed.formerly(TokenKind::hex("access", 40))),
        "former definition of kind \"access\"",
    );
    refused(
        builder().access(access("acm_").formerly(access("a b"))),
        "found \"a b\"",
    );
    let other = TokenKind::new("other", "oth_").formerly(TokenKind::new("other", "tet_"));
    refused(builder().kind(other, day), "\"access\" and \"other\"");
}

#[test]
fn a_main_that_fails_says_why() {
    let error = builder().realm("").build().unwrap_err();
    assert!(format!("{error:?}").contains(&error.to_string()));
}

#[test]
fn two_kinds_of_one_name_or_of_none_are_refused() {
    refused(
        builder().kind(TokenKind::new("access", "pat_"), Lifetime::days(1)),
        "twice",
    );
    refused(
        builder().kind(TokenKind::new("", "pat_"), Lifetime::days(1)),
        "expected a name",
    );
}

#[test]
fn every_kinds_policy_is_checked() {
    refused(
        builder().kind(TokenKind::new("personal", "pat_"), Lifetime::days(0)),
        "\"personal\"",
    );
}

#[test]
fn a_limit_of_nothing_is_refused() {
    refused(
        builder().limit(0),
        "expected a limit of one session or more",
    );
}

#[test]
fn a_layer_for_an_unknown_kind_is_refused_and_names_those_that_are_known() {
    let tokens = builder()
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .build()
        .unwrap();
    let error = tokens
        .layer()
        .kinds(&["access", "persnal"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("access, personal") && error.contains("persnal"),
        "{error}"
    );
    assert!(tokens.layer().kinds(&[]).is_err());
    assert!(tokens.layer().kinds(&["personal", "access"]).is_ok());
}

#[tokio::test]
async fn a_style_of_refusals_that_is_named_last_changes_nothing_else() {
    let tokens = builder()
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .build()
        .unwrap();
    let in_clear = |fields: &HeaderMap, _: &Extensions| fields.contains_key("in-clear");
    let layer = tokens
        .layer()
        .kinds(&["personal"])
        .unwrap()
        .refuse_cleartext(in_clear)
        .allow_preflight()
        .strip_credential()
        .announce_expiry(Duration::MAX);
    let optional = tokens.layer().optional().respond(Json);
    let show = service_fn(async |request: Request<_>| {
        let shown = request.headers().contains_key("authorization");
        let body = Full::<Bytes>::from(if shown { "shown" } else { "" });
        Ok::<_, Infallible>(Response::new(body))
    });
    let service = layer.respond(Json).layer(show);
    let issue = async |kind: &str| {
        let issued = tokens.issue("alice").kind(kind).await.unwrap();
        issued.secret().to_owned()
    };
    let (personal, access) = (issue("personal").await, issue("access").await);

    let good = ask("GET", "/").bearer(&personal).of(service.clone()).await;
    assert_eq!((good.status.as_u16(), good.body.len()), (200, 0));
    assert!(good.header("token-expires-in").is_some());
    let other = ask("GET", "/").bearer(&access).of(service.clone()).await;
    assert_eq!(other.status, 401);
    assert_eq!(other.member("error"), "invalid_token");
    let clear = ask("GET", "/").bearer(&personal).header("in-clear", "");
    assert_eq!(clear.of(service.clone()).await.status, 401);
    let preflight = ask("OPTIONS", "/").header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    assert_eq!(preflight.of(service).await.status, 200);
    assert_eq!(ask("GET", "/").of(optional.layer(show)).await.status, 200);
}

#[test]
fn the_short_way_to_a_layer_says_the_same() {
    assert!(ExpiringTokenLayer::new(MemoryStore::new(), Lifetime::hours(24)).is_ok());
    let error = ExpiringTokenLayer::new(MemoryStore::new(), Lifetime::hours(0)).unwrap_err();
    assert!(error.to_string().contains("expected a life"), "{error}");
}

#[tokio::test]
async fn a_store_a_clock_and_a_policy_may_be_trait_objects() {
    let store: Arc<dyn IssuingStore<Principal = Subject>> = Arc::new(MemoryStore::new());
    let hour = Duration::from_secs(3600);
    let policy: Arc<dyn ExpiryPolicy> = Arc::new(Lifetime::hours(24).idle(hour));
    let manual = ManualClock::default();
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let keyed = TokenKind::new("access", "acme").keyed(DigestKey::new([7; 32]));
    let builder = || TokenAuthority::builder(Arc::clone(&store));
    let tokens = builder().expiry(policy).clock(clock).access(keyed);
    let tokens = tokens.build().unwrap();
    let end = manual.now() + 24 * hour;
    let issued = tokens.issue("alice").await.unwrap();
    assert_eq!(issued.record().times().ends_at, end);
    let token = BearerToken::parse(issued.secret()).unwrap();
    for _ in 0..30 {
        manual.advance(Duration::from_secs(3000));
        let lives = tokens.authenticate(&token).await.is_ok();
        assert_eq!(lives, manual.now() < end);
    }
    let nothing: Box<dyn ExpiryPolicy> = Box::new(Lifetime::hours(0));
    let error = builder().expiry(nothing).build().unwrap_err();
    assert!(error.to_string().contains("expected a life"), "{error}");
}

#[test]
fn what_an_authority_does_may_be_sent_to_another_thread_whatever_its_store() {
    fn is_send(_: impl Send) {}
    let store: Arc<dyn RotatingStore<Principal = Subject>> = Arc::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24));
    let tokens = tokens.build().unwrap();
    is_send(async move {
        let issued = tokens.issue("alice").await.unwrap();
        let token = BearerToken::parse(issued.secret()).unwrap();
        let caller = tokens.authenticate(&token).await.unwrap();
        let _ = tokens.introspect(&token).await;
        let _ = tokens.step_up(&caller).await;
        let _ = tokens.delegate(&caller, "export").await;
        let _ = tokens.sessions(caller.subject()).await;
        let _ = tokens
            .revoke_session(caller.subject(), caller.session())
            .await;
        let _ = tokens
            .revoke_others(caller.subject(), caller.session())
            .await;
        let _ = tokens.revoke_all(caller.subject()).await;
        let _ = tokens.purge().await;
    });
}
