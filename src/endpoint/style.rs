use http::header::HeaderMap;
use http::{Method, StatusCode};
use serde::Serialize;

use super::answer;
use super::login_form::non_field_error;
use super::oauth::{OAuthError, seconds};
use super::service::{Answer, Unread};
use crate::rejection::{Drf, Json, Rejection, Respond};

/// Whose words an endpoint speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    /// OAuth's: `{"error":"…","error_description":"…"}`.
    OAuth,
    /// Django REST framework's: `{"detail":"…"}`.
    Drf(Drf),
}

#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a str,
}

impl Style {
    pub(super) fn refuse(self, rejection: Rejection, request: &HeaderMap) -> Answer {
        match self {
            Self::OAuth => Json.refuse(rejection, request),
            Self::Drf(drf) => drf.refuse(rejection, request),
        }
    }

    pub(super) fn not_found(self) -> Answer {
        let what = "expected a session of yours, found none with this id";
        self.unfit(StatusCode::NOT_FOUND, what, || "Not found.".to_owned())
    }

    pub(super) fn method_not_allowed(self, method: &Method) -> Answer {
        let what = "expected a method that the Allow field names, found another";
        self.unfit(StatusCode::METHOD_NOT_ALLOWED, what, || {
            format!("Method \"{method}\" not allowed.")
        })
    }

    pub(super) fn unsupported_media_type(self, found: &str) -> Answer {
        let what = "expected a form or JSON and its content type, found another or none";
        self.unfit(StatusCode::UNSUPPORTED_MEDIA_TYPE, what, || {
            format!("Unsupported media type \"{found}\" in request.")
        })
    }

    pub(super) fn unread(self, unread: Unread) -> Answer {
        let (status, detail) = match unread {
            Unread::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "Request body is too large."),
            Unread::Broken => (StatusCode::BAD_REQUEST, "Request body breaks off."),
        };
        self.unfit(status, unread.as_str(), || detail.to_owned())
    }

    /// An OAuth error, in the style's words.
    pub(super) fn oauth(self, error: OAuthError) -> Answer {
        if matches!(self, Self::OAuth) {
            return error.answer();
        }
        let (status, _, description) = error.parts();
        match error {
            OAuthError::WrongPassword => {
                non_field_error("Unable to log in with provided credentials.".to_owned())
            }
            OAuthError::SlowDown(wait) | OAuthError::Crowded(wait) => {
                let seconds = seconds(wait);
                let unit = if seconds == 1 { "second" } else { "seconds" };
                let detail =
                    format!("Request was throttled. Expected available in {seconds} {unit}.");
                answer::retry_after(detailed(status, &detail), seconds)
            }
            OAuthError::Unavailable(error) => {
                answer::unavailable(detailed(status, description), error)
            }
            _ => detailed(status, description),
        }
    }

    fn unfit(self, status: StatusCode, what: &'static str, detail: impl Fn() -> String) -> Answer {
        match self {
            Self::OAuth => OAuthError::Unfit(status, what).answer(),
            Self::Drf(_) => detailed(status, &detail()),
        }
    }
}

/// What Django REST framework says in one sentence.
pub(super) fn detailed(status: StatusCode, detail: &str) -> Answer {
    answer::json(status, &Detail { detail })
}
