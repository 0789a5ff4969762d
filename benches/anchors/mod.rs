//! What people use or write today, each around the same inner service.

pub(crate) mod jwt;
mod login;
pub(crate) mod moka;
mod nothing;
mod plain;
mod refusal;
mod session;
mod tower_http;

use std::time::{Duration, SystemTime};

use axum::extract::Request;
use http::StatusCode;
use http::header::AUTHORIZATION;

use crate::case::{CREDENTIALS, Case, inner};

pub(crate) use jwt::JWT;
pub(crate) use login::LOGIN;

/// No authentication at all: what each other case is measured above.
pub(crate) fn bare() -> Case {
    let requests = crate::ours::bearers(&texts());
    Case::new(
        "a bare service",
        StatusCode::OK,
        inner(),
        AUTHORIZATION,
        requests,
    )
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        tower_http::case(),
        nothing::case(),
        refusal::case(),
        plain::case(),
        moka::case(),
        session::case(),
        jwt::case(),
        login::case(),
    ]
}

/// As many texts as there are credentials, as long as this crate's tokens.
pub(crate) fn texts() -> Vec<String> {
    (0..CREDENTIALS)
        .map(|index| format!("tet_{index:051}"))
        .collect()
}

/// Who a hand-written middleware says that calls.
#[derive(Clone)]
struct Caller {
    #[expect(dead_code, reason = "a handler would read it")]
    name: String,
    expires_at: SystemTime,
}

impl Caller {
    fn numbered(index: usize) -> Self {
        Self {
            name: format!("user-{index:08}"),
            expires_at: SystemTime::now() + Duration::from_secs(24 * 3600),
        }
    }

    fn is_live(&self) -> bool {
        SystemTime::now() < self.expires_at
    }
}

/// The text behind `Bearer `, as hand-written middlewares look for it.
fn bearer(request: &Request) -> Option<&str> {
    request
        .headers()
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}
