//! What only a demo has: users suspended by a call, and a clock that is set. Both are open on
//! loopback alone.

use std::time::Duration;

use axum::Router;
use axum::extract::{Json, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tower_expiring_token::Clock;
use tower_expiring_token::testing::ManualClock;

use crate::peer;
use crate::users::Users;

/// With `proxied`, who asks is who asks a proxy.
pub(crate) fn routes(users: Users, clock: Option<ManualClock>, proxied: bool) -> Router {
    let router = Router::new()
        .route("/admin/users/{name}/{action}", post(set_active))
        .with_state(users);
    let router = match clock {
        None => router,
        Some(clock) => router.merge(
            Router::new()
                .route("/clock", get(now))
                .route("/clock/advance", post(advance))
                .with_state(clock),
        ),
    };
    router.layer(from_fn(move |request, next| {
        on_loopback(proxied, request, next)
    }))
}

async fn on_loopback(proxied: bool, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let from = peer::address(&head, proxied);
    match from.is_some_and(|from| from.is_loopback()) {
        true => next.run(Request::from_parts(head, body)).await,
        false => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn set_active(
    State(users): State<Users>,
    Path((name, action)): Path<(String, String)>,
) -> StatusCode {
    let active = match action.as_str() {
        "activate" => true,
        "deactivate" => false,
        _ => return StatusCode::NOT_FOUND,
    };
    match users.set_active(&name, active) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}

async fn now(State(clock): State<ManualClock>) -> Json<Value> {
    Json(json!({ "now": clock.now().to_string() }))
}

async fn advance(
    State(clock): State<ManualClock>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let seconds = body["seconds"]
        .as_f64()
        .filter(|seconds| seconds.abs() < 1e12);
    let seconds = seconds.ok_or(StatusCode::BAD_REQUEST)?;
    let by = Duration::from_secs_f64(seconds.abs());
    match seconds < 0.0 {
        true => clock.rewind(by),
        false => clock.advance(by),
    }
    Ok(now(State(clock)).await)
}
