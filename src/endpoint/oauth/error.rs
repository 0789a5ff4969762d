use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::authority::IssueError;
use crate::endpoint::answer;
use crate::endpoint::service::Answer;
use crate::store::StoreError;

/// Why an OAuth endpoint refuses (RFC 6749 section 5.2, RFC 7009 section 2.2.1). Its words never
/// hold anything that the client sent.
#[derive(Debug)]
pub(in crate::endpoint) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
    InvalidGrant(&'static str),
    WrongPassword,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    /// Passwords were wrong too often, or too many wait. The name is RFC 8628's; RFC 6749 has none.
    SlowDown(Duration),
    /// Too many logins wait, whoever they are.
    Crowded(Duration),
    /// What HTTP has a status for and RFC 6749 has no words.
    Unfit(StatusCode, &'static str),
    /// The store could not say.
    Unavailable(StoreError),
}

#[derive(Serialize)]
struct Content {
    error: &'static str,
    error_description: &'static str,
}

/// RFC 7617: the way in which clients authenticate.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\"");

impl OAuthError {
    /// The status, the code and the description.
    pub(in crate::endpoint) const fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", *what),
            Self::InvalidClient => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "expected a client that is known, and its secret if it has one",
            ),
            Self::InvalidGrant(what) => (StatusCode::BAD_REQUEST, "invalid_grant", *what),
            Self::WrongPassword => (
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "the name or the password is wrong",
            ),
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
            Self::SlowDown(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "slow_down",
                "too many tries with a password; wait before the next one",
            ),
            Self::Crowded(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "too many logins wait for their turn; try again",
            ),
            Self::Unfit(status, what) => (*status, "invalid_request", *what),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "tokens can not be served right now; try again",
            ),
        }
    }

    pub(in crate::endpoint) fn answer(self) -> Answer {
        let (status, error, error_description) = self.parts();
        let content = Content {
            error,
            error_description,
        };
        let mut answer = answer::json(status, &content);
        match self {
            Self::InvalidClient => {
                answer.headers_mut().insert(WWW_AUTHENTICATE, BASIC);
                answer
            }
            Self::SlowDown(wait) | Self::Crowded(wait) => {
                answer::retry_after(answer, seconds(wait))
            }
            Self::Unavailable(error) => answer::unavailable(answer, error),
            _ => answer,
        }
    }
}

/// Whole seconds, and never too few.
pub(in crate::endpoint) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<IssueError> for OAuthError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Scope(_) => Self::InvalidScope,
            IssueError::Store(error) => Self::Unavailable(error),
            other => Self::Unavailable(StoreError::new(other)),
        }
    }
}
