use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::endpoint::answer;
use crate::endpoint::service::Answer;

/// Why an OAuth endpoint refuses (RFC 6749 section 5.2, RFC 7009 section 2.2.1). Its words never
/// hold anything that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::endpoint) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
    InvalidGrant(&'static str),
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    /// The store could not say.
    Unavailable,
}

#[derive(Serialize)]
struct Content {
    error: &'static str,
    error_description: &'static str,
}

/// RFC 7617: the way in which clients authenticate.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\"");

impl OAuthError {
    pub(in crate::endpoint) fn answer(self) -> Answer {
        let (status, error, error_description) = match self {
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", what),
            Self::InvalidClient => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "expected a client that is known and its secret",
            ),
            Self::InvalidGrant(what) => (StatusCode::BAD_REQUEST, "invalid_grant", what),
            Self::UnauthorizedClient => (
                StatusCode::BAD_REQUEST,
                "unauthorized_client",
                "the client may not use this grant",
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "the grant is not served here",
            ),
            Self::InvalidScope => (
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "expected scopes that may be granted here, found others or none",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "tokens can not be served right now; try again",
            ),
        };
        let mut answer = answer::json(
            status,
            &Content {
                error,
                error_description,
            },
        );
        match self {
            Self::InvalidClient => {
                answer.headers_mut().insert(WWW_AUTHENTICATE, BASIC);
                answer
            }
            Self::Unavailable => answer::retry_after(answer, 1),
            _ => answer,
        }
    }
}
