//! axum: extractors, and what its routers put inside of a layer.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Request, Response};
use tower::ServiceExt;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    Authenticated, Json, Lifetime, MemoryStore, Principal, Reason, Rejection, RequireLayer, Scopes,
    StoreError, Subject, TokenAuthority,
};

use super::{BARE, bearer, tells_tokens_apart};
use crate::support::house::{House, User};
use crate::support::wire::{self, Heard, serve_axum};

async fn name(user: Principal<User>) -> String {
    user.name.clone()
}

async fn perhaps(user: Option<Principal<User>>) -> String {
    user.map_or("nobody".to_owned(), |user| user.name.clone())
}

async fn ask(router: Router, path: &str, token: Option<&str>) -> Heard {
    let field = token.map(bearer);
    let fields = field.as_deref().map(|value| ("authorization", value));
    wire::get(serve_axum(router).await, path, fields.as_slice()).await
}

/// The whole response, with its extensions.
async fn respond(router: Router, token: &str) -> Response<Body> {
    let request = Request::builder().header("authorization", bearer(token));
    let request = request.body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_good_token_is_let_in_and_all_others_are_told_apart() {
    for house in [House::at_once(), House::that_waits()] {
        let router = Router::new()
            .route("/", get(name))
            .layer(house.tokens.layer());
        tells_tokens_apart(&house, async |token| ask(router.clone(), "/", token).await).await;
    }
}

#[tokio::test]
async fn a_layer_around_a_router_guards_unknown_paths_and_a_route_layer_does_not() {
    let house = House::at_once();
    let good = house.token("alice", &[]).await;
    let routes = Router::new().route("/", get(name));

    let guarded = routes.clone().layer(house.tokens.layer());
    assert_eq!(ask(guarded.clone(), "/nope", None).await.status, 401);
    assert_eq!(ask(guarded, "/nope", Some(&good)).await.status, 404);

    let guarded = routes.route_layer(house.tokens.layer());
    assert_eq!(ask(guarded.clone(), "/nope", None).await.status, 404);
    assert_eq!(ask(guarded, "/", None).await.status, 401);
}

#[tokio::test]
async fn a_layer_around_one_method_guards_that_alone() {
    let house = House::at_once();
    let router = Router::new().route(
        "/",
        get(name)
            .layer(house.tokens.layer())
            .head(async || "anybody"),
    );
    let address = serve_axum(router).await;
    assert_eq!(wire::get(address, "/", &[]).await.status, 401);
    let head = wire::request("HEAD", address, "/", &[]);
    assert_eq!(wire::send(head, false).await.status, 200);
}

#[tokio::test]
async fn a_route_added_after_the_layer_is_a_500_that_says_so_even_with_a_good_token() {
    let house = House::at_once();
    let router = Router::new()
        .route("/", get(name))
        .layer(house.tokens.layer())
        .route("/late", get(name))
        .route("/late/perhaps", get(perhaps))
        .route("/late/caller", get(async |_: Authenticated| ()))
        .route(
            "/late/caller/perhaps",
            get(async |_: Option<Authenticated>| ()),
        );
    let good = house.token("alice", &[]).await;
    for path in [
        "/late",
        "/late/perhaps",
        "/late/caller",
        "/late/caller/perhaps",
    ] {
        for token in [None, Some(good.as_str())] {
            let heard = ask(router.clone(), path, token).await;
            assert_eq!(heard.status, 500, "{path}");
            assert!(heard.challenges().is_empty());
            assert!(
                heard.body.contains("no ExpiringTokenLayer is around"),
                "{heard:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_optional_layer_that_finds_nobody_leaves_no_caller_of_a_layer_outside() {
    let (staff, users) = (House::at_once(), House::at_once());
    let inner = users.tokens.layer().optional().respond(Json);
    let router = Router::new()
        .route("/perhaps", get(perhaps))
        .route(
            "/needs",
            get(async || "let in").layer(RequireLayer::all(["admin"]).unwrap()),
        )
        .layer(inner)
        // As a layer outside that takes other fields would: nothing is shown to the one inside.
        .layer(tower::util::MapRequestLayer::new(
            |mut request: Request<Body>| {
                request.headers_mut().remove("authorization");
                request
            },
        ))
        .layer(staff.tokens.layer());
    let admin = staff.token("alice", &["admin"]).await;
    let perhaps = ask(router.clone(), "/perhaps", Some(&admin)).await;
    assert_eq!((perhaps.status.as_u16(), &*perhaps.body), (200, "nobody"));
    assert_eq!(ask(router, "/needs", Some(&admin)).await.status, 401);
}

#[tokio::test]
async fn an_optional_principal_is_none_without_credentials_and_never_for_bad_ones() {
    for house in [House::at_once(), House::that_waits()] {
        let router = Router::new()
            .route("/", get(perhaps))
            .layer(house.tokens.layer().optional().respond(Json));
        let good = house.token("alice", &[]).await;

        let anonymous = ask(router.clone(), "/", None).await;
        assert_eq!(
            (anonymous.status.as_u16(), &*anonymous.body),
            (200, "nobody")
        );
        assert_eq!(anonymous.headers["vary"], "authorization");
        let alice = ask(router.clone(), "/", Some(&good)).await;
        assert_eq!((alice.status.as_u16(), &*alice.body), (200, "alice"));
        assert_eq!(alice.headers["vary"], "authorization");
        let bad = ask(router, "/", Some(&house.revoked().await)).await;
        assert_eq!(bad.status, 401);
        assert!(
            bad.body.starts_with(r#"{"error":"invalid_token","#),
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn a_needed_principal_behind_an_optional_layer_is_a_401_with_a_challenge() {
    let house = House::at_once();
    let router = Router::new()
        .route("/", get(name))
        .layer(house.tokens.layer().optional());
    let anonymous = ask(router, "/", None).await;
    assert_eq!(anonymous.status, 401);
    assert_eq!(anonymous.challenges(), [BARE]);
}

#[tokio::test]
async fn a_principal_of_another_type_than_the_stores_is_a_500_that_names_both() {
    let house = House::at_once();
    let good = house.token("alice", &[]).await;
    let wrong = async |_: Principal<Subject>| ();
    let perhaps_wrong = async |_: Option<Principal<Subject>>| ();
    for handler in [get(wrong), get(perhaps_wrong)] {
        let router = Router::new()
            .route("/", handler)
            .layer(house.tokens.layer());
        let response = respond(router, &good).await;
        assert_eq!(response.status(), 500);
        assert!(!response.headers().contains_key("www-authenticate"));

        let rejection = response.extensions().get::<Rejection>().unwrap();
        let (asked, stored) = (
            std::any::type_name::<Subject>(),
            std::any::type_name::<User>(),
        );
        assert_eq!(
            rejection.reason(),
            &Reason::WrongPrincipal {
                expected: asked,
                found: stored,
            }
        );
        let text = rejection.to_string();
        assert!(text.contains(asked) && text.contains(stored), "{text}");
    }
}

#[tokio::test]
async fn a_handler_can_take_the_refusal_itself_as_a_result() {
    let house = House::at_once();
    let good = house.token("alice", &[]).await;
    let handler = async |user: Result<Principal<User>, Rejection>| match user {
        Ok(user) => user.name.clone(),
        Err(rejection) => format!("{:?}", rejection.reason()),
    };
    let router = Router::new()
        .route("/", get(handler))
        .layer(house.tokens.layer().optional());
    assert_eq!(ask(router.clone(), "/", Some(&good)).await.body, "alice");
    assert_eq!(ask(router, "/", None).await.body, "NoCredentials");
}

#[tokio::test]
async fn a_handler_that_lacks_a_scope_answers_as_the_layer_does_in_json() {
    let house = House::at_once();
    let handler = async |caller: Authenticated| -> Result<String, Rejection> {
        caller.require_all(&Scopes::parse("write").unwrap())?;
        Ok(caller.scopes().to_string())
    };
    let router = Router::new()
        .route("/", get(handler))
        .layer(house.tokens.layer());

    let writer = house.token("alice", &["read", "write"]).await;
    assert_eq!(
        ask(router.clone(), "/", Some(&writer)).await.body,
        "read write"
    );
    let reader = house.token("alice", &["read"]).await;
    let heard = ask(router, "/", Some(&reader)).await;
    assert_eq!(heard.status, 403);
    assert_eq!(
        heard.body,
        r#"{"error":"insufficient_scope","error_description":"the token lacks a scope that is needed here","scope":"write"}"#
    );
    let challenge = heard.challenges().concat();
    assert!(challenge.ends_with(r#", scope="write""#), "{challenge}");
}

#[tokio::test]
async fn a_handler_that_finds_a_reason_itself_refuses_in_the_words_of_its_layer() {
    let house = House::of_schemes(&["Bearer", "Token"]);
    let ended = async |caller: Authenticated| caller.reject(Reason::UnknownToken);
    let router = Router::new()
        .route("/", get(ended))
        .layer(house.tokens.layer());
    let good = house.token("alice", &[]).await;
    let request = Request::builder().header("authorization", format!("Token {good}"));
    let refused = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    let challenges: Vec<_> = refused
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(challenges[0], r#"Bearer realm="api""#);
    let used = challenges[1].to_str().unwrap();
    assert!(
        used.starts_with(r#"Token realm="api", error="invalid_token""#),
        "{used}"
    );
}

#[tokio::test]
async fn of_chained_layers_the_last_is_outermost_so_scopes_come_first() {
    let house = House::at_once();
    let admins = RequireLayer::all(["admin"]).unwrap();
    let admin = house.token("alice", &["admin"]).await;
    let reader = house.token("alice", &["read"]).await;
    let routes = Router::new().route("/", get(name));

    let right = routes
        .clone()
        .route_layer(admins.clone())
        .layer(house.tokens.layer());
    assert_eq!(ask(right.clone(), "/", Some(&admin)).await.status, 200);
    assert_eq!(ask(right.clone(), "/", Some(&reader)).await.status, 403);
    assert_eq!(ask(right, "/", None).await.status, 401);

    let wrong = routes.route_layer(house.tokens.layer()).layer(admins);
    for token in [None, Some(admin.as_str()), Some(reader.as_str())] {
        assert_eq!(ask(wrong.clone(), "/", token).await.status, 500);
    }
}

#[tokio::test]
async fn a_refusal_tells_outer_layers_its_reason() {
    let house = House::that_waits();
    let router = Router::new()
        .route("/", get(name))
        .layer(house.tokens.layer());
    let response = respond(router, &house.token("mallory", &[]).await).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.reason(), &Reason::Suspended);
}

#[tokio::test]
async fn a_store_that_cant_say_is_a_503_from_a_handler_too() {
    let house = House::at_once();
    let sessions = async |State(tokens): State<TokenAuthority<FaultyStore<MemoryStore>>>| {
        let sessions = tokens.sessions(&"alice".into()).await?;
        Ok::<_, StoreError>(sessions.len().to_string())
    };
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone()).expiry(Lifetime::hours(24));
    let router = Router::new()
        .route("/", get(sessions))
        .layer(house.tokens.layer())
        .with_state(tokens.build().unwrap());
    let good = house.token("alice", &[]).await;
    assert_eq!(ask(router.clone(), "/", Some(&good)).await.body, "0");

    store.fail();
    let heard = ask(router.clone(), "/", Some(&good)).await;
    assert_eq!(heard.status, 503);
    assert_eq!(heard.headers["retry-after"], "1");
    assert_eq!(heard.headers["cache-control"], "no-store");
    assert!(heard.challenges().is_empty());
    let response = respond(router, &good).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.reason(), &Reason::StoreUnavailable);
    assert!(rejection.source().is_some(), "logs hear why");
}
