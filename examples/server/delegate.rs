//! A token made by a token, for a script or a third party: it opens what asks for a scope, and
//! nothing else.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tower_expiring_token::{Authenticated, IssueError, Reason};

use crate::tokens::{EXPORT, Tokens};

/// `{"scopes": ["read"]}`: some of the maker's.
pub(crate) async fn delegate(
    State(tokens): State<Tokens>,
    maker: Authenticated,
    Json(wish): Json<Value>,
) -> Response {
    let scopes = wish["scopes"].as_array().into_iter().flatten();
    let scopes = scopes.map(|scope| scope.as_str().unwrap_or_default());
    match tokens.delegate(&maker, EXPORT).scopes(scopes).await {
        Ok(made) => Json(json!({
            "token": made.secret(), "expires_at": made.expires_at().to_string(),
        }))
        .into_response(),
        Err(IssueError::Scope(_) | IssueError::WiderScope(_)) => {
            let error = Json(json!({ "error": "invalid_scope" }));
            (StatusCode::BAD_REQUEST, error).into_response()
        }
        Err(IssueError::Ended) => maker.reject(Reason::UnknownToken).into_response(),
        Err(IssueError::Store(error)) => error.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
