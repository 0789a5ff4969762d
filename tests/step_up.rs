//! Dangerous routes ask for a recent login (RFC 9470), which no token alone can give.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::testing::{ManualClock, acting_as};
use tower_expiring_token::{
    Authenticated, BearerToken, Clock, Drf, Json, Lifetime, MemoryStore, Reason, RequireLayer,
    Subject, TokenAuthority, TokenKind,
};

use crate::support::house::House;
use crate::support::wire::{Heard, get, serve};

const MINUTES: Duration = Duration::from_secs(300);
const MICROSECOND: Duration = Duration::from_micros(1);

async fn ok<B>(_request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::default())
}

/// Serves what needs a login of the last five minutes and then the scope `admin`.
async fn dangerous(house: &House) -> SocketAddr {
    serve(
        ServiceBuilder::new()
            .layer(house.tokens.layer())
            .layer(house.tokens.require_recent(MINUTES).respond(Json))
            .layer(RequireLayer::all(["admin"]).unwrap())
            .service_fn(ok),
    )
    .await
}

async fn ask(address: SocketAddr, token: &str) -> Heard {
    let field = format!("Bearer {token}");
    get(address, "/", &[("authorization", &field)]).await
}

#[tokio::test]
async fn a_stale_login_is_told_how_old_it_may_be() {
    for house in [House::at_once(), House::that_waits()] {
        let address = dangerous(&house).await;
        let token = house.token("alice", &["admin"]).await;
        assert_eq!(ask(address, &token).await.status, 200);

        house.wait(MINUTES + MICROSECOND);
        let refused = ask(address, &token).await;
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.challenges(),
            [
                r#"Bearer realm="api", error="insufficient_user_authentication", error_description="the login is too old for this; prove who you are again", max_age="300""#
            ]
        );
        assert_eq!(
            refused.body,
            r#"{"error":"insufficient_user_authentication","error_description":"the login is too old for this; prove who you are again","max_age":300}"#
        );
        assert_eq!(refused.headers["cache-control"], "no-store");
        assert_eq!(refused.headers["vary"], "authorization");

        let again = house.token("alice", &["admin"]).await;
        assert_eq!(ask(address, &again).await.status, 200, "a new login");
    }
}

#[tokio::test]
async fn a_bad_token_comes_before_a_stale_login_and_that_before_a_missing_scope() {
    let house = House::at_once();
    let address = dangerous(&house).await;
    let error = async |token: &str| {
        let refused = ask(address, token).await;
        let challenge = refused.challenges()[0].to_owned();
        challenge.split('"').nth(3).unwrap().to_owned()
    };

    let expired = house.expired().await;
    let reader = house.token("alice", &["read"]).await;
    assert_eq!(error(&reader).await, "insufficient_scope");
    house.wait(MINUTES + MICROSECOND);
    assert_eq!(error(&reader).await, "insufficient_user_authentication");
    assert_eq!(error(&expired).await, "invalid_token");
}

#[tokio::test]
async fn an_age_of_max_age_passes_and_a_microsecond_more_does_not() {
    let clock = ManualClock::default();
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .clock(clock.clone())
        .build()
        .unwrap();
    let issued = tokens.issue("alice").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let passes = |age: Duration, max_age| {
        let now = caller.authenticated_at() + age;
        caller.require_recent(max_age, now).is_ok()
    };

    assert!(passes(MINUTES, MINUTES));
    assert!(!passes(MINUTES + MICROSECOND, MINUTES));
    assert!(passes(Duration::ZERO, Duration::ZERO), "zero is allowed");
    assert!(!passes(MICROSECOND, Duration::ZERO));
    let before = caller.authenticated_at() - Duration::from_secs(3600);
    assert!(
        caller.require_recent(Duration::ZERO, before).is_ok(),
        "a clock that went back makes no login stale"
    );
    let refused = caller.require_recent(MINUTES, clock.now() + 2 * MINUTES);
    let reason = Reason::StaleLogin { max_age: MINUTES };
    assert_eq!(*refused.unwrap_err().reason(), reason);
}

#[tokio::test]
async fn a_stale_login_is_16_to_grpc_and_a_bare_token_in_drfs_style() {
    let house = House::at_once();
    let token = house.token("alice", &[]).await;
    house.wait(MINUTES + MICROSECOND);
    let address = serve(
        ServiceBuilder::new()
            .layer(house.tokens.layer())
            .layer(house.tokens.require_recent(MINUTES).respond(Drf::stock()))
            .service_fn(ok),
    )
    .await;
    let refused = ask(address, &token).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.challenges(), ["Bearer"]);
    assert_eq!(
        refused.body,
        r#"{"detail":"Recent authentication is required."}"#
    );

    let field = format!("Bearer {token}");
    let fields = [
        ("authorization", field.as_str()),
        ("content-type", "application/grpc"),
    ];
    let refused = get(address, "/", &fields).await;
    assert_eq!(refused.status, 200);
    assert_eq!(refused.headers["grpc-status"], "16");
    assert_eq!(
        refused.headers["grpc-message"],
        "insufficient_user_authentication: the login is too old for this; prove who you are again"
    );
}

#[tokio::test]
async fn without_the_layer_around_it_everybody_gets_a_500() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .build()
        .unwrap();
    let service = tokens.require_recent(MINUTES).layer(service_fn(ok::<()>));
    let response = service.oneshot(Request::default()).await.unwrap();
    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn inside_of_a_layer_for_several_kinds_a_route_takes_one_of_them() {
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90))
        .build()
        .unwrap();
    let logins = RequireLayer::new(|caller| caller.require_kind("access"));
    let mut service = ServiceBuilder::new()
        .layer(tokens.layer().kinds(&["access", "personal"]).unwrap())
        .layer(logins)
        .service_fn(ok::<()>);
    for (kind, status) in [("access", 200), ("personal", 401)] {
        let issued = tokens.issue("alice").kind(kind).await.unwrap();
        let request = Request::builder()
            .header("authorization", format!("Bearer {}", issued.secret()))
            .body(())
            .unwrap();
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), status, "{kind}");
    }
}

#[test]
fn a_handlers_test_acts_as_one_who_has_just_logged_in() {
    let now = ManualClock::default().now();
    let acting = acting_as(Subject::new("alice"));
    let check = |caller: Authenticated| caller.require_recent(MINUTES, now);
    assert!(check(acting.clone().authenticated_at(now).authenticated()).is_ok());
    assert!(check(acting.authenticated()).is_err());
}
