//! Browsers of other origins: preflights, and challenges that scripts can read (Fetch standard).

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use tower_expiring_token::{Principal, Subject, TOKEN_EXPIRES_IN};
use tower_http::cors::{Any, CorsLayer};

use super::{INVALID, MALFORMED, NOTHING_SHOWN, assert_verdict, behind, serving};
use crate::support::wire::{self, request, send, serve_axum};

const ORIGIN: (&str, &str) = ("origin", "https://app.example");
const FOR_GET: (&str, &str) = ("access-control-request-method", "GET");

#[tokio::test]
async fn only_a_true_preflight_passes_where_preflights_are_allowed() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().allow_preflight()).await;
    let status = async |method: &str, fields: &[(&str, &str)]| {
        send(request(method, address, "/", fields), false)
            .await
            .status
            .as_u16()
    };
    assert_eq!(status("OPTIONS", &[ORIGIN, FOR_GET]).await, 200);
    assert_eq!(status("OPTIONS", &[]).await, 401);
    assert_eq!(status("OPTIONS", &[ORIGIN]).await, 401);
    assert_eq!(status("OPTIONS", &[FOR_GET]).await, 401);
    for method in ["GET", "POST", "HEAD"] {
        assert_eq!(status(method, &[ORIGIN, FOR_GET]).await, 401, "{method}");
        let overridden = [ORIGIN, FOR_GET, ("x-http-method-override", "OPTIONS")];
        assert_eq!(status(method, &overridden).await, 401, "{method}");
    }
}

#[tokio::test]
async fn credentials_on_a_preflight_are_refused_unless_they_are_good() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().allow_preflight()).await;
    for (value, verdict) in [
        ("Bearer bad", INVALID),
        ("Bearer", MALFORMED),
        ("Basic YTpi", NOTHING_SHOWN),
    ] {
        let fields = [ORIGIN, FOR_GET, ("authorization", value)];
        let heard = send(request("OPTIONS", address, "/", &fields), false).await;
        assert_verdict(&heard, verdict);
    }
}

#[tokio::test]
async fn a_preflight_that_passes_is_nobody() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let needed = async |alice: Principal<Subject>| alice.to_string();
    let perhaps = async |alice: Option<Principal<Subject>>| alice.is_some().to_string();
    let router = Router::new()
        .route("/needed", get(needed).options(needed))
        .route("/perhaps", get(perhaps).options(perhaps))
        .layer(tokens.layer().allow_preflight());
    let address = serve_axum(router).await;

    let preflight = |path| request("OPTIONS", address, path, &[ORIGIN, FOR_GET]);
    assert_verdict(&send(preflight("/needed"), false).await, NOTHING_SHOWN);
    let heard = send(preflight("/perhaps"), false).await;
    assert_eq!((heard.status.as_u16(), &*heard.body), (200, "false"));
}

#[tokio::test]
async fn refusals_pass_through_cors_outside_and_scripts_can_read_the_challenge() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers([AUTHORIZATION])
        .expose_headers([WWW_AUTHENTICATE]);
    let router = Router::new()
        .route("/", get(async || "in"))
        .layer(tokens.layer())
        .layer(cors);
    let address = serve_axum(router).await;

    let refused = wire::get(address, "/", &[ORIGIN]).await;
    assert_verdict(&refused, NOTHING_SHOWN);
    assert_eq!(refused.headers["access-control-allow-origin"], "*");
    assert_eq!(
        refused.headers["access-control-expose-headers"],
        "www-authenticate"
    );
    assert_eq!(refused.headers["cache-control"], "no-store");

    let field = format!("Bearer {good}");
    let heard = wire::get(address, "/", &[ORIGIN, ("authorization", &field)]).await;
    assert_eq!((heard.status.as_u16(), &*heard.body), (200, "in"));
}

#[tokio::test]
async fn scripts_can_read_how_soon_a_token_ends_where_cors_exposes_it() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let cors = CorsLayer::new().expose_headers([TOKEN_EXPIRES_IN]);
    let router = Router::new()
        .route("/", get(async || "in"))
        .layer(tokens.layer().announce_expiry(Duration::MAX))
        .layer(cors);
    let address = serve_axum(router).await;
    let field = format!("Bearer {good}");
    let heard = wire::get(address, "/", &[ORIGIN, ("authorization", &field)]).await;
    assert_eq!(heard.headers["token-expires-in"], "86400");
    let exposed = &heard.headers["access-control-expose-headers"];
    assert_eq!(exposed, "token-expires-in");
}

#[tokio::test]
async fn a_guarded_router_tells_strangers_neither_paths_nor_methods() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let router = Router::new()
        .route("/", get(async || "in"))
        .layer(tokens.layer());
    let address = serve_axum(router).await;
    let field = format!("Bearer {good}");
    for (method, path, status) in [("DELETE", "/", 405), ("GET", "/nope", 404)] {
        let stranger = request(method, address, path, &[]);
        assert_verdict(&send(stranger, false).await, NOTHING_SHOWN);
        let alice = request(method, address, path, &[("authorization", &field)]);
        assert_eq!(send(alice, false).await.status, status);
    }
}
