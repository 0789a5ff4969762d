//! Other ways to say who calls, beside tokens: sessions, Basic; and CORS around it all.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_expiring_token::{Authenticated, Principal};
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use super::{BARE, INVALID_TOKEN, bearer};
use crate::support::house::{House, User, changed};
use crate::support::wire::{self, request, send, serve_axum};

/// Who logged in by another way than a token.
#[derive(Clone)]
struct Other(String);

/// Asks the session for its user.
async fn session_user(session: Session, mut request: Request, next: Next) -> Response {
    if let Ok(Some(name)) = session.get("user").await {
        request.extensions_mut().insert(Other(name));
    }
    next.run(request).await
}

/// Lets in whom one of the layers outside knows.
async fn one_of_them(request: Request, next: Next) -> Response {
    let known = request.extensions().get::<Other>().is_some();
    match Authenticated::of(request.extensions()) {
        Err(rejection) if !known => rejection.into_response(),
        _ => next.run(request).await,
    }
}

/// Whom each layer knows.
async fn names(user: Option<Principal<User>>, request: Request) -> String {
    let token = user.map_or("nobody".to_owned(), |user| user.name.clone());
    let other = request.extensions().get::<Other>();
    let other = other.map_or("nobody", |Other(name)| name);
    format!("token: {token}, other: {other}")
}

fn names_inside(house: &House) -> Router {
    Router::new()
        .route("/", get(names))
        .route_layer(from_fn(one_of_them))
        .route_layer(house.tokens.layer().optional())
}

#[tokio::test]
async fn a_session_or_a_token_lets_in_and_a_bad_token_is_refused_beside_a_good_session() {
    let house = House::that_waits();
    let log_in = async |session: Session| session.insert("user", "carol").await.unwrap();
    let router = names_inside(&house)
        .route("/login", post(log_in))
        .layer(from_fn(session_user))
        .layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false));
    let address = serve_axum(router).await;

    let login = send(request("POST", address, "/login", &[]), false).await;
    let cookie = login.headers["set-cookie"].to_str().unwrap();
    let session = ("cookie", cookie.split(';').next().unwrap());
    let token = house.token("alice", &[]).await;
    let (good, bad) = (bearer(&token), bearer(&changed(&token)));
    let (good, bad) = (("authorization", &*good), ("authorization", &*bad));

    for (fields, status, body) in [
        (&[][..], 401, None),
        (&[session], 200, Some("token: nobody, other: carol")),
        (&[good], 200, Some("token: alice, other: nobody")),
        (&[session, good], 200, Some("token: alice, other: carol")),
        (&[session, bad], 401, None),
    ] {
        let heard = wire::get(address, "/", fields).await;
        assert_eq!(heard.status, status, "{heard:?}");
        if let Some(body) = body {
            assert_eq!(heard.body, body);
        }
        match (status, fields) {
            (401, []) => assert_eq!(heard.challenges(), [BARE]),
            (401, _) => assert_eq!(heard.challenges(), [INVALID_TOKEN]),
            _ => assert!(heard.challenges().is_empty()),
        }
    }
}

/// Checks Basic credentials, and lets all others pass.
async fn basic(mut request: Request) -> Result<Request, Response> {
    let Some(value) = request.headers().get("authorization") else {
        return Ok(request);
    };
    match value.to_str().unwrap().split_once(' ') {
        // dave:secret
        Some(("Basic", "ZGF2ZTpzZWNyZXQ=")) => {
            request.extensions_mut().insert(Other("dave".to_owned()));
            Ok(request)
        }
        Some(("Basic", _)) => {
            let refused = Response::builder().status(401);
            let refused = refused.header("www-authenticate", r#"Basic realm="api""#);
            Err(refused.body(Body::empty()).unwrap())
        }
        _ => Ok(request),
    }
}

#[tokio::test]
async fn basic_credentials_are_left_to_the_layer_that_knows_them() {
    let house = House::at_once();
    let router = names_inside(&house).layer(AsyncRequireAuthorizationLayer::new(basic));
    let address = serve_axum(router).await;
    let token = bearer(&house.token("alice", &[]).await);
    let ask = async |value: &str| wire::get(address, "/", &[("authorization", value)]).await;

    let dave = ask("Basic ZGF2ZTpzZWNyZXQ=").await;
    assert_eq!(dave.body, "token: nobody, other: dave");
    assert_eq!(ask(&token).await.body, "token: alice, other: nobody");

    let refused = ask("Basic bad").await;
    assert_eq!(refused.challenges(), [r#"Basic realm="api""#]);
    let refused = ask(&bearer("bad")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.challenges(), [INVALID_TOKEN]);
    assert_eq!(ask("Digest x").await.challenges(), [BARE]);
}

#[tokio::test]
async fn without_an_optional_layer_other_schemes_are_refused_with_a_bare_challenge() {
    let house = House::at_once();
    let router = Router::new()
        .route("/", get(async || "in"))
        .layer(house.tokens.layer());
    let address = serve_axum(router).await;
    let refused = wire::get(address, "/", &[("authorization", "Basic ZGF2ZTpzZWNyZXQ=")]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.challenges(), [BARE]);
}

#[tokio::test]
async fn preflights_pass_when_cors_is_outside_or_the_layer_lets_them() {
    let house = House::at_once();
    let cors = || {
        CorsLayer::new()
            .allow_origin(Any)
            .allow_headers(["authorization".parse().unwrap()])
    };
    let routes = Router::new().route("/", get(async || "in"));
    let layer = house.tokens.layer();
    let outside = routes.clone().layer(layer.clone()).layer(cors());
    let inside = routes.clone().layer(cors()).layer(layer.clone());
    let allowed = routes.layer(cors()).layer(layer.allow_preflight());

    let fields = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
    ];
    for (router, status) in [(outside, 200), (inside, 401), (allowed, 200)] {
        let address = serve_axum(router).await;
        let heard = send(request("OPTIONS", address, "/", &fields), false).await;
        assert_eq!(heard.status, status);
        let answered = heard.headers.contains_key("access-control-allow-headers");
        assert_eq!(answered, status == 200, "{heard:?}");
        // The request itself needs a token either way.
        assert_eq!(wire::get(address, "/", &fields[..1]).await.status, 401);
    }
}
