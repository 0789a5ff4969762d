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
        self.plain(StatusCode::NOT_FOUND, "Not found.")
    }

    pub(super) fn method_not_allowed(self, method: &Method) -> Answer {
        let detail = format!("Method \"{method}\" not allowed.");
        self.plain(StatusCode::METHOD_NOT_ALLOWED, &detail)
    }

    pub(super) fn unsupported_media_type(self, found: &str) -> Answer {
        let detail = format!("Unsupported media type \"{found}\" in request.");
        self.plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, &detail)
    }

    pub(super) fn unread(self, unread: Unread) -> Answer {
        match unread {
            Unread::TooLong => {
                self.plain(StatusCode::PAYLOAD_TOO_LARGE, "Request body is too large.")
            }
            Unread::Broken => self.plain(StatusCode::BAD_REQUEST, "Request body breaks off."),
        }
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
            OAuthError::SlowDown(wait) => {
                let seconds = seconds(wait);
                let unit = if seconds == 1 { "second" } else { "seconds" };
                let detail =
                    format!("Request was throttled. Expected available in {seconds} {unit}.");
                answer::retry_after(self.plain(status, &detail), seconds)
            }
            OAuthError::Unavailable(error) => {
                answer::unavailable(self.plain(status, description), error)
            }
            _ => self.plain(status, description),
        }
    }

    /// Where OAuth has no words, there is no content.
    pub(super) fn plain(self, status: StatusCode, detail: &str) -> Answer {
        match self {
            Self::OAuth => answer::empty(status),
            Self::Drf(_) => answer::json(status, &Detail { detail }),
        }
    }
}
