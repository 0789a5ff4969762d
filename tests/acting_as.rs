//! A handler is tested by acting as somebody, without a token.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::testing::{ActingAs, acting_as};
use tower_expiring_token::{
    Authenticated, Lifetime, MemoryStore, Reason, Rejection, RequireLayer, SessionId, Subject,
    TokenAuthority, TokenKind,
};

#[test]
fn a_subject_acts_for_itself_and_a_principal_of_ones_own_for_somebody() {
    let alice = acting_as(Subject::new("alice")).authenticated();
    assert_eq!(alice.subject().as_str(), "alice");
    assert_eq!(alice.principal::<Subject>().unwrap().as_str(), "alice");
    let seven = acting_as(7_u32).authenticated();
    assert_eq!(seven.subject().as_str(), "somebody");
    assert_eq!(seven.principal::<u32>().unwrap(), &7);
    let bob = acting_as(Subject::new("alice")).subject("bob");
    assert_eq!(bob.authenticated().subject().as_str(), "bob");
}

#[test]
fn it_acts_by_a_token_of_any_kind() {
    let acting = acting_as(Subject::new("alice"));
    let refused = acting.authenticated().require_kind("personal").unwrap_err();
    assert_eq!(refused.reason(), &Reason::WrongKind);
    let acting = acting.kind("personal");
    assert!(acting.authenticated().require_kind("personal").is_ok());
}

/// What a whole application answers: a scope layer within an authority's own.
async fn answer(acting: ActingAs, kinds: &[&str]) -> Response<String> {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .scheme("Token")
        .build()
        .unwrap();
    let show = service_fn(async |request: Request<()>| {
        let caller = Authenticated::of(request.extensions()).unwrap();
        let (subject, session) = (caller.subject(), caller.session());
        Ok::<_, Infallible>(Response::new(format!("{subject} {session}")))
    });
    let readers = RequireLayer::all(["read"]).unwrap().layer(show);
    let application = tokens.layer().kinds(kinds).unwrap().layer(readers);
    let request = Request::builder().header("authorization", "Token bad");
    let request = request.body(()).unwrap();
    acting.layer(application).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_whole_application_lets_him_in_whatever_the_request_shows() {
    let session = SessionId::from_bytes([7; 16]);
    let alice = acting_as(Subject::new("alice")).scopes(["read"]).unwrap();
    let answered = answer(alice.session(session), &["access"]).await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(answered.body(), &format!("alice {session}"));
}

#[tokio::test]
async fn a_credential_that_a_layer_strips_is_stripped_of_him_too() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let show = service_fn(async |request: Request<()>| {
        let shown = request.headers().contains_key("authorization");
        Ok::<_, Infallible>(Response::new(shown))
    });
    let strips = tokens.layer().strip_credential().layer(show);
    let passes = tokens.layer().layer(show);
    for (application, shown) in [(strips, false), (passes, true)] {
        let application = acting_as(Subject::new("alice")).layer(application);
        let request = Request::builder().header("authorization", "Bearer x");
        let answered = application.oneshot(request.body(()).unwrap()).await;
        assert_eq!(*answered.unwrap().body(), shown);
    }
}

#[tokio::test]
async fn a_whole_application_refuses_what_he_lacks_in_its_own_words() {
    let alice = || acting_as(Subject::new("alice")).scopes(["read"]).unwrap();
    for (acting, kinds, status, reason) in [
        (
            acting_as(Subject::new("alice")),
            ["access"],
            403,
            "lacks a scope",
        ),
        (alice(), ["personal"], 401, "of a kind"),
        (alice().kind("unheard"), ["access"], 401, "of a kind"),
    ] {
        let refused = answer(acting, &kinds).await;
        assert_eq!(refused.status(), status);
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Token "), "{challenge}");
        let why = refused.extensions().get::<Rejection>().unwrap();
        assert!(why.reason().to_string().contains(reason), "{why}");
    }
    let personal = answer(alice().kind("personal"), &["personal"]).await;
    assert_eq!(personal.status(), StatusCode::OK);
}
